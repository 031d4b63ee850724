/**
 * An entry of a drop's log as the stream keeps it. The first field names the kind and holds what it is about, so that
 * `XRANGE` on a terminal reads like a sentence: order <id> buyer <id> key <key> lines shoe:1 at <ms>. The scripts write
 * the log; the copy of a journal is written here, in the same words.
 */
import type { IdempotencyKey, OrderId, UserId } from '../../protocol/ids.ts'
import type { LinesText } from '../../protocol/lines.ts'
import { formatPosition } from '../../protocol/position.ts'
import type { Entry } from '../../rooms/ports.ts'
import { corrupt, numberOf, phaseOf, positionOf } from './script-answers.ts'

type Row = readonly [id: string, fields: readonly string[]]

export function writeEntry(entry: Entry): Row {
  return [formatPosition(entry.position), [...fieldsOf(entry), 'at', String(entry.atMs)]]
}

function fieldsOf(entry: Entry): string[] {
  switch (entry.kind) {
    case 'order':
      return ['order', entry.orderId, 'buyer', entry.buyer, 'key', entry.key, 'lines', entry.lines]
    case 'phase':
      return ['phase', entry.phase, 'op', entry.opId]
    case 'restock':
      return ['restock', entry.lines, 'op', entry.opId]
    case 'release':
      return ['release', entry.orderId, 'buyer', entry.buyer, 'lines', entry.lines, 'op', entry.opId]
  }
}

/** Throws `ledger_corrupt` for an entry that no script of ours wrote: skipping one would lose an order. */
export function readEntry([id, flat]: Row): Entry {
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

/** A page of a copy. */
export function readEntries(page: string): Entry[] {
  const rows: unknown = JSON.parse(page)
  if (!Array.isArray(rows) || !rows.every(isRow)) throw corrupt('copy', page)
  return rows.map(readEntry)
}

function isRow(value: unknown): value is Row {
  if (!Array.isArray(value)) return false
  const [id, fields] = value as unknown[]
  return typeof id === 'string' && Array.isArray(fields) && fields.every((field) => typeof field === 'string')
}
