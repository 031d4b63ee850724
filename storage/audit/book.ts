/** What Postgres says of a drop, as of one moment, in the few numbers that the audit weighs. */
import { Fault } from '../../protocol/faults.ts'
import type { DropId, OrderId, Sku } from '../../protocol/ids.ts'
import type { Position } from '../../protocol/position.ts'
import { answered, readStatement, type Sql, type Transaction } from '../postgres.ts'

/** What has become of each unit, as far as Postgres knows. */
export interface Units {
  watermark: Position
  /** Doings that Postgres has and the ledger has not acknowledged. */
  pendingOps: number
  items: { sku: Sku; total: number; sold: number }[]
}

export interface Book extends Units {
  minEpoch: number
  items: { sku: Sku; total: number; sold: number; confirmed: number }[]
  buyers: { buyers: number; over_item_limit: number; over_drop_limit: number; miscounted: number }
  keys: { orders: number; shared: number }
  ops: { restocks: number; cancelled: number; unreturned: number; unfounded: number }
  outbox: { transitions: number; unsent: number; missing: number; repeated: number; unfounded: number }
}

interface UnitRow {
  sku: Sku
  total: number
  sold: number
  wm_epoch: number
  wm_seq: number
  pending: number
}

/** A big drop takes seconds; connect with a longer statementMs for those. */
const AUDIT_MS = 120_000

const statement = (name: string) => readStatement(`./${name}.sql`, import.meta.url)

export function readBook(sql: Sql, drop: DropId): Promise<Book> {
  return answered(
    sql.begin('isolation level repeatable read read only', (tx) => readWithin(tx, drop)),
    AUDIT_MS,
  )
}

/** Undefined for a drop that Postgres does not know. One statement, cheap enough to be asked again and again. */
export async function readUnits(sql: Sql, drop: DropId): Promise<Units | undefined> {
  const asked = sql.unsafe<UnitRow[]>(statement('units'), [drop], { prepare: true })
  const rows = await answered(asked)
  const [head] = rows
  if (head === undefined) return undefined

  const items = rows.map(({ sku, total, sold }) => ({ sku, total, sold }))
  return { watermark: { epoch: head.wm_epoch, seq: head.wm_seq }, pendingOps: head.pending, items }
}

/** Those of the orders, which the log says were accepted, that Postgres has no word of. */
export async function missingOrders(sql: Sql, drop: DropId, orderIds: OrderId[]): Promise<OrderId[]> {
  if (orderIds.length === 0) return []

  const asked = sql.unsafe<{ id: OrderId }[]>(statement('missing'), [drop, orderIds], { prepare: true })
  return (await answered(asked)).map((row) => row.id)
}

/** Those of the doings, which the log says the ledger applied, that Postgres did not do first. */
export async function unknownOps(sql: Sql, drop: DropId, opIds: string[]): Promise<string[]> {
  if (opIds.length === 0) return []

  const asked = sql.unsafe<{ id: string }[]>(statement('unknown-ops'), [drop, opIds], { prepare: true })
  return (await answered(asked)).map((row) => row.id)
}

async function readWithin(tx: Transaction, drop: DropId): Promise<Book> {
  const [head] = await tx<{ wm_epoch: number; wm_seq: number; min_epoch: number; pending: number }[]>`
    select wm_epoch, wm_seq, min_epoch,
      (select count(*) from drop_ops o where o.drop_id = d.id and not o.applied) as pending
    from drops d where id = ${drop}`
  if (head === undefined) throw new Fault('not_found', { drop })

  const ask = <T extends object>(name: string) => tx.unsafe<T[]>(statement(name), [drop])
  const one = async <T extends object>(name: string): Promise<T> => {
    const [row] = await ask<T>(name)
    if (row === undefined) throw new Fault('internal', { drop, statement: name })
    return row as T
  }
  return {
    watermark: { epoch: head.wm_epoch, seq: head.wm_seq },
    minEpoch: head.min_epoch,
    pendingOps: head.pending,
    items: [...(await ask<Book['items'][number]>('items'))],
    buyers: await one<Book['buyers']>('buyers'),
    keys: await one<Book['keys']>('keys'),
    ops: await one<Book['ops']>('ops'),
    outbox: await one<Book['outbox']>('outbox'),
  }
}
