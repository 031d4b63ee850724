/**
 * An entry of a drop's log as the stream keeps it. The first field names the kind and holds what it is about, so that
 * `XRANGE` on a terminal reads like a sentence: order <id> buyer <id> key <key> lines shoe:1 at <ms>.
 */
import type { IdempotencyKey, OrderId, UserId } from '../../protocol/ids.ts'
import type { LinesText } from '../../protocol/lines.ts'
import type { Entry } from '../../rooms/ports.ts'
import { corrupt, numberOf, phaseOf, positionOf } from './script-answers.ts'

/** Throws `ledger_corrupt` for an entry that no script of ours wrote: skipping one would lose an order. */
export function readEntry([id, flat]: readonly [string, readonly string[]]): Entry {
  const fields = new Map<string, string>()
  for (let at = 0; at + 1 < flat.length; at += 2) fields.set(flat[at] ?? '', flat[at + 1] ?? '')

  const text = (name: string): string => {
    const value = fields.get(name)
    if (value === undefined) throw corrupt(`log entry ${id}`, name)
    return value
  }
  const place = { position: positionOf(id), atMs: numberOf(text('at')) }

  switch (flat[0]) {
    case 'order':
      return {
        ...place,
        kind: 'order',
        orderId: text('order') as OrderId,
        buyer: text('buyer') as UserId,
        key: text('key') as IdempotencyKey,
        lines: text('lines') as LinesText,
      }
    case 'phase':
      return { ...place, kind: 'phase', opId: text('op'), phase: phaseOf(text('phase')) }
    case 'restock':
      return { ...place, kind: 'restock', opId: text('op'), lines: text('restock') as LinesText }
    case 'release':
      return {
        ...place,
        kind: 'release',
        opId: text('op'),
        orderId: text('release') as OrderId,
        buyer: text('buyer') as UserId,
        lines: text('lines') as LinesText,
      }
  }
  throw corrupt(`log entry ${id}`, flat[0])
}
