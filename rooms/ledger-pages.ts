/** Questions to a ledger that may be longer than one answer: asked page by page, so that none holds up other drops. */
import type { DropId, OrderId } from '../protocol/ids.ts'
import type { Position } from '../protocol/position.ts'
import type { Entry, Ledger } from './ports.ts'

const LOG_PAGE = 1_000
/** As many as a page of a journal has. */
const ORDERS_PAGE = 512

/** Whether it has accepted every one of these orders. */
export async function hasAll(ledger: Ledger, drop: DropId, ids: readonly OrderId[]): Promise<boolean> {
  for (let at = 0; at < ids.length; at += ORDERS_PAGE) {
    const positions = await ledger.positions(drop, ids.slice(at, at + ORDERS_PAGE))
    if (positions.includes(undefined)) return false
  }
  return true
}

/** Every entry later than `after`, oldest first. */
export async function* logPages(ledger: Ledger, drop: DropId, after: Position): AsyncGenerator<Entry[], void> {
  for (let from = after; ; ) {
    const page = await ledger.entries(drop, from, LOG_PAGE)
    yield page
    const last = page.at(-1)
    if (last === undefined || page.length < LOG_PAGE) return
    from = last.position
  }
}
