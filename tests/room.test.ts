import { describe, expect, it } from 'vitest'
import { Fault } from '../protocol/faults.ts'
import { controlOf } from '../rooms/drop.ts'
import type { Ledger } from '../rooms/ports.ts'
import type { RoomLimits } from '../rooms/room.ts'
import { START_MS } from './builders/hand-clock.ts'
import { ask, dropOf, keyOf, sku } from './builders/people.ts'
import { RoomWorld } from './builders/room-world.ts'

const names = (count: number) => Array.from({ length: count }, (_, n) => `fan ${n}`)

/** A node that already runs the drop. */
async function selling(spec: Parameters<RoomWorld['addDrop']>[1] = {}, limits: Partial<RoomLimits> = {}) {
  const world = new RoomWorld()
  world.limits = { ...world.limits, ...limits }
  const drop = world.addDrop(dropOf('one'), spec)
  const node = world.node('n1')
  const waking = node.directory.wake(drop)
  await world.clock.advance(1_000)
  expect(await waking).toBe('here')

  const order = async (who: string, wants?: Record<string, number>, key?: string) => {
    const reply = node.order(drop, ask(drop, who, wants, key))
    await world.clock.advance(1)
    return reply
  }
  return { world, drop, node, order }
}

/** The ledger of this world, with the answers of some calls lost after they were carried out. */
function loseReplies(world: RoomWorld, lose: (call: keyof Ledger) => boolean): void {
  const ledger = world.ledger
  world.ledger = new Proxy(ledger, {
    get:
      (_, name: keyof Ledger) =>
      async (...args: never[]) => {
        const answer = await (ledger[name] as (...args: never[]) => Promise<unknown>).apply(ledger, args)
        if (lose(name)) throw new Fault('unavailable', { call: name })
        return answer
      },
  })
}

