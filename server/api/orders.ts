/**
 * Orders over REST: the same claim as over a socket, in the same room, under the same key.
 *
 * What the room says is translated, never second-guessed, with one exception: a room that is over and has left Redis
 * knows nobody any more, so its `invalid` is looked up in Postgres, where a retry still finds its order.
 */
import { z } from 'zod'
import { cancelOrder, listOrders, placeOrder, readOrder, WAIT_MAX_S } from '../../protocol/api/orders.ts'
import { type DropId, type IdempotencyKey, type OrderId, orderIdSchema, type UserId } from '../../protocol/ids.ts'
import { formatLines, type Line } from '../../protocol/lines.ts'
import type { OrderState } from '../../protocol/verdicts.ts'
import type { OrderReply } from '../../rooms/letters.ts'
import { orderIdOf } from '../../rooms/order-id.ts'
import type { Rooms } from '../../rooms/router.ts'
import type { DropRecord, Drops } from '../../storage/drops/drops.ts'
import type { OrderReader, OrderRecord } from '../../storage/orders/order-reader.ts'
import type { Cancellation, Cancellations } from '../inbound/cancellations.ts'
import { isoTime } from './iso-time.ts'
import { placeTimeSchema, readPage } from './page.ts'
import { preferredWaitMs } from './prefer.ts'
import { isRefusal, type Refusal, refuse, refuseVerdict } from './refusal.ts'
import { answer, type Route, route } from './route.ts'
import type { Settlements } from './settlements.ts'

export interface OrdersWorld {
  orders: Pick<OrderReader, 'byId' | 'list'>
  drops: Pick<Drops, 'byId'>
  rooms: Pick<Rooms, 'order'>
  settlements: Settlements
  cancellations: Pick<Cancellations, 'cancel'>
  /** How long after an order was not found it is looked for once more. */
  secondLookMs?: number
}

export const ORDER_WAIT_MS = 3_000
/** An accepted order is in Postgres some tens of milliseconds later, and whoever just placed it asks for it at once. */
const SECOND_LOOK_MS = 250

export const orderPlaceSchema = z.object({ acceptedAtMs: placeTimeSchema, orderId: orderIdSchema })

export function orderRoutes(world: OrdersWorld): Route[] {
  const { orders, secondLookMs = SECOND_LOOK_MS } = world

  return [
    route(placeOrder, async ({ params, body, headers, caller, key }) => {
      const claim = { drop: params.id, buyer: caller.user, key, lines: body.lines }
      return place(world, claim, preferredWaitMs(headers.prefer, WAIT_MAX_S * 1000))
    }),

    route(listOrders, async ({ query: { cursor, limit, ...filter }, caller }) => {
      const said = await readPage(
        { cursor, limit },
        orderPlaceSchema,
        (question) => orders.list(caller.user, { ...filter, ...question }),
        ({ acceptedAtMs, orderId }) => ({ acceptedAtMs, orderId }),
        viewOrder,
      )
      return isRefusal(said) ? said : answer(200, said)
    }),

    route(readOrder, async ({ params, caller }) => {
      const order = (await orders.byId(params.id, caller.user)) ?? (await later(secondLookMs, params.id, caller.user))
      if (order === undefined) return refuse('not_found', { detail: 'no such order' })

      return answer(200, viewOrder(order))
    }),

    route(cancelOrder, async ({ params, query, caller }) => {
      const orderId = params.id
      return cancelled(orderId, await world.cancellations.cancel({ orderId, buyer: caller.user, ...query }))
    }),
  ]

  async function later(ms: number, orderId: OrderId, buyer: UserId) {
    await new Promise((resolve) => setTimeout(resolve, ms))
    return orders.byId(orderId, buyer)
  }
}

function cancelled(orderId: OrderId, cancellation: Cancellation) {
  const { said } = cancellation
  switch (said) {
    case 'now':
    case 'cancelled': {
      const { drop, key } = cancellation
      return answer(200, { orderId, drop, key, state: 'cancelled', repeated: said === 'cancelled' } as const)
    }
    case 'revoked':
      return refuse('conflict', {
        orderId,
        state: said,
        detail: 'the order was revoked: there is nothing to give back',
      })
    case 'over':
      return refuse('closed', { orderId, verdict: 'closed', detail: 'the drop is over: orders are being packed' })
    case 'not_written': {
      const detail = 'the order is accepted and not written yet: ask again'
      return refuse('unavailable', { orderId, verdict: 'pending', detail, retryAfterMs: cancellation.retryAfterMs })
    }
    case 'unknown':
      return refuse('not_found', { detail: 'no such order' })
  }
}

