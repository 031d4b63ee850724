/** Chosen by the client and echoed in the answer. A short text or a whole number. */
import { z } from 'zod'

export const requestIdSchema = z.union([
  z.string().min(1).max(64),
  z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
])
export type RequestId = z.infer<typeof requestIdSchema>
