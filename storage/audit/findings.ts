/** The audit's rules, one function each: from what both stores say to a finding. No IO. */

import type { OrderId } from '../../protocol/ids.ts'
import { comparePositions, formatPosition, laterPosition } from '../../protocol/position.ts'
import type { RoomState } from '../../rooms/ports.ts'
import type { Book, Units } from './book.ts'
import type { LogWalk, Unwritten } from './log-walk.ts'

export const AUDIT_RULES = {
  I1: 'of no item more is sold than there is, in either store',
  I2: 'what is sold is what the confirmed orders add up to',
  I3: 'left, accepted and sold are together what there is',
  I4: 'no buyer has more than the limits allow',
  I5: 'a key has one order',
  I10: 'the log has no hole, and Postgres has all that is said to be written',
  I11: 'each order is told to the outbox once for each thing that became of it',
  I15: 'stock goes up and comes back once for each doing, in Postgres before the ledger',
} as const
export type AuditRule = keyof typeof AUDIT_RULES

export interface Finding {
  rule: AuditRule
  ok: boolean
  /** What was found, for people. */
  detail: string
  figures: Record<string, number>
}

export function noneOversold({ items }: Book, room: RoomState | undefined): Finding {
  const over = items.filter((item) => item.sold < 0 || item.sold > item.total).map((item) => item.sku)
  const below = (room?.items ?? []).filter((item) => item.left < 0).map((item) => item.sku)
  const figures = { total: sum(items, 'total'), sold: sum(items, 'sold') }

  const wrong = [...over.map((sku) => `${sku}: sold out of bounds`), ...below.map((sku) => `${sku}: left below zero`)]
  return finding('I1', wrong, `${figures.sold} of ${figures.total} sold`, figures)
}

export function soldIsConfirmed({ items }: Book): Finding {
  const wrong = items
    .filter((item) => item.sold !== item.confirmed)
    .map((item) => `${item.sku}: ${item.sold} sold, ${item.confirmed} confirmed`)
  const figures = { sold: sum(items, 'sold'), confirmed: sum(items, 'confirmed') }
  return finding('I2', wrong, `${figures.confirmed} units confirmed`, figures)
}

export function unitsAreKept(book: Units, walk: Unwritten, room: RoomState | undefined): Finding {
  const total = sum(book.items, 'total')
  const sold = sum(book.items, 'sold')
  if (room === undefined) {
    return finding('I3', [], 'the ledger has no room for this drop: nothing is for sale', { total, sold })
  }

  // Quiet: nothing is on its way from one store to the other.
  const quiet = walk.unwritten === 0 && book.pendingOps === 0 && isReached(room, walk, book)
  const leftOf = new Map(room.items.map((item) => [item.sku, item.left]))
  const wrong: string[] = []
  let twice = 0
  let lost = 0
  for (const item of book.items) {
    const kept = (leftOf.get(item.sku) ?? 0) + (walk.unwrittenUnits.get(item.sku) ?? 0) + item.sold
    const over = kept - (walk.unwrittenReturns.get(item.sku) ?? 0) - item.total
    if (over > 0) {
      twice += over
      wrong.push(`${item.sku}: ${kept} units where there are ${item.total}`)
    } else if (quiet && kept < item.total && room.phase !== 'cancelled') {
      lost += item.total - kept
      wrong.push(`${item.sku}: ${item.total - kept} units are lost`)
    }
  }
  const accepted = [...walk.unwrittenUnits.values()].reduce((units, qty) => units + qty, 0)
  const figures = { total, sold, accepted, left: sum(room.items, 'left'), twice, lost, quiet: Number(quiet) }
  const said = quiet ? 'every unit is accounted for' : 'no unit is there twice; some are on their way'
  return finding('I3', wrong, said, figures)
}

export function limitsAreKept({ buyers }: Book): Finding {
  const { over_item_limit, over_drop_limit, miscounted } = buyers
  const wrong = [
    ...said(over_item_limit, 'buyers over the limit of an item'),
    ...said(over_drop_limit, 'buyers over the limit of the drop'),
    ...said(miscounted, 'buyers whose kept units are not those of their orders'),
  ]
  return finding('I4', wrong, `${buyers.buyers} buyers within their limits`, { ...buyers })
}

export function keysAreSingle({ keys }: Book, walk: LogWalk): Finding {
  const wrong = [
    ...said(keys.shared, 'keys with more than one order in Postgres'),
    ...said(walk.sharedKeys, 'keys with more than one order in the log'),
  ]
  return finding('I5', wrong, `${keys.orders} orders, each under a key of its own`, { ...keys })
}

export function logIsWhole(book: Book, walk: LogWalk, room: RoomState | undefined, missing: OrderId[]): Finding {
  const wrong = [...walk.gaps.slice(0, 5), ...said(missing.length, 'orders before the watermark that Postgres lacks')]
  if (room !== undefined && !isReached(room, walk, book)) {
    wrong.push(`the room is at ${formatPosition(room)}, the log ends at ${formatPosition(walk.last)}`)
  }
  const figures = { entries: walk.entries, unwritten: walk.unwritten, gaps: walk.gaps.length, missing: missing.length }
  return finding('I10', wrong, `${walk.entries} entries kept, ${walk.unwritten} not written yet`, figures)
}

export function eachIsTold({ outbox }: Book): Finding {
  const wrong = [
    ...said(outbox.missing, 'transitions that are not told'),
    ...said(outbox.repeated, 'transitions that are told twice'),
    ...said(outbox.unfounded, 'told transitions of orders that there are not'),
  ]
  return finding('I11', wrong, `${outbox.transitions} transitions told, ${outbox.unsent} rows not sent yet`, {
    ...outbox,
  })
}

export function doneOnce({ ops }: Book, walk: LogWalk, unknown: readonly string[]): Finding {
  const wrong = [
    ...said(ops.unreturned, 'cancelled orders whose units nobody owes to the stock'),
    ...said(ops.unfounded, 'returns of orders that are not cancelled'),
    ...said(walk.repeatedOps, 'restocks or returns that the log has twice'),
    ...said(unknown.length, 'restocks or returns in the log that Postgres did not do first'),
  ]
  return finding('I15', wrong, `${ops.restocks} restocks, ${ops.cancelled} orders given back, each once`, { ...ops })
}

/** A room that has just been taken over stands at seq 0, before anything of its epoch is in the log. */
function isReached(room: RoomState, walk: Unwritten, book: Units): boolean {
  return room.seq === 0 || comparePositions(room, laterPosition(walk.last, book.watermark)) <= 0
}

function finding(rule: AuditRule, wrong: string[], good: string, figures: Record<string, number>): Finding {
  return { rule, ok: wrong.length === 0, detail: wrong.length === 0 ? good : wrong.join('; '), figures }
}

const said = (count: number, what: string): string[] => (count === 0 ? [] : [`${count} ${what}`])

function sum<Field extends string>(rows: readonly Record<Field, number>[], field: Field): number {
  return rows.reduce((total, row) => total + row[field], 0)
}
