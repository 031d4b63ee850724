/** Begin or end watching a drop. With a position, the missed news is sent if this node still has all of it. */
import { z } from 'zod'
import { dropIdSchema } from '../ids.ts'
import { positionSchema } from '../position.ts'
import { requestIdSchema } from './request-id.ts'

export const watchSchema = z.object({
  type: z.literal('watch'),
  id: requestIdSchema,
  drop: dropIdSchema,
  position: positionSchema.optional(),
})
export type Watch = z.infer<typeof watchSchema>

export const unwatchSchema = z.object({ type: z.literal('unwatch'), id: requestIdSchema, drop: dropIdSchema })
export type Unwatch = z.infer<typeof unwatchSchema>

/** The answer to a request that has nothing else to say. */
export const okSchema = z.object({ type: z.literal('ok'), id: requestIdSchema })
export type Ok = z.infer<typeof okSchema>
