/**
 * The drop book in Postgres: who may run a drop, and what has become of its orders.
 *
 * The thinking is in SQL (migrations/0002-write-entries.sql, 0025-fence-writers.sql), because a batch must be judged and
 * written under one lock in one round trip; this file only turns entries into arrays and words into outcomes. Arrays, and
 * not 512 rows of parameters, so that it is one statement shape that is planned once.
 */
import { Fault } from '../../protocol/faults.ts'
import type { CreatorId, DropId, NodeId, OrderId, Sku, UserId } from '../../protocol/ids.ts'
import { formatLines, parseLines } from '../../protocol/lines.ts'
import { laterPosition, ORIGIN } from '../../protocol/position.ts'
import type { Phase } from '../../protocol/verdicts.ts'
import type {
  DropBook,
  DueDrop,
  Entry,
  KeptOrder,
  LedgerItem,
  RoomSeed,
  Taken,
  WriteOutcome,
} from '../../rooms/ports.ts'
import { answered, readStatement, type Sql, type Transaction } from '../postgres.ts'
import { cancelOf } from '../stock/stock-book.ts'
import { readOutcome } from './outcome-words.ts'

export const WRITE_ENTRIES_MAX = 512
const OPS_PAGE = 5_000

export class PostgresDropBook implements DropBook {
  readonly #sql: Sql
  readonly #take = readStatement('./sql/take.sql', import.meta.url)
  readonly #fence = readStatement('./sql/fence.sql', import.meta.url)
  readonly #opsDone = readStatement('./sql/ops-done.sql', import.meta.url)
  readonly #keptOrders = readStatement('./sql/kept-orders.sql', import.meta.url)
  readonly #due = readStatement('./sql/due.sql', import.meta.url)

  readonly #phaseWritten: () => void

  /** `phaseWritten`: a change of phase was committed, so there is an event that fans wait for. */
  constructor(sql: Sql, phaseWritten: () => void = () => undefined) {
    this.#sql = sql
    this.#phaseWritten = phaseWritten
  }

