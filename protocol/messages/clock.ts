/**
 * One exchange of the clock (RFC 5905's four timestamps, the fourth taken by the client): the countdown runs on the
 * server's clock. Times are milliseconds; t0 is the client's, t1 and t2 are the drop clock's at receive and send.
 */
import { z } from 'zod'

export const clockSchema = z.object({ type: z.literal('clock'), t0: z.number().min(0).max(Number.MAX_SAFE_INTEGER) })
export type Clock = z.infer<typeof clockSchema>

export const clockReplySchema = z.object({ type: z.literal('clock'), t0: z.number(), t1: z.number(), t2: z.number() })
export type ClockReply = z.infer<typeof clockReplySchema>
