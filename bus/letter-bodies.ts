/**
 * Letters to a room and their answers, as bodies.
 *
 * A question holds up to 256 orders, or one control; its answer holds a reply for each, in the same order. Rows instead
 * of objects: at thousands of orders a second the field names would be most of the traffic. What is read is checked as
 * strictly as what a phone sends, for nobody says that the sender was a node of ours.
 */
import { packBody } from '../protocol/codec.ts'
import { isIdempotencyKey, isNodeId, isOrderId, isSku, isUserId } from '../protocol/ids.ts'
import { LINES_MAX, OF_A_RESTOCK } from '../protocol/lines.ts'
import { ORDER_STATES, type OrderState, PHASES, VERDICTS, type Verdict } from '../protocol/verdicts.ts'
import type { ControlReply, ControlRequest, OrderReply, OrderRequest } from '../rooms/letters.ts'
import type { Adjustment } from '../rooms/ports.ts'
import { fieldsOf, isLinesText, isOpId, isPhase, isTime, isWhole, readList, readPosition } from './reading.ts'

export const LETTERS_MAX = 256

/** An order that could not be read is undefined, so that the others keep their places in the answer. */
export type Question =
  | { kind: 'orders'; orders: (OrderRequest | undefined)[] }
  | { kind: 'control'; control: ControlRequest }

export function writeOrders(orders: readonly OrderRequest[]): Uint8Array {
  const rows = orders.map(({ claim, via, deadlineMs }) => {
    const row = [claim.orderId, claim.buyer, claim.key, claim.lines, via, deadlineMs]
    return claim.promised === true ? [...row, true] : row
  })
  return packBody(['orders', rows])
}

export function writeControl(control: ControlRequest): Uint8Array {
  return packBody(['control', control.opId, control.adjustment, control.deadlineMs])
}

export function readQuestion(value: unknown): Question | undefined {
  if (!Array.isArray(value)) return undefined
  const [kind, first, second, third] = value as unknown[]

  if (kind === 'orders') {
    if (!Array.isArray(first) || first.length === 0 || first.length > LETTERS_MAX) return undefined
    return { kind, orders: first.map(readOrder) }
  }
  if (kind === 'control') {
    const adjustment = readAdjustment(second)
    if (!isOpId(first) || adjustment === undefined || !isTime(third)) return undefined
    return { kind, control: { kind: 'control', opId: first, adjustment, deadlineMs: third } }
  }
  return undefined
}

export function writeOrderReplies(replies: readonly OrderReply[]): Uint8Array {
  const rows = replies.map(({ verdict, position, state, left, retryAfterMs }) => [
    verdict,
    position === undefined ? null : [position.epoch, position.seq],
    state ?? null,
    left === undefined ? null : left.map((one) => [one.sku, one.left]),
    retryAfterMs ?? null,
  ])
  return packBody(rows)
}

/** Exactly `count` replies, or undefined: a reply that stands for another order would be worse than none. */
export function readOrderReplies(value: unknown, count: number): OrderReply[] | undefined {
  const replies = readList(value, LETTERS_MAX, readOrderReply)
  return replies?.length === count ? replies : undefined
}

export function writeControlReply(reply: ControlReply): Uint8Array {
  return packBody(reply)
}

export function readControlReply(value: unknown): ControlReply | undefined {
  const fields = fieldsOf(value)
  const { done, phase, opensAtMs, nowMs, retryAfterMs } = fields ?? {}
  switch (done) {
    case 'applied':
    case 'repeated': {
      const at = fieldsOf(fields?.position)
      const position = readPosition(at?.epoch, at?.seq)
      return isPhase(phase) && position !== undefined ? { done, phase, position } : undefined
    }
    case 'wrong_phase':
      return isPhase(phase) ? { done, phase } : undefined
    case 'early':
      return isTime(opensAtMs) && isTime(nowMs) ? { done, opensAtMs, nowMs } : undefined
    case 'pending':
      return isTime(retryAfterMs) ? { done, retryAfterMs } : undefined
    default:
      return undefined
  }
}

function readOrder(value: unknown): OrderRequest | undefined {
  if (!Array.isArray(value)) return undefined
  const [orderId, buyer, key, lines, via, deadlineMs, promised] = value as unknown[]
  if (!isOrderId(orderId) || !isUserId(buyer) || !isIdempotencyKey(key) || !isLinesText(lines)) return undefined
  if (!isNodeId(via) || !isTime(deadlineMs)) return undefined

  const claim = { orderId, buyer, key, lines }
  return { kind: 'order', claim: promised === true ? { ...claim, promised } : claim, via, deadlineMs }
}

function readAdjustment(value: unknown): Adjustment | undefined {
  const { kind, from, to, early, lines, orderId, buyer } = fieldsOf(value) ?? {}
  switch (kind) {
    case 'phase': {
      const phases = readList(from, PHASES.length, (phase) => (isPhase(phase) ? phase : undefined))
      if (phases === undefined || !isPhase(to)) return undefined
      return early === true ? { kind, from: phases, to, early } : { kind, from: phases, to }
    }
    case 'restock':
      return isLinesText(lines, OF_A_RESTOCK) ? { kind, lines } : undefined
    case 'release':
      if (!isOrderId(orderId) || !isUserId(buyer) || !isLinesText(lines)) return undefined
      return { kind, orderId, buyer, lines }
    default:
      return undefined
  }
}

function readOrderReply(value: unknown): OrderReply | undefined {
  if (!Array.isArray(value)) return undefined
  const [verdict, at, state, left, retryAfterMs] = value as unknown[]
  if (!isVerdict(verdict)) return undefined

  const reply: OrderReply = { verdict }
  if (at !== null) {
    const position = Array.isArray(at) ? readPosition(at[0], at[1]) : undefined
    if (position === undefined) return undefined
    reply.position = position
  }
  if (state !== null) {
    if (!isOrderState(state)) return undefined
    reply.state = state
  }
  if (left !== null) {
    const counts = readList(left, LINES_MAX, readLeft)
    if (counts === undefined) return undefined
    reply.left = counts
  }
  if (retryAfterMs !== null) {
    if (!isTime(retryAfterMs)) return undefined
    reply.retryAfterMs = retryAfterMs
  }
  return reply
}

function readLeft(value: unknown) {
  if (!Array.isArray(value)) return undefined
  const [sku, left] = value as unknown[]
  return isSku(sku) && isWhole(left) ? { sku, left } : undefined
}

function isVerdict(value: unknown): value is Verdict {
  return (VERDICTS as readonly unknown[]).includes(value)
}

function isOrderState(value: unknown): value is OrderState {
  return (ORDER_STATES as readonly unknown[]).includes(value)
}
