/**
 * A buyer gives an order back: by REST or by a socket, the same steps in the same order.
 *
 * Postgres first, then the ledger: in between the units are nobody's, and after a crash there the debt is paid later
 * (rooms/debts.ts). So the buyer's answer is Postgres' alone, and a room that cannot be asked changes nothing of it.
 *
 * An order that is accepted and not written yet cannot be found by its id. Whoever also names its drop and key proves
 * that it is theirs, since the id is computed from them, and is told to ask again; also while the ledger is being built
 * anew, for then only the journal knows of it. Anybody else hears what is said of an order that does not exist.
 */
import { Fault } from '../../protocol/faults.ts'
import type { DropId, IdempotencyKey, OrderId, UserId } from '../../protocol/ids.ts'
import { orderIdOf } from '../../rooms/order-id.ts'
import type { Rooms } from '../../rooms/router.ts'
import { type CancelAnswer, cancelOf, type StockBook } from '../../storage/stock/stock-book.ts'
import type { Outcomes } from './outcomes.ts'

export interface CancellationsWorld {
  stock: Pick<StockBook, 'cancel'>
  outcomes: Pick<Outcomes, 'of'>
  rooms: Pick<Rooms, 'control'>
  /** How long after an order was not found it is looked for once more. */
  secondLookMs?: number
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
const RELEASE_WAIT_MS = 3_000

export class Cancellations {
  readonly #world: CancellationsWorld

  constructor(world: CancellationsWorld) {
    this.#world = world
  }

  /** Throws `unavailable` when a store could not be asked: then it is not known, and may be asked again. */
  async cancel(asked: CancelAsked): Promise<Cancellation> {
    const { stock, secondLookMs = SECOND_LOOK_MS } = this.#world
    const { orderId, buyer } = asked
    let answer = await stock.cancel(orderId, buyer)
    if (answer === undefined) {
      await new Promise((resolve) => setTimeout(resolve, secondLookMs))
      answer = await stock.cancel(orderId, buyer)
    }
    if (answer === undefined) return this.#notFound(asked)

    const { said, drop, key, lines } = answer
    if (said === 'now') {
      const release = { kind: 'release', orderId, buyer, lines } as const
      await this.#world.rooms.control(drop, cancelOf(orderId), release, RELEASE_WAIT_MS)
    }
    return { said, drop, key }
  }

  async #notFound({ orderId, buyer, drop, key }: CancelAsked): Promise<Cancellation> {
    if (drop === undefined || key === undefined || orderIdOf(drop, buyer, key) !== orderId) return { said: 'unknown' }

    try {
      const [outcome] = await this.#world.outcomes.of(buyer, drop, [key])
      const isThere = outcome !== undefined && outcome.state !== 'unknown'
      return isThere ? { said: 'not_written', retryAfterMs: RETRY_AFTER_MS } : { said: 'unknown' }
    } catch (cause) {
      // A drop that is none has no orders.
      if (cause instanceof Fault && cause.code === 'not_found') return { said: 'unknown' }
      throw cause
    }
  }
}
