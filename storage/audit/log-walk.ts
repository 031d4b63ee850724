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

export interface LogWalk {
  entries: number
  /** Later than the watermark. */
  unwritten: number
  unwrittenUnits: Map<Sku, number>
  /** Units that went into the stock since, which Postgres may have had or not when it was read. */
  unwrittenReturns: Map<Sku, number>
  /** Where an entry does not follow the one before it. */
  gaps: string[]
  /** The restocks and releases of the log by their op ids, and how many came more than once. */
  ops: Set<string>
  repeatedOps: number
  /** Keys under which the log has orders of different ids. */
  sharedKeys: number
  last: Position
}

const PAGE = 1_000

/** What Postgres does not have yet, and nothing else of the log. */
export function walkUnwritten(ledger: Pick<Ledger, 'entries'>, drop: DropId, watermark: Position): Promise<LogWalk> {
  return walkFrom(ledger, drop, { from: watermark, watermark, minEpoch: 0, written: async () => undefined })
}

/** `written` is given the ids of orders up to the watermark, a page at a time, so that they can be looked for. */
export function walkLog(
  ledger: Pick<Ledger, 'entries'>,
  drop: DropId,
  watermark: Position,
  minEpoch: number,
  written: (orderIds: OrderId[]) => Promise<void>,
): Promise<LogWalk> {
  return walkFrom(ledger, drop, { from: ORIGIN, watermark, minEpoch, written })
}

interface Way {
  from: Position
  watermark: Position
  minEpoch: number
  written(orderIds: OrderId[]): Promise<void>
}

async function walkFrom(ledger: Pick<Ledger, 'entries'>, drop: DropId, way: Way): Promise<LogWalk> {
  const { watermark, minEpoch, written } = way
  const walk: LogWalk = {
    ...{ entries: 0, unwritten: 0, unwrittenUnits: new Map(), gaps: [], sharedKeys: 0, last: way.from },
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

function count(walk: LogWalk, entry: Entry): void {
  walk.unwritten += 1
  if (entry.kind === 'phase') return

  const units = entry.kind === 'order' ? walk.unwrittenUnits : walk.unwrittenReturns
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
