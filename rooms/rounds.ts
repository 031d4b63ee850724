/**
 * Something that is looked after again and again, with a rest after each round: never two rounds at once, and who stops
 * it waits for the one that is under way.
 */
import type { Clock, Timer } from './ports.ts'

export class Rounds {
  readonly #clock: Pick<Clock, 'after'>
  readonly #restMs: number
  readonly #round: () => Promise<void>
  #timer: Timer | undefined
  #running: Promise<void> | undefined
  #stopped = false

  /** `round` must not reject. */
  constructor(clock: Pick<Clock, 'after'>, restMs: number, round: () => Promise<void>) {
    this.#clock = clock
    this.#restMs = restMs
    this.#round = round
  }

  /** A round that is under way may end early. */
  get stopped(): boolean {
    return this.#stopped
  }

  /** The first round comes after a rest. */
  start(): void {
    if (this.#stopped) return

    this.#timer = this.#clock.after(this.#restMs, () => {
      this.#running = this.#round().finally(() => this.start())
    })
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#timer?.cancel()
    await this.#running
  }
}
