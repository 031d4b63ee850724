/** Claim units of a drop, under a key that makes a resend harmless; and the receipt, the drop's answer. */
import { z } from 'zod'
import { dropIdSchema, idempotencyKeySchema, orderIdSchema, skuSchema } from '../ids.ts'
import { linesSchema } from '../lines.ts'
import { positionSchema } from '../position.ts'
import { ORDER_STATES, VERDICTS } from '../verdicts.ts'
import { requestIdSchema } from './request-id.ts'

export const orderSchema = z.object({
  type: z.literal('order'),
  id: requestIdSchema,
  drop: dropIdSchema,
  key: idempotencyKeySchema,
  lines: linesSchema,
})
export type Order = z.infer<typeof orderSchema>

/** `left`: units left of the SKUs that were asked for, at `position`. `state`: with `duplicate`, what became of the first. */
export const receiptSchema = z.object({
  type: z.literal('receipt'),
  id: requestIdSchema.optional(),
  drop: dropIdSchema.optional(),
  key: idempotencyKeySchema.optional(),
  orderId: orderIdSchema.optional(),
  verdict: z.enum(VERDICTS),
  state: z.enum(ORDER_STATES).optional(),
  position: positionSchema.optional(),
  left: z.array(z.object({ sku: skuSchema, left: z.number().int().min(0) })).optional(),
  retryAfterMs: z.number().int().min(0).optional(),
})
export type Receipt = z.infer<typeof receiptSchema>

/** The durable lane: sent only after Postgres has committed. */
export const confirmedSchema = z.object({
  type: z.literal('confirmed'),
  drop: dropIdSchema,
  key: idempotencyKeySchema,
  orderId: orderIdSchema,
})
export type Confirmed = z.infer<typeof confirmedSchema>

/** Postgres refused an accepted order: only after a double fault, counted and alarmed. */
export const revokedSchema = z.object({
  type: z.literal('revoked'),
  drop: dropIdSchema,
  key: idempotencyKeySchema,
  orderId: orderIdSchema,
  reason: z.string(),
})
export type Revoked = z.infer<typeof revokedSchema>
