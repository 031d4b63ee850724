/**
 * Giving orders back: one question for each order, asked again under the same id until there is an answer or the time is
 * up. To ask twice is harmless: who has given an order back hears so again.
 */
import type { DropId, IdempotencyKey, OrderId } from '../protocol/ids.ts'
import type { Cancel } from '../protocol/messages/cancel.ts'
import type { ErrorMessage } from '../protocol/messages/error.ts'
import type { Receipt } from '../protocol/messages/order.ts'
import type { Timer, World } from './world.ts'

/** `too_late`: the drop is over. `unknown`: the time is up; ask again. */
export type CancelAnswer = 'cancelled' | 'too_late' | 'no_such_order' | 'unauthorized' | 'unknown'

/** With `drop` and `key` an order is found that was accepted a moment ago and is not confirmed yet. */
export interface CancelledOrder {
  orderId: string
  drop?: string
  key?: string
}

const CANCELS_MAX = 16
const ANSWER_MS = 5_000
const RETRY_MIN_MS = 200

interface Asking {
  message: Cancel
  answer: Promise<CancelAnswer>
  settle(answer: CancelAnswer): void
  deadline: Timer
  timer: Timer | undefined
}

export class CancelDesk {
  readonly #world: World
  readonly #say: (message: Cancel) => boolean
  readonly #asking = new Map<unknown, Asking>()

  constructor(world: World, say: (message: Cancel) => boolean) {
    this.#world = world
    this.#say = say
  }

  cancel({ orderId, drop, key }: CancelledOrder, timeoutMs: number): Promise<CancelAnswer> {
    const id = `c${orderId}`
    const known = this.#asking.get(id)
    if (known !== undefined) return known.answer
    if (this.#asking.size >= CANCELS_MAX) return Promise.resolve('unknown')

    let settle: (answer: CancelAnswer) => void = () => undefined
    const answer = new Promise<CancelAnswer>((resolve) => {
      settle = resolve
    })
    const message: Cancel = { type: 'cancel', id, orderId: orderId as OrderId }
    if (drop !== undefined) message.drop = drop as DropId
    if (key !== undefined) message.key = key as IdempotencyKey
    const deadline = this.#world.after(timeoutMs, () => this.#settle(id, 'unknown'))
    this.#asking.set(id, { message, answer, settle, deadline, timer: undefined })
    this.#ask(id)
    return answer
  }

  /** A new link. */
  online(): void {
    for (const id of this.#asking.keys()) this.#ask(id)
  }

  receipt({ id, verdict, retryAfterMs }: Receipt) {
    if (verdict === 'accepted' || verdict === 'duplicate') return this.#settle(id, 'cancelled')
    if (verdict === 'closed') return this.#settle(id, 'too_late')
    if (verdict === 'invalid') return this.#settle(id, 'no_such_order')
    if (verdict === 'unauthorized') return this.#settle(id, 'unauthorized')
    this.#later(id, retryAfterMs)
  }

  error({ id, retryable, retryAfterMs }: ErrorMessage): void {
    if (retryable) this.#later(id, retryAfterMs)
    else this.#settle(id, 'no_such_order')
  }

  close(): void {
    for (const id of [...this.#asking.keys()]) this.#settle(id, 'unknown')
  }

  #ask(id: unknown): void {
    const asking = this.#asking.get(id)
    if (asking !== undefined && this.#say(asking.message)) this.#in(id, ANSWER_MS)
  }

  #later(id: unknown, askedMs = 0): void {
    this.#in(id, Math.max(askedMs, RETRY_MIN_MS) + RETRY_MIN_MS * this.#world.random())
  }

  #in(id: unknown, ms: number): void {
    const asking = this.#asking.get(id)
    if (asking === undefined) return

    asking.timer?.cancel()
    asking.timer = this.#world.after(ms, () => this.#ask(id))
  }

  #settle(id: unknown, answer: CancelAnswer): void {
    const asking = this.#asking.get(id)
    if (asking === undefined) return

    this.#asking.delete(id)
    asking.deadline.cancel()
    asking.timer?.cancel()
    asking.settle(answer)
  }
}
