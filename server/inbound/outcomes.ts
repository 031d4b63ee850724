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
  /** Drops that are none are missing. */
  phases(drops: readonly DropId[]): Promise<ReadonlyMap<DropId, Phase>>
}

const ANSWER_MS = 2_500

export class Outcomes {
  readonly #ledger: Pick<Ledger, 'known'>
  readonly #orders: OrderStates
  readonly #drops: DropPhases
  readonly #clock: Clock

  constructor(ledger: Pick<Ledger, 'known'>, orders: OrderStates, drops: DropPhases, clock: Clock) {
    this.#ledger = ledger
    this.#orders = orders
    this.#drops = drops
    this.#clock = clock
  }

  /** One for each key, in order. Throws `unavailable`, or `not_found` for a drop that is none. */
  of(buyer: UserId, drop: DropId, keys: readonly IdempotencyKey[]): Promise<OutcomeMessage[]> {
    return this.among(buyer, [drop], keys)
  }

  /** What Postgres says of one order; undefined while it says nothing. Throws `unavailable`. */
  async written(buyer: UserId, orderId: OrderId): Promise<OrderState | undefined> {
    const states = await within(this.#clock, ANSWER_MS, 'outcomes', this.#orders.states([orderId]))
    const row = states.get(orderId)
    return row?.buyer === buyer ? row.state : undefined
  }

  /**
   * After a resume the client names keys and drops, not which belongs to which. One for each key. However many drops they
   * are, each store is asked once.
   */
  among(buyer: UserId, drops: readonly DropId[], keys: readonly IdempotencyKey[]): Promise<OutcomeMessage[]> {
    return within(this.#clock, ANSWER_MS, 'outcomes', this.#ask(buyer, drops, keys))
  }

  async #ask(buyer: UserId, drops: readonly DropId[], keys: readonly IdempotencyKey[]): Promise<OutcomeMessage[]> {
    const asked = drops.map((drop) => ({ drop, orderIds: keys.map((key) => orderIdOf(drop, buyer, key)) }))
    const known = await this.#ledger.known(asked)
    const states = await this.#orders.states(asked.flatMap(({ orderIds }) => orderIds))

    const everywhere = asked.map(({ drop, orderIds }, nth) => {
      return keys.map((key, at): OutcomeMessage => {
        const orderId = orderIds[at]
        const row = orderId === undefined ? undefined : states.get(orderId)
        const written = row?.buyer === buyer ? row.state : undefined
        const state = written ?? (known[nth]?.positions[at] === undefined ? undefined : 'accepted')
        if (state === undefined || orderId === undefined) return { type: 'outcome', drop, key, state: 'unknown' }

        return { type: 'outcome', drop, key, orderId, state }
      })
    })
    const doubtful = drops.filter((_, nth) => known[nth]?.isWhole !== true && everywhere[nth]?.some(isUnknown))
    if (doubtful.length > 0) await this.#mustNotSell(doubtful)

    return keys.flatMap((_, at) => {
      const answers = everywhere.flatMap((outcomes) => outcomes[at] ?? [])
      return answers.find((outcome) => !isUnknown(outcome)) ?? answers.slice(0, 1)
    })
  }

  async #mustNotSell(drops: readonly DropId[]): Promise<void> {
    const phases = await this.#drops.phases(drops)
    for (const drop of drops) {
      const phase = phases.get(drop)
      if (phase === undefined) throw new Fault('not_found', { drop })
      if (phase === 'open' || phase === 'paused') throw new Fault('unavailable', { drop, lost: 'ledger' })
    }
  }
}

const isUnknown = ({ state }: OutcomeMessage): boolean => state === 'unknown'
