/**
 * The drop clock: what Redis TIME says, estimated here.
 *
 * A drop opens and closes by one clock, that of Redis. Each look at it is a round trip: the true moment lies somewhere
 * between asking and hearing, so the estimate is off by at most half of that. Of the last looks the quickest is believed
 * (Cristian's algorithm): on one network that is well below a millisecond, and never worse than half the quickest trip.
 *
 * Between looks it runs on the monotonic clock, so a step of this machine's wall clock changes nothing. When a new look
 * says we were a little ahead, the clock stands still until it is right, rather than showing a moment twice; only when
 * Redis itself was set back by more than that does it follow. The scripts judge by Redis TIME itself: this clock is for
 * countdowns and for knowing when to ask.
 */
import { performance } from 'node:perf_hooks'
import type { Clock, Timer } from '../rooms/ports.ts'

const LOOKS_KEPT = 8
const LOOKS_AT_START = 4
const LOOK_EVERY_MS = 3_000
const STAND_STILL_MAX_MS = 250
// What two clocks may drift apart over the looks that are kept: 24 s at 100 parts per million, rounded up.
const DRIFT_MS = 5
// setTimeout fires at once for anything longer, which is 24.8 days.
const TIMEOUT_MAX_MS = 2 ** 31 - 1

interface Look {
  /** Redis TIME minus the monotonic clock, ms. */
  offsetMs: number
  tripMs: number
}

export class RedisClock implements Clock {
  /** Why the last look failed; undefined when it did not. */
  lastFault: unknown
  readonly #readTimeMs: () => Promise<number>
  readonly #monotonicMs: () => number
  #looks: Look[] = []
  #lastShownMs = 0
  #timer: NodeJS.Timeout | undefined
  /** Until the first look: this machine's own clock. */
  #offsetMs: number

  /** `readTimeMs` asks Redis; `monotonicMs` is for tests that wind time by hand. */
  constructor(readTimeMs: () => Promise<number>, monotonicMs: () => number = () => performance.now()) {
    this.#readTimeMs = readTimeMs
    this.#monotonicMs = monotonicMs
    this.#offsetMs = Date.now() - monotonicMs()
  }

  nowMs(): number {
    const estimateMs = Math.floor(this.#monotonicMs() + this.#offsetMs)
    const aheadMs = this.#lastShownMs - estimateMs
    if (aheadMs <= 0 || aheadMs > STAND_STILL_MAX_MS) this.#lastShownMs = estimateMs
    return this.#lastShownMs
  }

  monotonicMs(): number {
    return this.#monotonicMs()
  }

  after(ms: number, call: () => void): Timer {
    // Every order has one of these: the usual one must be cheap.
    if (ms <= TIMEOUT_MAX_MS) {
      const timeout = setTimeout(call, Math.max(0, ms))
      return { cancel: () => clearTimeout(timeout) }
    }
    let rest = this.after(TIMEOUT_MAX_MS, () => {
      rest = this.after(ms - TIMEOUT_MAX_MS, call)
    })
    return { cancel: () => rest.cancel() }
  }

  /** How far off `nowMs` may be, ms; undefined while Redis has never answered. */
  get uncertaintyMs(): number | undefined {
    const best = this.#best()
    return best && best.tripMs / 2
  }

  /** Looks a few times, then every few seconds. Throws what the first looks threw. */
  async start(): Promise<void> {
    for (let look = 0; look < LOOKS_AT_START; look += 1) await this.look()
    this.#lookAgain()
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  /** One round trip. */
  async look(): Promise<void> {
    const askedMs = this.#monotonicMs()
    const timeMs = await this.#readTimeMs()
    const heardMs = this.#monotonicMs()

    const look = { offsetMs: timeMs - (askedMs + heardMs) / 2, tripMs: heardMs - askedMs }
    const best = this.#best()
    // Two looks that cannot both be right: Redis was set, or is another machine now. What was seen before is worthless.
    const contradicts = best && Math.abs(look.offsetMs - best.offsetMs) > (look.tripMs + best.tripMs) / 2 + DRIFT_MS
    this.#looks = [...(contradicts ? [] : this.#looks), look].slice(-LOOKS_KEPT)
    this.#offsetMs = this.#best()?.offsetMs ?? this.#offsetMs
  }

  #best(): Look | undefined {
    return this.#looks.reduce<Look | undefined>(
      (best, look) => (best && best.tripMs <= look.tripMs ? best : look),
      undefined,
    )
  }

  #lookAgain(): void {
    const again = async () => {
      try {
        await this.look()
        this.lastFault = undefined
      } catch (fault) {
        // Redis is away: the last estimate stays good for as long as two clocks agree, far longer than an outage.
        this.lastFault = fault
      }
      if (this.#timer !== undefined) this.#lookAgain()
    }
    this.#timer = setTimeout(again, LOOK_EVERY_MS)
  }
}
