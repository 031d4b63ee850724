/** Letters to a room on another node, over any bus. */
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Bus } from '../../bus/bus.ts'
import { BusPostbox } from '../../bus/bus-postbox.ts'
import { BusRooms } from '../../bus/bus-rooms.ts'
import { LETTERS_MAX } from '../../bus/letter-bodies.ts'
import { type Subjects, subjects } from '../../bus/subjects.ts'
import { packBody, unpackBody } from '../../protocol/codec.ts'
import type { ControlReply, ControlRequest, Letter, OrderReply, OrderRequest } from '../../rooms/letters.ts'
import type { Posted } from '../../rooms/mailbox.ts'
import type { Adjustment } from '../../rooms/ports.ts'
import { ask, buyer, dropOf, lines, nodeOf, sku } from '../builders/people.ts'
import type { BusWorld } from './bus.ts'
import { notedLog } from './bus-log.ts'

const shoe = dropOf('shoe')
const hat = dropOf('hat')
const WAIT_MS = 5_000
const RETRY_MS = 77

function request(name: string): OrderRequest {
  return { kind: 'order', claim: ask(shoe, name), via: nodeOf('ana'), deadlineMs: 1_800_000_000_000.5 }
}

export function busRoomsContract(name: string, open: () => Promise<BusWorld>, prefix: () => string): void {
  describe(name, () => {
    let ending: BusWorld | undefined
    let count = 0

    afterEach(async () => {
      await ending?.end()
      ending = undefined
    })

    async function world(limits: { waitingMax?: number } = {}) {
      const world = await open()
      ending = world
      count += 1
      const names = subjects(`${prefix()}.${count}`)
      const [here, there] = [await world.bus(), await world.bus()]
      const log = notedLog()
      const rooms = new BusRooms({
        bus: here,
        subjects: names,
        log,
        limits: { waitingMax: 10_000, retryAfterMs: RETRY_MS, ...limits },
      })
      const room = new TestRoom()
      const postbox = new BusPostbox({ bus: there, subjects: names, log, retryAfterMs: RETRY_MS })
      const serve = async (drop = shoe) => {
        const served = postbox.open(drop, room)
        await there.ask('nobody.is.here', packBody(0), WAIT_MS)
        return served
      }
      return { world, names, here, there, log, rooms, room, serve, questions: () => countQuestions(there, names) }
    }

    it('[B24] brings an order to the room that runs elsewhere, and its answer back', async () => {
      const { rooms, room, serve } = await world()
      await serve()
      const reply: OrderReply = {
        verdict: 'accepted',
        position: { epoch: 4, seq: 12 },
        left: [{ sku: sku('shoe'), left: 0 }],
      }
      room.answers = () => reply

      expect(await rooms.order(shoe, request('zoe'), WAIT_MS)).toEqual(reply)

      expect(room.letters).toEqual([request('zoe')])
      expect(rooms.waiting).toBe(0)
    })

    it('[B24] brings back every kind of answer as it was given', async () => {
      const { rooms, room, serve } = await world()
      await serve()
      const replies: OrderReply[] = [
        { verdict: 'duplicate', position: { epoch: 4, seq: 12 }, state: 'confirmed' },
        { verdict: 'sold_out', left: [] },
        { verdict: 'early', retryAfterMs: 1_234.5 },
        { verdict: 'mismatch' },
      ]

      for (const reply of replies) {
        room.answers = () => reply
        expect(await rooms.order(shoe, request('zoe'), WAIT_MS)).toEqual(reply)
      }
    })

    it('[B25] sends the orders of one tick as one question for each drop, 256 at most, each with its own answer', async () => {
      const { rooms, room, serve, questions } = await world()
      await serve()
      await serve(hat)
      room.answers = (letter) => ({ verdict: 'accepted', position: { epoch: 1, seq: numberOf(letter) } })
      const asked = await questions()

      const replies = await Promise.all([
        ...Array.from({ length: LETTERS_MAX + 44 }, (_, at) => rooms.order(shoe, numbered(at), WAIT_MS)),
        rooms.order(hat, numbered(999), WAIT_MS),
      ])

      const seqs = replies.map((reply) => (reply === 'no_owner' ? undefined : reply.position?.seq))
      expect(seqs).toEqual([...Array.from({ length: 300 }, (_, at) => at), 999])
      await vi.waitFor(() => expect(asked).toEqual([256, 44, 1]))
    })

    it('[B26] says at once that a drop has no owner', async () => {
      const { rooms } = await world()
      const control = { kind: 'control', opId: 'x', adjustment: restock, deadlineMs: 5 } as const

      expect(await rooms.order(shoe, request('zoe'), 60_000)).toBe('no_owner')
      expect(await rooms.control(shoe, control, 60_000)).toBe('no_owner')
      expect(rooms.waiting).toBe(0)
    })

    it('[B26] has no owner any more once the room has closed its postbox', async () => {
      const { rooms, serve, there } = await world()
      const served = await serve()

      served.close()
      await there.ask('nobody.is.here', packBody(0), WAIT_MS)

      expect(await rooms.order(shoe, request('zoe'), 60_000)).toBe('no_owner')
    })

    it('[B27] answers pending when the room is silent, for the order may have been placed', async () => {
      const { rooms, room, serve } = await world()
      await serve()
      room.answers = () => undefined

      expect(await rooms.order(shoe, request('zoe'), 50)).toEqual({ verdict: 'pending', retryAfterMs: RETRY_MS })
      const control = { kind: 'control', opId: 'x', adjustment: restock, deadlineMs: 5 } as const
      expect(await rooms.control(shoe, control, 50)).toEqual({ done: 'pending', retryAfterMs: RETRY_MS })
      expect(rooms.waiting).toBe(0)
    })

    it('[B27] answers pending at once while the bus is not connected, and the letter is not sent later', async () => {
      const { world: links, rooms, room, serve } = await world()
      await serve()
      await links.cut()

      expect(await rooms.order(shoe, request('late'), 60_000)).toEqual({ verdict: 'pending', retryAfterMs: RETRY_MS })
      await links.mend()
      await vi.waitFor(async () =>
        expect(await rooms.order(shoe, request('zoe'), 1_000)).toMatchObject({ verdict: 'sold_out' }),
      )

      expect(room.letters.map((letter) => letter.kind === 'order' && letter.claim.orderId)).not.toContain(
        request('late').claim.orderId,
      )
    })

    it('[B28] lets only so many letters wait, and tells the next one at once', async () => {
      const { rooms, room, serve } = await world({ waitingMax: 3 })
      await serve()
      const open: (() => void)[] = []
      room.hold = (answer) => open.push(answer)

      const first = [1, 2, 3].map((at) => rooms.order(shoe, numbered(at), WAIT_MS))
      expect(await rooms.order(shoe, numbered(4), 60_000)).toEqual({ verdict: 'pending', retryAfterMs: RETRY_MS })

      await vi.waitFor(() => expect(open).toHaveLength(3))
      for (const answer of open) answer()
      expect(await Promise.all(first)).toEqual([1, 2, 3].map(() => ({ verdict: 'sold_out' })))
      expect(rooms.waiting).toBe(0)
    })

    it.each(['full', 'closed'] as const)('[B29] answers pending from a mailbox that is %s', async (posted) => {
      const { rooms, room, serve } = await world()
      await serve()
      room.posted = posted

      expect(await rooms.order(shoe, request('zoe'), WAIT_MS)).toEqual({ verdict: 'pending', retryAfterMs: RETRY_MS })
      const control = { kind: 'control', opId: 'x', adjustment: restock, deadlineMs: 5 } as const
      expect(await rooms.control(shoe, control, WAIT_MS)).toEqual({ done: 'pending', retryAfterMs: RETRY_MS })
    })

    it('[B29] counts a letter that is answered twice once, so that its neighbour is not forgotten', async () => {
      const { rooms, room, serve } = await world()
      await serve()
      room.hold = (answer, letter) => {
        answer()
        if (letter.kind === 'order' && numberOf(letter) === 1) answer()
        else setTimeout(answer, 20)
      }

      const replies = await Promise.all([1, 2].map((at) => rooms.order(shoe, numbered(at), WAIT_MS)))

      expect(replies).toEqual([{ verdict: 'sold_out' }, { verdict: 'sold_out' }])
    })

    it('[B24] brings every control to the room, and every answer back', async () => {
      const { rooms, room, serve } = await world()
      await serve()
      const adjustments: Adjustment[] = [
        restock,
        { kind: 'phase', from: ['scheduled', 'paused'], to: 'open' },
        { kind: 'phase', from: ['scheduled'], to: 'open', early: true },
        { kind: 'release', orderId: request('zoe').claim.orderId, buyer: buyer('zoe'), lines: lines({ shoe: 1 }) },
      ]
      const replies: ControlReply[] = [
        { done: 'applied', phase: 'open', position: { epoch: 4, seq: 12 } },
        { done: 'repeated', phase: 'open', position: { epoch: 4, seq: 12 } },
        { done: 'wrong_phase', phase: 'closed' },
        { done: 'early', opensAtMs: 1_800_000_000_000, nowMs: 1_700_000_000_000 },
      ]

      for (const [at, adjustment] of adjustments.entries()) {
        room.controls = replies[at]
        const control = { kind: 'control', opId: `op ${at}`, adjustment, deadlineMs: 5 } as const
        expect(await rooms.control(shoe, control, WAIT_MS)).toEqual(replies[at])
        expect(room.letters.at(-1)).toEqual(control)
      }
    })

    it('[B30] calls an order that cannot be read invalid, and places the ones around it', async () => {
      const { names, here, room, serve } = await world()
      await serve()
      const { claim, via, deadlineMs } = request('zoe')
      const good: unknown[] = [claim.orderId, claim.buyer, claim.key, claim.lines, via, deadlineMs]
      const wrong = [undefined, -7, '', 'a b', [], {}]
      const bad: unknown[] = [
        ...[0, 1, 2, 3, 4, 5].flatMap((at) => wrong.map((value) => good.with(at, value))),
        good.with(3, 'shoe:0'),
        good.with(3, 'shoe:1,hat:1'),
        good.with(5, Number.NaN),
        good.with(5, Number.POSITIVE_INFINITY),
        'order',
        null,
      ]

      const asked = await here.ask(names.letters(shoe), packBody(['orders', [good, ...bad, good]]), WAIT_MS)

      const verdicts =
        asked.heard === 'answer' ? (unpackBody(asked.body) as unknown[][]).map(([verdict]) => verdict) : []
      expect(verdicts).toEqual(['sold_out', ...bad.map(() => 'invalid'), 'sold_out'])
      expect(room.letters).toHaveLength(2)
    })

    it('[B30] believes no answer that is not one for each letter', async () => {
      const { names, there, rooms, log } = await world()
      const bodies = [
        packBody([]),
        packBody([['accepted', null, null, null, null]].concat([['accepted', null, null, null, null]])),
        packBody([['bought', null, null, null, null]]),
        packBody([['accepted', [1], null, null, null]]),
        packBody([['accepted', null, 'lost', null, null]]),
        packBody([['sold_out', null, null, [['shoe', -1]], null]]),
        packBody([['pending', null, null, null, 'soon']]),
        packBody('accepted'),
        new Uint8Array([0xc1]),
        new Uint8Array(0),
      ]
      let at = 0
      there.subscribe(names.letters(shoe), ({ respond }) => respond(bodies[at++] ?? new Uint8Array(0)))
      await there.ask('nobody.is.here', packBody(0), WAIT_MS)

      for (const _ of bodies) {
        expect(await rooms.order(shoe, request('zoe'), WAIT_MS)).toEqual({ verdict: 'pending', retryAfterMs: RETRY_MS })
      }
      expect(log.events).toHaveLength(bodies.length)
    })
  })
}

