/** Time that only moves when a test says so. Both clocks start at a round number and move together. */
import type { Clock, Timer } from '../../rooms/ports.ts'

interface Waiting {
  atMs: number
  call: () => void
}

export const START_MS = 1_800_000_000_000

export class HandClock implements Clock {
  #passedMs = 0
  #waiting: Waiting[] = []

  nowMs = (): number => START_MS + this.#passedMs

  monotonicMs = (): number => this.#passedMs

  after(ms: number, call: () => void): Timer {
    const waiting = { atMs: this.#passedMs + Math.max(0, ms), call }
    this.#waiting.push(waiting)
    return {
      cancel: () => {
        this.#waiting = this.#waiting.filter((one) => one !== waiting)
      },
    }
  }

  /** Moves time on; every timer that is due runs at its own moment, and what it started comes to rest before the next. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#passedMs + ms
    for (;;) {
      await settled()
      const next = this.#waiting.filter((one) => one.atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0]
      if (next === undefined) break
      this.#waiting = this.#waiting.filter((one) => one !== next)
      this.#passedMs = Math.max(this.#passedMs, next.atMs)
      next.call()
    }
    this.#passedMs = untilMs
    await settled()
  }
}

/** Every promise that can go on without time or IO has gone on. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise<void>((resolve) => setImmediate(resolve))
}
