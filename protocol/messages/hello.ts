/**
 * The first message of a socket: who is this, and where did it leave off. `hello {}` is an anonymous watcher. The ticket
 * of an earlier welcome is as good as the token it came from; an anonymous watcher resumes without one.
 */
import { z } from 'zod'
import { dropIdSchema, idempotencyKeySchema } from '../ids.ts'
import { positionSchema } from '../position.ts'

export const helloSchema = z.object({
  type: z.literal('hello'),
  token: z.string().max(4096).optional(),
  resume: z
    .object({
      ticket: z.string().max(512).optional(),
      drops: z.array(z.object({ drop: dropIdSchema, position: positionSchema })).max(32),
      open: z.array(idempotencyKeySchema).max(64),
    })
    .optional(),
})
export type Hello = z.infer<typeof helloSchema>

/** The answer. `heartbeatMs`: a live link is never silent for longer. `ticket`: for who is signed in. */
export const welcomeSchema = z.object({
  type: z.literal('welcome'),
  session: z.string(),
  user: z.string().optional(),
  role: z.enum(['fan', 'creator', 'admin']).optional(),
  serverTimeMs: z.number(),
  heartbeatMs: z.number(),
  ticket: z.string().optional(),
})
export type Welcome = z.infer<typeof welcomeSchema>
