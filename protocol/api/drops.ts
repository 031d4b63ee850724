/**
 * Drops: schedule one, read one, and the creator's hand on it.
 *
 * `left` is live: the ledger's count while it has the drop (`live: true`), else what Postgres has written, which is never
 * more than a moment behind in what was sold.
 */
import { z } from 'zod'
import { creatorIdSchema, dropIdSchema, productIdSchema, skuSchema } from '../ids.ts'
import { OF_A_RESTOCK, restockLinesSchema } from '../lines.ts'
import { positionSchema } from '../position.ts'
import { PHASES } from '../verdicts.ts'
import { endpoint } from './endpoint.ts'
import { currencySchema, priceMinorSchema, timeInputSchema, timeSchema, titleText, unitLimitSchema } from './fields.ts'
import { cursorSchema, limitSchema, pageOf } from './pages.ts'

export const ITEMS_MAX = OF_A_RESTOCK.linesMax
export const STOCK_MAX = OF_A_RESTOCK.qtyMax

/** `stock`: units of the whole drop. `limitPerBuyer`: units one buyer may have, null for no limit. */
const dropItemSchema = z.object({
  sku: skuSchema,
  title: z.string(),
  priceMinor: z.number().int(),
  currency: currencySchema,
  stock: z.number().int().min(0),
  left: z.number().int().min(0),
  limitPerBuyer: z.number().int().nullable(),
})

export const dropSchema = z.object({
  id: dropIdSchema,
  creator: creatorIdSchema,
  productId: productIdSchema,
  title: z.string(),
  phase: z.enum(PHASES),
  opensAt: timeSchema,
  closesAt: timeSchema.nullable(),
  limitPerBuyer: z.number().int().nullable(),
  lowStockAt: z.number().int().nullable(),
  position: positionSchema,
  live: z.boolean(),
  items: z.array(dropItemSchema),
})

const itemInputSchema = z.strictObject({
  sku: skuSchema,
  stock: z.number().int().min(1).max(STOCK_MAX),
  limitPerBuyer: unitLimitSchema.optional(),
  priceMinor: priceMinorSchema.optional(),
})

const DROP_ID = '01890a5d-ac96-774b-bcce-b302099a8059'
const PRODUCT_ID = '01890a5d-ac96-774b-bcce-b302099a8058'
const shirtDrop = {
  id: DROP_ID,
  creator: '01890a5d-ac96-774b-bcce-b302099a8001',
  productId: PRODUCT_ID,
  title: 'Tour shirt',
  phase: 'scheduled',
  opensAt: '2030-05-01T18:00:00.000Z',
  closesAt: '2030-05-01T19:00:00.000Z',
  limitPerBuyer: 2,
  lowStockAt: 20,
  position: { epoch: 0, seq: 0 },
  live: false,
  items: [
    { sku: 'SHIRT-M', title: 'M', priceMinor: 3900, currency: 'EUR', stock: 200, left: 200, limitPerBuyer: null },
  ],
}

export const createDrop = endpoint({
  name: 'createDrop',
  method: 'post',
  path: '/v1/drops',
  tag: 'drops',
  summary: 'Schedule a drop of a product. A repeated key answers the first drop instead of scheduling a second.',
  who: ['creator'],
  limit: 'write',
  key: 'optional',
  cache: 'private',
  touches: ['drops'],
  body: z
    .strictObject({
      productId: productIdSchema,
      opensAt: timeInputSchema,
      closesAt: timeInputSchema.optional(),
      limitPerBuyer: unitLimitSchema.optional(),
      lowStockAt: z.number().int().min(1).max(STOCK_MAX).optional(),
      items: z
        .array(itemInputSchema)
        .min(1)
        .max(ITEMS_MAX)
        .refine((items) => new Set(items.map((item) => item.sku)).size === items.length, 'each sku once'),
    })
    .refine((drop) => drop.closesAt === undefined || drop.closesAt > drop.opensAt, {
      path: ['closesAt'],
      message: 'a drop closes after it opens',
    }),
  answers: { 201: dropSchema },
  refusals: ['key_mismatch'],
  example: {
    body: {
      productId: PRODUCT_ID,
      opensAt: '2030-05-01T20:00:00+02:00',
      closesAt: '2030-05-01T21:00:00+02:00',
      limitPerBuyer: 2,
      lowStockAt: 20,
      items: [{ sku: 'SHIRT-M', stock: 200 }],
    },
    answers: { 201: shirtDrop },
  },
})

export const readDrop = endpoint({
  name: 'readDrop',
  method: 'get',
  path: '/v1/drops/:id',
  tag: 'drops',
  summary: 'One drop with live counts, at most a tenth of a second old.',
  who: 'anyone',
  limit: 'read',
  key: 'none',
  cache: { ms: 100, shows: ['drop/:id'] },
  params: z.object({ id: dropIdSchema }),
  answers: { 200: dropSchema },
  refusals: [],
  example: { params: { id: DROP_ID }, answers: { 200: shirtDrop } },
})

export const listDrops = endpoint({
  name: 'listDrops',
  method: 'get',
  path: '/v1/drops',
  tag: 'drops',
  summary:
    'Drops by their opening, the earliest first. Counts are those that are written; read one drop for live ones.',
  who: 'anyone',
  limit: 'read',
  key: 'none',
  cache: { ms: 1_000, shows: ['drops'], by: ['phase', 'creator', 'limit'] },
  query: z.object({
    phase: z.enum(PHASES).optional(),
    creator: creatorIdSchema.optional(),
    from: timeInputSchema.optional(),
    limit: limitSchema.optional(),
    cursor: cursorSchema.optional(),
  }),
  answers: { 200: pageOf(dropSchema) },
  refusals: [],
  example: {
    query: { phase: 'scheduled', creator: shirtDrop.creator, from: '2030-05-01T00:00:00Z', limit: '20' },
    answers: { 200: { items: [shirtDrop], nextCursor: null } },
  },
})

