/**
 * Finds out that a link is dead though nothing was closed: the tunnel, the lift, the other network.
 *
 * A browser does not show the server's pings, so the clock is asked now and then, which is wanted anyway. Silence after
 * a question is the proof; any word counts as an answer. Three quick questions at the start make the countdown exact.
 */
import type { Clock } from '../protocol/messages/clock.ts'
import type { Timer, World } from './world.ts'

export const BEAT_MS = 15_000
export const SILENCE_MS = 8_000
/** After a hint that something has changed. */
export const PROBE_MS = 3_000
const PROBES_MAX = 16
const FIRST_BEATS_MS = [0, 200, 400]

export class Heartbeat {
  readonly #world: World
  readonly #ask: (clock: Clock) => void
  readonly #silent: () => void
  #timers: Timer[] = []
  #beat: Timer | undefined
  #heardMs = 0

  constructor(world: World, ask: (clock: Clock) => void, silent: () => void) {
    this.#world = world
    this.#ask = ask
    this.#silent = silent
  }

  start(): void {
    this.stop()
    this.#timers = FIRST_BEATS_MS.map((ms) => this.#world.after(ms, () => this.probe(SILENCE_MS)))
    this.#again()
  }

  stop(): void {
    this.#beat?.cancel()
    for (const timer of this.#timers) timer.cancel()
    this.#timers = []
  }

  heard(): void {
    this.#heardMs = this.#world.monotonicMs()
  }

  /** Something must be heard within the time. */
  probe(withinMs: number): void {
    const askedMs = this.#world.monotonicMs()
    this.#ask({ type: 'clock', t0: askedMs })
    this.#keep(this.#world.after(withinMs, () => this.#heardMs < askedMs && this.#silent()))
  }

  #again(): void {
    this.#beat = this.#world.after(BEAT_MS, () => {
      this.probe(SILENCE_MS)
      this.#again()
    })
  }

  /** The oldest have fired long ago. In a storm of hints they have not, and those after them find out as much. */
  #keep(timer: Timer): void {
    this.#timers.push(timer)
    if (this.#timers.length > PROBES_MAX) this.#timers.shift()?.cancel()
  }
}
