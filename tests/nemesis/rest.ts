/**
 * [I20] Rest: nobody waits for anything any more, everybody sees what is true, and the stores say the same. And what they
 * then say, for the laws.
 */
import type { DropId, IdempotencyKey, OrderId, Sku, UserId } from '../../protocol/ids.ts'
import { formatLines } from '../../protocol/lines.ts'
import { isOver } from '../../rooms/drop.ts'
import { audit, type Finding } from '../../storage/audit.ts'
import type { Doing, Row, Stock } from './history.ts'
import type { Sightings } from './sightings.ts'
import type { HurtableWorld } from './world.ts'

export interface Restless {
  drops: readonly DropId[]
  buyers: readonly { readonly waiting: readonly string[] }[]
  phones: readonly { readonly isIn: boolean; readonly sightings: ReadonlyMap<DropId, Sightings> }[]
  doings: readonly (readonly Doing[])[]
  nowMs(): number
}

const LOOK_EVERY_MS = 100

/** Waits for it until `untilMs`; answers what was still in the way. */
export async function restOf(world: HurtableWorld, what: Restless, untilMs: number): Promise<string[]> {
  for (;;) {
    const unrest = await unrestOf(world, what).catch((cause: unknown) => [String(cause).slice(0, 200)])
    if (unrest.length === 0 || what.nowMs() > untilMs) return unrest
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
  }
}

async function unrestOf(world: HurtableWorld, what: Restless): Promise<string[]> {
  const waiting = what.buyers.flatMap((buyer) => buyer.waiting)
  if (waiting.length > 0) return [`${waiting.length} orders without their end: ${waiting.slice(0, 3).join('; ')}`]
  const undone = what.doings.flat().filter(({ said }) => said === 'silence')
  if (undone.length > 0) return undone.map((doing) => `a ${doing.what} without an answer: ${doing.detail}`)
  const away = what.phones.filter(({ isIn }) => !isIn).length
  if (away > 0) return [`${away} are not connected`]

  for (const drop of what.drops) {
    const unrest = await unrestOfDrop(world, drop, what.phones)
    if (unrest.length > 0) return unrest
  }
  return []
}

async function unrestOfDrop(world: HurtableWorld, drop: DropId, phones: Restless['phones']): Promise<string[]> {
  const room = await world.ledger.read(drop)
  // Nobody has to build a room for a drop that is over.
  if (room === undefined && !isOver(await phaseOf(world, drop))) return ['Redis has no room']
  for (const { sku, left } of room?.items ?? []) {
    const behind = phones.filter(({ sightings }) => sightings.get(drop)?.left(sku) !== left).length
    if (behind > 0) return [`${behind} do not see that ${left} ${sku} are left`]
  }
  const findings = await audit({ sql: world.postgres.sql, ledger: world.ledger }, drop)
  const broken = findings.filter(({ ok }) => !ok).map(({ rule, detail }) => `${rule} ${detail}`)
  const figure = (rule: Finding['rule'], name: string) => findings.find((one) => one.rule === rule)?.figures[name]
  if (room !== undefined && figure('I3', 'quiet') !== 1) broken.push('entries that Postgres does not have')
  if ((figure('I11', 'unsent') ?? 1) > 0) broken.push('rows of the outbox that were not sent')
  return broken
}

async function phaseOf({ postgres }: HurtableWorld, drop: DropId): Promise<Stock['phase']> {
  const [row] = await postgres.sql<{ phase: Stock['phase'] }[]>`select phase from drops where id = ${drop}`
  if (row === undefined) throw new Error(`there is no drop ${drop}`)
  return row.phase
}

/** Totals are Postgres', counts and the phase the ledger's. */
export async function stockOf(world: HurtableWorld, drop: DropId): Promise<Stock | undefined> {
  const room = await world.ledger.read(drop)
  if (room === undefined) return undefined

  const rows = await world.postgres.sql<{ sku: Sku; total: number }[]>`
    select sku, total from drop_items where drop_id = ${drop}`
  const leftOf = new Map(room.items.map(({ sku, left }) => [sku, left]))
  return { phase: room.phase, items: rows.map(({ sku, total }) => ({ sku, total, left: leftOf.get(sku) ?? 0 })) }
}

interface OrderRow {
  id: OrderId
  buyer: UserId
  key: IdempotencyKey
  state: Row['state']
  epoch: number
  seq: number
  at_ms: number
  skus: Sku[]
  qtys: number[]
}

export async function rowsOf(world: HurtableWorld, drop: DropId, startedWallMs: number): Promise<Row[]> {
  const rows = await world.postgres.sql<OrderRow[]>`
    select o.id, o.buyer_id as buyer, o.key, o.state, o.epoch, o.seq,
      (extract(epoch from o.accepted_at) * 1000)::float8 as at_ms,
      array_agg(l.sku) as skus, array_agg(l.qty) as qtys
    from orders o join order_lines l on l.order_id = o.id
    where o.drop_id = ${drop}
    group by o.id`
  return rows.map((row) => ({
    ...{ orderId: row.id, buyer: row.buyer, key: row.key, state: row.state },
    ...{ position: { epoch: row.epoch, seq: row.seq }, acceptedMs: Number(row.at_ms) - startedWallMs },
    lines: formatLines(row.skus.map((sku, at) => ({ sku, qty: row.qtys[at] ?? 0 }))),
  }))
}

/** Ends of orders that no inbox has. The writer is patient, and an event whose end was lost with a link comes again later. */
export async function missingInInbox({ postgres }: HurtableWorld): Promise<number> {
  const [row] = await postgres.sql<{ missing: number }[]>`
    select count(*)::int as missing from orders o
    where not exists (select from notifications n where n.order_id = o.id and n.kind = 'order_' || o.state)`
  return row?.missing ?? -1
}
