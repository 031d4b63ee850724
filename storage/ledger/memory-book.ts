/**
 * What MemoryLedger keeps of one drop, and the decisions about it, one function for each that the scripts make.
 *
 * `append` comes first of all changes and is the only one that can be refused, so whatever throws has changed nothing.
 */
import { Fault } from '../../protocol/faults.ts'
import type { OrderId, Sku, UserId } from '../../protocol/ids.ts'
import { type Line, type LinesText, parseLines, unitsOf } from '../../protocol/lines.ts'
import { comparePositions, ORIGIN, type Position } from '../../protocol/position.ts'
import type { Claim, ClaimResult, Copied, Entry, Fence, Refused, RoomState } from '../../rooms/ports.ts'

type Room = Omit<RoomState, 'nowMs' | 'items'> & { stock: Map<Sku, { left: number; limit: number | null }> }

/** Everything of one drop. */
export interface Book {
  room: Room | undefined
  answers: Map<OrderId, { position: Position; lines: LinesText }>
  /** buyer, and buyer|sku */
  units: Map<string, number>
  /** op id, and released|order id */
  ops: Map<string, Position>
  log: Entry[]
  /** Stays when entries are trimmed, as a stream's last id does. */
  lastLogged: Position
  /** What somebody remembers of the drop, set down when the room was gone or behind. */
  copy: Copy | undefined
  /** One that is not whole yet. */
  copying: Copy | undefined
}

interface Copy {
  of: Copied
  pages: Entry[][]
}

export function emptyBook(): Book {
  return {
    ...{ room: undefined, answers: new Map(), units: new Map(), ops: new Map(), log: [], lastLogged: ORIGIN },
    ...{ copy: undefined, copying: undefined },
  }
}

export function refusal(room: Room, fence: Fence): Refused | undefined {
  if (room.epoch !== fence.epoch) return { answer: 'fenced', epoch: room.epoch }
  if (room.seq !== fence.prevSeq || room.batch !== fence.prevBatch) {
    return { answer: 'out_of_sequence', seq: room.seq, batch: room.batch }
  }
  return undefined
}

/** The one word that every new order hears while the drop does not sell. */
export function shutWord(room: Room, nowMs: number): 'early' | 'paused' | 'closed' | undefined {
  if (room.phase === 'closed' || room.phase === 'cancelled') return 'closed'
  if (room.closesAtMs !== null && nowMs >= room.closesAtMs) return 'closed'
  if (room.phase === 'scheduled') return 'early'
  if (room.phase === 'paused') return 'paused'
  return nowMs < room.opensAtMs ? 'early' : undefined
}

export function judge(
  book: Book,
  room: Room,
  claim: Claim,
  shut: ReturnType<typeof shutWord>,
  nowMs: number,
  sold: Set<Sku>,
): ClaimResult {
  const { orderId, buyer, key, lines: text, promised } = claim
  const known = book.answers.get(orderId)
  if (known !== undefined) {
    return known.lines === text ? { verdict: 'duplicate', position: known.position } : { verdict: 'mismatch' }
  }
  if (shut !== undefined && promised !== true) return { verdict: shut }

  const lines = parseLines(text)
  if (lines === undefined || lines.some(({ sku }) => !room.stock.has(sku))) return { verdict: 'invalid' }
  const has = (counter: string) => book.units.get(counter) ?? 0
  const within = (limit: number | null, counter: string, more: number) => limit === null || has(counter) + more <= limit
  if (!within(room.limitPerBuyer, buyer, unitsOf(lines))) return { verdict: 'limit_reached' }
  if (!lines.every(({ sku, qty }) => within(stockOf(room, sku).limit, `${buyer}|${sku}`, qty))) {
    return { verdict: 'limit_reached' }
  }
  if (lines.some(({ sku, qty }) => stockOf(room, sku).left < qty)) return { verdict: 'sold_out' }

  const position = append(book, room, nowMs, { kind: 'order', orderId, buyer, key, lines: text })
  book.answers.set(orderId, { position, lines: text })
  count(book, buyer, unitsOf(lines))
  for (const { sku, qty } of lines) {
    const item = stockOf(room, sku)
    item.left -= qty
    sold.add(sku)
    if (item.limit !== null) count(book, `${buyer}|${sku}`, qty)
  }
  return { verdict: 'accepted', position }
}

/** First of all changes, and the only one that can be refused: a log takes no position that is not higher. */
export function append(book: Book, room: Room, atMs: number, what: EntryBody): Position {
  const position = { epoch: room.epoch, seq: room.seq + 1 }
  if (comparePositions(position, book.lastLogged) <= 0) {
    throw new Fault('ledger_corrupt', { what: 'log is ahead of its room', position, lastLogged: book.lastLogged })
  }

  book.log.push({ position, atMs, ...what })
  book.lastLogged = position
  room.seq = position.seq
  return position
}

type WithoutPlace<E> = E extends Entry ? Omit<E, 'position' | 'atMs'> : never
type EntryBody = WithoutPlace<Entry>

export function takeBack(book: Book, buyer: UserId, lines: readonly Line[]): void {
  const back = (counter: string, units: number) => {
    const had = book.units.get(counter)
    if (had !== undefined) book.units.set(counter, Math.max(0, had - units))
  }
  back(buyer, unitsOf(lines))
  for (const { sku, qty } of lines) back(`${buyer}|${sku}`, qty)
}

export function count(book: Book, counter: string, units: number): void {
  book.units.set(counter, (book.units.get(counter) ?? 0) + units)
}

export function stockOf(room: Room, sku: Sku): { left: number; limit: number | null } {
  const item = room.stock.get(sku)
  if (item === undefined) throw new Fault('internal', { what: 'unknown sku', sku })
  return item
}

export function leftOf(room: Room, skus: readonly Sku[]): { sku: Sku; left: number }[] {
  return skus.map((sku) => ({ sku, left: stockOf(room, sku).left }))
}
