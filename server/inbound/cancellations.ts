/**
 * A buyer gives an order back: by REST or by a socket, the same steps in the same order.
 *
 * Postgres first, then the ledger: in between the units are nobody's, and after a crash there the debt is paid later
 * (rooms/debts.ts). So the buyer's answer is Postgres' alone, and a room that cannot be asked changes nothing of it.
 *
 * An order that is accepted and not written yet cannot be found by its id. Whoever also names its drop and key proves
 * that it is theirs, since the id is computed from them, and is told to ask again; also while the ledger is being built
 * anew, for then only the journal knows of it. In the moment in which Redis went back and nobody has seen it yet the ledger
 * is there and knows nothing of it: so they hear that there is none only when that is so for longer than it can last.
 * Anybody else hears at once what is said of an order that does not exist.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { Fault } from '../../protocol/faults.ts'
import type { DropId, IdempotencyKey, OrderId, UserId } from '../../protocol/ids.ts'
import { orderIdOf } from '../../rooms/order-id.ts'
import type { Rooms } from '../../rooms/router.ts'
import { LOOK_EVERY_MS } from '../../rooms/watchman.ts'
import { type CancelAnswer, cancelOf, type StockBook } from '../../storage/stock/stock-book.ts'
import type { Outcomes } from './outcomes.ts'

export interface CancellationsWorld {
  stock: Pick<StockBook, 'cancel'>
  outcomes: Pick<Outcomes, 'of'>
  rooms: Pick<Rooms, 'control'>
  /** How long after an order was not found it is looked for once more. */
  secondLookMs?: number
  /** How long after the ledger did not know it either. */
  lastLookMs?: number
}

export interface CancelAsked {
  orderId: OrderId
  buyer: UserId
  drop?: DropId | undefined
  key?: IdempotencyKey | undefined
}

export type Cancellation =
  | Pick<CancelAnswer, 'said' | 'drop' | 'key'>
  | { said: 'not_written'; retryAfterMs: number }
  | { said: 'unknown' }

const RETRY_AFTER_MS = 250
/** An accepted order is in Postgres some tens of milliseconds later. */
const SECOND_LOOK_MS = 250
/** A room that does not sell looks once a second whether its ledger still has what it knows. */
const LAST_LOOK_MS = LOOK_EVERY_MS + 500
const RELEASE_WAIT_MS = 3_000

export class Cancellations {
  readonly #world: CancellationsWorld

  constructor(world: CancellationsWorld) {
    this.#world = world
  }

  /** Throws `unavailable` when a store could not be asked: then it is not known, and may be asked again. */
  async cancel(asked: CancelAsked): Promise<Cancellation> {
    const { secondLookMs = SECOND_LOOK_MS, lastLookMs = LAST_LOOK_MS } = this.#world
    let found = (await this.#giveBack(asked)) ?? (await this.#giveBack(asked, secondLookMs))
    if (found !== undefined) return found

    let place = await this.#placeOf(asked)
    if (place === 'nowhere') {
      found = await this.#giveBack(asked, lastLookMs)
      if (found !== undefined) return found
      place = await this.#placeOf(asked)
    }
    return place === 'ledger' ? { said: 'not_written', retryAfterMs: RETRY_AFTER_MS } : { said: 'unknown' }
  }

  /** Undefined: Postgres does not have the order. */
  async #giveBack({ orderId, buyer }: CancelAsked, afterMs = 0): Promise<Cancellation | undefined> {
    const { stock, rooms } = this.#world
    if (afterMs > 0) await pause(afterMs)
    const answer = await stock.cancel(orderId, buyer)
    if (answer === undefined) return undefined

    const { said, drop, key, lines } = answer
    if (said === 'now') {
      await rooms.control(drop, cancelOf(orderId), { kind: 'release', orderId, buyer, lines }, RELEASE_WAIT_MS)
    }
    return { said, drop, key }
  }

  /** Where an order is that Postgres did not have. `unnamed`: it was not proven to be theirs, or there is no such drop. */
  async #placeOf({ orderId, buyer, drop, key }: CancelAsked): Promise<'ledger' | 'nowhere' | 'unnamed'> {
    if (drop === undefined || key === undefined || orderIdOf(drop, buyer, key) !== orderId) return 'unnamed'

    try {
      const [outcome] = await this.#world.outcomes.of(buyer, drop, [key])
      return outcome === undefined || outcome.state === 'unknown' ? 'nowhere' : 'ledger'
    } catch (cause) {
      // A drop that is none has no orders.
      if (cause instanceof Fault && cause.code === 'not_found') return 'unnamed'
      throw cause
    }
  }
}