/** More than an order may have: a restock has bounds of its own. */
const restock: Adjustment = { kind: 'restock', lines: lines({ shoe: 5_000_000 }) }

/** An order with a number in its deadline, to tell it from the others. */
const numbered = (at: number): OrderRequest => ({ ...request('zoe'), deadlineMs: at })
const numberOf = (letter: Letter) => letter.deadlineMs

/** How many letters were in each question that the owner's node heard, from now on. */
async function countQuestions(bus: Bus, names: Subjects): Promise<number[]> {
  const counts: number[] = []
  for (const drop of [shoe, hat]) {
    bus.subscribe(names.letters(drop), ({ body }) => {
      const [, orders] = unpackBody(body) as [string, unknown[]]
      counts.push(orders.length)
    })
  }
  await bus.ask('nobody.is.here', packBody(0), WAIT_MS)
  return counts
}

class TestRoom {
  letters: (OrderRequest | ControlRequest)[] = []
  posted: Posted = 'accepted'
  answers: (letter: Letter) => OrderReply | undefined = () => ({ verdict: 'sold_out' })
  controls: ControlReply | undefined
  hold: (answer: () => void, letter: Letter) => void = (answer) => answer()

  post(letter: Letter): Posted {
    if (this.posted !== 'accepted') return this.posted

    const { answer: _, ...rest } = letter
    this.letters.push(rest)
    this.hold(() => {
      if (letter.kind === 'control') {
        if (this.controls !== undefined) letter.answer(this.controls)
        return
      }
      const reply = this.answers(letter)
      if (reply !== undefined) letter.answer(reply)
    }, letter)
    return 'accepted'
  }
}
