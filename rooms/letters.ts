/**
 * What a room can be asked.
 *
 * A letter carries its own answer slot, because who asked is not the room's business: it may be a phone on this node or
 * a node on the other side of NATS. `deadlineMs` is on the drop clock; past it the letter is refused before it is run,
 * so that nobody's order happens long after they were told `pending`.
 */
import type { NodeId, Sku } from '../protocol/ids.ts'
import type { Position } from '../protocol/position.ts'
import type { OrderState, Phase, Verdict } from '../protocol/verdicts.ts'
import type { Adjustment, Claim } from './ports.ts'

/** The room's answer to an order. `left`: of the SKUs that were asked for, where they changed. */
export interface OrderReply {
  verdict: Verdict
  position?: Position
  state?: OrderState
  left?: { sku: Sku; left: number }[]
  retryAfterMs?: number
}

export interface OrderLetter {
  kind: 'order'
  claim: Claim
  /** The node that holds the buyer's socket: the end of the order is told there. */
  via: NodeId
  deadlineMs: number
  answer(reply: OrderReply): void
}

/** The answer to a control. `wrong_phase` carries the phase that did not allow it. */
export type ControlReply =
  | { done: 'applied' | 'repeated'; phase: Phase; position: Position }
  | { done: 'wrong_phase'; phase: Phase }
  | { done: 'early'; opensAtMs: number; nowMs: number }
  | { done: 'pending'; retryAfterMs: number }

/** The creator's hand, or the agenda's: open, pause, resume, close, cancel, restock, release. Once per opId. */
export interface ControlLetter {
  kind: 'control'
  opId: string
  adjustment: Adjustment
  deadlineMs: number
  answer(reply: ControlReply): void
}

export type Letter = OrderLetter | ControlLetter

/** What can be posted to a room from afar: a letter without its answer slot. */
export type OrderRequest = Omit<OrderLetter, 'answer'>
export type ControlRequest = Omit<ControlLetter, 'answer'>
