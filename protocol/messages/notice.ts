/**
 * Something that a creator whom this user follows did, said to every live connection of the user.
 *
 * It is also in the inbox, under the same id, for whoever was not connected. `kind` is one of NOTICE_KINDS today; more
 * may come, and a client leaves out what it does not know. What became of the user's own orders is said live by
 * `confirmed` and `revoked` and not a second time here.
 */
import { z } from 'zod'
import { creatorIdSchema, dropIdSchema } from '../ids.ts'

export const NOTICE_KINDS = [
  ...['drop_scheduled', 'drop_started', 'drop_closed', 'drop_cancelled', 'low_stock', 'sold_out', 'restocked'],
  ...['order_confirmed', 'order_revoked', 'order_cancelled'],
] as const

export const noticeSchema = z.object({
  type: z.literal('notice'),
  notificationId: z.string(),
  kind: z.string(),
  drop: dropIdSchema,
  creator: creatorIdSchema,
  title: z.string(),
  atMs: z.number(),
})
export type Notice = z.infer<typeof noticeSchema>
