/**
 * What Postgres has committed and others must hear, oldest first, at least once.
 *
 * Rows are locked while they are published and marked only when the publisher says that they are safe, so a node that
 * dies in between leaves them to the next; several nodes may publish at once and never take each other's rows. Whoever
 * hears must know an order twice told by its id and kind.
 */
import type { DropId } from '../../protocol/ids.ts'
import { answered, readStatement, type Sql } from '../postgres.ts'

export interface OutboxRow {
  id: number
  drop: DropId
  kind: 'order_confirmed' | 'order_revoked' | 'order_cancelled' | 'drop_phase' | (string & {})
  /** Of the order kinds: a list of `{ orderId, buyer, key, reason? }`. Of drop_phase: one object. */
  body: unknown
  createdAtMs: number
}

/** A publish that takes longer gives its rows back; under the server's own limit for an idle transaction. */
const PUBLISH_MS = 20_000
const REFILL_PAGE = 5_000

/** How much of a page was made unsent, and its last row. */
interface RefilledPage {
  refilled: number
  sentAt: string
  id: number
}

export class Outbox {
  readonly #sql: Sql
  readonly #claim = readStatement('./sql/claim.sql', import.meta.url)
  readonly #refill = readStatement('./sql/refill.sql', import.meta.url)

  constructor(sql: Sql) {
    this.#sql = sql
  }

  /** Answers how many were published. When `publish` throws, none of them counts as sent and the same fault is thrown. */
  async publishSome(max: number, publish: (rows: OutboxRow[]) => Promise<(number | undefined)[]>): Promise<number> {
    return answered(
      this.#sql.begin(async (sql) => {
        const claimed = await sql.unsafe<OutboxRow[]>(this.#claim, [max], { prepare: true })
        if (claimed.length === 0) return 0

        const rows = claimed.map((row) => ({ ...row }))
        const seqs = (await publish(rows)).map((seq) => seq ?? null)
        await sql`
          with sent as (
            select * from unnest(${rows.map((row) => row.id)}::bigint[], ${seqs}::bigint[]) as sent (id, seq)
          ), filled as (
            update event_stream set last_seq = greatest(last_seq, (select max(seq) from sent))
          )
          update outbox set sent_at = now(), stream_seq = sent.seq from sent where outbox.id = sent.id`
        return rows.length
      }),
      PUBLISH_MS,
    )
  }

  async unsent(): Promise<number> {
    const [row] = await answered(
      this.#sql<{ unsent: number }[]>`select count(*) as unsent from outbox where sent_at is null`,
    )
    return row?.unsent ?? 0
  }

  /** The highest number in the stream that was answered for any row, since the stream was last filled again. */
  async knownSeq(): Promise<number> {
    const [row] = await answered(this.#sql<{ seq: number }[]>`select last_seq as seq from event_stream`)
    return row?.seq ?? 0
  }

  /**
   * The stream has lost what is above `lastSeq`: what was sent since then and is not in the inboxes is to be sent again.
   * Answers how many rows that were. In pages, each of which stands for itself: after a failure, call it again.
   */
  async refill(sinceMs: number, lastSeq: number): Promise<number> {
    let refilled = 0
    let after = { sentAt: new Date(sinceMs).toISOString(), id: 0 }
    for (;;) {
      const parameters = [after.sentAt, after.id, lastSeq, REFILL_PAGE]
      const [page] = await answered(this.#sql.unsafe<RefilledPage[]>(this.#refill, parameters, { prepare: true }))
      if (page === undefined) break
      refilled += page.refilled
      after = page
    }
    await answered(this.#sql`update event_stream set last_seq = ${lastSeq}`)
    return refilled
  }
}
