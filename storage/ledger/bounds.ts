/**
 * What a ledger refuses to be asked at all, the same for every implementation.
 *
 * A script runs alone: while it runs, Redis serves nobody. So the size of one call has a bound, and whoever passes it is
 * told by a fault, because that is a mistake of ours and not of a buyer.
 */
import { Fault } from '../../protocol/faults.ts'
import { type Line, type LinesBounds, parseLines } from '../../protocol/lines.ts'
import type { Claim, Entry, KeptOrder, RoomSeed } from '../../rooms/ports.ts'

export const CLAIMS_MAX = 256
export const LOAD_MAX = 500
export const ITEMS_MAX = 1_000
export const OPS_MAX = 1_000
export const COPY_MAX = 512

/** Never with a bar: `released|<order id>` in the same hash must not be somebody's op id. */
const OP_ID = /^[A-Za-z0-9][A-Za-z0-9._:~-]{0,127}$/

export function boundClaims(claims: readonly Claim[]): void {
  if (claims.length > CLAIMS_MAX) throw new Fault('too_large', { claims: claims.length, most: CLAIMS_MAX })
}

export function boundLoad(orders: readonly KeptOrder[], opIds: readonly string[]): void {
  if (orders.length > LOAD_MAX) throw new Fault('too_large', { orders: orders.length, most: LOAD_MAX })
  if (opIds.length > OPS_MAX) throw new Fault('too_large', { opIds: opIds.length, most: OPS_MAX })
  for (const opId of opIds) checkOpId(opId)
}

export function boundCopy(entries: readonly Entry[]): void {
  if (entries.length > COPY_MAX) throw new Fault('too_large', { entries: entries.length, most: COPY_MAX })
}

export function checkOpId(opId: string): void {
  if (!OP_ID.test(opId)) throw new Fault('bad_request', { what: 'op id', length: opId.length })
}

export function checkEpoch(epoch: number): void {
  if (!Number.isSafeInteger(epoch) || epoch < 1) throw new Fault('bad_request', { what: 'epoch', epoch })
}

export function checkSeed(seed: RoomSeed): void {
  if (seed.items.length > ITEMS_MAX) throw new Fault('too_large', { items: seed.items.length, most: ITEMS_MAX })
  for (const { sku, left } of seed.items) {
    // A room that began below zero would never sell, and never say why.
    if (!Number.isSafeInteger(left) || left < 0) throw new Fault('bad_request', { what: 'left', sku, left })
  }
}

export function readLines(text: string, most?: LinesBounds): Line[] {
  const lines = parseLines(text, most)
  if (lines === undefined) throw new Fault('bad_request', { what: 'lines', length: text.length })
  return lines
}
