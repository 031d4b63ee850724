/**
 * Orders as their buyers see them.
 *
 * Whose order it is stands in the WHERE of every question a buyer can ask, never in a check afterwards: an order that is
 * not theirs is not found, in the same way and the same time as one that does not exist.
 */
import type { DropId, IdempotencyKey, OrderId, Sku, UserId } from '../../protocol/ids.ts'
import type { Line } from '../../protocol/lines.ts'
import type { OrderState } from '../../protocol/verdicts.ts'
import { answered, readStatement, type Sql } from '../postgres.ts'

export type WrittenState = Exclude<OrderState, 'accepted'>

export interface MineRow {
  key: IdempotencyKey
  orderId: OrderId
  state: WrittenState
  lines: Line[]
}

export interface OrderRecord {
  orderId: OrderId
  drop: DropId
  buyer: UserId
  key: IdempotencyKey
  state: WrittenState
  reason: string | null
  acceptedAtMs: number
  confirmedAtMs: number | null
  lines: { sku: Sku; qty: number; priceMinor: number; currency: string }[]
}

/** Where a page left off: of its last order. */
export type OrderCursor = Pick<OrderRecord, 'acceptedAtMs' | 'orderId'>

export interface OrderQuestion {
  drop?: DropId
  state?: WrittenState
  limit: number
  after?: OrderCursor
}

/** Where a page of a drop's orders left off. */
export type DropOrdersCursor = Pick<OrderRecord, 'buyer' | 'key'>

export interface DropOrdersQuestion {
  state?: WrittenState | undefined
  limit: number
  after?: DropOrdersCursor | undefined
}

/** Of one buyer. A snapshot carries them, and must fit into what a socket may leave unread (native.ts). */
export const MINE_MAX = 32

const BEFORE_ALL = '00000000-0000-0000-0000-000000000000'

export class OrderReader {
  readonly #sql: Sql
  readonly #mine = readStatement('./sql/mine.sql', import.meta.url)
  readonly #orders = readStatement('./sql/orders.sql', import.meta.url)
  readonly #ofBuyer = this.#orders + readStatement('./sql/orders-of-buyer.sql', import.meta.url)
  readonly #ofDrop = this.#orders + readStatement('./sql/orders-of-drop.sql', import.meta.url)
  readonly #byId = `${this.#orders} where o.id = $1 and o.buyer_id = $2`

  constructor(sql: Sql) {
    this.#sql = sql
  }

  /** The latest orders of these buyers in a drop, oldest first; one question for a whole crowd that joins. */
  async mine(drop: DropId, buyers: readonly UserId[]): Promise<Map<UserId, MineRow[]>> {
    const mine = new Map<UserId, MineRow[]>(buyers.map((buyer) => [buyer, []]))
    if (buyers.length === 0) return mine

    const parameters = [drop, [...new Set(buyers)], MINE_MAX]
    const rows = await answered(
      this.#sql.unsafe<(MineRow & { buyer: UserId })[]>(this.#mine, parameters, { prepare: true }),
    )
    for (const { buyer, key, orderId, state, lines } of rows) mine.get(buyer)?.push({ key, orderId, state, lines })
    return mine
  }

  /** Those that Postgres knows; the others are missing from the answer. */
  async states(
    orderIds: readonly OrderId[],
  ): Promise<Map<OrderId, { state: WrittenState; buyer: UserId; key: IdempotencyKey }>> {
    if (orderIds.length === 0) return new Map()

    const rows = await answered(
      this.#sql<{ id: OrderId; state: WrittenState; buyer: UserId; key: IdempotencyKey }[]>`
        select id, state, buyer_id as buyer, key from orders where id = any(${[...orderIds]})`,
    )
    return new Map(rows.map(({ id, state, buyer, key }) => [id, { state, buyer, key }]))
  }

  /** A buyer's orders, newest first. The next page begins after the last row of this one. */
  async list(buyer: UserId, question: OrderQuestion): Promise<OrderRecord[]> {
    const { drop = null, state = null, limit, after } = question
    const at = after === undefined ? 'infinity' : new Date(after.acceptedAtMs).toISOString()
    const parameters = [buyer, drop, state, limit, at, after?.orderId ?? '']
    const rows = await answered(this.#sql.unsafe<OrderRecord[]>(this.#ofBuyer, parameters, { prepare: true }))
    return rows.map((row) => ({ ...row }))
  }

  /** A drop's orders, those of a buyer together: for its creator, whose drop it is must be known before. */
  async listOfDrop(drop: DropId, { state, limit, after }: DropOrdersQuestion): Promise<OrderRecord[]> {
    const parameters = [drop, state ?? null, after?.buyer ?? BEFORE_ALL, after?.key ?? '', limit]
    const rows = await answered(this.#sql.unsafe<OrderRecord[]>(this.#ofDrop, parameters, { prepare: true }))
    return rows.map((row) => ({ ...row }))
  }

  async byId(orderId: OrderId, buyer: UserId): Promise<OrderRecord | undefined> {
    const [row] = await answered(this.#sql.unsafe<OrderRecord[]>(this.#byId, [orderId, buyer], { prepare: true }))
    return row && { ...row }
  }
}
