/** Add, browse, read, change and remove products. */
import { changeProduct, createProduct, listProducts, readProduct, removeProduct } from '../../protocol/api/products.ts'
import { type CreatorId, productIdSchema, type UserId } from '../../protocol/ids.ts'
import type { Product, ProductRefusal, Products } from '../../storage/catalog/products.ts'
import { readPage } from './page.ts'
import { isRefusal, type Refusal, refuse } from './refusal.ts'
import { answer, type Route, route } from './route.ts'
import { keyMismatch, writeKeyOf } from './write-key.ts'

export interface ProductsWorld {
  products: Pick<Products, 'create' | 'createOnce' | 'byId' | 'list' | 'change' | 'remove'>
}

/** A creator is a user who sells: the same id, in the other role. */
export function asCreator(user: UserId): CreatorId {
  return user as string as CreatorId
}

export function productRoutes({ products }: ProductsWorld): Route[] {
  return [
    route(createProduct, async ({ caller, key, body }) => {
      const creator = asCreator(caller.user)
      const made =
        key === undefined
          ? await products.create(creator, body)
          : await products.createOnce(creator, body, writeKeyOf(caller.user, key, body))
      if (made === 'key_mismatch') return keyMismatch
      if (made === 'unknown') return refuseProduct(made)

      return answer(201, viewProduct(made), { location: `/v1/products/${made.productId}` })
    }),

    route(readProduct, async ({ params }) => {
      const product = await products.byId(params.id)
      if (product === undefined) return refuse('not_found', { detail: 'no such product' })

      return answer(200, viewProduct(product))
    }),

    route(listProducts, async ({ query: { q, creator, ...asked } }) => {
      const said = await readPage(
        asked,
        productIdSchema,
        (question) => products.list({ ...question, creator, beginning: q }),
        (product) => product.productId,
        viewProduct,
      )
      return isRefusal(said) ? said : answer(200, said)
    }),

    route(changeProduct, async ({ params, caller, body }) => {
      const changed = await products.change(asCreator(caller.user), params.id, body)
      return typeof changed === 'string' ? refuseProduct(changed) : answer(200, viewProduct(changed))
    }),

    route(removeProduct, async ({ params, caller }) => {
      const outcome = await products.remove(asCreator(caller.user), params.id)
      // Put away is put away: a repeated DELETE hears what the first one did.
      if (outcome === 'deleted' || outcome === 'archived') return answer(200, { id: params.id, outcome })

      return refuseProduct(outcome)
    }),
  ]
}

const REFUSALS: Readonly<Record<ProductRefusal, Refusal>> = {
  unknown: refuse('not_found', { detail: 'no such product' }),
  not_yours: refuse('forbidden', { detail: 'only the creator of a product changes it' }),
  archived: refuse('conflict', { detail: 'the product is archived' }),
}

function refuseProduct(why: ProductRefusal): Refusal {
  return REFUSALS[why]
}

function viewProduct({ productId, ...product }: Product) {
  return { id: productId, ...product }
}
