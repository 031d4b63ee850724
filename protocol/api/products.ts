/** What a creator sells: a product and its variants. A drop offers some of the variants for a while. */
import { z } from 'zod'
import { creatorIdSchema, productIdSchema, skuSchema } from '../ids.ts'
import { endpoint } from './endpoint.ts'
import { currencySchema, imageUrlSchema, priceMinorSchema, proseText, searchText, titleText } from './fields.ts'
import { cursorSchema, limitSchema, pageOf } from './pages.ts'

export const VARIANTS_MAX = 64

const variantSchema = z.strictObject({
  sku: skuSchema,
  title: titleText(120),
  priceMinor: priceMinorSchema,
  currency: currencySchema,
})

const variantsSchema = z
  .array(variantSchema)
  .min(1)
  .max(VARIANTS_MAX)
  .refine((variants) => new Set(variants.map((variant) => variant.sku)).size === variants.length, 'each sku once')
  .refine((variants) => new Set(variants.map((variant) => variant.currency)).size <= 1, 'one currency')

const imagesSchema = z.array(imageUrlSchema).max(16)

export const productSchema = z.object({
  id: productIdSchema,
  creator: creatorIdSchema,
  title: z.string(),
  description: z.string(),
  images: z.array(z.string()),
  variants: z.array(
    z.object({ sku: skuSchema, title: z.string(), priceMinor: z.number().int(), currency: currencySchema }),
  ),
  archived: z.boolean().describe('put away: readable, in no list, and no drop can be made of it'),
})

const shirt = {
  title: 'Tour shirt',
  description: 'Printed for one night only.',
  images: ['https://img.example.com/shirt.jpg'],
  variants: [
    { sku: 'SHIRT-M', title: 'M', priceMinor: 3900, currency: 'EUR' },
    { sku: 'SHIRT-L', title: 'L', priceMinor: 3900, currency: 'EUR' },
  ],
}
const PRODUCT_ID = '01890a5d-ac96-774b-bcce-b302099a8058'
const theShirt = { id: PRODUCT_ID, creator: '01890a5d-ac96-774b-bcce-b302099a8001', ...shirt, archived: false }

export const createProduct = endpoint({
  name: 'createProduct',
  method: 'post',
  path: '/v1/products',
  tag: 'products',
  summary: 'Add a product. A repeated key answers the first product instead of adding a second.',
  who: ['creator'],
  limit: 'write',
  key: 'optional',
  cache: 'private',
  touches: ['products'],
  body: z.strictObject({
    title: titleText(120),
    description: proseText(4000).default(''),
    images: imagesSchema.default([]),
    variants: variantsSchema,
  }),
  answers: { 201: productSchema },
  refusals: ['key_mismatch'],
  example: { body: shirt, answers: { 201: theShirt } },
})

export const readProduct = endpoint({
  name: 'readProduct',
  method: 'get',
  path: '/v1/products/:id',
  tag: 'products',
  summary: 'One product.',
  who: 'anyone',
  limit: 'read',
  key: 'none',
  cache: { ms: 1_000, shows: ['product/:id'] },
  params: z.object({ id: productIdSchema }),
  answers: { 200: productSchema },
  refusals: [],
  example: { params: { id: PRODUCT_ID }, answers: { 200: theShirt } },
})

export const listProducts = endpoint({
  name: 'listProducts',
  method: 'get',
  path: '/v1/products',
  tag: 'products',
  summary: 'Products, the newest first; with `q` those whose title begins so, by title.',
  who: 'anyone',
  limit: 'read',
  key: 'none',
  cache: { ms: 1_000, shows: ['products'], by: ['creator', 'q', 'limit'] },
  query: z.object({
    creator: creatorIdSchema.optional(),
    q: searchText.optional(),
    limit: limitSchema.optional(),
    cursor: cursorSchema.optional(),
  }),
  answers: { 200: pageOf(productSchema) },
  refusals: [],
  example: {
    query: { creator: theShirt.creator, q: 'tour', limit: '20' },
    answers: { 200: { items: [theShirt], nextCursor: null } },
  },
})

export const changeProduct = endpoint({
  name: 'changeProduct',
  method: 'patch',
  path: '/v1/products/:id',
  tag: 'products',
  summary: 'Change what is sent and nothing else. Drops keep the titles and prices they were made with.',
  who: ['creator'],
  limit: 'write',
  key: 'none',
  cache: 'private',
  touches: ['product/:id', 'products'],
  params: z.object({ id: productIdSchema }),
  body: z
    .strictObject({
      title: titleText(120).optional(),
      description: proseText(4000).optional(),
      images: imagesSchema.optional(),
      variants: variantsSchema.optional(),
    })
    .refine((change) => Object.keys(change).length > 0, 'say at least one thing to change'),
  answers: { 200: productSchema },
  refusals: ['conflict'],
  example: {
    params: { id: PRODUCT_ID },
    body: { title: 'Tour shirt', images: shirt.images, variants: shirt.variants },
    answers: { 200: theShirt },
  },
})

export const removeProduct = endpoint({
  name: 'removeProduct',
  method: 'delete',
  path: '/v1/products/:id',
  tag: 'products',
  summary: 'Delete a product; one that a drop was made of is archived instead, for its orders still name it.',
  who: ['creator'],
  limit: 'write',
  key: 'none',
  cache: 'private',
  touches: ['product/:id', 'products'],
  params: z.object({ id: productIdSchema }),
  answers: { 200: z.object({ id: productIdSchema, outcome: z.enum(['deleted', 'archived']) }) },
  refusals: [],
  example: { params: { id: PRODUCT_ID }, answers: { 200: { id: PRODUCT_ID, outcome: 'archived' } } },
})
