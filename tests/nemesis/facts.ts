/** A history as the laws ask for it: each order with all that was sent, told and written of it. */
import type { OrderId } from '../../protocol/ids.ts'
import type { Attempt, History, Row } from './history.ts'

export const GOOD: readonly string[] = ['accepted', 'duplicate']
/** Between the moment at which a node reads the clock and the one at which we do. */
export const CLOCK_SLACK_MS = 50

export class Facts {
  readonly history: History
  readonly rows: Map<OrderId, Row>
  readonly byOrder = new Map<OrderId, Attempt[]>()
  /** The first good answer to each order. */
  readonly accepted = new Map<OrderId, Attempt>()

  constructor(history: History) {
    this.history = history
    this.rows = new Map(history.rows.map((row) => [row.orderId, row]))
    for (const attempt of history.attempts) {
      const known = this.byOrder.get(attempt.orderId)
      if (known === undefined) this.byOrder.set(attempt.orderId, [attempt])
      else known.push(attempt)
      if (!GOOD.includes(attempt.verdict)) continue

      const first = this.accepted.get(attempt.orderId)
      if (first === undefined || attempt.repliedMs < first.repliedMs) this.accepted.set(attempt.orderId, attempt)
    }
  }

  firstSentMs(orderId: OrderId): number {
    return Math.min(...(this.byOrder.get(orderId) ?? []).map((attempt) => attempt.sentMs))
  }
}
