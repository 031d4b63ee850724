/** What became of my orders: asked by key after a reconnect. `unknown` means "resend the same key". */
import { z } from 'zod'
import { dropIdSchema, idempotencyKeySchema, orderIdSchema } from '../ids.ts'
import { ORDER_STATES } from '../verdicts.ts'
import { requestIdSchema } from './request-id.ts'

export const outcomesSchema = z.object({
  type: z.literal('outcomes'),
  id: requestIdSchema,
  drop: dropIdSchema,
  keys: z.array(idempotencyKeySchema).min(1).max(64),
})
export type Outcomes = z.infer<typeof outcomesSchema>

/** One for each key that was asked for. */
export const outcomeSchema = z.object({
  type: z.literal('outcome'),
  id: requestIdSchema.optional(),
  drop: dropIdSchema,
  key: idempotencyKeySchema,
  orderId: orderIdSchema.optional(),
  state: z.enum([...ORDER_STATES, 'unknown']),
})
export type OutcomeMessage = z.infer<typeof outcomeSchema>
