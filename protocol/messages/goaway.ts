/** This node is leaving: come back after the given time, to another one. */
import { z } from 'zod'

export const goawaySchema = z.object({ type: z.literal('goaway'), retryAfterMs: z.number().int().min(0) })
export type Goaway = z.infer<typeof goawaySchema>
