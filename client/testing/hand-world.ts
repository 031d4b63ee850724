/** A world for tests: time moves only when told, chance is what was said. */
import type { Timer, World } from '../world.ts'

interface Waiting {
  atMs: number
  call: () => void
}

export const HAND_START_MS = 1_800_000_000_000
/** Enough for every chain of promises in the client to come to rest. */
const TURNS = 30

export class HandWorld implements World {
  /** What random() answers. */
  chance = 0.5
  readonly #rest: () => Promise<void>
  #passedMs = 0
  #waiting: Waiting[] = []

  /** `rest`: resolves when what a moment started can go no further without time. */
  constructor(rest: () => Promise<void> = rested) {
    this.#rest = rest
  }

  nowMs = (): number => HAND_START_MS + this.#passedMs
  monotonicMs = (): number => this.#passedMs
  random = (): number => this.chance

  after = (ms: number, call: () => void): Timer => {
    const waiting = { atMs: this.#passedMs + Math.max(0, ms), call }
    this.#waiting.push(waiting)
    return {
      cancel: () => {
        this.#waiting = this.#waiting.filter((one) => one !== waiting)
      },
    }
  }

  /** Timers that are waiting: none are left by a client that was closed. */
  get timers(): number {
    return this.#waiting.length
  }

  /** Each timer that is due runs at its own moment. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#passedMs + ms
    for (;;) {
      await this.#rest()
      const next = this.#waiting.filter((one) => one.atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0]
      if (next === undefined) break

      this.#waiting = this.#waiting.filter((one) => one !== next)
      this.#passedMs = Math.max(this.#passedMs, next.atMs)
      next.call()
    }
    this.#passedMs = untilMs
    await this.#rest()
  }
}

export async function rested(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn += 1) await Promise.resolve()
}
