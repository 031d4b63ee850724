/**
 * When two faults together may cost an accepted order: Redis forgets, and the memory of the node that accepted it is gone
 * or out of reach before Postgres has it.
 *
 * It is judged from the moments at which the faults were done, never from what came of them. An order is excused only if it
 * was accepted shortly before both had happened; the time an entry may wait for Postgres is longer while that is hurt too.
 */
import { kindOf } from './catalogue.ts'
import type { Done } from './history.ts'

export interface Span {
  fromMs: number
  toMs: number
}

/** A takeover waits out a lease (2 s) and asks for a while; memory that comes back later than that is too late. */
const TOGETHER_MS = 4_000
/** What Postgres has after this long when nothing is wrong with it, by a wide margin on a busy machine. */
const WRITTEN_MS = 1_000
/** A statement may wait 5 s for a Postgres that says nothing, and the next try comes after up to a second. */
const WRITTEN_HURT_MS = 6_000
const HEARD_MS = 300

export function doubleFaults(faults: readonly Done[]): Span[] {
  const forgetting = faults.filter(({ id }) => kindOf(id).takes === 'ledger')
  const unreachable = faults.filter(({ id }) => kindOf(id).takes === 'journal')
  const postgres = faults.filter(({ id }) => kindOf(id).target === 'postgres')

  return forgetting.flatMap((forgot) =>
    unreachable.flatMap((lost) => {
      const apartMs = Math.max(lost.atMs - forgot.undoneMs, forgot.undoneMs - lost.undoneMs)
      if (apartMs > TOGETHER_MS) return []

      const firstMs = Math.min(forgot.atMs, lost.atMs)
      const isHurt = postgres.some(
        ({ atMs, undoneMs }) => atMs < firstMs + WRITTEN_MS && undoneMs > firstMs - WRITTEN_HURT_MS,
      )
      return [
        {
          fromMs: firstMs - (isHurt ? WRITTEN_HURT_MS : WRITTEN_MS),
          toMs: Math.max(forgot.undoneMs, lost.undoneMs) + HEARD_MS,
        },
      ]
    }),
  )
}

export function isExcused(acceptedMs: number, excuses: readonly Span[]): boolean {
  return excuses.some(({ fromMs, toMs }) => fromMs <= acceptedMs && acceptedMs <= toMs)
}
