/**
 * Give a confirmed order back. The answer is a receipt: `accepted` it is cancelled, `duplicate` it was before, `pending`
 * ask again, `closed` too late, `invalid` no such order of this user, or one that was revoked.
 *
 * An order that was only accepted is not known by its id alone yet; with its drop and key it is, and is `pending`.
 */
import { z } from 'zod'
import { dropIdSchema, idempotencyKeySchema, orderIdSchema } from '../ids.ts'
import { requestIdSchema } from './request-id.ts'

export const cancelSchema = z.object({
  type: z.literal('cancel'),
  id: requestIdSchema,
  orderId: orderIdSchema,
  drop: dropIdSchema.optional(),
  key: idempotencyKeySchema.optional(),
})
export type Cancel = z.infer<typeof cancelSchema>

/** To all sessions of the buyer, after COMMIT, whoever cancelled it. */
export const cancelledSchema = z.object({
  type: z.literal('cancelled'),
  drop: dropIdSchema,
  key: idempotencyKeySchema,
  orderId: orderIdSchema,
})
export type Cancelled = z.infer<typeof cancelledSchema>
