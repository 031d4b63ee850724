/**
 * What a gap would have been had nobody been hurt: blows that were not dealt, measured as the others are.
 *
 * A machine that has other work beside a test is silent for tens of milliseconds now and then. So a short gap is no
 * fault's until it is held against calm time, and against as much of it: the longer one looks, the longer is the longest
 * silence. A run without faults, of the same load on the same nodes, is looked at in windows of a blow's own length.
 */
import { type Accepted, CHARGED_MS, costsOf } from './gaps.ts'
import type { Done } from './history.ts'

/** A run in which nothing was done. */
export interface Calm {
  /** Sorted. */
  accepted: Accepted[]
  endMs: number
}

/** Windows overlap: more of them than lie side by side, so that one in a hundred is said by more than the worst. */
const EVERY_MS = 100

/** The gap that `blow` would have had at each of many moments of a calm run. */
export function calmGapsOf({ accepted, endMs }: Calm, blow: Done): number[] {
  const forMs = blow.undoneMs - blow.atMs
  const gaps: number[] = []
  for (let atMs = accepted[0]?.atMs ?? endMs; atMs + forMs + CHARGED_MS <= endMs; atMs += EVERY_MS) {
    gaps.push(...costsOf(accepted, [{ ...blow, atMs, undoneMs: atMs + forMs }], endMs).map(({ gapMs }) => gapMs))
  }
  return gaps
}
