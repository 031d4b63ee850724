/**
 * What creators sell: a product and its variants, each variant one SKU with a price of its own.
 *
 * A product that a drop was made of is never deleted but archived: it is in no list any more and no drop can be made of
 * it, and orders that name it still find it.
 */
import { v7 as mintUuid } from 'uuid'
import type { CreatorId, ProductId, Sku } from '../../protocol/ids.ts'
import { answered, readStatement, type Sql, type Transaction } from '../postgres.ts'

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
  archived: boolean
}

/** What is not there stays as it is; variants are replaced as a whole. */
export type ProductChange = { [Part in keyof NewProduct]?: NewProduct[Part] | undefined }

export type ProductRefusal = 'unknown' | 'not_yours' | 'archived'

export interface ProductQuestion {
  creator?: CreatorId | undefined
  /** What the title begins with, in any case of its letters. */
  beginning?: string | undefined
  limit: number
  /** The last product of the page before. */
  after?: ProductId
}

const HIGHEST_UUID = 'ffffffff-ffff-ffff-ffff-ffffffffffff'
const LOWEST_UUID = '00000000-0000-0000-0000-000000000000'

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
        await addVariants(sql, productId, variants)
      }),
    )
    return { productId, creator, title, description, images, variants, archived: false }
  }

  async byId(productId: ProductId): Promise<Product | undefined> {
    return answered(this.#read(this.#sql, productId))
  }

  /** Newest first; with a beginning, by title. */
  async list({ creator, beginning = '', limit, after }: ProductQuestion): Promise<Product[]> {
    const ids = beginning === '' ? this.#newest(creator, limit, after) : this.#byTitle(creator, beginning, limit, after)
    const rows = await answered(
      this.#sql<Product[]>`
        select p.id as "productId", p.creator_id as creator, p.title, p.description, p.images, false as archived,
          (
            select coalesce(jsonb_agg(jsonb_build_object(
              'sku', v.sku, 'title', v.title, 'priceMinor', v.price_minor, 'currency', v.currency
            ) order by v.position), '[]')
            from variants v where v.product_id = p.id
          ) as variants
        from products p
        where p.archived_at is null ${ids}`,
    )
    return rows.map((row) => ({ ...row }))
  }

  /** One statement for each question, and no "is null or": each plan that is kept must be able to use its index. */
  #newest(creator: CreatorId | undefined, limit: number, after: ProductId | undefined) {
    const sql = this.#sql
    return sql`${this.#of(creator)} and p.id < ${after ?? HIGHEST_UUID}::uuid order by p.id desc limit ${limit}`
  }

  /** U+10FFFF is above every other character, so the range is exactly what begins so. */
  #byTitle(creator: CreatorId | undefined, beginning: string, limit: number, after: ProductId | undefined) {
    const sql = this.#sql
    return sql`${this.#of(creator)}
      and lower(p.title) collate "C" >= lower(${beginning}::text) collate "C"
      and lower(p.title) collate "C" < (lower(${beginning}::text) || U&'\\+10FFFF') collate "C"
      and (lower(p.title) collate "C", p.id) > (
        coalesce((select lower(b.title) from products b where b.id = ${after ?? null}::uuid), '') collate "C",
        ${after ?? LOWEST_UUID}::uuid
      )
      order by lower(p.title) collate "C", p.id limit ${limit}`
  }

  #of(creator: CreatorId | undefined) {
    return creator === undefined ? this.#sql`` : this.#sql`and p.creator_id = ${creator}`
  }

  async change(creator: CreatorId, productId: ProductId, change: ProductChange): Promise<Product | ProductRefusal> {
    return answered(
      this.#sql.begin(async (sql) => {
        const held = await hold(sql, creator, productId)
        if (held !== 'theirs') return held

        const { title = null, description = null, images = null, variants } = change
        await sql`
          update products set title = coalesce(${title}, title), description = coalesce(${description}, description),
            images = coalesce(${images}::text[], images)
          where id = ${productId}`
        if (variants !== undefined) {
          await sql`delete from variants where product_id = ${productId}`
          await addVariants(sql, productId, variants)
        }
        return (await this.#read(sql, productId)) ?? 'unknown'
      }),
    )
  }

  /** Archiving what is archived already is no refusal: it is done. */
  async remove(creator: CreatorId, productId: ProductId): Promise<'deleted' | 'archived' | ProductRefusal> {
    return answered(
      this.#sql.begin(async (sql) => {
        const held = await hold(sql, creator, productId)
        if (held !== 'theirs') return held

        const drops = await sql`select from drops where product_id = ${productId} limit 1`
        if (drops.length === 1) {
          await sql`update products set archived_at = now() where id = ${productId}`
          return 'archived'
        }
        await sql`delete from variants where product_id = ${productId}`
        await sql`delete from products where id = ${productId}`
        return 'deleted'
      }),
    )
  }

  async #read(sql: Sql | Transaction, productId: ProductId): Promise<Product | undefined> {
    const [row] = await sql.unsafe<Product[]>(this.#byId, [productId], { prepare: true })
    return row && { ...row }
  }
}

/** Locks the product, so that no drop is made of it meanwhile (drops.ts holds it too). */
async function hold(sql: Transaction, creator: CreatorId, product: ProductId): Promise<'theirs' | ProductRefusal> {
  const [row] = await sql<{ creator: CreatorId; archived: boolean }[]>`
    select creator_id as creator, archived_at is not null as archived from products where id = ${product} for update`
  if (row === undefined) return 'unknown'
  if (row.creator !== creator) return 'not_yours'

  return row.archived ? 'archived' : 'theirs'
}

async function addVariants(sql: Transaction, productId: ProductId, variants: readonly Variant[]): Promise<void> {
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
}