describe('a room', () => {
  it('[A1] hands out exactly what there is, to whoever came first', async () => {
    const { world, drop, node } = await selling()

    const replies = names(25).map((name) => node.order(drop, ask(drop, name)))
    await world.clock.advance(100)
    const verdicts = (await Promise.all(replies)).map((reply) => reply.verdict)

    expect(verdicts).toEqual([...Array(10).fill('accepted'), ...Array(15).fill('sold_out')])
    expect(world.book.read(drop).items.get(sku('shoe'))?.sold).toBe(10)
  })

  it('[A1] answers a resent key with the first order, also in one batch, and sells nothing again', async () => {
    const { world, drop, node, order } = await selling()

    const twice = [node.order(drop, ask(drop, 'ana')), node.order(drop, ask(drop, 'ana'))]
    await world.clock.advance(10)
    const [first, second] = await Promise.all(twice)
    const third = await order('ana')
    const other = await order('ana', { shoe: 2 })

    expect([first?.verdict, second?.verdict, third.verdict, other.verdict]).toEqual([
      'accepted',
      'duplicate',
      'duplicate',
      'mismatch',
    ])
    expect(second?.position).toEqual(first?.position)
    expect(world.book.read(drop).orders.size).toBe(1)
  })

  it('[A2] asks the ledger one question at a time, and gathers the next batch meanwhile', async () => {
    const { world, drop, node } = await selling()
    const sizes: number[] = []
    let open = 0
    const ledger = world.ledger
    world.ledger = new Proxy(ledger, {
      get:
        (_, name: keyof Ledger) =>
        async (...args: never[]) => {
          if (name === 'order') {
            open += 1
            expect(open).toBe(1)
            sizes.push((args[2] as unknown as unknown[]).length)
            await new Promise<void>((resolve) => world.clock.after(5, resolve))
            open -= 1
          }
          return (ledger[name] as (...args: never[]) => Promise<unknown>).apply(ledger, args)
        },
    })

    const replies = names(5).map((name) => node.order(drop, ask(drop, name)))
    await world.clock.advance(2)
    replies.push(...names(9).map((name) => node.order(drop, ask(drop, name, undefined, 'k2'))))
    await world.clock.advance(50)
    await Promise.all(replies)

    expect(sizes.reduce((a, b) => a + b)).toBe(14)
    expect(sizes.at(-1)).toBe(9)
  })

  it('[A3] says pending when a reply is lost, and the resent key meets the order that was carried out', async () => {
    const { world, drop, order } = await selling()
    let lost = 0
    loseReplies(world, (call) => call === 'order' && ++lost === 1)

    const first = await order('ana')
    await world.clock.advance(500)
    const again = await order('ana')

    expect([first.verdict, again.verdict]).toEqual(['pending', 'duplicate'])
    await world.clock.advance(100)
    expect(world.book.read(drop).orders.size).toBe(1)
    expect(world.settled).toEqual([])
  })

  it('[A3] sells on after a time-out, from the position that it read back', async () => {
    const { world, order } = await selling()
    let lost = 0
    loseReplies(world, (call) => call === 'order' && ++lost === 1)

    await order('ana', { shoe: 4 })
    await world.clock.advance(500)
    const later = await order('bob', { shoe: 6 })
    const last = await order('eve')

    expect([later.verdict, last.verdict]).toEqual(['accepted', 'sold_out'])
  })

  it('[A4] refuses a letter past its deadline before it is run', async () => {
    const { world, drop, node } = await selling()
    const release = world.hold('ledger', 'order')

    const slow = node.order(drop, ask(drop, 'ana'), 1_500)
    await world.clock.advance(1)
    const late = node.order(drop, ask(drop, 'bob'), 100)
    await world.clock.advance(200)
    release()
    await world.clock.advance(200)

    expect([(await slow).verdict, (await late).verdict]).toEqual(['accepted', 'pending'])
    expect([...world.book.read(drop).orders.values()].map((one) => one.key)).toEqual([keyOf('k1')])
  })

  it('[A5] confirms only what Postgres has committed, once, to the node that carried the order', async () => {
    const { world, drop, order } = await selling()
    world.book.refuse((call) => (call === 'write' ? 'before' : undefined))

    const reply = await order('ana')
    await world.clock.advance(1_000)
    expect([reply.verdict, world.settled.length]).toEqual(['accepted', 0])
    world.book.refuse()
    await world.clock.advance(2_000)

    const { orderId, buyer, key } = ask(drop, 'ana')
    expect(world.settled).toEqual([{ drop, orderId, buyer, key, state: 'confirmed' }])
  })

  it('[A5] writes a batch again when the answer of COMMIT was lost, and sells nothing twice', async () => {
    const { world, drop, order } = await selling()
    let refusals = 0
    world.book.refuse((call) => (call === 'write' && ++refusals < 3 ? 'after' : undefined))

    await order('ana', { shoe: 2 })
    await world.clock.advance(1_000)

    expect(world.book.read(drop).items.get(sku('shoe'))?.sold).toBe(2)
    expect(world.settled.map((one) => one.state)).toEqual(['confirmed'])
  })

  it('[A6] keeps selling while Postgres is away, and writes everything when it is back', async () => {
    const { world, drop, order } = await selling()
    world.book.refuse((call) => (call === 'write' ? 'before' : undefined))

    const verdicts = []
    for (const name of names(10)) verdicts.push((await order(name)).verdict)
    await world.clock.advance(5_000)
    world.book.refuse()
    await world.clock.advance(2_000)

    expect(verdicts).toEqual(Array(10).fill('accepted'))
    expect(world.book.read(drop).orders.size).toBe(10)
  })

  it('[FF14] writes and confirms each of thousands of orders that gathered while Postgres was away', async () => {
    const many = 5_500
    const { world, drop, node } = await selling({ items: [{ sku: sku('shoe'), total: many }] })
    world.book.refuse((call) => (call === 'write' ? 'before' : undefined))

    const claims = names(many).map((name) => ask(drop, name))
    const replies = claims.map((claim) => node.order(drop, claim))
    await world.clock.advance(1_000)
    const verdicts = (await Promise.all(replies)).map((reply) => reply.verdict)
    world.book.refuse()
    await world.clock.advance(2_000)

    expect(verdicts).toEqual(Array(many).fill('accepted'))
    expect(world.sold(drop)).toBe(many)
    expect(world.settled.map((one) => one.orderId)).toEqual(claims.map((claim) => claim.orderId))
  })

  it('[FF17] says pending when it remembers as much as it may, and sells on when Postgres has some of it', async () => {
    const { world, drop, order } = await selling({}, { journalMax: 3 })
    world.book.refuse((call) => (call === 'write' ? 'before' : undefined))

    const verdicts = []
    for (const name of names(5)) verdicts.push((await order(name)).verdict)
    world.book.refuse()
    await world.clock.advance(2_000)
    const later = await order('fan 4')

    expect(verdicts).toEqual(['accepted', 'accepted', 'accepted', 'pending', 'pending'])
    expect(later.verdict).toBe('accepted')
    expect(world.book.read(drop).orders.size).toBe(4)
  })
})

