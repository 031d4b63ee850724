/** Waiting, on a clock that a test may wind by hand. A nap, unlike a pause, can be ended by somebody else. */
import type { Clock } from './ports.ts'

export function pause(clock: Pick<Clock, 'after'>, ms: number): Promise<void> {
  return new Promise((resolve) => void clock.after(ms, resolve))
}

/** For one sleeper. */
export class Nap {
  readonly #clock: Pick<Clock, 'after'>
  #wake: (() => void) | undefined
  #isOver = false

  constructor(clock: Pick<Clock, 'after'>) {
    this.#clock = clock
  }

  /** Resolves after this time, or when woken. */
  take(ms: number): Promise<void> {
    if (this.#isOver) return Promise.resolve()

    return new Promise((resolve) => {
      const timer = this.#clock.after(ms, resolve)
      this.#wake = () => {
        timer.cancel()
        resolve()
      }
    })
  }

  /** Ends the nap that is being taken, if any. */
  wake(): void {
    this.#wake?.()
  }

  /** And there are no more: the sleeper is to come to its end. */
  end(): void {
    this.#isOver = true
    this.wake()
  }
}
