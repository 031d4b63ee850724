/** Add a product, read a product. */
import { createProduct, readProduct } from '../../protocol/api/products.ts'
import type { CreatorId, ProductId, Sku, UserId } from '../../protocol/ids.ts'
import type { AnswerMemory } from './answer-memory.ts'
import { isRefusal, refuse } from './refusal.ts'
import { answer, type Route, route } from './route.ts'

interface NewProduct {
  title: string
  description: string
  images: string[]
  variants: { sku: Sku; title: string; priceMinor: number; currency: string }[]
}

interface Product extends NewProduct {
  productId: ProductId
  creator: CreatorId
}

/** `Products` of storage/. */
export interface ProductsWorld {
  products: {
    create(creator: CreatorId, product: NewProduct): Promise<Product>
    byId(productId: ProductId): Promise<Product | undefined>
  }
  memory: AnswerMemory
}

/** A creator is a user who sells: the same id, in the other role. */
export function asCreator(user: UserId): CreatorId {
  return user as string as CreatorId
}

export function productRoutes({ products, memory }: ProductsWorld): Route[] {
  return [
    route(createProduct, async ({ caller, key, body }) => {
      const product = await memory.once('product', caller.user, key, body, () =>
        products.create(asCreator(caller.user), body),
      )
      if (isRefusal(product)) return product

      return answer(201, product, { location: `/v1/products/${product.productId}` })
    }),

    route(readProduct, async ({ params }) => {
      const product = await products.byId(params.id)
      if (product === undefined) return refuse('not_found', { detail: 'no such product' })

      return answer(200, product)
    }),
  ]
}
