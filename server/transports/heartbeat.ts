/**
 * Who is still at the other end of a native socket: whoever was quiet for a while is pinged, and who does not answer that
 * either is let go of with a code.
 *
 * The library can do the same by itself, but ends such a socket without a word, and a phone that slept and wakes up would
 * not know why. One look a second over all of them, in which each costs an addition, instead of a timer for each. What is
 * counted are looks and not milliseconds, so that a node that slept itself blames nobody for it.
 */
import type { Clock, Timer } from '../../rooms/ports.ts'
import { HEARTBEAT_MS } from '../inbound/gateway-greeting.ts'

/** One end of a link. Whatever comes over it sets `quietLooks` back to 0. */
export interface Beating {
  quietLooks: number
  ping(): void
  /** It did not answer in time. */
  lost(): void
}

export interface HeartbeatLimits {
  lookEveryMs: number
  pingAfterMs: number
  lostAfterMs: number
}

export const HEARTBEAT_LIMITS: HeartbeatLimits = { lookEveryMs: 1_000, pingAfterMs: 20_000, lostAfterMs: HEARTBEAT_MS }

export class Heartbeat {
  readonly #clock: Pick<Clock, 'after'>
  readonly #lookEveryMs: number
  readonly #pingAtLook: number
  readonly #lostAtLook: number
  readonly #links = new Set<Beating>()
  #timer: Timer | undefined

  constructor(clock: Pick<Clock, 'after'>, limits = HEARTBEAT_LIMITS) {
    this.#clock = clock
    this.#lookEveryMs = limits.lookEveryMs
    this.#pingAtLook = Math.floor(limits.pingAfterMs / limits.lookEveryMs)
    this.#lostAtLook = Math.floor(limits.lostAfterMs / limits.lookEveryMs)
  }

  add(link: Beating): void {
    this.#links.add(link)
  }

  remove(link: Beating): void {
    this.#links.delete(link)
  }

  start(): void {
    this.#timer = this.#clock.after(this.#lookEveryMs, () => {
      this.#look()
      this.start()
    })
  }

  stop(): void {
    this.#timer?.cancel()
  }

  #look(): void {
    for (const link of this.#links) {
      link.quietLooks += 1
      if (link.quietLooks === this.#pingAtLook) link.ping()
      else if (link.quietLooks >= this.#lostAtLook) link.lost()
    }
  }
}
