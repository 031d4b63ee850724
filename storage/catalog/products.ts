/** What creators sell: a product and its variants, each variant one SKU with a price of its own. */
import { v7 as mintUuid } from 'uuid'
import type { CreatorId, ProductId, Sku } from '../../protocol/ids.ts'
import { answered, readStatement, type Sql } from '../postgres.ts'

export interface Variant {
  sku: Sku
  title: string
  /** Integer minor units of the currency. */
  priceMinor: number
  /** ISO 4217. */
  currency: string
}

export interface NewProduct {
  title: string
  description: string
  /** URLs. */
  images: string[]
  /** At least one, each SKU once. */
  variants: Variant[]
}

export interface Product extends NewProduct {
  productId: ProductId
  creator: CreatorId
}

export class Products {
  readonly #sql: Sql
  readonly #byId = readStatement('./sql/product-by-id.sql', import.meta.url)

  constructor(sql: Sql) {
    this.#sql = sql
  }

  async create(creator: CreatorId, product: NewProduct): Promise<Product> {
    const { title, description, images, variants } = product
    const productId = mintUuid() as ProductId

    await answered(
      this.#sql.begin(async (sql) => {
        await sql`
          insert into products (id, creator_id, title, description, images)
          values (${productId}, ${creator}, ${title}, ${description}, ${images})`
        await sql`
          insert into variants ${sql(
            variants.map(({ sku, title, priceMinor, currency }, position) => ({
              product_id: productId,
              sku,
              position,
              title,
              price_minor: priceMinor,
              currency,
            })),
          )}`
      }),
    )
    return { productId, creator, title, description, images, variants }
  }

  async byId(productId: ProductId): Promise<Product | undefined> {
    const [row] = await answered(this.#sql.unsafe<Product[]>(this.#byId, [productId], { prepare: true }))
    return row && { ...row }
  }
}
