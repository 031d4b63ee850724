/**
 * What became of my orders: asked by key, after a reconnect.
 *
 * Postgres wins, for what it says is for ever; else the ledger's word is `accepted`; else `unknown`, which invites the
 * client to send the same key again. A false `unknown` must not be said, so
 *  - the ledger is asked before Postgres: an order that leaves the one is in the other by then;
 *  - a ledger that has lost a drop that is being sold knows nothing of its orders, and that is `unavailable`.
 *
 * The order id is computed from the asking user's own id, so nobody can ask for another's order.
 */
import { Fault } from '../../protocol/faults.ts'
import type { DropId, IdempotencyKey, OrderId, UserId } from '../../protocol/ids.ts'
import type { OutcomeMessage } from '../../protocol/messages/outcomes.ts'
import type { OrderState, Phase } from '../../protocol/verdicts.ts'
import { orderIdOf } from '../../rooms/order-id.ts'
import type { Clock, Ledger } from '../../rooms/ports.ts'
import { within } from '../outbound/patience.ts'

export interface OrderStates {
  /** Orders that Postgres does not have are missing. */
  states(orderIds: readonly OrderId[]): Promise<ReadonlyMap<OrderId, { state: OrderState; buyer: UserId }>>
}

export interface DropPhases {
  byId(drop: DropId): Promise<{ phase: Phase } | undefined>
}

const ANSWER_MS = 2_500

export class Outcomes {
  readonly #ledger: Pick<Ledger, 'read' | 'positions'>
  readonly #orders: OrderStates
  readonly #drops: DropPhases
  readonly #clock: Clock

  constructor(ledger: Pick<Ledger, 'read' | 'positions'>, orders: OrderStates, drops: DropPhases, clock: Clock) {
    this.#ledger = ledger
    this.#orders = orders
    this.#drops = drops
    this.#clock = clock
  }

  /** One for each key, in order. Throws `unavailable`, or `not_found` for a drop that is none. */
  of(buyer: UserId, drop: DropId, keys: readonly IdempotencyKey[]): Promise<OutcomeMessage[]> {
    return within(this.#clock, ANSWER_MS, 'outcomes', this.#ask(buyer, drop, keys))
  }

  /** What Postgres says of one order; undefined while it says nothing. Throws `unavailable`. */
  async written(buyer: UserId, orderId: OrderId): Promise<OrderState | undefined> {
    const states = await within(this.#clock, ANSWER_MS, 'outcomes', this.#orders.states([orderId]))
    const row = states.get(orderId)
    return row?.buyer === buyer ? row.state : undefined
  }

  /** After a resume the client names keys and drops, not which belongs to which. One for each key. */
  async among(buyer: UserId, drops: readonly DropId[], keys: readonly IdempotencyKey[]): Promise<OutcomeMessage[]> {
    const everywhere = await Promise.all(drops.map((drop) => this.of(buyer, drop, keys)))
    return keys.flatMap((_, at) => {
      const answers = everywhere.map((outcomes) => outcomes[at]).filter((outcome) => outcome !== undefined)
      return answers.find((outcome) => outcome.state !== 'unknown') ?? answers.slice(0, 1)
    })
  }

  async #ask(buyer: UserId, drop: DropId, keys: readonly IdempotencyKey[]): Promise<OutcomeMessage[]> {
    const ids = keys.map((key) => orderIdOf(drop, buyer, key))
    const [room, positions] = await Promise.all([this.#ledger.read(drop), this.#ledger.positions(drop, ids)])
    const states = await this.#orders.states(ids)

    const outcomes = keys.map((key, at): OutcomeMessage => {
      const orderId = ids[at]
      const row = orderId === undefined ? undefined : states.get(orderId)
      const written = row?.buyer === buyer ? row.state : undefined
      const state = written ?? (positions[at] === undefined ? undefined : 'accepted')
      if (state === undefined || orderId === undefined) return { type: 'outcome', drop, key, state: 'unknown' }

      return { type: 'outcome', drop, key, orderId, state }
    })
    if (room === undefined && outcomes.some((outcome) => outcome.state === 'unknown')) await this.#mustNotSell(drop)
    return outcomes
  }

  async #mustNotSell(drop: DropId): Promise<void> {
    const found = await this.#drops.byId(drop)
    if (found === undefined) throw new Fault('not_found', { drop })
    if (found.phase === 'open' || found.phase === 'paused') throw new Fault('unavailable', { drop, lost: 'ledger' })
  }
}
