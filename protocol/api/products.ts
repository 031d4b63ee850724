/** What a creator sells: a product and its variants. A drop offers some of the variants for a while. */
import { z } from 'zod'
import { creatorIdSchema, productIdSchema, skuSchema } from '../ids.ts'
import { endpoint } from './endpoint.ts'
import { currencySchema, imageUrlSchema, priceMinorSchema, proseText, titleText } from './fields.ts'

export const VARIANTS_MAX = 64

const variantSchema = z.strictObject({
  sku: skuSchema,
  title: titleText(120),
  priceMinor: priceMinorSchema,
  currency: currencySchema,
})

export const productSchema = z.object({
  id: productIdSchema,
  creator: creatorIdSchema,
  title: z.string(),
  description: z.string(),
  images: z.array(z.string()),
  variants: z.array(
    z.object({ sku: skuSchema, title: z.string(), priceMinor: z.number().int(), currency: currencySchema }),
  ),
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
const theShirt = { id: PRODUCT_ID, creator: '01890a5d-ac96-774b-bcce-b302099a8001', ...shirt }

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
  body: z.strictObject({
    title: titleText(120),
    description: proseText(4000).default(''),
    images: z.array(imageUrlSchema).max(16).default([]),
    variants: z
      .array(variantSchema)
      .min(1)
      .max(VARIANTS_MAX)
      .refine((variants) => new Set(variants.map((variant) => variant.sku)).size === variants.length, 'each sku once')
      .refine((variants) => new Set(variants.map((variant) => variant.currency)).size <= 1, 'one currency'),
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
  cache: 'public',
  params: z.object({ id: productIdSchema }),
  answers: { 200: productSchema },
  refusals: [],
  example: { params: { id: PRODUCT_ID }, answers: { 200: theShirt } },
})
