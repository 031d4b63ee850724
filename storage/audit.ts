/**
 * Proves a drop from its two stores: nothing oversold, nothing lost, nothing told twice.
 *
 * Postgres is read first and as of one moment, then the log, then the ledger. In that order whatever happens meanwhile
 * can only make the sum of units smaller, so an audit of a running drop raises no false alarm. That every unit is
 * accounted for can be said only when nothing is on its way; until then it is "no unit twice".
 */
import type { DropId, OrderId } from '../protocol/ids.ts'
import type { Ledger } from '../rooms/ports.ts'
import { missingOrders, readBook, readUnits, unknownOps } from './audit/book.ts'
import {
  doneOnce,
  eachIsTold,
  type Finding,
  keysAreSingle,
  limitsAreKept,
  logIsWhole,
  noneOversold,
  soldIsConfirmed,
  unitsAreKept,
} from './audit/findings.ts'
import { walkLog, walkUnwritten } from './audit/log-walk.ts'
import type { Sql } from './postgres.ts'

export { AUDIT_RULES, type AuditRule, type Finding } from './audit/findings.ts'

export type AuditedLedger = Pick<Ledger, 'read' | 'entries'>

/** Throws `not_found` for a drop that Postgres does not know. */
export async function audit(stores: { sql: Sql; ledger: AuditedLedger }, drop: DropId): Promise<Finding[]> {
  const { sql, ledger } = stores
  const book = await readBook(sql, drop)
  const roomBefore = await ledger.read(drop)

  const missing: OrderId[] = []
  const walk = await walkLog(ledger, drop, book.watermark, book.minEpoch, async (orderIds) => {
    missing.push(...(await missingOrders(sql, drop, orderIds)))
  })
  const room = await ledger.read(drop)
  const unknown = await unknownOps(sql, drop, [...walk.ops])

  return [
    noneOversold(book, room),
    soldIsConfirmed(book),
    unitsAreKept(book, walk, room),
    limitsAreKept(book),
    keysAreSingle(book, walk),
    logIsWhole(book, walk, roomBefore, missing),
    eachIsTold(book),
    doneOnce(book, walk, unknown),
  ]
}

/**
 * The one rule that can be asked of a drop again and again while it sells: is every unit accounted for? In the same order
 * of reading, without the orders one by one. Undefined for a drop that Postgres does not know.
 */
export async function auditUnits(
  stores: { sql: Sql; ledger: AuditedLedger },
  drop: DropId,
): Promise<Finding | undefined> {
  const { sql, ledger } = stores
  const units = await readUnits(sql, drop)
  if (units === undefined) return undefined

  const walk = await walkUnwritten(ledger, drop, units.watermark)
  return unitsAreKept(units, walk, await ledger.read(drop))
}
