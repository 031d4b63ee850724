/**
 * How often somebody may: the generic cell rate algorithm, which needs one number for each of them.
 *
 * The number is the moment at which the whole allowance will be back (`wholeAtMs`). Each thing done moves it on by one
 * interval, and something may be done while it is at most `burst - 1` intervals ahead. No timers, no windows that begin
 * anew for everybody at the same moment, and a number in the past means the same as none: whoever is forgotten has lost
 * nothing. What is refused costs nothing, so that whoever waits as long as they were told gets in.
 */
export interface Pace {
  /** One more may be done each time this has passed. */
  intervalMs: number
  /** At most this many at once, after a rest. */
  burst: number
}

/** Sums of fractions of a millisecond are not exact, and nobody is to be refused for that. */
const ROUNDING_MS = 0.001

/** 0: now. Else in how long. */
export function waitOf({ intervalMs, burst }: Pace, wholeAtMs: number, nowMs: number): number {
  const waitMs = wholeAtMs - nowMs - (burst - 1) * intervalMs
  return waitMs <= ROUNDING_MS ? 0 : waitMs
}

/** The number after one more was done. */
export function taken({ intervalMs }: Pace, wholeAtMs: number, nowMs: number): number {
  return Math.max(wholeAtMs, nowMs) + intervalMs
}

/** How many may still be done at this moment. */
export function leftOf({ intervalMs, burst }: Pace, wholeAtMs: number, nowMs: number): number {
  const ahead = Math.max(0, wholeAtMs - nowMs - ROUNDING_MS) / intervalMs
  return Math.max(0, burst - Math.ceil(ahead))
}
