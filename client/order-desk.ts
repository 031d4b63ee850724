/**
 * All orders of this client that still need something: an answer, or to be confirmed.
 *
 * It is the client's only queue, and it is bounded: more open orders than a node would take are refused here, as
 * `rate_limited`, for nothing was tried. One key has one open order; who orders it again gets the same promise.
 */
import type { DropId, IdempotencyKey } from '../protocol/ids.ts'
import type { Cancelled } from '../protocol/messages/cancel.ts'
import type { ErrorMessage } from '../protocol/messages/error.ts'
import type { Confirmed, Order, Receipt, Revoked } from '../protocol/messages/order.ts'
import type { OutcomeMessage } from '../protocol/messages/outcomes.ts'
import type { Up } from '../protocol/up.ts'
import { OpenOrder } from './open-order.ts'
import type { OrderAnswer, WantedLine } from './order-answer.ts'
import type { World } from './world.ts'

export const OPEN_MAX = 64
export const TIMEOUT_MS = 30_000

export interface OrderOptions {
  /** Chosen by the app, to order the same thing again after a restart. */
  key?: string
  timeoutMs?: number
}

export class OrderDesk {
  readonly #world: World
  readonly #say: (message: Up) => boolean
  readonly #renew: () => Promise<boolean>
  readonly #open = new Map<string, OpenOrder>()
  #asked = 0

  constructor(world: World, say: (message: Up) => boolean, renew: () => Promise<boolean>) {
    this.#world = world
    this.#say = say
    this.#renew = renew
  }

  get size(): number {
    return this.#open.size
  }

  place(drop: string, lines: readonly WantedLine[], options: OrderOptions): Promise<OrderAnswer> {
    const key = options.key ?? newKey(this.#world)
    const place = `${drop} ${key}`
    const known = this.#open.get(place)
    const wanted = lines.map(({ sku, qty }) => ({ sku, qty })) as Order['lines']
    if (known !== undefined) {
      if (JSON.stringify(known.order.lines) === JSON.stringify(wanted)) return known.answer
      return Promise.resolve({ verdict: 'mismatch', key, sent: false })
    }
    if (this.#open.size >= OPEN_MAX) return Promise.resolve({ verdict: 'rate_limited', key, sent: false })

    const order = { type: 'order' as const, drop: drop as DropId, key: key as IdempotencyKey, lines: wanted }
    const opened = new OpenOrder(order, options.timeoutMs ?? TIMEOUT_MS, this.#world, {
      say: this.#say,
      renew: this.#renew,
      askOutcome: (one) => this.#askOutcomes([one]),
      over: () => this.#open.delete(place),
      nextId: () => ++this.#asked,
    })
    this.#open.set(place, opened)
    opened.carryOn()
    return opened.answer
  }

  /** A new link: what has no answer is said again, and of what was accepted it is asked what became of it. */
  online(): void {
    const accepted: OpenOrder[] = []
    for (const order of this.#open.values()) {
      if (order.isAccepted) accepted.push(order)
      else order.carryOn()
    }
    this.#askOutcomes(accepted)
  }

  receipt(receipt: Receipt): void {
    this.#find(receipt)?.receipt(receipt)
  }

  settled({ drop, key, orderId, type }: Confirmed | Revoked | Cancelled): void {
    this.#find({ drop, key })?.accepted(orderId, type)
  }

  outcome({ drop, key, orderId, state }: OutcomeMessage): void {
    const order = this.#find({ drop, key })
    if (state === 'unknown' || orderId === undefined) order?.unknown()
    else order?.accepted(orderId, state)
  }

  error({ id, retryable, retryAfterMs }: ErrorMessage): void {
    for (const order of this.#open.values()) order.error(id, retryable, retryAfterMs)
  }

  close(): void {
    for (const order of [...this.#open.values()]) order.close()
  }

  #find({ drop, key }: { drop?: string | undefined; key?: string | undefined }): OpenOrder | undefined {
    return this.#open.get(`${drop} ${key}`)
  }

  /** One question for each drop. */
  #askOutcomes(orders: readonly OpenOrder[]): void {
    for (const drop of new Set(orders.map(({ order }) => order.drop))) {
      const mine = orders.filter(({ order }) => order.drop === drop)
      this.#say({ type: 'outcomes', id: `o${++this.#asked}`, drop, keys: mine.map(({ order }) => order.key) })
      for (const order of mine) order.outcomeAsked()
    }
  }
}

/** About 90 random bits and the time: no two taps of one buyer meet. */
function newKey(world: World): string {
  const part = () => world.random().toString(36).slice(2, 11)
  return `${world.nowMs().toString(36)}-${part()}${part()}`
}
