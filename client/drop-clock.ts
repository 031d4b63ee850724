/**
 * The drop's clock, as well as this device can know it.
 *
 * Each exchange gives the server's time at about the middle of a round trip; how wrong that can be is half the trip. So
 * of the last few exchanges the quickest one is believed, not the average. The offset is kept against the monotonic
 * clock: a device whose wall clock is set, by its owner or by the network, counts down on.
 */
import type { Timer, World } from './world.ts'

const KEPT = 8
/** What is known of the time gets better meanwhile, and devices sleep. */
const LOOK_AGAIN_MS = 60_000

type ClockWorld = Pick<World, 'nowMs' | 'monotonicMs' | 'after'>

interface Sample {
  offsetMs: number
  tripMs: number
}

export class DropClock {
  readonly #world: ClockWorld
  #samples: Sample[] = []
  #roughMs: number | undefined

  constructor(world: ClockWorld) {
    this.#world = world
  }

  /** Milliseconds since 1970 on the drop's clock: compare it with `opensAtMs`. */
  now(): number {
    const offsetMs = this.#best?.offsetMs ?? this.#roughMs
    return offsetMs === undefined ? this.#world.nowMs() : this.#world.monotonicMs() + offsetMs
  }

  /** How wrong now() can be; undefined before the first exchange. */
  get errorMs(): number | undefined {
    return this.#best === undefined ? undefined : this.#best.tripMs / 2
  }

  /** Calls once, when it is `momentMs` on the drop's clock, at once if it has been. */
  at(momentMs: number, call: () => void): Timer {
    const wait = (): Timer => {
      const ms = Math.max(0, momentMs - this.now())
      return this.#world.after(Math.min(ms, LOOK_AGAIN_MS), () => {
        if (this.now() >= momentMs) call()
        else timer = wait()
      })
    }
    let timer = wait()
    return { cancel: () => timer.cancel() }
  }

  /** A new link: the old samples are of another node and, after a sleep, of another time. */
  startAgain(serverTimeMs: number): void {
    this.#samples = []
    this.#roughMs = serverTimeMs - this.#world.monotonicMs()
  }

  /** t0 and the time of this call are monotonic; t1 and t2 the server's. */
  sample({ t0, t1, t2 }: { t0: number; t1: number; t2: number }): void {
    const t3 = this.#world.monotonicMs()
    this.#samples.push({ offsetMs: (t1 - t0 + (t2 - t3)) / 2, tripMs: t3 - t0 - (t2 - t1) })
    if (this.#samples.length > KEPT) this.#samples.shift()
  }

  get #best(): Sample | undefined {
    let best: Sample | undefined
    for (const sample of this.#samples) if (best === undefined || sample.tripMs < best.tripMs) best = sample
    return best
  }
}