  async take(drop: DropId, node: NodeId): Promise<Taken | undefined> {
    const [row] = await answered(this.#sql.unsafe<TakenRow[]>(this.#take, [drop, node], { prepare: true }))
    if (row === undefined) return undefined

    const { epoch, previous_owner, wm_epoch, wm_seq, min_epoch, creator_id, low_stock_at } = row
    return {
      epoch,
      previousOwner: previous_owner,
      watermark: { epoch: wm_epoch, seq: wm_seq },
      minEpoch: min_epoch,
      creator: creator_id,
      lowStockAt: low_stock_at,
    }
  }

  async fence(drop: DropId, epoch: number): Promise<{ seed: RoomSeed; opIds: string[] } | undefined> {
    return answered(
      this.#sql.begin(async (tx) => {
        const [row] = await tx.unsafe<FencedRow[]>(this.#fence, [drop, epoch], { prepare: true })
        if (row === undefined) return undefined

        const items = await tx<LedgerItem[]>`
          select sku, total - sold as left, limit_per_buyer as limit
          from drop_items where drop_id = ${drop} order by position`
        const { phase, opens_at, closes_at, limit_per_buyer } = row
        const opensAtMs = opens_at.getTime()
        const closesAtMs = closes_at?.getTime() ?? null
        const seed = { phase, opensAtMs, closesAtMs, limitPerBuyer: limit_per_buyer, items: [...items] }
        return { seed, opIds: await this.#allOpsDone(tx, drop) }
      }),
    )
  }

  /** In pages: as one value, 300,000 of them would hold up the whole node while it is read. */
  async #allOpsDone(tx: Transaction, drop: DropId): Promise<string[]> {
    const opIds: string[] = []
    for (;;) {
      const parameters = [drop, opIds.at(-1) ?? null, OPS_PAGE]
      const page = await tx.unsafe<{ op_id: string }[]>(this.#opsDone, parameters, { prepare: true })
      for (const { op_id } of page) opIds.push(op_id)
      if (page.length < OPS_PAGE) return opIds
    }
  }

  async keptOrders(drop: DropId, afterId: OrderId | undefined, max: number): Promise<KeptOrder[]> {
    const parameters = [drop, afterId ?? null, max]
    const rows = await answered(this.#sql.unsafe<KeptRow[]>(this.#keptOrders, parameters, { prepare: true }))
    return rows.map((row) => ({
      orderId: row.id,
      buyer: row.buyer_id,
      lines: formatLines(row.skus.map((sku, at) => ({ sku, qty: row.qtys[at] ?? 0 }))),
      position: { epoch: row.epoch, seq: row.seq },
      holdsUnits: row.state === 'confirmed',
      ...(row.state === 'cancelled' ? { givenBackBy: cancelOf(row.id) } : {}),
    }))
  }

  async write(drop: DropId, epoch: number, entries: readonly Entry[]): Promise<WriteOutcome[] | 'fenced'> {
    if (entries.length === 0) return []
    if (entries.length > WRITE_ENTRIES_MAX) throw new RangeError(`${entries.length} entries in one batch`)

    const batch = new Batch(entries)
    const sql = this.#sql
    const [row] = await answered(sql<{ words: string[] | null }[]>`
      select write_entries_as(${epoch}, ${drop}, ${batch.last.epoch}, ${batch.last.seq},
        ${batch.ids}, ${batch.buyers}, ${batch.keys}, ${batch.epochs}, ${batch.seqs}, ${batch.atMs},
        ${batch.lineOrders}, ${batch.lineSkus}, ${batch.lineQtys}, ${sql.json(batch.changes)}) as words`)
    if (row?.words === null) return 'fenced'
    if (batch.changes.some(({ phase }) => phase !== null)) this.#phaseWritten()
    return batch.outcomes(row?.words ?? [])
  }

  async due(untilMs: number, max: number): Promise<DueDrop[]> {
    const parameters = [new Date(untilMs), max]
    const rows = await answered(this.#sql.unsafe<DueRow[]>(this.#due, parameters, { prepare: true }))
    return rows.map((row) => ({
      drop: row.id,
      phase: row.phase,
      opensAtMs: row.opens_at.getTime(),
      closesAtMs: row.closes_at?.getTime() ?? null,
    }))
  }
}

/** A batch as `write_entries` takes it: the orders as columns, their lines as columns, the changes as a list. */
class Batch {
  readonly ids: string[] = []
  readonly buyers: string[] = []
  readonly keys: string[] = []
  readonly epochs: number[] = []
  readonly seqs: number[] = []
  readonly atMs: number[] = []
  /** Which order a line belongs to, counted from 1 as SQL does. */
  readonly lineOrders: number[] = []
  readonly lineSkus: string[] = []
  readonly lineQtys: number[] = []
  readonly changes: ChangeRow[] = []
  last = ORIGIN
  readonly #isOrder: boolean[]

  constructor(entries: readonly Entry[]) {
    this.#isOrder = entries.map((entry) => entry.kind === 'order')
    for (const entry of entries) this.#add(entry)
  }

  #add(entry: Entry): void {
    const { epoch, seq } = entry.position
    this.last = laterPosition(this.last, entry.position)
    if (entry.kind !== 'order') {
      const phase = entry.kind === 'phase' ? entry.phase : null
      this.changes.push({ kind: entry.kind, opId: entry.opId, epoch, seq, atMs: entry.atMs, phase })
      return
    }

    const lines = parseLines(entry.lines)
    if (lines === undefined) throw new Fault('ledger_corrupt', { orderId: entry.orderId, lines: entry.lines })
    this.ids.push(entry.orderId)
    this.buyers.push(entry.buyer)
    this.keys.push(entry.key)
    this.epochs.push(epoch)
    this.seqs.push(seq)
    this.atMs.push(entry.atMs)
    for (const { sku, qty } of lines) {
      this.lineOrders.push(this.ids.length)
      this.lineSkus.push(sku)
      this.lineQtys.push(qty)
    }
  }

  /** The words come orders first; the outcomes go back in the order of the entries. */
  outcomes(words: readonly string[]): WriteOutcome[] {
    let order = 0
    let change = this.ids.length
    return this.#isOrder.map((isOrder) => readOutcome(words[isOrder ? order++ : change++]))
  }
}

type ChangeRow = { kind: string; opId: string; epoch: number; seq: number; atMs: number; phase: Phase | null }

interface TakenRow {
  epoch: number
  previous_owner: NodeId | null
  wm_epoch: number
  wm_seq: number
  min_epoch: number
  creator_id: CreatorId
  low_stock_at: number | null
}

interface FencedRow {
  phase: Phase
  opens_at: Date
  closes_at: Date | null
  limit_per_buyer: number | null
}

interface KeptRow {
  id: OrderId
  buyer_id: UserId
  state: 'confirmed' | 'revoked' | 'cancelled'
  epoch: number
  seq: number
  skus: Sku[]
  qtys: number[]
}

interface DueRow {
  id: DropId
  phase: Phase
  opens_at: Date
  closes_at: Date | null
}
