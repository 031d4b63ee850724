/** The world of the drop book's tests on MemoryDropBook. */
import { randomUUID } from 'node:crypto'
import type { CreatorId, DropId, Sku } from '../../protocol/ids.ts'
import { MemoryDropBook } from '../../storage/orders/memory-drop-book.ts'
import type { DropBookWorld, DropPlan } from './drop-book-world.ts'

export function memoryWorld(): DropBookWorld & { book: MemoryDropBook } {
  const book = new MemoryDropBook()
  return {
    book,
    stock: book,
    plans: book,
    async plan({
      stock = { shoe: 10 },
      limits = {},
      limit,
      lowStockAt,
      phase = 'open',
      opensAtMs = 1,
      closesAtMs,
    }: DropPlan = {}) {
      const [drop, creator] = [randomUUID() as DropId, randomUUID() as CreatorId]
      const items = Object.entries(stock).map(([sku, total]) => ({
        sku: sku as Sku,
        total,
        limit: limits[sku] ?? null,
      }))
      const ends = { closesAtMs: closesAtMs ?? null, limitPerBuyer: limit ?? null, lowStockAt: lowStockAt ?? null }
      book.add({ drop, creator, phase, opensAtMs, ...ends, items })
      return { drop, creator }
    },
    async restock(drop, opId, sku, qty) {
      await book.restock(drop, opId, [{ sku: sku as Sku, qty }])
    },
    async read(drop) {
      const it = book.read(drop)
      const held = [...it.held].flatMap(([buyer, units]) => [...units].map(([sku, n]) => [`${buyer} ${sku}`, n]))
      return {
        phase: it.phase,
        opensAtMs: it.opensAtMs,
        closesAtMs: it.closesAtMs,
        watermark: it.watermark,
        total: Object.fromEntries([...it.items.values()].map((item) => [item.sku, item.total])),
        sold: Object.fromEntries([...it.items.values()].map((item) => [item.sku, item.sold])),
        orders: Object.fromEntries(
          [...it.orders.values()].map(({ orderId, state, reason }) => [orderId, reason ? `${state} ${reason}` : state]),
        ),
        held: Object.fromEntries(held),
        events: [...it.events],
        told: it.outbox
          .flatMap(({ kind, orders, phase, event }) =>
            kind === 'drop_phase'
              ? [[kind, phase, event].filter(Boolean).join(' ')]
              : orders.map(({ orderId, reason }) => [kind, orderId, reason].filter(Boolean).join(' ')),
          )
          .sort(),
        ops: [...it.ops].map(([opId, applied]) => (applied ? `${opId} applied` : opId)).sort(),
      }
    },
  }
}
