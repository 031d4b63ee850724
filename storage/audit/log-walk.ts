/**
 * One walk over everything a drop's log still has, page by page: what it adds up to, and whether a piece is missing.
 *
 * Within an epoch each entry follows the one before, and an epoch begins with 1. After the watermark there must not be a
 * hole either, for what Postgres does not have, the log must.
 */
import type { DropId, OrderId, Sku } from '../../protocol/ids.ts'
import { OF_A_RESTOCK, parseLines } from '../../protocol/lines.ts'
import { comparePositions, formatPosition, ORIGIN, type Position } from '../../protocol/position.ts'
import type { Entry, Ledger } from '../../rooms/ports.ts'

/** What Postgres does not have yet. */
export interface Unwritten {
  /** Entries. */
  unwritten: number
  unwrittenUnits: Map<Sku, number>
  /** Units that went into the stock since, which Postgres may have had or not when it was read. */
  unwrittenReturns: Map<Sku, number>
  last: Position
}

export interface LogWalk extends Unwritten {
  entries: number
  /** Where an entry does not follow the one before it. */
  gaps: string[]
  /** The restocks and releases of the log by their op ids, and how many came more than once. */
  ops: Set<string>
  repeatedOps: number
  /** Keys under which the log has orders of different ids. */
  sharedKeys: number
}

const PAGE = 1_000

/**
 * Adds up what is later than the watermark, and remembers nothing of it: after Postgres was away that may be hundreds of
 * thousands of entries, and a node does this while it writes them.
 */
export async function walkUnwritten(
  ledger: Pick<Ledger, 'entries'>,
  drop: DropId,
  watermark: Position,
): Promise<Unwritten> {
  const sum: Unwritten = { unwritten: 0, unwrittenUnits: new Map(), unwrittenReturns: new Map(), last: watermark }
  for (;;) {
    const page = await ledger.entries(drop, sum.last, PAGE)
    for (const entry of page) count(sum, entry)
    sum.last = page.at(-1)?.position ?? sum.last
    if (page.length < PAGE) return sum
  }
}

/** `written` is given the ids of orders up to the watermark, a page at a time, so that they can be looked for. */
export async function walkLog(
  ledger: Pick<Ledger, 'entries'>,
  drop: DropId,
  watermark: Position,
  minEpoch: number,
  written: (orderIds: OrderId[]) => Promise<void>,
): Promise<LogWalk> {
  const walk: LogWalk = {
    ...{ entries: 0, unwritten: 0, unwrittenUnits: new Map(), gaps: [], sharedKeys: 0, last: ORIGIN },
    ...{ unwrittenReturns: new Map(), ops: new Set(), repeatedOps: 0 },
  }
  const orderOf = new Map<string, OrderId>()
  let before: Position | undefined

  for (;;) {
    const page = await ledger.entries(drop, walk.last, PAGE)
    for (const entry of page) {
      const isWritten = comparePositions(entry.position, watermark) <= 0
      // The oldest entry that is kept has nothing to follow, unless it is one that Postgres lacks.
      const previous = before ?? (isWritten ? undefined : watermark)
      if (previous !== undefined && !follows(entry.position, previous)) {
        walk.gaps.push(`${formatPosition(entry.position)} after ${formatPosition(previous)}`)
      }
      before = entry.position
      walk.entries += 1
      if (!isWritten) count(walk, entry)
      if (entry.kind === 'order') noteKey(walk, orderOf, entry)
      if (entry.kind === 'restock' || entry.kind === 'release') {
        if (walk.ops.has(entry.opId)) walk.repeatedOps += 1
        walk.ops.add(entry.opId)
      }
    }
    await written(
      page.flatMap((entry) =>
        entry.kind === 'order' && entry.position.epoch >= minEpoch && comparePositions(entry.position, watermark) <= 0
          ? [entry.orderId]
          : [],
      ),
    )
    walk.last = page.at(-1)?.position ?? walk.last
    if (page.length < PAGE) return walk
  }
}

function follows(position: Position, previous: Position): boolean {
  if (position.epoch === previous.epoch) return position.seq === previous.seq + 1
  return position.epoch > previous.epoch && position.seq === 1
}

function count(sum: Unwritten, entry: Entry): void {
  sum.unwritten += 1
  if (entry.kind === 'phase') return

  const units = entry.kind === 'order' ? sum.unwrittenUnits : sum.unwrittenReturns
  for (const { sku, qty } of parseLines(entry.lines, entry.kind === 'restock' ? OF_A_RESTOCK : undefined) ?? []) {
    units.set(sku, (units.get(sku) ?? 0) + qty)
  }
}

function noteKey(walk: LogWalk, orderOf: Map<string, OrderId>, entry: Extract<Entry, { kind: 'order' }>): void {
  const key = `${entry.buyer} ${entry.key}`
  const known = orderOf.get(key)
  if (known !== undefined && known !== entry.orderId) walk.sharedKeys += 1
  orderOf.set(key, entry.orderId)
}
