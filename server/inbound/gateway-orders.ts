/**
 * Orders of a socket, and orders given back: each is answered with one receipt.
 *
 * An order goes to its drop's room and the answer goes to this peer; nothing of it is remembered here, for the key makes
 * every resend harmless. A session may have so many on their way, and whatever goes wrong on it is `pending`: it may have
 * been done, and the same message may be sent again.
 */
import type { OrderId, UserId } from '../../protocol/ids.ts'
import { formatLines } from '../../protocol/lines.ts'
import type { Cancel } from '../../protocol/messages/cancel.ts'
import type { Order, Receipt } from '../../protocol/messages/order.ts'
import type { OrderReply } from '../../rooms/letters.ts'
import { orderIdOf } from '../../rooms/order-id.ts'
import type { Clock, Log } from '../../rooms/ports.ts'
import type { Rooms } from '../../rooms/router.ts'
import type { Cancellation, Cancellations } from './cancellations.ts'
import type { Outcomes } from './outcomes.ts'
import type { Session } from './session.ts'

export interface OrdersWorld {
  clock: Clock
  log: Log
  rooms: Pick<Rooms, 'order'>
  outcomes: Pick<Outcomes, 'written'>
  cancellations: Pick<Cancellations, 'cancel'>
}

/** A buyer hears something within this time, if only `pending`. */
const ORDER_WAIT_MS = 3_000
const ORDERS_IN_FLIGHT_MAX = 64
const PENDING = { verdict: 'pending', retryAfterMs: 250 } as const

export class Orders {
  readonly #world: OrdersWorld

  constructor(world: OrdersWorld) {
    this.#world = world
  }

  place(session: Session, order: Order) {
    const user = session.userAt(this.#world.clock.nowMs())
    if (user === undefined) return session.peer.send(receiptOf(order, { verdict: 'unauthorized' }))
    if (session.ordersInFlight >= ORDERS_IN_FLIGHT_MAX) return session.peer.send(receiptOf(order, PENDING))

    void this.#place(session, order, user)
  }

  async #place(session: Session, order: Order, buyer: UserId): Promise<void> {
    const { id, drop, key, lines } = order
    const orderId = orderIdOf(drop, buyer, key)
    session.ordersInFlight += 1
    try {
      const claim = { orderId, buyer, key, lines: formatLines(lines) }
      const reply = await this.#world.rooms.order(drop, claim, ORDER_WAIT_MS)
      session.peer.send(receiptOf(order, await this.#withState(reply, buyer, orderId), orderId))
    } catch (cause) {
      // Rooms answer with values; whatever this is, the order may have been placed.
      this.#world.log.error('gateway.order_failed', { drop, id, cause: String(cause) })
      session.peer.send(receiptOf(order, PENDING, orderId))
    } finally {
      session.ordersInFlight -= 1
    }
  }

  /**
   * A duplicate is as good as the first answer unless the first order was revoked or given back since, which the ledger
   * does not know. When Postgres cannot be asked the answer goes without.
   */
  async #withState(reply: OrderReply, buyer: UserId, orderId: OrderId): Promise<OrderReply> {
    if (reply.verdict !== 'duplicate' || reply.state !== undefined) return reply

    try {
      return { ...reply, state: (await this.#world.outcomes.written(buyer, orderId)) ?? 'accepted' }
    } catch (cause) {
      this.#world.log.warn('gateway.state_not_read', { orderId, cause: String(cause) })
      return reply
    }
  }

  giveBack(session: Session, cancel: Cancel) {
    const user = session.userAt(this.#world.clock.nowMs())
    if (user === undefined) return session.peer.send(receiptOfCancel(cancel, { verdict: 'unauthorized' }))
    if (session.ordersInFlight >= ORDERS_IN_FLIGHT_MAX) return session.peer.send(receiptOfCancel(cancel, PENDING))

    void this.#cancel(session, cancel, user)
  }

  async #cancel(session: Session, cancel: Cancel, buyer: UserId): Promise<void> {
    const { orderId, drop, key } = cancel
    session.ordersInFlight += 1
    try {
      const cancellation = await this.#world.cancellations.cancel({ orderId, buyer, drop, key })
      session.peer.send(receiptOfCancel(cancel, replyTo(cancellation)))
    } catch (cause) {
      this.#world.log.warn('gateway.not_cancelled', { orderId, cause: String(cause) })
      session.peer.send(receiptOfCancel(cancel, PENDING))
    } finally {
      session.ordersInFlight -= 1
    }
  }
}

export function receiptOf({ id, drop, key }: Order, reply: OrderReply, orderId?: Receipt['orderId']): Receipt {
  const receipt: Receipt = { type: 'receipt', id, drop, key, verdict: reply.verdict }
  if (orderId !== undefined) receipt.orderId = orderId
  if (reply.position !== undefined) receipt.position = reply.position
  if (reply.state !== undefined) receipt.state = reply.state
  if (reply.left !== undefined) receipt.left = reply.left
  if (reply.retryAfterMs !== undefined) receipt.retryAfterMs = reply.retryAfterMs
  return receipt
}

export function receiptOfCancel({ id, orderId }: Cancel, reply: Omit<Receipt, 'type'>): Receipt {
  return { type: 'receipt', id, orderId, ...reply }
}

function replyTo(cancellation: Cancellation): Omit<Receipt, 'type'> {
  const { said } = cancellation
  if (said === 'unknown') return { verdict: 'invalid' }
  if (said === 'not_written') return { verdict: 'pending', state: 'accepted', retryAfterMs: cancellation.retryAfterMs }

  const { drop, key } = cancellation
  if (said === 'now') return { drop, key, verdict: 'accepted', state: 'cancelled' }
  if (said === 'cancelled') return { drop, key, verdict: 'duplicate', state: 'cancelled' }
  if (said === 'revoked') return { drop, key, verdict: 'invalid', state: 'revoked' }
  return { drop, key, verdict: 'closed', state: 'confirmed' }
}
