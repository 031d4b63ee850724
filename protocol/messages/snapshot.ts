/** The whole current state of a drop for one watcher. `recovered: false`: start again from here. */
import { z } from 'zod'
import { dropIdSchema, idempotencyKeySchema, orderIdSchema, skuSchema } from '../ids.ts'
import { positionSchema } from '../position.ts'
import { ORDER_STATES, PHASES } from '../verdicts.ts'
import { requestIdSchema } from './request-id.ts'

/** `stock`: units of the whole drop. `left`: units still to be had at `position`. `limit`: units a buyer may have. */
export const snapshotItemSchema = z.object({
  sku: skuSchema,
  title: z.string(),
  priceMinor: z.number().int(),
  currency: z.string().length(3),
  stock: z.number().int(),
  left: z.number().int(),
  limit: z.number().int().nullable(),
})
export type SnapshotItem = z.infer<typeof snapshotItemSchema>

export const snapshotSchema = z.object({
  type: z.literal('snapshot'),
  id: requestIdSchema.optional(),
  drop: dropIdSchema,
  position: positionSchema,
  phase: z.enum(PHASES),
  opensAtMs: z.number(),
  closesAtMs: z.number().optional(),
  items: z.array(snapshotItemSchema),
  viewers: z.number().int(),
  mine: z.array(
    z.object({
      key: idempotencyKeySchema,
      orderId: orderIdSchema,
      state: z.enum(ORDER_STATES),
      lines: z.array(z.object({ sku: skuSchema, qty: z.number().int() })),
    }),
  ),
  recovered: z.boolean(),
})
export type Snapshot = z.infer<typeof snapshotSchema>