export const changeDrop = endpoint({
  name: 'changeDrop',
  method: 'patch',
  path: '/v1/drops/:id',
  tag: 'drops',
  summary:
    'Change a drop that does not open within the next 20 seconds. What is not named stays; null takes an end or a limit away.',
  who: ['creator', 'admin'],
  limit: 'write',
  key: 'none',
  cache: 'private',
  touches: ['drop/:id', 'drops'],
  params: z.object({ id: dropIdSchema }),
  body: z
    .strictObject({
      title: titleText(200).optional(),
      opensAt: timeInputSchema.optional(),
      closesAt: timeInputSchema.nullable().optional(),
      limitPerBuyer: unitLimitSchema.nullable().optional(),
      lowStockAt: z.number().int().min(1).max(STOCK_MAX).nullable().optional(),
      items: z
        .array(
          z.strictObject({
            sku: skuSchema,
            stock: itemInputSchema.shape.stock.optional(),
            limitPerBuyer: unitLimitSchema.nullable().optional(),
            priceMinor: priceMinorSchema.optional(),
          }),
        )
        .min(1)
        .max(ITEMS_MAX)
        .refine((items) => new Set(items.map((item) => item.sku)).size === items.length, 'each sku once')
        .optional(),
    })
    .refine((change) => Object.keys(change).length > 0, 'says what to change'),
  answers: { 200: dropSchema },
  refusals: ['conflict', 'unavailable'],
  example: {
    params: { id: DROP_ID },
    body: {
      title: 'Tour shirt',
      opensAt: '2030-05-01T20:00:00+02:00',
      closesAt: '2030-05-01T21:00:00+02:00',
      limitPerBuyer: 2,
      lowStockAt: 20,
      items: [{ sku: 'SHIRT-M', stock: 200, limitPerBuyer: 2, priceMinor: 3900 }],
    },
    answers: { 200: shirtDrop },
  },
})

export const DROP_ACTIONS = ['open', 'pause', 'resume', 'close', 'cancel'] as const
export type DropAction = (typeof DROP_ACTIONS)[number]

const announcedSchema = z.object({ id: dropIdSchema, text: z.string() })

const controlledSchema = z.object({
  id: dropIdSchema,
  phase: z.enum(PHASES),
  position: positionSchema,
  repeated: z.boolean().describe('this key was obeyed before; nothing was done now'),
})

const control = <Action extends DropAction>(action: Action, summary: string, phase: string) =>
  endpoint({
    name: `${action}Drop`,
    method: 'post',
    path: `/v1/drops/:id/${action}`,
    tag: 'drops',
    summary,
    who: ['creator', 'admin'],
    limit: 'write',
    key: 'required',
    cache: 'private',
    touches: ['drop/:id', 'drops'],
    params: z.object({ id: dropIdSchema }),
    answers: { 200: controlledSchema },
    refusals: ['conflict', 'unavailable'],
    example: {
      params: { id: DROP_ID },
      answers: { 200: { id: DROP_ID, phase, position: { epoch: 1, seq: 1 }, repeated: false } },
    },
  })

export const openDrop = control('open', 'Open a scheduled drop now, whatever its time says.', 'open')
export const pauseDrop = control('pause', 'Pause an open drop: nothing is sold until it is resumed.', 'paused')
export const resumeDrop = control('resume', 'Resume a paused drop.', 'open')
export const closeDrop = control('close', 'Close an open or paused drop for good.', 'closed')
export const cancelDrop = control(
  'cancel',
  'Cancel a drop that is not over, for good. All its orders are cancelled too, shortly after.',
  'cancelled',
)

export const restockDrop = endpoint({
  name: 'restockDrop',
  method: 'post',
  path: '/v1/drops/:id/restock',
  tag: 'drops',
  summary: 'Add units to a drop that is not over. After a 503 send the same key again: it completes what was begun.',
  who: ['creator', 'admin'],
  limit: 'write',
  key: 'required',
  cache: 'private',
  touches: ['drop/:id', 'drops'],
  params: z.object({ id: dropIdSchema }),
  body: z.strictObject({ lines: restockLinesSchema }),
  answers: { 200: controlledSchema },
  refusals: ['conflict', 'key_mismatch', 'unavailable'],
  example: {
    params: { id: DROP_ID },
    body: { lines: [{ sku: 'SHIRT-M', qty: 50 }] },
    answers: { 200: { id: DROP_ID, phase: 'open', position: { epoch: 1, seq: 7 }, repeated: false } },
  },
})

export const announceDrop = endpoint({
  name: 'announceDrop',
  method: 'post',
  path: '/v1/drops/:id/announce',
  tag: 'drops',
  summary: 'Say something to everybody who watches the drop now. It is not kept: who comes later does not hear it.',
  who: ['creator', 'admin'],
  limit: 'write',
  key: 'required',
  cache: 'private',
  params: z.object({ id: dropIdSchema }),
  body: z.strictObject({ text: titleText(280) }),
  answers: { 200: announcedSchema },
  refusals: ['key_mismatch'],
  example: {
    params: { id: DROP_ID },
    body: { text: 'Ten minutes to go!' },
    answers: { 200: { id: DROP_ID, text: 'Ten minutes to go!' } },
  },
})
