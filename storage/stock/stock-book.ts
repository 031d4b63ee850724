/**
 * Stock that moves by a person's hand, in Postgres: the first half of a restock and of a cancelled order.
 *
 * The second half is the ledger's, under the `opId` that is kept here; `debts` are those that it does not have yet
 * (rooms/debts.ts). The plain-object one is MemoryDropBook, under one contract suite.
 */
import type { DropId, IdempotencyKey, OrderId, UserId } from '../../protocol/ids.ts'
import { formatLines, type Line, type LinesText } from '../../protocol/lines.ts'
import type { Debt, DebtBook } from '../../rooms/debts.ts'
import type { UnwindBook } from '../../rooms/unwinding.ts'
import { answered, readStatement, type Sql } from '../postgres.ts'

/** Of one item, however often it is restocked. */
export const TOTAL_MAX = 10_000_000

export type RestockAnswer =
  /** `repeated`: the same doing was done before; the ledger may still have to hear of it. */
  | 'done'
  | 'repeated'
  /** The same doing with other lines: nothing was changed. */
  | 'mismatch'
  | 'over'
  | 'unknown_sku'
  | 'too_many'

/** `now` and `cancelled` (before) are good; the units are due back under `cancelOf(orderId)`. */
export interface CancelAnswer {
  said: 'now' | 'cancelled' | 'revoked' | 'over'
  drop: DropId
  key: IdempotencyKey
  lines: LinesText
}

export interface StockBook extends DebtBook, UnwindBook {
  /** Undefined: no such drop. */
  restock(drop: DropId, opId: string, lines: readonly Line[]): Promise<RestockAnswer | undefined>
  /** Undefined: no such order of this buyer. */
  cancel(orderId: OrderId, buyer: UserId): Promise<CancelAnswer | undefined>
}

/** The operation that gives a cancelled order's units back, whoever cancelled it: so it happens once. */
export const cancelOf = (orderId: OrderId): string => `cancel:${orderId}`

export class PostgresStockBook implements StockBook {
  readonly #sql: Sql
  readonly #debts = readStatement('./sql/debts.sql', import.meta.url)

  constructor(sql: Sql) {
    this.#sql = sql
  }

  async restock(drop: DropId, opId: string, lines: readonly Line[]): Promise<RestockAnswer | undefined> {
    const skus = lines.map((line) => line.sku)
    const qtys = lines.map((line) => line.qty)
    const [row] = await answered(
      this.#sql<{ said: RestockAnswer | null }[]>`
        select restock_drop(${drop}, ${opId}, ${formatLines(lines)}, ${skus}, ${qtys}, ${TOTAL_MAX}) as said`,
    )
    return row?.said ?? undefined
  }

  async cancel(orderId: OrderId, buyer: UserId): Promise<CancelAnswer | undefined> {
    const [row] = await answered(
      this.#sql<{ answer: CancelAnswer | null }[]>`select cancel_order(${orderId}, ${buyer}) as answer`,
    )
    return row?.answer ?? undefined
  }

  async debts(ageMs: number, max: number): Promise<Debt[]> {
    const rows = await answered(this.#sql.unsafe<DebtRow[]>(this.#debts, [ageMs, max], { prepare: true }))
    return rows.map(({ drop, opId, kind, body }) => ({
      drop,
      opId,
      adjustment: { kind, ...body } as Debt['adjustment'],
    }))
  }

  async toUnwind(max: number): Promise<DropId[]> {
    const rows = await answered(
      this.#sql<
        { id: DropId }[]
      >`select id from drops where phase = 'cancelled' and not unwound order by id limit ${max}`,
    )
    return rows.map((row) => row.id)
  }

  async unwind(drop: DropId, max: number): Promise<number> {
    const [row] = await answered(this.#sql<{ cancelled: number }[]>`select unwind_drop(${drop}, ${max}) as cancelled`)
    return row?.cancelled ?? 0
  }

  async paid(drop: DropId, opId: string): Promise<void> {
    await answered(this.#sql`update drop_ops set applied = true where drop_id = ${drop} and op_id = ${opId}`)
  }
}

interface DebtRow {
  drop: DropId
  opId: string
  kind: 'restock' | 'release'
  body: { lines: LinesText } | { orderId: OrderId; buyer: UserId; lines: LinesText }
}
