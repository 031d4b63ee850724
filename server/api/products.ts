/** Add a product, read a product. */
import { createProduct, readProduct } from '../../protocol/api/products.ts'
import type { CreatorId, UserId } from '../../protocol/ids.ts'
import type { Product, Products } from '../../storage/catalog/products.ts'
import type { AnswerMemory } from './answer-memory.ts'
import { isRefusal, refuse } from './refusal.ts'
import { answer, type Route, route } from './route.ts'

export interface ProductsWorld {
  products: Pick<Products, 'create' | 'byId'>
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

      return answer(201, viewProduct(product), { location: `/v1/products/${product.productId}` })
    }),

    route(readProduct, async ({ params }) => {
      const product = await products.byId(params.id)
      if (product === undefined) return refuse('not_found', { detail: 'no such product' })

      return answer(200, viewProduct(product))
    }),
  ]
}

function viewProduct({ productId, ...product }: Product) {
  return { id: productId, ...product }
}
