/**
 * The watchman of a room asks the ledger now and then where it stands.
 *
 * A room that sells learns with every batch that Redis went back in time. One that nobody orders from would not, and
 * everyone who watches would be shown stock that is sold already. Reading needs no turn in the mailbox: a position only
 * ever rises, so one that is lower than what was known before the question can mean nothing else.
 */
import type { Clock, Timer } from './ports.ts'

export const LOOK_EVERY_MS = 1_000

export class Watchman {
  readonly #clock: Clock
  readonly #look: () => Promise<void>
  #timer: Timer | undefined
  #stopped = false

  /** `look` must not throw. */
  constructor(clock: Clock, look: () => Promise<void>) {
    this.#clock = clock
    this.#look = look
    this.heard()
  }

  /** The ledger has just said where it stands: no need to ask for a while. */
  heard(): void {
    this.#timer?.cancel()
    if (!this.#stopped) this.#timer = this.#clock.after(LOOK_EVERY_MS, () => void this.#look().then(() => this.heard()))
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
  }
}
