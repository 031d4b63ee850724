/**
 * A new token for a live socket, of the same user: nothing is missed while it changes. The answer has the same name and
 * carries the new resume ticket, for the old one ends with the old token.
 */
import { z } from 'zod'
import { requestIdSchema } from './request-id.ts'

export const authSchema = z.object({ type: z.literal('auth'), id: requestIdSchema, token: z.string().max(4096) })
export type Auth = z.infer<typeof authSchema>

/** `expiresAtMs`: when the new token ends, on the drop's clock. */
export const authReplySchema = z.object({
  type: z.literal('auth'),
  id: requestIdSchema,
  expiresAtMs: z.number(),
  ticket: z.string(),
})
export type AuthReply = z.infer<typeof authReplySchema>

/** Said once, a minute before the token ends: `auth` now, and nobody notices. */
export const authExpiringSchema = z.object({ type: z.literal('auth_expiring'), expiresAtMs: z.number() })
export type AuthExpiring = z.infer<typeof authExpiringSchema>
