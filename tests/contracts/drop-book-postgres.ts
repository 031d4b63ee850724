/** The world of the drop book's tests on PostgresDropBook: made by the writers of the edge, read by plain SQL. */
import { v7 as mintUuid } from 'uuid'
import type { CreatorId, DropId, Sku } from '../../protocol/ids.ts'
import { Products } from '../../storage/catalog/products.ts'
import { Drops } from '../../storage/drops/drops.ts'
import { PostgresPlans } from '../../storage/drops/plans.ts'
import { PostgresDropBook } from '../../storage/orders/postgres-drop-book.ts'
import type { Sql } from '../../storage/postgres.ts'
import { PostgresStockBook } from '../../storage/stock/stock-book.ts'
import type { DropBookWorld, DropPlan, Written } from './drop-book-world.ts'

export function postgresWorld(sql: Sql): DropBookWorld & { book: PostgresDropBook } {
  return {
    book: new PostgresDropBook(sql),
    stock: new PostgresStockBook(sql),
    plans: new PostgresPlans(sql),
    plan: (plan) => planDrop(sql, plan),
    async restock(drop, opId, sku, qty) {
      await new PostgresStockBook(sql).restock(drop, opId, [{ sku: sku as Sku, qty }])
    },
    read: (drop) => readWritten(sql, drop),
  }
}

export async function planDrop(sql: Sql, plan: DropPlan = {}): Promise<{ drop: DropId; creator: CreatorId }> {
  const { stock = { shoe: 10 }, limits = {}, limit, lowStockAt, phase = 'open', opensAtMs = 1, closesAtMs } = plan
  const creator = mintUuid() as CreatorId
  await sql`insert into users (id, email, display_name, role) values (${creator}, ${`${creator}@x.invalid`}, 'C', 'creator')`
  await sql`insert into creators (id, display_name) values (${creator}, 'C')`

  const skus = Object.keys(stock) as Sku[]
  const product = await new Products(sql).create(creator, {
    title: 'Things',
    description: '',
    images: [],
    variants: skus.map((sku) => ({ sku, title: sku, priceMinor: 1_000, currency: 'EUR' })),
  })
  const made = await new Drops(sql).create(creator, {
    productId: product.productId,
    opensAt: new Date(opensAtMs),
    ...(closesAtMs === undefined ? {} : { closesAt: new Date(closesAtMs) }),
    ...(limit === undefined ? {} : { limitPerBuyer: limit }),
    ...(lowStockAt === undefined ? {} : { lowStockAt }),
    items: skus.map((sku) => {
      const per = limits[sku]
      return { sku, stock: stock[sku] ?? 0, ...(per === undefined ? {} : { limitPerBuyer: per }) }
    }),
  })
  if ('refused' in made) throw new Error(made.refused)

  await sql`update drops set phase = ${phase} where id = ${made.drop}`
  return { drop: made.drop, creator }
}

async function readWritten(sql: Sql, drop: DropId): Promise<Written> {
  const made = await new Drops(sql).byId(drop)
  if (made === undefined) throw new Error('no such drop')

  const orders = await sql<{ id: string; state: string; reason: string | null }[]>`
    select id, state, reason from orders where drop_id = ${drop}`
  const held = await sql<{ buyer: string; sku: string; units: number }[]>`
    select buyer_id as buyer, sku, units from drop_buyers where drop_id = ${drop}`
  // What the room's entries say; events of the stock are Postgres' own (tests/stock-events.pg.test.ts).
  const events = await sql<{ kind: string }[]>`select kind from creator_events
    where drop_id = ${drop} and kind in ('drop_started', 'drop_closed', 'drop_cancelled') order by id`
  const told = await sql<{ text: string }[]>`
    select concat_ws(' ', kind, t ->> 'orderId', t ->> 'reason') as text
    from outbox, jsonb_array_elements(body) t where drop_id = ${drop} and kind like 'order%'
    union all
    select concat_ws(' ', kind, body ->> 'phase', body ->> 'event')
    from outbox where drop_id = ${drop} and kind = 'drop_phase'`
  const ops = await sql<
    { op_id: string; applied: boolean }[]
  >`select op_id, applied from drop_ops where drop_id = ${drop}`

  return {
    phase: made.phase,
    opensAtMs: made.opensAtMs,
    closesAtMs: made.closesAtMs,
    watermark: made.position,
    total: Object.fromEntries(made.items.map((item) => [item.sku, item.total])),
    sold: Object.fromEntries(made.items.map((item) => [item.sku, item.sold])),
    orders: Object.fromEntries(orders.map(({ id, state, reason }) => [id, reason ? `${state} ${reason}` : state])),
    held: Object.fromEntries(held.map(({ buyer, sku, units }) => [`${buyer} ${sku}`, units])),
    events: events.map((event) => event.kind),
    told: told.map((row) => row.text).sort(),
    ops: ops.map(({ op_id, applied }) => (applied ? `${op_id} applied` : op_id)).sort(),
  }
}
