/**
 * Drops as the edge reads and schedules them. How they run is the drop book's (orders/postgres-drop-book.ts).
 *
 * An item keeps the title and price it had when the drop was made: what a fan was shown does not change under them when
 * the creator edits the product.
 */
import { v7 as mintUuid } from 'uuid'
import type { CreatorId, DropId, ProductId, Sku } from '../../protocol/ids.ts'
import type { Position } from '../../protocol/position.ts'
import type { Phase } from '../../protocol/verdicts.ts'
import { answered, readStatement, type Sql, type Transaction } from '../postgres.ts'
import { claimKey, letGo, type WriteKey } from '../write-keys.ts'

export interface NewDrop {
  productId: ProductId
  opensAt: Date
  /** Later than opensAt. */
  closesAt?: Date
  /** Units one buyer may have over all items. */
  limitPerBuyer?: number
  lowStockAt?: number
  /** At least one, each SKU once. Without a price it is the variant's. */
  items: { sku: Sku; stock: number; limitPerBuyer?: number; priceMinor?: number }[]
}

export interface DropItem {
  sku: Sku
  title: string
  priceMinor: number
  currency: string
  total: number
  /** Written to Postgres; the ledger may be ahead. */
  sold: number
  limit: number | null
}

export interface DropRecord {
  drop: DropId
  creator: CreatorId
  productId: ProductId
  title: string
  phase: Phase
  opensAtMs: number
  closesAtMs: number | null
  limitPerBuyer: number | null
  lowStockAt: number | null
  /** The last position that Postgres has written: what `phase` and `sold` are true at. */
  position: Position
  items: DropItem[]
}

/** Where a page left off: of its last drop. */
export type DropCursor = Pick<DropRecord, 'opensAtMs' | 'drop'>

export interface DropQuestion {
  phase?: Phase | undefined
  creator?: CreatorId | undefined
  /** Those that open then or later. */
  from?: Date | undefined
  limit: number
  after?: DropCursor | undefined
}

export type DropRefusal = { refused: 'unknown_product' | 'unknown_sku' | 'key_mismatch' }

export class Drops {
  readonly #sql: Sql
  readonly #drops = readStatement('./sql/drops.sql', import.meta.url)
  readonly #byId = `${this.#drops} where d.id = $1`
  readonly #byOpening = this.#drops + readStatement('./sql/drops-by-opening.sql', import.meta.url)
  readonly #addItems = readStatement('./sql/add-items.sql', import.meta.url)

  constructor(sql: Sql) {
    this.#sql = sql
  }

  /**
   * A product of another creator is as unknown as one that does not exist. Under a key that scheduled a drop before: that
   * drop, as it is now.
   */
  async create(creator: CreatorId, plan: NewDrop, under?: WriteKey): Promise<DropRecord | DropRefusal> {
    const drop = mintUuid() as DropId
    return answered(
      this.#sql.begin(async (sql) => {
        const claimed = under === undefined ? 'first' : await claimKey(sql, 'drop', under, drop)
        if (claimed === 'key_mismatch') return { refused: claimed } as const
        if (claimed !== 'first') return this.#existing(sql, claimed.made as DropId)

        const refuse = async <R extends DropRefusal['refused']>(refused: R) => {
          if (under !== undefined) await letGo(sql, 'drop', under)
          return { refused } as const
        }
        const [product] = await sql<{ title: string }[]>`
          select title from products where id = ${plan.productId} and creator_id = ${creator} and archived_at is null
          for key share`
        if (product === undefined) return refuse('unknown_product')
        if (!(await this.#hasVariants(sql, plan))) return refuse('unknown_sku')

        const { opensAt, closesAt = null, limitPerBuyer = null, lowStockAt = null } = plan
        await sql`
          insert into drops (id, creator_id, product_id, title, opens_at, closes_at, limit_per_buyer, low_stock_at)
          values (${drop}, ${creator}, ${plan.productId}, ${product.title}, ${opensAt}, ${closesAt}, ${limitPerBuyer},
            ${lowStockAt})`
        await sql`
          insert into creator_events (creator_id, drop_id, kind, title, at)
          values (${creator}, ${drop}, 'drop_scheduled', ${product.title}, now())`
        const columns = [
          plan.items.map((item) => item.sku),
          plan.items.map((item) => item.stock),
          plan.items.map((item) => item.limitPerBuyer ?? null),
          plan.items.map((item) => item.priceMinor ?? null),
        ]
        await sql.unsafe(this.#addItems, [drop, plan.productId, ...columns], { prepare: true })

        return this.#existing(sql, drop)
      }),
    )
  }

  /** `tell` is done before the key is kept: a crash between the two tells it twice, and never not at all. */
  async announce(drop: DropId, under: WriteKey, tell: () => void): Promise<'told' | 'repeated' | 'key_mismatch'> {
    return answered(
      this.#sql.begin(async (sql) => {
        const claimed = await claimKey(sql, 'announcement', under, drop)
        if (claimed === 'key_mismatch') return claimed
        if (claimed !== 'first') return 'repeated'

        tell()
        return 'told'
      }),
    )
  }

  async byId(drop: DropId): Promise<DropRecord | undefined> {
    return answered(this.#read(this.#sql, drop))
  }

  /** Drops that are none are missing from the answer. */
  async phases(drops: readonly DropId[]): Promise<Map<DropId, Phase>> {
    const rows = await answered(
      this.#sql<{ id: DropId; phase: Phase }[]>`select id, phase from drops where id = any(${[...drops]}::uuid[])`,
    )
    return new Map(rows.map(({ id, phase }) => [id, phase]))
  }

  /** By their opening, the earliest first. */
  async list({ phase, creator, from, limit, after }: DropQuestion): Promise<DropRecord[]> {
    const since = new Date(Math.max(from?.getTime() ?? 0, after?.opensAtMs ?? 0))
    const place = after === undefined ? [since, null] : [new Date(after.opensAtMs), after.drop]
    const parameters = [since, creator ?? null, phase ?? null, ...place, limit]
    const rows = await answered(this.#sql.unsafe<DropRecord[]>(this.#byOpening, parameters))
    return rows.map((row) => ({ ...row }))
  }

  async #hasVariants(sql: Transaction, plan: NewDrop): Promise<boolean> {
    const skus = plan.items.map((item) => item.sku)
    const rows = await sql`select from variants where product_id = ${plan.productId} and sku = any(${skus})`
    return rows.length === skus.length
  }

  /** Drops are never deleted. */
  async #existing(sql: Transaction, drop: DropId): Promise<DropRecord> {
    const record = await this.#read(sql, drop)
    if (record === undefined) throw new Error('a drop that was made is not there')
    return record
  }

  async #read(sql: Sql | Transaction, drop: DropId): Promise<DropRecord | undefined> {
    const [row] = await sql.unsafe<DropRecord[]>(this.#byId, [drop], { prepare: true })
    return row && { ...row }
  }
}
