/** What every book of stock by hand must do, one suite for both: the first halves of a restock and of a cancelled order. */
import { beforeAll, describe, expect, it } from 'vitest'
import type { DropId } from '../../protocol/ids.ts'
import type { Entry } from '../../rooms/ports.ts'
import type { DropChange } from '../../rooms/replanning.ts'
import { cancelOf } from '../../storage/stock/stock-book.ts'
import { ask, buyer, lines, sku } from '../builders/people.ts'
import { allKept, at, type DropBookWorld, NODE_A, order, phase, restocked, words } from './drop-book-world.ts'

const more = (name: string, qty: number) => [{ sku: sku(name), qty }]

export function stockBookContract(name: string, makeWorld: () => Promise<DropBookWorld>): void {
  describe(`${name}: stock by hand`, () => {
    let world: DropBookWorld
    beforeAll(async () => {
      world = await makeWorld()
    })

    const owed = async (drop: DropId) => (await world.stock.debts(0, 1_000)).filter((debt) => debt.drop === drop)
    const released = (claim: ReturnType<typeof ask>, seq: number): Entry => ({
      ...{ kind: 'release', opId: cancelOf(claim.orderId), position: at(1, seq), atMs: 1_800_000_000_000 },
      ...{ orderId: claim.orderId, buyer: claim.buyer, lines: claim.lines },
    })

    it('[E1] adds units once for an operation, and owes them to the ledger until it has them', async () => {
      const { drop } = await world.plan({ stock: { shoe: 1, hat: 2 } })

      const said = [
        await world.stock.restock(drop, 'op-1', more('shoe', 4)),
        await world.stock.restock(drop, 'op-1', more('shoe', 4)),
        await world.stock.restock(drop, 'op-2', [...more('shoe', 1), ...more('hat', 3)]),
      ]

      expect(said).toEqual(['done', 'repeated', 'done'])
      expect((await world.read(drop)).total).toEqual({ shoe: 6, hat: 5 })
      expect((await owed(drop)).map((debt) => [debt.opId, debt.adjustment])).toEqual([
        ['op-1', { kind: 'restock', lines: 'shoe:4' }],
        ['op-2', { kind: 'restock', lines: 'hat:3,shoe:1' }],
      ])

      await world.book.write(drop, 1, [restocked('op-1', at(1, 1), { shoe: 4 })])
      await world.stock.paid(drop, 'op-2')
      expect(await owed(drop)).toEqual([])
      expect((await world.read(drop)).total).toEqual({ shoe: 6, hat: 5 })
    })

    it('[E1] takes no other lines under the same operation', async () => {
      const { drop } = await world.plan({ stock: { shoe: 1 } })
      await world.stock.restock(drop, 'op-1', more('shoe', 4))

      expect(await world.stock.restock(drop, 'op-1', more('shoe', 5))).toBe('mismatch')
      expect((await world.read(drop)).total).toEqual({ shoe: 5 })
    })

    it('[E1] adds once, however many ask at the same time', async () => {
      const { drop } = await world.plan({ stock: { shoe: 1 } })

      const said = await Promise.all([1, 2, 3, 4].map(() => world.stock.restock(drop, 'op-1', more('shoe', 4))))

      expect(said.sort()).toEqual(['done', 'repeated', 'repeated', 'repeated'])
      expect((await world.read(drop)).total).toEqual({ shoe: 5 })
    })

    it('[E2] refuses what cannot be, and has written nothing', async () => {
      const { drop } = await world.plan({ stock: { shoe: 1 } })
      const over = (await world.plan({ stock: { shoe: 1 }, phase: 'closed' })).drop

      expect(await world.stock.restock(drop, 'op-1', [...more('shoe', 4), ...more('hat', 1)])).toBe('unknown_sku')
      expect(await world.stock.restock(drop, 'op-2', more('shoe', 10_000_000))).toBe('too_many')
      expect(await world.stock.restock(over, 'op-3', more('shoe', 4))).toBe('over')
      expect(await world.stock.restock(ask(drop, 'x').buyer as string as DropId, 'op', more('shoe', 4))).toBeUndefined()

      const [written, ended] = [await world.read(drop), await world.read(over)]
      expect([written.total, written.ops, ended.total, ended.ops]).toEqual([{ shoe: 1 }, [], { shoe: 1 }, []])
    })

    it('[E4] takes a confirmed order back: units, buyer and word, once', async () => {
      const { drop } = await world.plan({ stock: { shoe: 5, hat: 5 } })
      const [ana, ben] = [order(drop, 'ana', at(1, 1), { shoe: 2, hat: 1 }), order(drop, 'ben', at(1, 2))]
      await world.book.write(drop, 1, [ana, ben])

      const first = await world.stock.cancel(ana.orderId, ana.buyer)
      const before = await world.read(drop)
      const again = await world.stock.cancel(ana.orderId, ana.buyer)

      expect(first).toEqual({ said: 'now', drop, key: 'k1', lines: 'hat:1,shoe:2' })
      expect(again).toEqual({ ...first, said: 'cancelled' })
      expect(before.sold).toEqual({ shoe: 1, hat: 0 })
      expect(before.held).toEqual({
        [`${buyer('ana')} shoe`]: 0,
        [`${buyer('ana')} hat`]: 0,
        [`${buyer('ben')} shoe`]: 1,
      })
      expect(before.orders).toEqual({ [ana.orderId]: 'cancelled', [ben.orderId]: 'confirmed' })
      expect(before.told).toContain(`order_cancelled ${ana.orderId}`)
      expect(await world.read(drop)).toEqual(before)
      expect((await owed(drop)).map((debt) => debt.adjustment)).toEqual([
        { kind: 'release', orderId: ana.orderId, buyer: ana.buyer, lines: 'hat:1,shoe:2' },
      ])
      expect(words(await world.book.write(drop, 1, [released(ana, 3)]))).toEqual(['applied'])
      expect(await owed(drop)).toEqual([])
    })

    it('[E4] takes it back once, however many ask at the same time', async () => {
      const { drop } = await world.plan({ stock: { shoe: 5 } })
      const ana = order(drop, 'ana', at(1, 1), { shoe: 2 })
      await world.book.write(drop, 1, [ana])

      const said = await Promise.all([1, 2, 3, 4].map(() => world.stock.cancel(ana.orderId, ana.buyer)))

      expect(said.map((one) => one?.said).sort()).toEqual(['cancelled', 'cancelled', 'cancelled', 'now'])
      expect((await world.read(drop)).sold).toEqual({ shoe: 0 })
    })

    it('[E5] knows no order of another buyer, and takes none back of a drop that is over or that was revoked', async () => {
      const { drop } = await world.plan({ stock: { shoe: 2 } })
      const [ana, ben] = [order(drop, 'ana', at(1, 1), { shoe: 2 }), order(drop, 'ben', at(1, 2))]
      await world.book.write(drop, 1, [ana, ben])

      expect(await world.stock.cancel(ana.orderId, buyer('ben'))).toBeUndefined()
      expect(await world.stock.cancel(ask(drop, 'nobody').orderId, buyer('nobody'))).toBeUndefined()
      expect(await world.stock.cancel(ben.orderId, ben.buyer)).toMatchObject({ said: 'revoked' })
      await world.book.write(drop, 1, [phase('closed', at(1, 3))])
      expect(await world.stock.cancel(ana.orderId, ana.buyer)).toMatchObject({ said: 'over' })
      expect((await world.read(drop)).sold).toEqual({ shoe: 2 })
    })

    it('[E6] keeps the key used, and lets the buyer have as many again', async () => {
      const { drop } = await world.plan({ stock: { shoe: 2 }, limit: 1 })
      const ana = order(drop, 'ana', at(1, 1))
      await world.book.write(drop, 1, [ana])
      await world.stock.cancel(ana.orderId, ana.buyer)

      const outcomes = await world.book.write(drop, 1, [
        { ...ana, position: at(1, 2) },
        order(drop, 'ana', at(1, 3), { shoe: 1 }, 'k2'),
      ])

      expect(words(outcomes)).toEqual(['duplicate', 'confirmed'])
      expect((await world.read(drop)).sold).toEqual({ shoe: 1 })
    })

    it('[E12] tells the owner of a room at how few left that is news', async () => {
      const [some, none] = [await world.plan({ lowStockAt: 3 }), await world.plan()]

      expect(await world.book.take(some.drop, NODE_A)).toMatchObject({ lowStockAt: 3 })
      expect(await world.book.take(none.drop, NODE_A)).toMatchObject({ lowStockAt: null })
    })

    it('[E14] changes a scheduled drop for the latest owner only, what is named and nothing else', async () => {
      const opensAtMs = Date.UTC(2090, 0, 1)
      const { drop } = await world.plan({
        phase: 'scheduled',
        opensAtMs,
        closesAtMs: opensAtMs + 9,
        stock: { shoe: 3, hat: 4 },
      })
      const replan = (epoch: number, change: DropChange) => world.plans.replan(drop, epoch, change, 20_000)
      await world.book.take(drop, NODE_A)
      await world.book.take(drop, NODE_A)

      expect(await replan(1, { opensAtMs: opensAtMs - 5 })).toBe('elsewhere')
      expect(await replan(2, { closesAtMs: opensAtMs })).toBe('closes_first')
      expect(await replan(2, { items: [{ sku: sku('belt'), stock: 1 }] })).toBe('unknown_sku')
      expect(await replan(2, { opensAtMs: Date.now() + 19_000 })).toBe('too_soon')
      expect(await world.read(drop)).toMatchObject({ opensAtMs, closesAtMs: opensAtMs + 9, total: { shoe: 3, hat: 4 } })

      const items = [{ sku: sku('shoe'), stock: 7, limitPerBuyer: 2 }]
      expect(
        await replan(2, { title: 'New', opensAtMs: opensAtMs - 5, closesAtMs: null, limitPerBuyer: 4, items }),
      ).toBe('changed')
      expect((await world.book.fence(drop, 2))?.seed).toEqual({
        ...{ phase: 'scheduled', opensAtMs: opensAtMs - 5, closesAtMs: null, limitPerBuyer: 4 },
        items: [
          { sku: 'shoe', left: 7, limit: 2 },
          { sku: 'hat', left: 4, limit: null },
        ],
      })
      expect(await replan(2, { limitPerBuyer: null, items: [{ sku: sku('shoe'), limitPerBuyer: null }] })).toBe(
        'changed',
      )
      expect((await world.book.fence(drop, 2))?.seed).toMatchObject({
        limitPerBuyer: null,
        items: [{ left: 7, limit: null }, {}],
      })
    })

    it('[E14] changes no drop that is open or about to be', async () => {
      const open = (await world.plan({ opensAtMs: Date.UTC(2090, 0, 1) })).drop
      const soon = (await world.plan({ phase: 'scheduled', opensAtMs: Date.now() + 19_000 })).drop
      for (const drop of [open, soon]) await world.book.take(drop, NODE_A)

      expect(await world.plans.replan(open, 1, { title: 'x' }, 20_000)).toBe('not_scheduled')
      expect(await world.plans.replan(soon, 1, { opensAtMs: Date.UTC(2090, 0, 1) }, 20_000)).toBe('too_soon')
      expect(await world.plans.replan(buyer('x') as string as DropId, 1, { title: 'x' }, 20_000)).toBeUndefined()
    })

    it('[E9] cancels the orders of a cancelled drop by batches, tells each, and owes the ledger nothing', async () => {
      const { drop } = await world.plan({ stock: { shoe: 5 } })
      const orders = ['ana', 'ben', 'cem', 'dia', 'eli', 'fay'].map((who, n) => order(drop, who, at(1, n + 1)))
      await world.book.write(drop, 1, orders)
      expect(await world.stock.toUnwind(1_000)).not.toContain(drop)
      expect(await world.stock.unwind(drop, 2)).toBe(0)

      await world.book.write(drop, 1, [phase('cancelled', at(1, 7))])
      expect(await world.stock.toUnwind(1_000)).toContain(drop)
      const batches = [1, 2, 3, 4, 5].map(() => world.stock.unwind(drop, 2))

      expect((await Promise.all(batches)).sort()).toEqual([0, 0, 1, 2, 2])
      const written = await world.read(drop)
      expect(written.sold).toEqual({ shoe: 0 })
      expect(Object.values(written.orders).sort()).toEqual([...Array(5).fill('cancelled'), 'revoked total'])
      expect(written.told.filter((told) => told.startsWith('order_cancelled'))).toHaveLength(5)
      expect(written.ops).toEqual(['phase cancelled applied'])
      expect(await world.stock.cancel(ask(drop, 'ana').orderId, buyer('ana'))).toMatchObject({ said: 'cancelled' })
    })

    it('[E3] a ledger that is built anew has them already: the units are in its numbers, the doing in its list', async () => {
      const { drop } = await world.plan({ stock: { shoe: 5 } })
      await world.book.take(drop, NODE_A)
      const ana = order(drop, 'ana', at(1, 1), { shoe: 2 })
      await world.book.write(drop, 1, [ana])
      await world.stock.restock(drop, 'op-1', more('shoe', 3))
      await world.stock.cancel(ana.orderId, ana.buyer)

      const fenced = await world.book.fence(drop, 1)

      expect(fenced?.seed.items).toEqual([{ sku: 'shoe', left: 8, limit: null }])
      expect(fenced?.opIds).toEqual([cancelOf(ana.orderId), 'op-1'])
      expect((await allKept(world.book, drop, 10)).kept).toMatchObject([
        { lines: lines({ shoe: 2 }), holdsUnits: false },
      ])
    })
  })
}
