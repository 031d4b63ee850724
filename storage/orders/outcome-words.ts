/**
 * The words of `write_entries`, read as outcomes.
 *
 * `returns` says whether the units of a revoked order belong back into the ledger's stock. After `limit` and `key` they
 * do: the ledger gave away units that Postgres still has. After `total` they do not: the ledger gave away a unit that
 * there never was, and giving it back would only let it be sold, and refused, again.
 */
import { Fault } from '../../protocol/faults.ts'
import type { WriteOutcome } from '../../rooms/ports.ts'

export const REVOKED = {
  limit: { outcome: 'revoked', reason: 'limit', returns: true },
  total: { outcome: 'revoked', reason: 'total', returns: false },
  key: { outcome: 'revoked', reason: 'key', returns: true },
} as const satisfies Record<string, WriteOutcome>

const OUTCOMES: ReadonlyMap<string, WriteOutcome> = new Map<string, WriteOutcome>([
  ['confirmed', { outcome: 'confirmed' }],
  ['duplicate', { outcome: 'duplicate' }],
  ['applied', { outcome: 'applied' }],
  ['stale', { outcome: 'stale' }],
  ...Object.entries(REVOKED),
  // Refused by an earlier call of the same batch, whose answer was lost: the same outcome.
  ...Object.entries(REVOKED).map(([reason, outcome]): [string, WriteOutcome] => [`was_${reason}`, outcome]),
])

export function readOutcome(word: string | undefined): WriteOutcome {
  const outcome = OUTCOMES.get(word ?? '')
  if (outcome === undefined) throw new Fault('internal', { word }, { message: `write_entries answered "${word}"` })
  return outcome
}
