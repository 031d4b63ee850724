/**
 * Orders: place one in the drop's room, and read one's own.
 *
 * Placing over REST is the same claim as over a socket: same room, same key, same verdicts. 201 the units are yours;
 * 200 they were already, by this key. With `Prefer: wait` the answer comes once Postgres has committed, or after the
 * seconds asked for (at most 5) with `state: accepted`. 503 with the verdict `pending` means nobody knows yet: send the
 * SAME key again after `Retry-After`.
 */
import { z } from 'zod'
import { dropIdSchema, idempotencyKeySchema, orderIdSchema, skuSchema, userIdSchema } from '../ids.ts'
import { strictLinesSchema } from '../lines.ts'
import { positionSchema } from '../position.ts'
import { ORDER_STATES, type OrderState } from '../verdicts.ts'
import { endpoint } from './endpoint.ts'
import { currencySchema, timeSchema } from './fields.ts'
import { cursorSchema, limitSchema, pageOf } from './pages.ts'

export const WAIT_MAX_S = 5

const WRITTEN_STATES = ['confirmed', 'revoked', 'cancelled'] as const satisfies readonly OrderState[]

const lineOutSchema = z.object({ sku: skuSchema, qty: z.number().int() })

const placedSchema = z.object({
  orderId: orderIdSchema,
  drop: dropIdSchema,
  key: idempotencyKeySchema,
  verdict: z.enum(['accepted', 'duplicate']),
  state: z.enum(ORDER_STATES),
  lines: z.array(lineOutSchema),
  position: positionSchema.optional(),
  left: z
    .array(z.object({ sku: skuSchema, left: z.number().int().min(0) }))
    .optional()
    .describe('units left of what was asked for, at `position`'),
})

/** As Postgres has it, so never merely `accepted`; prices are those of the moment of sale. */
export const orderSchema = z.object({
  id: orderIdSchema,
  drop: dropIdSchema,
  key: idempotencyKeySchema,
  state: z.enum(WRITTEN_STATES),
  lines: z.array(lineOutSchema.extend({ priceMinor: z.number().int(), currency: currencySchema })),
  placedAt: timeSchema,
  confirmedAt: timeSchema.nullable(),
})

const cancelledSchema = z.object({
  orderId: orderIdSchema,
  drop: dropIdSchema,
  key: idempotencyKeySchema,
  state: z.literal('cancelled'),
  repeated: z.boolean().describe('it was cancelled before; nothing was done now'),
})

const DROP_ID = '01890a5d-ac96-774b-bcce-b302099a8059'
const ORDER_ID = 'k5dmq2v7tz3xw6b4nfy2jrhc7a'
const LINES = [{ sku: 'SHIRT-M', qty: 1 }]
const placed = {
  orderId: ORDER_ID,
  drop: DROP_ID,
  key: 'tap-1',
  verdict: 'accepted',
  state: 'accepted',
  lines: LINES,
  position: { epoch: 3, seq: 41 },
  left: [{ sku: 'SHIRT-M', left: 159 }],
}
const kept = {
  id: ORDER_ID,
  drop: DROP_ID,
  key: 'tap-1',
  state: 'confirmed',
  lines: [{ sku: 'SHIRT-M', qty: 1, priceMinor: 3900, currency: 'EUR' }],
  placedAt: '2030-05-01T18:00:00.213Z',
  confirmedAt: '2030-05-01T18:00:00.251Z',
}

export const placeOrder = endpoint({
  name: 'placeOrder',
  method: 'post',
  path: '/v1/drops/:id/orders',
  tag: 'orders',
  summary: 'Order units of a drop, all lines or none.',
  who: 'signed_in',
  limit: 'order',
  key: 'required',
  cache: 'private',
  params: z.object({ id: dropIdSchema }),
  headers: z.object({ prefer: z.string().max(200).optional() }),
  body: z.strictObject({ lines: strictLinesSchema }),
  answers: { 200: placedSchema, 201: placedSchema },
  refusals: [
    'sold_out',
    'limit_reached',
    'early',
    'paused',
    'closed',
    'conflict',
    'key_mismatch',
    'rate_limited',
    'unavailable',
  ],
  example: {
    params: { id: DROP_ID },
    headers: { prefer: 'wait' },
    body: { lines: LINES },
    answers: { 201: placed, 200: { ...placed, verdict: 'duplicate', state: 'confirmed' } },
  },
})

