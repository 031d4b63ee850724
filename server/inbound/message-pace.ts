/**
 * How fast one socket talks, by whatever transport.
 *
 * A message over the pace is answered with a refusal and is not looked at. Coming back after a tunnel a good client says
 * a lot in one breath, so one burst over the pace is one strike, however long it is, up to a bound. A strike is a second
 * in which something was refused; the third one in a row ends the socket, and so do too many refusals before that,
 * because each of them is an answer that we have to write.
 */
import { type Pace, taken, waitOf } from './gcra.ts'

export const STRIKES_MAX = 3
export const REFUSED_MAX = 256
const STRIKE_MS = 1_000
/** After so long without a refusal all is forgiven. */
const CALM_MS = 2_000

export class MessagePace {
  readonly #pace: Pace
  #wholeAtMs = 0
  #strikes = 0
  #struckAtMs = 0
  #refused = 0
  #refusedAtMs = Number.NEGATIVE_INFINITY

  constructor(pace: Pace) {
    this.#pace = pace
  }

  /** 0: go on. Else how long to wait; `leave`: it was told often enough. `nowMs`: monotonic. */
  take(nowMs: number): number | 'leave' {
    const waitMs = waitOf(this.#pace, this.#wholeAtMs, nowMs)
    if (waitMs > 0) return this.#strike(nowMs) ? 'leave' : waitMs

    this.#wholeAtMs = taken(this.#pace, this.#wholeAtMs, nowMs)
    return 0
  }

  #strike(nowMs: number): boolean {
    if (nowMs - this.#refusedAtMs >= CALM_MS) {
      this.#strikes = 0
      this.#refused = 0
    }
    if (this.#strikes === 0 || nowMs - this.#struckAtMs >= STRIKE_MS) {
      this.#strikes += 1
      this.#struckAtMs = nowMs
    }
    this.#refusedAtMs = nowMs
    this.#refused += 1
    return this.#strikes >= STRIKES_MAX || this.#refused > REFUSED_MAX
  }
}
