/**
 * What every ledger must do. MemoryLedger runs it without a server, RedisLedger against a real one; a rule that only a
 * real Redis can break is in tests/ledger.redis.test.ts.
 */
import { beforeAll, describe, expect, it } from 'vitest'
import { Fault } from '../../protocol/faults.ts'
import type { Claim, Copied, Entry, KeptOrder } from '../../rooms/ports.ts'
import {
  ask,
  buyer,
  fenceAt,
  type LedgerWorld,
  lines,
  newDrop,
  OTHER,
  OWNER,
  openDrop,
  orderId,
  seed,
  wholeLog,
} from './ledger-world.ts'

const HOUR_MS = 3_600_000
const buyers = (count: number) => Array.from({ length: count }, (_, at) => `buyer-${at}`)
const at = (epoch: number, seq: number) => ({ epoch, seq })
const ordersOf = (epoch: number, count: number) =>
  Array.from(
    { length: count },
    (_, n): Entry => ({ kind: 'order', position: at(epoch, n + 1), atMs: 1, ...ask(`fan-${n}`) }),
  )

export function ledgerContract(makeWorld: () => Promise<LedgerWorld>): void {
  let world: LedgerWorld

  beforeAll(async () => {
    world = await makeWorld()
  })

  describe('an order', () => {
    it('[L1] never gets more units than the drop has', async () => {
      const drop = await openDrop(world, { stock: { shoe: 3 } })

      const answer = await drop.order(...buyers(10).map((name) => ask(name)))

      expect(answer.results.filter(({ verdict }) => verdict === 'accepted')).toHaveLength(3)
      expect(answer.results.filter(({ verdict }) => verdict === 'sold_out')).toHaveLength(7)
      expect(answer.left).toEqual([{ sku: 'shoe', left: 0 }])
      expect(await drop.left()).toEqual({ shoe: 0 })
    })

    it('[L1] takes a smaller order when a bigger one does not fit any more', async () => {
      const drop = await openDrop(world, { stock: { shoe: 2 } })

      expect(await drop.verdicts(ask('ana', { shoe: 3 }), ask('ben', { shoe: 2 }))).toEqual(['sold_out', 'accepted'])
    })

    it('[L2] gets all of its lines or none', async () => {
      const drop = await openDrop(world, { stock: { hat: 1, shoe: 5 } })

      expect(await drop.verdicts(ask('ana', { hat: 1, shoe: 1 }), ask('ben', { hat: 1, shoe: 1 }))).toEqual([
        'accepted',
        'sold_out',
      ])
      expect(await drop.left()).toEqual({ hat: 0, shoe: 4 })
    })

    it('[L2] for a SKU that the drop has not is invalid as a whole', async () => {
      const drop = await openDrop(world)

      expect(
        await drop.verdicts(
          ask('ana', { ghost: 1, shoe: 1 }),
          ask('ben', { shoe: 1, zebra: 1 }),
          ask('cem', { zebra: 1 }),
        ),
      ).toEqual(['invalid', 'invalid', 'invalid'])
      expect(await drop.left()).toEqual({ shoe: 3 })
    })

    it('[L2] whose lines are no lines is invalid', async () => {
      const drop = await openDrop(world)
      const broken = ['', 'shoe', 'shoe:0', 'shoe:-1', 'shoe:1,', 'shoe:1,shoe:1', ':1', 'shoe:1;hat:1', 'shoe:1\n']

      const claims = broken.map((text, n) => ({ ...ask('ana', { shoe: 1 }, `k${n}`), lines: text as Claim['lines'] }))

      expect(await drop.verdicts(...claims)).toEqual(broken.map(() => 'invalid'))
      expect(await wholeLog(world.ledger, drop.drop)).toEqual([])
    })

    it('[L3] sent again is answered with the position it has', async () => {
      const drop = await openDrop(world)
      await drop.order(ask('ana'), ask('ben'))

      const again = await drop.order(ask('ben'))

      expect(again.results).toEqual([{ verdict: 'duplicate', position: at(1, 2) }])
      expect(again).toMatchObject({ seq: 2, left: [] })
      expect(await drop.left()).toEqual({ shoe: 1 })
    })

    it('[L3] that is twice in one batch counts once', async () => {
      const drop = await openDrop(world)

      const { results } = await drop.order(ask('ana'), ask('ana'), ask('ana', { shoe: 2 }))

      expect(results).toEqual([
        { verdict: 'accepted', position: at(1, 1) },
        { verdict: 'duplicate', position: at(1, 1) },
        { verdict: 'mismatch' },
      ])
      expect(await drop.left()).toEqual({ shoe: 2 })
    })

    it('[L3] under a used key with other lines changes nothing', async () => {
      const drop = await openDrop(world, { stock: { hat: 1, shoe: 3 } })
      await drop.order(ask('ana', { shoe: 1 }))

      expect(await drop.verdicts(ask('ana', { shoe: 2 }), ask('ana', { hat: 1 }))).toEqual(['mismatch', 'mismatch'])
      expect(await drop.left()).toEqual({ hat: 1, shoe: 2 })
    })

    it.each(['paused', 'closed', 'cancelled', 'scheduled'] as const)(
      '[L3] that exists is known in every phase: %s',
      async (phase) => {
        const drop = await openDrop(world)
        await drop.order(ask('ana'))
        await drop.adjust('op', { kind: 'phase', from: ['open'], to: phase })

        const { results } = await drop.order(ask('ana'), ask('ana', { shoe: 2 }))

        expect(results).toEqual([{ verdict: 'duplicate', position: at(1, 1) }, { verdict: 'mismatch' }])
      },
    )

    it('[L4] passes neither the limit of the drop nor that of an item', async () => {
      const drop = await openDrop(world, { stock: { hat: 9, shoe: 9 }, limit: 3, limits: { hat: 1 } })

      expect(
        await drop.verdicts(
          ask('ana', { shoe: 2 }, 'k1'),
          ask('ana', { shoe: 2 }, 'k2'),
          ask('ana', { hat: 1 }, 'k3'),
          ask('ana', { shoe: 1 }, 'k4'),
          ask('ben', { hat: 2 }, 'k1'),
          ask('ben', { hat: 1, shoe: 3 }, 'k2'),
          ask('ben', { hat: 1, shoe: 2 }, 'k3'),
        ),
      ).toEqual([
        'accepted',
        'limit_reached',
        'accepted',
        'limit_reached',
        'limit_reached',
        'limit_reached',
        'accepted',
      ])
    })

    it('[L4] counts what the buyer got in earlier batches', async () => {
      const drop = await openDrop(world, { stock: { hat: 9, shoe: 9 }, limit: 3, limits: { hat: 1 } })
      await drop.order(ask('ana', { hat: 1, shoe: 1 }, 'k1'))

      expect(await drop.verdicts(ask('ana', { hat: 1 }, 'k2'), ask('ana', { shoe: 2 }, 'k3'))).toEqual([
        'limit_reached',
        'limit_reached',
      ])
      expect(await drop.verdicts(ask('ana', { shoe: 1 }, 'k4'))).toEqual(['accepted'])
    })

    it('[L5] that was refused may win later under the same key', async () => {
      const drop = await openDrop(world, { stock: { shoe: 0 } })
      expect(await drop.verdicts(ask('ana'))).toEqual(['sold_out'])

      await drop.adjust('op', { kind: 'restock', lines: lines({ shoe: 1 }) })

      expect(await drop.verdicts(ask('ana'))).toEqual(['accepted'])
    })

    it('[L6] is refused with the word of the moment while the drop does not sell', async () => {
      const nowMs = await world.nowMs()
      const moments = [
        [{ phase: 'scheduled', opensAtMs: nowMs + HOUR_MS }, 'early'],
        // opening is a change of phase, not the passing of a moment: until it was made, everybody is early
        [{ phase: 'scheduled', opensAtMs: nowMs - HOUR_MS }, 'early'],
        [{ phase: 'open', opensAtMs: nowMs + HOUR_MS }, 'early'],
        [{ phase: 'paused' }, 'paused'],
        [{ phase: 'closed' }, 'closed'],
        [{ phase: 'cancelled' }, 'closed'],
        [{ phase: 'open', closesAtMs: nowMs - 1 }, 'closed'],
        [{ phase: 'paused', closesAtMs: nowMs - 1 }, 'closed'],
        [{ phase: 'scheduled', closesAtMs: nowMs - 1 }, 'closed'],
        [{ phase: 'open', closesAtMs: nowMs + HOUR_MS }, 'accepted'],
      ] as const

      for (const [options, word] of moments) {
        const drop = await openDrop(world, options)
        expect([options, await drop.verdicts(ask('ana'))]).toEqual([options, [word]])
      }
    })

    it('[L7] is written to the log, whole and in its place', async () => {
      const drop = await openDrop(world, { stock: { hat: 1, shoe: 4 } })

      const first = await drop.order(
        ask('ana', { hat: 1, shoe: 1 }),
        ask('ben', { hat: 1 }),
        ask('dan', { shoe: 2 }, 'k9'),
      )
      const second = await drop.order(ask('cem'))

      expect(await wholeLog(world.ledger, drop.drop)).toEqual([
        { kind: 'order', position: at(1, 1), atMs: first.nowMs, ...ask('ana', { hat: 1, shoe: 1 }) },
        { kind: 'order', position: at(1, 2), atMs: first.nowMs, ...ask('dan', { shoe: 2 }, 'k9') },
        { kind: 'order', position: at(1, 3), atMs: second.nowMs, ...ask('cem') },
      ])
    })

    it('[L7] can be looked up by its id', async () => {
      const drop = await openDrop(world, { stock: { shoe: 1 } })
      await drop.order(ask('ana'), ask('ben'))

      const found = await world.ledger.positions(drop.drop, [orderId('ben'), orderId('ana'), orderId('nobody')])

      expect(found).toEqual([undefined, at(1, 1), undefined])
      expect(await world.ledger.positions(drop.drop, [])).toEqual([])
    })

    it('[OO10] can be looked up with those of other drops in one question, and whether their rooms are there', async () => {
      const [one, other, lost] = [await openDrop(world), await openDrop(world), await openDrop(world)]
      await one.order(ask('ana'))
      await lost.order(ask('ana'))
      await world.ledger.clear(lost.drop, 2, OWNER)
      const orderIds = [orderId('ben'), orderId('ana')]

      const known = await world.ledger.known([
        { drop: one.drop, orderIds },
        { drop: other.drop, orderIds: [] },
        { drop: lost.drop, orderIds },
        { drop: newDrop(), orderIds },
      ])

      expect(known).toEqual([
        { isWhole: true, positions: [undefined, at(1, 1)] },
        { isWhole: true, positions: [] },
        { isWhole: false, positions: [undefined, undefined] },
        { isWhole: false, positions: [undefined, undefined] },
      ])
      expect(await world.ledger.known([])).toEqual([])
    })

    it('[L7] keeps its place when the batch is as large as it may be, with all lines that an order may have', async () => {
      const skus = Array.from({ length: 16 }, (_, n) => `sku-${String.fromCharCode(97 + n)}`)
      const stock = Object.fromEntries(skus.map((sku) => [sku, 300]))
      const limits = Object.fromEntries(skus.map((sku) => [sku, 1]))
      const drop = await openDrop(world, { stock, limits, limit: 16 })
      const claims = buyers(256).map((name) => ask(name, limits))

      const { results, seq } = await drop.order(...claims)

      expect(results.at(-1)).toEqual({ verdict: 'accepted', position: at(1, 256) })
      expect(seq).toBe(256)
      expect(await drop.left()).toEqual(Object.fromEntries(skus.map((sku) => [sku, 44])))
      expect((await drop.order(...claims)).results.every(({ verdict }) => verdict === 'duplicate')).toBe(true)
    })

    it('[L8] batch beyond 256 claims is not tried', async () => {
      const drop = await openDrop(world)

      const asked = drop.order(...buyers(257).map((name) => ask(name)))

      await expect(asked).rejects.toMatchObject({ code: 'too_large' })
      expect(await drop.left()).toEqual({ shoe: 3 })
    })

    it('[L8] batch without claims answers the state of the drop', async () => {
      const drop = await openDrop(world, { opensAtMs: 7 })

      expect(await drop.order()).toMatchObject({ seq: 0, phase: 'open', opensAtMs: 7, left: [], results: [] })
    })
    it.each(['paused', 'closed', 'cancelled', 'scheduled'] as const)(
      '[FF2] that was promised by an earlier owner is taken in a drop that is %s, and only that one',
      async (phase) => {
        const drop = await openDrop(world, { phase, stock: { shoe: 2 }, limits: { shoe: 1 } })
        const word = phase === 'cancelled' ? 'closed' : phase === 'scheduled' ? 'early' : phase
        const promised = (name: string, key = 'k1') => ({ ...ask(name, { shoe: 1 }, key), promised: true as const })

        expect(await drop.verdicts(ask('ana'), promised('ben'), ask('cem'), promised('ben', 'k2'))).toEqual([
          word,
          'accepted',
          word,
          'limit_reached',
        ])
        expect(await drop.verdicts(promised('ben'), promised('eve'), promised('fay'))).toEqual([
          'duplicate',
          'accepted',
          'sold_out',
        ])
        expect(await drop.left()).toEqual({ shoe: 0 })
      },
    )
  })

  describe('the fence', () => {
    it('[L9] keeps out an owner of another epoch', async () => {
      const drop = await openDrop(world)
      await world.ledger.adopt(drop.drop, 5, OWNER)

      const stale = await world.ledger.order(drop.drop, fenceAt(1), [ask('ana')])
      const adjusted = await world.ledger.adjust(drop.drop, fenceAt(1), 'op', {
        kind: 'restock',
        lines: lines({ shoe: 1 }),
      })
      const ahead = await world.ledger.order(drop.drop, fenceAt(6), [ask('ana')])

      expect([stale, adjusted, ahead]).toEqual(Array(3).fill({ answer: 'fenced', epoch: 5 }))
      expect(await drop.left()).toEqual({ shoe: 3 })
      expect(await wholeLog(world.ledger, drop.drop)).toEqual([])
    })

    it('[L10] keeps out an owner who has not seen everything, or more than there is', async () => {
      const drop = await openDrop(world)
      await drop.order(ask('ana'))

      const behind = await world.ledger.order(drop.drop, fenceAt(1), [ask('ben')])
      const ahead = await world.ledger.order(drop.drop, fenceAt(1, 2, 1), [ask('ben')])
      const adjusted = await world.ledger.adjust(drop.drop, fenceAt(1), 'op', {
        kind: 'phase',
        from: ['open'],
        to: 'paused',
      })

      expect([behind, ahead, adjusted]).toEqual(Array(3).fill({ answer: 'out_of_sequence', seq: 1, batch: 1 }))
      expect(await drop.left()).toEqual({ shoe: 2 })
    })

    it('[FF1] keeps out an owner whose last call is not the one that the drop has, though the seq is the same', async () => {
      const drop = await openDrop(world)
      await drop.order(ask('ana'))
      // As after a rollback: a call of this owner that was late has taken the place of the one that the owner knows.
      const pause = { kind: 'phase', from: ['open'], to: 'paused' } as const

      const ordered = await world.ledger.order(drop.drop, fenceAt(1, 1, 2), [ask('ben')])
      const adjusted = await world.ledger.adjust(drop.drop, fenceAt(1, 1, 2), 'op', { ...pause, from: [...pause.from] })

      expect([ordered, adjusted]).toEqual(Array(2).fill({ answer: 'out_of_sequence', seq: 1, batch: 1 }))
      expect(await drop.left()).toEqual({ shoe: 2 })
      expect(await wholeLog(world.ledger, drop.drop)).toHaveLength(1)
    })

    it('[FF1] has the number of the last call that wrote something, and none after a change of owner', async () => {
      const drop = await openDrop(world)
      const fence = { epoch: 1, prevSeq: 0, prevBatch: 0 }
      const batch = async () => (await world.ledger.read(drop.drop))?.batch

      await world.ledger.order(drop.drop, { ...fence, batch: 4 }, [ask('ana', { shoe: 4 })])
      expect(await batch()).toBe(0)
      await world.ledger.order(drop.drop, { ...fence, batch: 5 }, [ask('ana')])
      expect(await batch()).toBe(5)
      await world.ledger.order(drop.drop, { epoch: 1, prevSeq: 1, prevBatch: 5, batch: 6 }, [ask('ana')])
      expect(await batch()).toBe(5)
      const restock = { kind: 'restock', lines: lines({ shoe: 1 }) } as const
      await world.ledger.adjust(drop.drop, { epoch: 1, prevSeq: 1, prevBatch: 5, batch: 9 }, 'op', restock)
      expect(await batch()).toBe(9)
      await world.ledger.adopt(drop.drop, 2, OWNER)
      expect(await batch()).toBe(0)
    })

    it('[L9] says when there is no such room', async () => {
      const drop = newDrop()

      expect(await world.ledger.order(drop, fenceAt(1), [ask('ana')])).toEqual({ answer: 'no_room' })
      expect(
        await world.ledger.adjust(drop, fenceAt(1), 'op', {
          kind: 'phase',
          from: ['open'],
          to: 'paused',
        }),
      ).toEqual({ answer: 'no_room' })
      expect(await world.ledger.read(drop)).toBeUndefined()
      expect(await wholeLog(world.ledger, drop)).toEqual([])
    })
  })

  describe('an adjustment', () => {
    it('[L11] is applied once per op id, and says where it was', async () => {
      const drop = await openDrop(world)
      const restock = { kind: 'restock', lines: lines({ shoe: 2 }) } as const

      const applied = await drop.adjust('op-1', restock)
      const repeated = await drop.adjust('op-1', restock)

      expect(applied).toMatchObject({ answer: 'applied', position: at(1, 1), left: [{ sku: 'shoe', left: 5 }] })
      expect(repeated).toMatchObject({ answer: 'repeated', position: at(1, 1), phase: 'open' })
      expect(await drop.left()).toEqual({ shoe: 5 })
    })

    it('[E16] restocks every item of a full drop at once, each by as much as an item may have', async () => {
      const skus = Array.from({ length: 64 }, (_, at) => `SKU-${at}`)
      const drop = await openDrop(world, { stock: Object.fromEntries(skus.map((sku) => [sku, 1])) })
      const restock = {
        kind: 'restock',
        lines: lines(Object.fromEntries(skus.map((sku) => [sku, 9_999_999]))),
      } as const

      expect(await drop.adjust('op-1', restock)).toMatchObject({ answer: 'applied' })

      expect(await drop.left()).toEqual(Object.fromEntries(skus.map((sku) => [sku, 10_000_000])))
      expect(await wholeLog(world.ledger, drop.drop)).toMatchObject([{ kind: 'restock', lines: restock.lines }])
      const more = { ...restock, lines: lines({ 'SKU-0': 10_000_001 }) }
      await expect(drop.adjust('op-2', more)).rejects.toThrow()
    })

    it('[L11] that was refused may be made later under the same op id', async () => {
      const drop = await openDrop(world)
      const resume = { kind: 'phase', from: ['paused'], to: 'open' } as const

      expect(await drop.adjust('op-1', { ...resume, from: [...resume.from] })).toMatchObject({
        answer: 'wrong_phase',
        phase: 'open',
      })
      await drop.adjust('op-2', { kind: 'phase', from: ['open'], to: 'paused' })

      expect(await drop.adjust('op-1', { ...resume, from: [...resume.from] })).toMatchObject({ answer: 'applied' })
    })

    it('[L11] releases an order once, whatever op ids are used', async () => {
      const drop = await openDrop(world, { limit: 2, limits: { shoe: 2 } })
      await drop.order(ask('ana', { shoe: 2 }))
      const release = {
        kind: 'release',
        orderId: orderId('ana'),
        buyer: buyer('ana'),
        lines: lines({ shoe: 2 }),
      } as const

      const answers = [await drop.adjust('op-1', release), await drop.adjust('op-2', release)]

      expect(answers.map(({ answer }) => answer)).toEqual(['applied', 'repeated'])
      expect(await drop.left()).toEqual({ shoe: 3 })
      // the units are the buyer's to ask for again, the used key is not
      expect(await drop.verdicts(ask('ana', { shoe: 2 }), ask('ana', { shoe: 2 }, 'k2'))).toEqual([
        'duplicate',
        'accepted',
      ])
    })

    it.each([{ limit: 2 }, { limits: { shoe: 2 } }])(
      '[L4] never leaves a buyer with less than nothing: %j',
      async (options) => {
        const drop = await openDrop(world, options)
        await drop.order(ask('ana', { shoe: 1 }))
        await drop.adjust('op', {
          kind: 'release',
          orderId: orderId('ana'),
          buyer: buyer('ana'),
          lines: lines({ shoe: 2 }),
        })

        expect(await drop.verdicts(ask('ana', { shoe: 3 }, 'k2'), ask('ana', { shoe: 2 }, 'k3'))).toEqual([
          'limit_reached',
          'accepted',
        ])
      },
    )

    it('[L11] of a SKU that the drop has not is a fault and changes nothing', async () => {
      const drop = await openDrop(world)

      const asked = drop.adjust('op', { kind: 'restock', lines: lines({ ghost: 1, shoe: 1 }) })

      await expect(asked).rejects.toMatchObject({ code: 'ledger_corrupt' })
      expect(await drop.left()).toEqual({ shoe: 3 })
      expect(await drop.order()).toMatchObject({ seq: 0 })
    })

    it('[L12] opens a drop once, and not before its moment', async () => {
      const nowMs = await world.nowMs()
      const early = await openDrop(world, { phase: 'scheduled', opensAtMs: nowMs + HOUR_MS })
      const due = await openDrop(world, { phase: 'scheduled', opensAtMs: nowMs })
      const open = { kind: 'phase', from: ['scheduled'], to: 'open' } as const

      expect(await early.adjust('op', { ...open, from: ['scheduled'] })).toMatchObject({
        answer: 'early',
        opensAtMs: nowMs + HOUR_MS,
      })
      expect(await due.adjust('op-a', { ...open, from: ['scheduled'] })).toMatchObject({
        answer: 'applied',
        phase: 'open',
        opensAtMs: nowMs,
      })
      expect(await due.adjust('op-b', { ...open, from: ['scheduled'] })).toMatchObject({ answer: 'wrong_phase' })
    })

    it('[L12] opens by hand before the moment, which is now from then on', async () => {
      const nowMs = await world.nowMs()
      const drop = await openDrop(world, { phase: 'scheduled', opensAtMs: nowMs + HOUR_MS })

      const applied = await drop.adjust('op', { kind: 'phase', from: ['scheduled'], to: 'open', early: true })

      if (applied.answer !== 'applied') throw new Error(applied.answer)
      expect(applied.opensAtMs).toBe(applied.nowMs)
      expect(await drop.verdicts(ask('ana'))).toEqual(['accepted'])
    })

    it('[L7] is written to the log in the same sequence as the orders', async () => {
      const drop = await openDrop(world)
      await drop.order(ask('ana'))
      await drop.adjust('op-1', { kind: 'restock', lines: lines({ shoe: 2 }) })
      await drop.adjust('op-2', {
        kind: 'release',
        orderId: orderId('ana'),
        buyer: buyer('ana'),
        lines: lines({ shoe: 1 }),
      })
      await drop.adjust('op-3', { kind: 'phase', from: ['open', 'paused'], to: 'closed' })

      const log = await wholeLog(world.ledger, drop.drop)

      expect(log.map(({ position, atMs: _, ...entry }) => ({ seq: position.seq, ...entry }))).toEqual([
        { seq: 1, kind: 'order', ...ask('ana') },
        { seq: 2, kind: 'restock', opId: 'op-1', lines: 'shoe:2' },
        { seq: 3, kind: 'release', opId: 'op-2', orderId: orderId('ana'), buyer: buyer('ana'), lines: 'shoe:1' },
        { seq: 4, kind: 'phase', opId: 'op-3', phase: 'closed' },
      ])
    })

    it.each(['', 'a|b', 'released|x', 'a b', 'a\n', 'x'.repeat(129)])(
      '[L13] has a plain op id, not %j',
      async (opId) => {
        const drop = await openDrop(world)

        const asked = drop.adjust(opId, { kind: 'phase', from: ['open'], to: 'paused' })

        await expect(asked).rejects.toMatchObject({ code: 'bad_request' })
      },
    )
  })

  describe('the log', () => {
    it('[L7] is read from a position on, in pages, and forgets only what it is told to', async () => {
      const drop = await openDrop(world, { stock: { shoe: 10 } })
      await drop.order(...buyers(6).map((name) => ask(name)))
      const seqs = async (after: number, max: number) =>
        (await world.ledger.entries(drop.drop, at(1, after), max)).map(({ position }) => position.seq)

      expect(await seqs(0, 4)).toEqual([1, 2, 3, 4])
      expect(await seqs(4, 4)).toEqual([5, 6])
      expect(await seqs(6, 4)).toEqual([])

      await world.ledger.trim(drop.drop, at(1, 4))
      expect(await seqs(0, 10)).toEqual([4, 5, 6])
      expect(await drop.verdicts(ask('buyer-0'))).toEqual(['duplicate'])
    })
  })

  describe('a change of owner', () => {
    it('[L14] takes the room as it stands', async () => {
      const drop = await openDrop(world, { limit: 1 })
      await drop.order(ask('ana'))

      expect(await world.ledger.adopt(drop.drop, 2, OWNER)).toEqual({ answer: 'opened' })
      drop.epoch = 2
      Object.assign(drop, { seq: 0, batch: 0 })

      const { results } = await drop.order(ask('ana'), ask('ana', { shoe: 1 }, 'k2'), ask('ben'))
      expect(results).toEqual([
        { verdict: 'duplicate', position: at(1, 1) },
        { verdict: 'limit_reached' },
        { verdict: 'accepted', position: at(2, 1) },
      ])
      const log = await wholeLog(world.ledger, drop.drop)
      expect(log.map(({ position }) => position)).toEqual([at(1, 1), at(2, 1)])
    })

    it('[L14] needs a higher epoch and the lease', async () => {
      const drop = await openDrop(world)
      await world.ledger.adopt(drop.drop, 5, OWNER)
      const { ledger } = world

      for (const epoch of [4, 5]) {
        const fenced = { answer: 'fenced', epoch: 5 }
        expect(await ledger.adopt(drop.drop, epoch, OWNER)).toEqual(fenced)
        expect(await ledger.clear(drop.drop, epoch, OWNER)).toEqual(fenced)
        expect(await ledger.rebuild(drop.drop, epoch, OWNER, seed())).toEqual(fenced)
      }
      for (const thief of [OTHER]) {
        const denied = { answer: 'no_lease' }
        expect(await ledger.adopt(drop.drop, 6, thief)).toEqual(denied)
        expect(await ledger.clear(drop.drop, 6, thief)).toEqual(denied)
        expect(await ledger.rebuild(drop.drop, 6, thief, seed())).toEqual(denied)
      }
      expect(await ledger.load(drop.drop, 6, OWNER, [])).toEqual({ answer: 'fenced', epoch: 5 })
      expect(await ledger.read(drop.drop)).toMatchObject({ epoch: 5, seq: 0 })
    })

    it('[L14] takes no room that has less than when it was seen, and one that has more', async () => {
      const drop = await openDrop(world, { stock: { shoe: 9 } })
      const { ledger } = world
      await drop.order(ask('ana'))
      const seen = { epoch: 1, seq: 1, batch: 1 }

      for (const more of [{ epoch: 2 }, { seq: 2 }, { batch: 2 }]) {
        expect(await ledger.adopt(drop.drop, 3, OWNER, { ...seen, ...more })).toEqual({ answer: 'no_room' })
      }
      expect(await ledger.read(drop.drop)).toMatchObject({ ...seen })
      await drop.order(ask('ben'))
      expect(await ledger.adopt(drop.drop, 3, OWNER, seen)).toEqual({ answer: 'opened' })
    })

    it('[L14] finds nothing to take where no room is, and nobody sells from a cleared one', async () => {
      const drop = await openDrop(world)
      await drop.order(ask('ana'))
      await world.ledger.clear(drop.drop, 2, OWNER)

      expect(await world.ledger.adopt(drop.drop, 2, OWNER)).toEqual({ answer: 'no_room' })
      expect(await world.ledger.order(drop.drop, fenceAt(1, 1, 1), [ask('ben')])).toEqual({ answer: 'no_room' })
      expect(await world.ledger.positions(drop.drop, [orderId('ana')])).toEqual([undefined])
    })

    it('[L15] clears a room but never its log', async () => {
      const drop = await openDrop(world)
      await drop.order(ask('ana'))

      await world.ledger.clear(drop.drop, 2, OWNER)

      expect(await wholeLog(world.ledger, drop.drop)).toHaveLength(1)
    })

    it('[L15] builds a room anew from what Postgres has', async () => {
      const drop = await openDrop(world, { stock: { hat: 3, shoe: 3 } })
      const { ledger } = world
      const kept = (name: string, seq: number, units = { shoe: 2 }, holdsUnits = true): KeptOrder => {
        const { key: _, ...claim } = ask(name, units)
        return { ...claim, position: at(1, seq), holdsUnits }
      }

      await ledger.clear(drop.drop, 3, OWNER)
      const page = [kept('ana', 1), kept('ben', 2, { shoe: 2 }, false)]
      // the reply to the first page was lost, so it is loaded again
      for (const orders of [page, page, [kept('cem', 3)]]) {
        expect(await ledger.load(drop.drop, 3, OWNER, orders, ['op-1'])).toEqual({ answer: 'opened' })
      }
      const opened = await ledger.rebuild(
        drop.drop,
        3,
        OWNER,
        seed({ stock: { hat: 3, shoe: 4 }, limit: 3, limits: { shoe: 2 }, opensAtMs: 5, closesAtMs: 9e12 }),
      )

      expect(opened).toEqual({ answer: 'opened' })
      expect(await ledger.read(drop.drop)).toEqual({
        epoch: 3,
        seq: 0,
        batch: 0,
        phase: 'open',
        opensAtMs: 5,
        closesAtMs: 9e12,
        limitPerBuyer: 3,
        items: [
          { sku: 'hat', left: 3, limit: null },
          { sku: 'shoe', left: 4, limit: 2 },
        ],
        nowMs: expect.any(Number),
      })
      drop.epoch = 3
      drop.seq = 0
      expect(
        (await drop.order(ask('ana', { shoe: 2 }), ask('ben', { shoe: 2 }), ask('ben', { hat: 1 }))).results,
      ).toEqual([
        { verdict: 'duplicate', position: at(1, 1) },
        { verdict: 'duplicate', position: at(1, 2) },
        { verdict: 'mismatch' },
      ])
      expect(
        await drop.verdicts(ask('ana', { shoe: 1 }, 'k2'), ask('ana', { hat: 1 }, 'k3'), ask('ben', { shoe: 2 }, 'k2')),
      ).toEqual(['limit_reached', 'accepted', 'accepted'])
      expect(await drop.adjust('op-1', { kind: 'restock', lines: lines({ shoe: 9 }) })).toMatchObject({
        answer: 'repeated',
      })
    })

    it('[L15] opens no room that has forgotten a part of what was loaded, and leaves what stands there as it is', async () => {
      const drop = await openDrop(world)
      const { ledger } = world
      const [ana, ben] = [orderId('ana'), orderId('ben')]
      await drop.order(ask('ana'))
      const before = await ledger.read(drop.drop)

      const refused = await ledger.rebuild(drop.drop, 2, OWNER, seed({ stock: { shoe: 9 } }), [ana, ben])
      expect(refused).toEqual({ answer: 'forgotten' })
      expect(await ledger.read(drop.drop)).toEqual({ ...before, nowMs: expect.any(Number) })

      await drop.order(ask('ben'))
      const opened = await ledger.rebuild(drop.drop, 2, OWNER, seed({ stock: { shoe: 9 } }), [ana, ben])
      expect(opened).toEqual({ answer: 'opened' })
      expect(await ledger.read(drop.drop)).toMatchObject({ epoch: 2, items: [{ left: 9 }] })
    })

    it('[L15] leaves nothing of an older room behind', async () => {
      const drop = await openDrop(world, { stock: { hat: 3, shoe: 3 }, limits: { shoe: 1 } })

      await world.ledger.rebuild(drop.drop, 2, OWNER, seed({ stock: { shoe: 1 } }))

      expect((await world.ledger.read(drop.drop))?.items).toEqual([{ sku: 'shoe', left: 1, limit: null }])
    })

    it('[L28] reads what was set down beside a lost room, page by page, word for word, once it is whole', async () => {
      const drop = await openDrop(world)
      const { ledger } = world
      const { key, ...ana } = ask('ana')
      const remembered: Entry[][] = [
        [
          { kind: 'order', position: at(1, 1), atMs: 5, key, ...ana },
          { kind: 'phase', position: at(1, 2), atMs: 6, opId: 'a', phase: 'paused' },
        ],
        [
          { kind: 'restock', position: at(1, 3), atMs: 7, opId: 'b', lines: lines({ shoe: 2 }) },
          { kind: 'release', position: at(1, 4), atMs: 8, opId: 'c', ...ana },
        ],
      ]
      const of = { position: at(1, 4), batch: 3, pages: 2 }
      const copy = (page: number) => ledger.copy(drop.drop, of, page, remembered[page] ?? [])

      expect(await ledger.copied(drop.drop)).toBeUndefined()
      expect(await copy(0)).toEqual({ answer: 'goes_on' })
      expect(await ledger.copied(drop.drop)).toBeUndefined()
      expect(await copy(1)).toEqual({ answer: 'copied' })

      expect(await ledger.copied(drop.drop)).toEqual(of)
      expect(await ledger.copiedPage(drop.drop, 0)).toEqual(remembered[0])
      expect(await ledger.copiedPage(drop.drop, 1)).toEqual(remembered[1])
      expect(await ledger.copiedPage(drop.drop, 2)).toBeUndefined()
      expect(await copy(0)).toEqual({ answer: 'copied' })
    })

    it('[L28] takes no page that does not follow the one before, and puts no two copies together', async () => {
      const drop = await openDrop(world)
      const { ledger } = world
      const copy = (seq: number, page: number, orders = 1) =>
        ledger.copy(drop.drop, { position: at(1, seq), batch: 1, pages: 3 }, page, ordersOf(1, orders))

      expect(await copy(9, 1)).toEqual({ answer: 'forgotten' })
      expect(await copy(9, 0)).toEqual({ answer: 'goes_on' })
      expect(await copy(9, 2)).toEqual({ answer: 'forgotten' })
      expect(await copy(8, 1)).toEqual({ answer: 'forgotten' })
      expect(await ledger.copied(drop.drop)).toBeUndefined()
      await expect(copy(9, 1, 513)).rejects.toMatchObject({ code: 'too_large' })
      expect(await copy(9, 1, 512)).toEqual({ answer: 'goes_on' })
    })

    it('[L28] keeps the copy that has come further, from nobody of before the owner', async () => {
      const drop = await openDrop(world)
      const { ledger } = world
      const copy = (epoch: number, seq: number) =>
        ledger.copy(drop.drop, { position: at(epoch, seq), batch: 1, pages: 1 }, 0, ordersOf(epoch, 1))

      for (const [epoch, seq, stands] of [
        [1, 5, at(1, 5)],
        [1, 4, at(1, 5)],
        [1, 6, at(1, 6)],
        [2, 1, at(2, 1)],
      ] as const) {
        expect(await copy(epoch, seq)).toEqual({ answer: 'copied' })
        expect(await ledger.copied(drop.drop)).toMatchObject({ position: stands })
      }
      await ledger.rebuild(drop.drop, 3, OWNER, seed(), [], { position: at(2, 1), batch: 1, pages: 1 })
      expect(await copy(2, 7)).toEqual({ answer: 'fenced', epoch: 3 })
    })

    it('[L28, L14] lets nobody take a room as it stands that a copy lies beside, and does not call it whole', async () => {
      const drop = await openDrop(world)
      const { ledger } = world
      const isWhole = async () => (await ledger.known([{ drop: drop.drop, orderIds: [] }]))[0]?.isWhole
      const copy = (pages: number) => ledger.copy(drop.drop, { position: at(1, 1), batch: 1, pages }, 0, ordersOf(1, 1))

      expect(await isWhole()).toBe(true)
      await copy(2)
      expect(await isWhole()).toBe(false)
      expect(await ledger.adopt(drop.drop, 2, OWNER)).toEqual({ answer: 'opened' })
      expect(await isWhole()).toBe(true)

      await ledger.clear(drop.drop, 3, OWNER)
      await copy(1)
      await ledger.rebuild(drop.drop, 3, OWNER, seed(), [], { position: at(1, 1), batch: 1, pages: 1 })
      expect(await isWhole()).toBe(true)
      expect(await ledger.copy(drop.drop, { position: at(3, 1), batch: 1, pages: 1 }, 0, ordersOf(3, 1))).toEqual({
        answer: 'copied',
      })
      expect(await isWhole()).toBe(false)
      expect(await ledger.adopt(drop.drop, 4, OWNER)).toEqual({ answer: 'no_room' })
      expect(await ledger.read(drop.drop)).toMatchObject({ epoch: 3 })
    })

    it('[L28] opens no gate beside a copy that was not read, and forgets one that was', async () => {
      const drop = await openDrop(world)
      const { ledger } = world
      const [first, further] = [1, 2].map((seq) => ({ position: at(1, seq), batch: 1, pages: 1 }))
      const rebuild = (read?: Copied) => ledger.rebuild(drop.drop, 2, OWNER, seed(), [], read)
      if (first === undefined || further === undefined) throw new Error('two copies')

      await ledger.copy(drop.drop, first, 0, ordersOf(1, 1))
      await ledger.clear(drop.drop, 2, OWNER)
      await ledger.load(drop.drop, 2, OWNER, [])
      expect(await rebuild()).toEqual({ answer: 'forgotten' })
      await ledger.copy(drop.drop, further, 0, ordersOf(1, 1))
      expect(await rebuild(first)).toEqual({ answer: 'forgotten' })
      expect(await ledger.copied(drop.drop)).toEqual(further)

      expect(await rebuild(further)).toEqual({ answer: 'opened' })
      expect(await ledger.copied(drop.drop)).toBeUndefined()
      expect(await ledger.copiedPage(drop.drop, 0)).toBeUndefined()
    })

    it('[L17] never writes below what the log has: a second fence', async () => {
      const drop = await openDrop(world)
      await world.ledger.adopt(drop.drop, 9, OWNER)
      drop.epoch = 9
      await drop.order(ask('ana'))
      // the room was lost, its log was not, and somebody builds a room of an earlier epoch
      await world.ledger.clear(drop.drop, 10, OWNER)
      await world.ledger.rebuild(drop.drop, 8, OWNER, seed())

      const asked = world.ledger.order(drop.drop, fenceAt(8), [ask('ben'), ask('cem')])

      await expect(asked).rejects.toMatchObject({ code: 'ledger_corrupt' })
      await expect(
        world.ledger.adjust(drop.drop, fenceAt(8), 'op', { kind: 'restock', lines: lines({ shoe: 1 }) }),
      ).rejects.toBeInstanceOf(Fault)
      expect(await world.ledger.read(drop.drop)).toMatchObject({ epoch: 8, seq: 0, items: [{ left: 3 }] })
      expect(await world.ledger.positions(drop.drop, [orderId('ben')])).toEqual([undefined])
      expect(await wholeLog(world.ledger, drop.drop)).toHaveLength(1)
    })

    it('[L13] refuses stock below zero and epochs that are none', async () => {
      const drop = await openDrop(world)
      const { ledger } = world

      for (const left of [-1, 0.5, Number.NaN]) {
        const asked = ledger.rebuild(drop.drop, 2, OWNER, seed({ stock: { shoe: left } }))
        await expect(asked).rejects.toMatchObject({ code: 'bad_request' })
      }
      for (const epoch of [0, -1, 1.5, Number.NaN]) {
        await expect(ledger.adopt(drop.drop, epoch, OWNER)).rejects.toMatchObject({ code: 'bad_request' })
      }
    })
  })
}
