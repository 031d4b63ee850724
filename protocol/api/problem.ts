/**
 * What is said instead of an answer: an RFC 9457 problem document.
 *
 * `code` is the contract and never changes meaning. It is a fault's code (protocol/faults.ts), or the drop's own verdict
 * where the drop refused; `verdict` repeats the room's word exactly, so that a client which knows the sockets reads REST
 * with the same table. `requestId` is the one thing to quote to whoever runs the server. Never a stack, SQL or a host.
 */
import { z } from 'zod'
import { FAULT_CODES } from '../faults.ts'
import { orderIdSchema, skuSchema } from '../ids.ts'
import { ORDER_STATES, PHASES, VERDICTS } from '../verdicts.ts'
import { timeSchema } from './fields.ts'

/** Verdicts that refuse an order or a control for what the drop is, not for what the request was. */
export const REFUSING_VERDICTS = ['sold_out', 'limit_reached', 'early', 'paused', 'closed'] as const

export const PROBLEM_CODES = [...FAULT_CODES, ...REFUSING_VERDICTS] as const
export type ProblemCode = (typeof PROBLEM_CODES)[number]

export const PROBLEM_TYPE_PREFIX = 'urn:livedrop:problem:'

export const problemSchema = z.object({
  type: z.string().describe(`${PROBLEM_TYPE_PREFIX} and the code`),
  title: z.string(),
  status: z.number().int(),
  code: z.enum(PROBLEM_CODES),
  detail: z.string().optional(),
  requestId: z.string(),
  retryable: z.boolean().describe('whether the same request may succeed later'),
  errors: z
    .array(z.object({ at: z.string(), message: z.string() }))
    .optional()
    .describe('what is wrong with the request, field by field'),
  verdict: z.enum(VERDICTS).optional(),
  orderId: orderIdSchema.optional(),
  state: z.enum(ORDER_STATES).optional(),
  left: z.array(z.object({ sku: skuSchema, left: z.number().int().min(0) })).optional(),
  phase: z.enum(PHASES).optional().describe('the phase that did not allow it'),
  opensAt: timeSchema.optional(),
  retryAfterMs: z.number().int().min(0).optional(),
})
export type Problem = z.infer<typeof problemSchema>