describe('the hours of a drop', () => {
  const closed = { phase: 'scheduled', opensAtMs: START_MS + 10_000, closesAtMs: START_MS + 20_000 } as const

  it('[D1] answers early with the time that is missing, and opens at its moment by the clock of the ledger', async () => {
    const { world, drop, order } = await selling(closed)

    const early = await order('ana')
    await world.clock.advance(10_000 - (world.clock.nowMs() - START_MS))
    const open = await order('ana')

    expect([early.verdict, open.verdict]).toEqual(['early', 'accepted'])
    expect(early.retryAfterMs).toBeGreaterThan(8_000)
    await world.clock.advance(100)
    expect(world.book.read(drop).phase).toBe('open')
  })

  it('[D2] starts a drop once, and says so once', async () => {
    const { world, drop, node } = await selling(closed)

    const early = node.router.control(drop, 'by-hand', controlOf('open'), 1_000)
    const again = node.router.control(drop, 'by-hand', controlOf('open'), 1_000)
    const other = node.router.control(drop, 'other-hand', controlOf('open'), 1_000)
    await world.clock.advance(11_000)

    expect([(await early).done, (await again).done, (await other).done]).toEqual(['applied', 'repeated', 'wrong_phase'])
    expect(world.book.read(drop).events.filter((event) => event === 'drop_started')).toHaveLength(1)
    const phases = world.news.flatMap((one) => one.changes.filter((change) => change.kind === 'phase'))
    expect(phases).toEqual([{ kind: 'phase', phase: 'open' }])
  })

  it('[OO7] is not closed by hand before it opens, and can be cancelled then', async () => {
    const { world, node, drop } = await selling(closed)
    const by = (control: 'close' | 'cancel') => node.router.control(drop, control, controlOf(control), 1_000)

    const replies = [by('close'), by('cancel'), by('close')]
    await world.clock.advance(100)

    expect(await Promise.all(replies)).toMatchObject([
      { done: 'wrong_phase', phase: 'scheduled' },
      { done: 'applied', phase: 'cancelled' },
      { done: 'wrong_phase', phase: 'cancelled' },
    ])
  })

  it('[D3] closes at its moment, also when it is paused, and still answers for the orders it has', async () => {
    const { world, drop, node, order } = await selling(closed)
    await world.clock.advance(9_500)
    await order('ana')
    void node.router.control(drop, 'pause', controlOf('pause'), 1_000)
    await world.clock.advance(1)
    const paused = await order('bob')
    await world.clock.advance(10_000)

    expect([paused.verdict, (await order('bob')).verdict]).toEqual(['paused', 'closed'])
    expect((await order('ana')).verdict).toBe('duplicate')
    expect(world.book.read(drop).phase).toBe('closed')
  })
})
