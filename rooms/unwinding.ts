/**
 * What becomes of the orders of a drop that was cancelled: they are cancelled too, in Postgres, some hundreds at a time,
 * each with its word in the outbox.
 *
 * Not in the room and not at once: a drop may have a million orders, and nobody waits for them. Nothing goes back to
 * the ledger, for a cancelled drop sells nothing; one that is built anew reads Postgres. Every node looks, the drop's
 * row is the lock, and whatever was not finished is found again, so it does not matter who dies.
 */
import type { DropId } from '../protocol/ids.ts'
import type { Clock, Log } from './ports.ts'
import { Rounds } from './rounds.ts'

export interface UnwindBook {
  /** Cancelled drops that may still have orders that are not. */
  toUnwind(max: number): Promise<DropId[]>
  /** Cancels at most `max` of the orders of a cancelled drop; answers how many. */
  unwind(drop: DropId, max: number): Promise<number>
}

export interface UnwindingWorld {
  book: UnwindBook
  clock: Clock
  log: Log
}

export const UNWIND_BATCH = 500
const DROPS_MAX = 16
const LOOK_EVERY_MS = 2_000

export class Unwinding {
  readonly #world: UnwindingWorld
  readonly #rounds: Rounds

  constructor(world: UnwindingWorld) {
    this.#world = world
    this.#rounds = new Rounds(world.clock, LOOK_EVERY_MS, () => this.look())
  }

  start(): void {
    this.#rounds.start()
  }

  stop(): Promise<void> {
    return this.#rounds.stop()
  }

  /** Goes on until there is nothing left to cancel. Never throws: what failed is found again. */
  async look(): Promise<void> {
    const { book, log } = this.#world
    try {
      for (const drop of await book.toUnwind(DROPS_MAX)) {
        let orders = 0
        for (let some = -1; some !== 0 && !this.#rounds.stopped; orders += some)
          some = await book.unwind(drop, UNWIND_BATCH)
        if (orders > 0) log.info('drop.unwound', { drop, orders })
      }
    } catch (cause) {
      log.warn('unwinding.failed', { cause })
    }
  }
}
