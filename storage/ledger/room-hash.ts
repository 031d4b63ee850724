/**
 * A room as Redis keeps it: one flat hash, so that a batch reads and writes the few fields it needs and no more.
 * The empty text stands for "none", because Lua reads it as no number.
 */
import type { Sku } from '../../protocol/ids.ts'
import type { LedgerItem, RoomSeed, RoomState } from '../../rooms/ports.ts'
import { numberOf, phaseOf } from './script-answers.ts'

export function writeRoomHash(seed: RoomSeed): (string | number)[] {
  const fields: (string | number)[] = [
    ...['phase', seed.phase],
    ...['opensAt', seed.opensAtMs],
    ...['closesAt', seed.closesAtMs ?? ''],
    ...['limit', seed.limitPerBuyer ?? ''],
  ]
  for (const { sku, left, limit } of seed.items) fields.push(`left:${sku}`, left, `limit:${sku}`, limit ?? '')
  return fields
}

/** Undefined for a room that does not exist. */
export function readRoomHash(hash: Record<string, string>, nowMs: number): RoomState | undefined {
  if (hash.epoch === undefined) return undefined

  const items: LedgerItem[] = []
  for (const field in hash) {
    if (!field.startsWith('left:')) continue
    const sku = field.slice('left:'.length) as Sku
    items.push({ sku, left: numberOf(hash[field]), limit: numberOrNone(hash[`limit:${sku}`]) })
  }
  return {
    epoch: numberOf(hash.epoch),
    seq: numberOf(hash.seq),
    // A room that was opened by a node of before the chain has none, and nobody who knows of the chain has called it.
    batch: numberOf(hash.batch ?? '0'),
    phase: phaseOf(hash.phase),
    opensAtMs: numberOf(hash.opensAt),
    closesAtMs: numberOrNone(hash.closesAt),
    limitPerBuyer: numberOrNone(hash.limit),
    // Redis promises no order of fields.
    items: items.sort((a, b) => (a.sku < b.sku ? -1 : 1)),
    nowMs,
  }
}

function numberOrNone(value: string | undefined): number | null {
  return value === undefined || value === '' ? null : numberOf(value)
}
