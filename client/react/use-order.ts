/**
 * An order button: one order at a time, and where it stands.
 *
 * While an order is without an answer another tap is the same order. After `pending`, when nobody knows, the same lines
 * are ordered under the same key again. An order goes on when its component has gone: it was meant.
 */
import { useMemo, useSyncExternalStore } from 'react'
import type { Client } from '../client.ts'
import type { Accepted, OrderAnswer, OrderEnd, WantedLine } from '../order-answer.ts'
import type { OrderOptions } from '../order-desk.ts'
import { useClient } from './provider.ts'

export type OrderProgress =
  | { stage: 'idle' }
  | { stage: 'ordering' }
  | { stage: 'answered'; answer: OrderAnswer }
  | { stage: 'ended'; answer: Accepted; end: OrderEnd }

export interface OrderHandle {
  progress: OrderProgress
  /** Never rejects. */
  order(lines: readonly WantedLine[], options?: OrderOptions): Promise<OrderAnswer>
  /** Back to `idle`, once there is an answer: the next order is another one. */
  reset(): void
}

const IDLE: OrderProgress = { stage: 'idle' }

export function useOrder(drop: string): OrderHandle {
  const client = useClient()
  const button = useMemo(() => new OrderButton(client, drop), [client, drop])
  const progress = useSyncExternalStore(button.subscribe, button.read, button.read)
  return { progress, order: button.order, reset: button.reset }
}

class OrderButton {
  readonly #client: Client
  readonly #drop: string
  readonly #listeners = new Set<() => void>()
  #progress: OrderProgress = IDLE
  #running: Promise<OrderAnswer> | undefined
  /** What nobody knows the end of. */
  #open: { key: string; lines: string } | undefined

  constructor(client: Client, drop: string) {
    this.#client = client
    this.#drop = drop
  }

  readonly subscribe = (changed: () => void): (() => void) => {
    this.#listeners.add(changed)
    return () => this.#listeners.delete(changed)
  }

  readonly read = (): OrderProgress => this.#progress

  readonly order = (lines: readonly WantedLine[], options: OrderOptions = {}): Promise<OrderAnswer> => {
    this.#running ??= this.#order(lines, options)
    return this.#running
  }

  readonly reset = (): void => {
    if (this.#running !== undefined) return

    this.#open = undefined
    this.#enter(IDLE)
  }

  async #order(lines: readonly WantedLine[], options: OrderOptions): Promise<OrderAnswer> {
    const wanted = JSON.stringify(lines)
    const key = options.key ?? (this.#open?.lines === wanted ? this.#open.key : undefined)
    this.#enter({ stage: 'ordering' })
    const answer = await this.#client.order(this.#drop, lines, { ...options, ...(key === undefined ? {} : { key }) })
    this.#running = undefined
    this.#open = answer.verdict === 'pending' ? { key: answer.key, lines: wanted } : undefined
    this.#answered(answer)
    return answer
  }

  #answered(answer: OrderAnswer): void {
    const answered: OrderProgress = { stage: 'answered', answer }
    this.#enter(answered)
    if (answer.verdict !== 'accepted') return

    void answer.confirmed.then((end) => {
      if (this.#progress === answered) this.#enter({ stage: 'ended', answer, end })
    })
  }

  #enter(progress: OrderProgress): void {
    this.#progress = progress
    for (const changed of [...this.#listeners]) changed()
  }
}
