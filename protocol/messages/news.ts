/** What everyone watching a drop hears. Counts are conflated: the newest wins, each was true at its position. */
import { z } from 'zod'
import { dropIdSchema, skuSchema } from '../ids.ts'
import { positionSchema } from '../position.ts'
import { PHASES } from '../verdicts.ts'
import { requestIdSchema } from './request-id.ts'

export const changeSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('phase'), phase: z.enum(PHASES) }),
  z.object({ kind: z.literal('left'), sku: skuSchema, left: z.number().int().min(0) }),
  z.object({ kind: z.literal('low_stock'), sku: skuSchema, left: z.number().int().min(0) }),
  z.object({ kind: z.literal('sold_out'), sku: skuSchema }),
  z.object({ kind: z.literal('restocked'), sku: skuSchema, left: z.number().int().min(0) }),
  z.object({ kind: z.literal('viewers'), viewers: z.number().int().min(0) }),
  z.object({ kind: z.literal('announcement'), text: z.string() }),
])
export type Change = z.infer<typeof changeSchema>

/**
 * `from`: these are all the changes after it, so whoever stands before `from` has missed something.
 * `at`: milliseconds on the drop's clock. `recovered`: everything that was missed, after a resume, or as the answer to a
 * `watch` that named a position, under its `id`.
 */
export const newsSchema = z.object({
  type: z.literal('news'),
  id: requestIdSchema.optional(),
  drop: dropIdSchema,
  position: positionSchema,
  from: positionSchema.optional(),
  at: z.number(),
  changes: z.array(changeSchema),
  recovered: z.boolean().optional(),
})
export type News = z.infer<typeof newsSchema>
