/**
 * Log entries as bodies: one short array each, the kind first, so that a journal of thousands fits into few messages.
 *
 * A journal decides what a rebuilt room owes its buyers, so an entry is read as strictly as an order from a client.
 */
import { isIdempotencyKey, isOrderId, isUserId } from '../protocol/ids.ts'
import { OF_A_RESTOCK } from '../protocol/lines.ts'
import type { Entry } from '../rooms/ports.ts'
import { isLinesText, isOpId, isPhase, isTime, readPosition } from './reading.ts'

export function writeEntry(entry: Entry): unknown[] {
  const { kind, position, atMs } = entry
  const head = [kind, position.epoch, position.seq, atMs]
  switch (kind) {
    case 'order':
      return [...head, entry.orderId, entry.buyer, entry.key, entry.lines]
    case 'phase':
      return [...head, entry.opId, entry.phase]
    case 'restock':
      return [...head, entry.opId, entry.lines]
    case 'release':
      return [...head, entry.opId, entry.orderId, entry.buyer, entry.lines]
  }
}

export function readEntry(value: unknown): Entry | undefined {
  if (!Array.isArray(value)) return undefined
  const [kind, epoch, seq, atMs, a, b, c, d] = value as unknown[]
  const position = readPosition(epoch, seq)
  if (position === undefined || !isTime(atMs)) return undefined

  switch (kind) {
    case 'order':
      if (!isOrderId(a) || !isUserId(b) || !isIdempotencyKey(c) || !isLinesText(d)) return undefined
      return { kind, position, atMs, orderId: a, buyer: b, key: c, lines: d }
    case 'phase':
      return isOpId(a) && isPhase(b) ? { kind, position, atMs, opId: a, phase: b } : undefined
    case 'restock':
      return isOpId(a) && isLinesText(b, OF_A_RESTOCK) ? { kind, position, atMs, opId: a, lines: b } : undefined
    case 'release':
      if (!isOpId(a) || !isOrderId(b) || !isUserId(c) || !isLinesText(d)) return undefined
      return { kind, position, atMs, opId: a, orderId: b, buyer: c, lines: d }
    default:
      return undefined
  }
}
