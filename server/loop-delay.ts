/**
 * How late this process' loop is: the 99th percentile of the last two seconds.
 *
 * A node whose loop is late is late for everybody, whatever the reason; so this one number decides whether more may come
 * (server/inbound/doorkeeper.ts). It is measured by Node itself, outside of JavaScript.
 */
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'

const RESOLUTION_MS = 10
const WINDOW_MS = 2_000

export class LoopDelay {
  readonly #histogram: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  readonly #windowMs: number
  #timer: NodeJS.Timeout | undefined
  #p99Ms = 0

  constructor(windowMs = WINDOW_MS) {
    this.#windowMs = windowMs
  }

  get p99Ms(): number {
    return this.#p99Ms
  }

  start(): void {
    this.#histogram.enable()
    this.#timer = setInterval(() => this.#look(), this.#windowMs)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#histogram.disable()
  }

  /** The histogram counts its own interval too: an idle loop shows 10 ms. */
  #look(): void {
    this.#p99Ms = Math.max(0, this.#histogram.percentile(99) / 1e6 - RESOLUTION_MS)
    this.#histogram.reset()
  }
}
