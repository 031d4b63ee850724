/** The answer to a message that could not be understood or obeyed; nothing was changed by it. */
import { z } from 'zod'
import { FAULT_CODES } from '../faults.ts'
import { requestIdSchema } from './request-id.ts'

export const errorSchema = z.object({
  type: z.literal('error'),
  id: requestIdSchema.optional(),
  code: z.enum(FAULT_CODES),
  message: z.string(),
  retryable: z.boolean(),
  /** With `rate_limited`: when the same message will be taken. */
  retryAfterMs: z.number().int().min(0).optional(),
})
export type ErrorMessage = z.infer<typeof errorSchema>
