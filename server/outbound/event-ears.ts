/**
 * Hears the events that the outbox publishes, live and on every node, and tells the people who are connected here.
 *
 * The node that carried an order has told its buyer already (Herald.settled); this is for the buyer's other sessions,
 * and for orders whose owner died between COMMIT and telling. Nobody is told twice: the hub remembers.
 */
import type { Bus, Subscription } from '../../bus/bus.ts'
import { fieldsOf, readBody } from '../../bus/reading.ts'
import type { Subjects } from '../../bus/subjects.ts'
import { type DropId, isDropId, isIdempotencyKey, isOrderId, isUserId } from '../../protocol/ids.ts'
import type { Log, Settled } from '../../rooms/ports.ts'

const STATES = { order_confirmed: 'confirmed', order_revoked: 'revoked', order_cancelled: 'cancelled' } as const

export function hearEvents(
  world: { bus: Bus; subjects: Subjects; log: Log },
  settled: (settled: Settled[]) => void,
): Subscription {
  const { bus, subjects, log } = world
  return bus.subscribe(subjects.events, (delivery) => {
    const heard = readBody(delivery.subject, delivery.body, readSettled, log)
    if (heard !== undefined && heard.length > 0) settled(heard)
  })
}

/** Undefined for what no node of ours publishes; empty for an event about something else than orders. */
export function readSettled(value: unknown): Settled[] | undefined {
  const { drop, kind, body } = fieldsOf(value) ?? {}
  if (!isDropId(drop) || typeof kind !== 'string') return undefined

  const state = STATES[kind as keyof typeof STATES]
  if (state === undefined) return []
  if (!Array.isArray(body)) return undefined

  const orders = body.map((order: unknown) => readOrder(drop, state, order))
  return orders.every((order) => order !== undefined) ? orders : undefined
}

function readOrder(drop: DropId, state: Settled['state'], value: unknown): Settled | undefined {
  const { orderId, buyer, key, reason } = fieldsOf(value) ?? {}
  if (!isOrderId(orderId) || !isUserId(buyer) || !isIdempotencyKey(key)) return undefined

  const settled: Settled = { drop, orderId, buyer, key, state }
  return typeof reason === 'string' ? { ...settled, reason } : settled
}
