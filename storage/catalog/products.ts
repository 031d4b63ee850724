/**
 * What creators sell: a product and its variants, each variant one SKU with a price of its own.
 *
 * A product that a drop was made of is never deleted but archived: it is in no list any more and no drop can be made of
 * it, and orders that name it still find it.
 */
import { v7 as mintUuid } from 'uuid'
import type { CreatorId, ProductId, Sku } from '../../protocol/ids.ts'
import { answered, readStatement, type Sql, type Transaction } from '../postgres.ts'
import { claimKey, type WriteKey } from '../write-keys.ts'

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

/** $1 at most, $2 the product the page before ended with. */
const NEWEST = 'and p.id < $2::uuid order by p.id desc limit $1::int'

/** $3 what the title begins with. U+10FFFF is above every other character, so the range is exactly what begins so. */
const BY_TITLE = `
  and lower(p.title) collate "C" >= lower($3::text) collate "C"
  and lower(p.title) collate "C" < (lower($3::text) || U&'\\+10FFFF') collate "C"
  and (lower(p.title) collate "C", p.id) > (
    coalesce((select lower(b.title) from products b where b.id = $2::uuid), '') collate "C",
    coalesce($2::uuid, '00000000-0000-0000-0000-000000000000')
  )
  order by lower(p.title) collate "C", p.id limit $1::int`

export class Products {
  readonly #sql: Sql
  readonly #products = readStatement('./sql/products.sql', import.meta.url)
  readonly #byId = `${this.#products} where p.id = $1`

  constructor(sql: Sql) {
    this.#sql = sql
  }

  async create(creator: CreatorId, product: NewProduct): Promise<Product> {
    const made = newProduct(creator, product)
    await answered(this.#sql.begin((sql) => add(sql, made)))
    return made
  }

  /** Under a key that made a product before: that one, `unknown` if it is deleted, `key_mismatch` for another body. */
  async createOnce(
    creator: CreatorId,
    product: NewProduct,
    under: WriteKey,
  ): Promise<Product | 'unknown' | 'key_mismatch'> {
    const made = newProduct(creator, product)
    return answered(
      this.#sql.begin(async (sql) => {
        const claimed = await claimKey(sql, 'product', under, made.productId)
        if (claimed === 'key_mismatch') return claimed
        if (claimed !== 'first') return (await this.#read(sql, claimed.made as ProductId)) ?? 'unknown'

        await add(sql, made)
        return made
      }),
    )
  }

  async byId(productId: ProductId): Promise<Product | undefined> {
    return answered(this.#read(this.#sql, productId))
  }

  /** Newest first; with a beginning, by title. */
  async list({ creator, beginning = '', limit, after }: ProductQuestion): Promise<Product[]> {
    // A statement for each question, and no "is null or": each plan that is kept must be able to use its index.
    const [rest, parameters] =
      beginning === '' ? [NEWEST, [limit, after ?? HIGHEST_UUID]] : [BY_TITLE, [limit, after ?? null, beginning]]
    const whose = creator === undefined ? '' : `and p.creator_id = $${parameters.length + 1}`
    const all = creator === undefined ? parameters : [...parameters, creator]
    const statement = `${this.#products} where p.archived_at is null ${whose} ${rest}`
    const rows = await answered(this.#sql.unsafe<Product[]>(statement, all, { prepare: true }))
    return rows.map((row) => ({ ...row }))
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

function newProduct(creator: CreatorId, { title, description, images, variants }: NewProduct): Product {
  return { productId: mintUuid() as ProductId, creator, title, description, images, variants, archived: false }
}

async function add(sql: Transaction, product: Product): Promise<void> {
  const { productId, creator, title, description, images, variants } = product
  await sql`
    insert into products (id, creator_id, title, description, images)
    values (${productId}, ${creator}, ${title}, ${description}, ${images})`
  await addVariants(sql, productId, variants)
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
