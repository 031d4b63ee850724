/**
 * Come back after the given time: this node is leaving. On Socket.IO, which has no close codes, every end that says so
 * is announced by it.
 */
import { z } from 'zod'

export const goawaySchema = z.object({
  type: z.literal('goaway'),
  retryAfterMs: z.number().int().min(0),
  /** Only on Socket.IO: the code with which a native socket is closed. */
  closeCode: z.number().int().optional(),
})
export type Goaway = z.infer<typeof goawaySchema>