export const listOrders = endpoint({
  name: 'listOrders',
  method: 'get',
  path: '/v1/orders',
  tag: 'orders',
  summary: 'My orders, newest first. One that is accepted and not yet written is not listed yet.',
  who: 'signed_in',
  limit: 'read',
  key: 'none',
  cache: 'private',
  query: z.object({
    drop: dropIdSchema.optional(),
    state: z.enum(WRITTEN_STATES).optional(),
    limit: limitSchema.optional(),
    cursor: cursorSchema.optional(),
  }),
  answers: { 200: pageOf(orderSchema) },
  refusals: [],
  example: {
    query: { drop: DROP_ID, state: 'confirmed', limit: '20' },
    answers: { 200: { items: [kept], nextCursor: null } },
  },
})

export const readOrder = endpoint({
  name: 'readOrder',
  method: 'get',
  path: '/v1/orders/:id',
  tag: 'orders',
  summary: 'One order of mine. An unknown id and somebody else’s order are answered alike.',
  who: 'signed_in',
  limit: 'read',
  key: 'none',
  cache: 'private',
  params: z.object({ id: orderIdSchema }),
  answers: { 200: orderSchema },
  refusals: [],
  example: { params: { id: ORDER_ID }, answers: { 200: kept } },
})

export const cancelOrder = endpoint({
  name: 'cancelOrder',
  method: 'post',
  path: '/v1/orders/:id/cancel',
  tag: 'orders',
  summary:
    'Give a confirmed order back while its drop is not over. An order that is not written yet is 503 when its drop and key are named, else 404.',
  who: 'signed_in',
  limit: 'order',
  key: 'none',
  cache: 'private',
  params: z.object({ id: orderIdSchema }),
  query: z.object({ drop: dropIdSchema.optional(), key: idempotencyKeySchema.optional() }),
  answers: { 200: cancelledSchema },
  refusals: ['conflict', 'closed', 'unavailable'],
  example: {
    params: { id: ORDER_ID },
    query: { drop: DROP_ID, key: 'tap-1' },
    answers: { 200: { orderId: ORDER_ID, drop: DROP_ID, key: 'tap-1', state: 'cancelled', repeated: false } },
  },
})

/** Rows of one answer of the list as CSV. */
export const CSV_ORDERS_MAX = 5_000

export const listDropOrders = endpoint({
  name: 'listDropOrders',
  method: 'get',
  path: '/v1/drops/:id/orders',
  tag: 'orders',
  summary: `The orders of a drop for its creator, those of a buyer together. With Accept: text/csv a row for each line, ${CSV_ORDERS_MAX} orders at a time; Link names the next ones.`,
  who: ['creator', 'admin'],
  limit: 'read',
  key: 'none',
  cache: 'private',
  params: z.object({ id: dropIdSchema }),
  query: z.object({
    state: z.enum(WRITTEN_STATES).optional(),
    limit: limitSchema.optional(),
    cursor: cursorSchema.optional(),
  }),
  headers: z.object({ accept: z.string().max(500).optional() }),
  answers: {
    200: z.union([
      pageOf(orderSchema.extend({ buyer: userIdSchema })),
      z.string().describe('text/csv: orderId,buyer,state,placedAt,confirmedAt,sku,qty,priceMinor,currency'),
    ]),
  },
  refusals: [],
  example: {
    params: { id: DROP_ID },
    query: { state: 'confirmed', limit: '20' },
    headers: { accept: 'application/json' },
    answers: {
      200: { items: [{ ...kept, buyer: '01890a5d-ac96-774b-bcce-b302099a8057' }], nextCursor: null },
    },
  },
})