interface Placing {
  drop: DropId
  buyer: UserId
  key: IdempotencyKey
  lines: Line[]
}

async function place(world: OrdersWorld, placing: Placing, waitMs: number | undefined) {
  const { drop, buyer, key, lines } = placing
  const orderId = orderIdOf(drop, buyer, key)

  // An abort makes an exception with a stack: not for the many orders that nobody waits for.
  const stop = waitMs === undefined ? undefined : new AbortController()
  const settled = waitMs === undefined ? undefined : world.settlements.wait(orderId, waitMs, stop?.signal)
  try {
    const claim = { orderId, buyer, key, lines: formatLines(lines) }
    const reply = await world.rooms.order(drop, claim, ORDER_WAIT_MS)
    if (reply.verdict === 'invalid') return await placeInPostgres(world, placing, orderId)
    if (reply.verdict !== 'accepted' && reply.verdict !== 'duplicate') {
      return refuseVerdict({ ...reply, verdict: reply.verdict })
    }
    const told = await stateOf(world, reply, orderId, buyer, settled)
    if (told === 'revoked' && reply.verdict === 'accepted') {
      return refuse('conflict', { orderId, state: told, detail: 'the order was accepted and had to be revoked' })
    }
    return placed(placing, orderId, reply, told, settled !== undefined)
  } finally {
    stop?.abort()
  }
}

/** What became of the order so far, for as long as the buyer wants to wait for it. */
async function stateOf(
  { orders }: OrdersWorld,
  reply: OrderReply,
  orderId: OrderId,
  buyer: UserId,
  settled: ReturnType<Settlements['wait']> | undefined,
): Promise<OrderState> {
  if (reply.state !== undefined && reply.state !== 'accepted') return reply.state

  // A first answer that nobody waits for needs no question to Postgres: it is accepted, and no more is known.
  if (reply.verdict === 'accepted' && settled === undefined) return 'accepted'

  // What was confirmed before it was asked for again is never announced again, so a duplicate is looked up first.
  const before = reply.verdict === 'duplicate' ? (await orders.byId(orderId, buyer))?.state : undefined
  if (before !== undefined || settled === undefined) return before ?? 'accepted'

  const heard = await settled
  if (heard !== 'unheard') return heard
  return (await orders.byId(orderId, buyer))?.state ?? 'accepted'
}

/** The drop has no room: never had one (unknown), or does not need one any more (over). */
async function placeInPostgres({ orders, drops }: OrdersWorld, placing: Placing, orderId: OrderId) {
  const [order, record] = await Promise.all([orders.byId(orderId, placing.buyer), drops.byId(placing.drop)])
  if (order !== undefined) {
    if (formatLines(order.lines) !== formatLines(placing.lines)) return refuseVerdict({ verdict: 'mismatch' })
    return placed(placing, orderId, { verdict: 'duplicate' }, order.state, false)
  }
  if (record === undefined) return refuse('not_found', { detail: 'no such drop' })
  if (record.phase === 'closed' || record.phase === 'cancelled') return refuseVerdict({ verdict: 'closed' })

  return unknownSkus(placing.lines, record)
}

function unknownSkus(lines: readonly Line[], record: Pick<DropRecord, 'items'>): Refusal {
  const known = new Set(record.items.map((item) => item.sku))
  const errors = lines.flatMap(({ sku }, index) =>
    known.has(sku) ? [] : [{ at: `body.lines.${index}.sku`, message: 'the drop does not have this sku' }],
  )
  return { ...refuseVerdict({ verdict: 'invalid' }), ...(errors.length === 0 ? {} : { errors }) }
}

function placed(
  { drop, key, lines }: Placing,
  orderId: OrderId,
  reply: OrderReply,
  state: OrderState,
  waited: boolean,
) {
  const { position, left } = reply
  const body = { orderId, drop, key, state, lines, ...(position ? { position } : {}), ...(left ? { left } : {}) }
  const headers: Record<string, string> = waited ? { 'preference-applied': 'wait' } : {}

  if (reply.verdict === 'duplicate') return answer(200, { ...body, verdict: 'duplicate' }, headers)
  return answer(201, { ...body, verdict: 'accepted' }, { ...headers, location: `/v1/orders/${orderId}` })
}

export function viewOrder({ orderId, drop, key, state, lines, acceptedAtMs, confirmedAtMs }: OrderRecord) {
  return {
    ...{ id: orderId, drop, key, state, lines },
    placedAt: isoTime(acceptedAtMs),
    confirmedAt: confirmedAtMs === null ? null : isoTime(confirmedAtMs),
  }
}
