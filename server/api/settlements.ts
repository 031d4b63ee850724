/**
 * Who waits here for the end of an order: `Prefer: wait` over REST.
 *
 * A waiter must be here before the order is sent, or a fast room would confirm into the void. Hearing nothing is not an
 * answer: whoever waited looks into Postgres then. Bounded; past the bound nobody waits, and everyone is told `accepted`.
 */
import type { OrderId } from '../../protocol/ids.ts'
import type { Settled } from '../../rooms/ports.ts'

export interface Settlements {
  /** `unheard` after `waitMs`, or when `stop` says that nobody asks any more. Never throws. */
  wait(orderId: OrderId, waitMs: number, stop?: AbortSignal): Promise<Settled['state'] | 'unheard'>
}

type Told = (state: Settled['state'] | 'unheard') => void

export const WAITERS_MAX = 10_000

export class WaitingBuyers implements Settlements {
  readonly #waiting = new Map<OrderId, Set<Told>>()
  readonly #max: number
  #count = 0

  constructor(max = WAITERS_MAX) {
    this.#max = max
  }

  get count(): number {
    return this.#count
  }

  /** What this node was told of orders that it carried. */
  settled(settled: readonly Pick<Settled, 'orderId' | 'state'>[]): void {
    for (const { orderId, state } of settled) {
      for (const tell of [...(this.#waiting.get(orderId) ?? [])]) tell(state)
    }
  }

  wait(orderId: OrderId, waitMs: number, stop?: AbortSignal): Promise<Settled['state'] | 'unheard'> {
    if (this.#count >= this.#max || stop?.aborted === true) return Promise.resolve('unheard')

    return new Promise((resolve) => {
      const told: Told = (state) => {
        clearTimeout(timer)
        stop?.removeEventListener('abort', stopped)
        this.#forget(orderId, told)
        resolve(state)
      }
      const stopped = () => told('unheard')
      const timer = setTimeout(stopped, waitMs)
      stop?.addEventListener('abort', stopped)
      this.#keep(orderId, told)
    })
  }

  #keep(orderId: OrderId, told: Told): void {
    const waiting = this.#waiting.get(orderId) ?? new Set()
    this.#waiting.set(orderId, waiting.add(told))
    this.#count += 1
  }

  #forget(orderId: OrderId, told: Told): void {
    const waiting = this.#waiting.get(orderId)
    if (waiting?.delete(told) !== true) return

    this.#count -= 1
    if (waiting.size === 0) this.#waiting.delete(orderId)
  }
}
