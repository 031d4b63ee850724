/**
 * A user's inbox. It is read, not written: an event of a creator is one row, found by everyone who follows them.
 *
 * Only what concerns one person is a row of that person's: what became of an order. Those come from the event stream,
 * perhaps twice, and are kept once. They are dated by when they came in, so that none slips in behind a read mark.
 */
import type { CreatorId, DropId, OrderId, UserId } from '../../protocol/ids.ts'
import { answered, readStatement, type Sql } from '../postgres.ts'

export interface InboxRow {
  source: 'event' | 'own'
  /** Within its source. */
  id: number
  kind: string
  drop: DropId
  creator: CreatorId
  /** Of the drop. */
  title: string
  orderId: OrderId | null
  atMs: number
}

/** Where a page ended. */
export type InboxPlace = Pick<InboxRow, 'atMs' | 'source' | 'id'>

export interface InboxQuestion {
  limit: number
  after?: InboxPlace
  /** Only what is later. */
  laterThanMs?: number
}

export interface OrderEnd {
  user: UserId
  orderId: OrderId
  drop: DropId
  kind: string
}

const NONE_BEFORE = '9223372036854775807'

export class Inbox {
  readonly #sql: Sql
  readonly #page = readStatement('./sql/page.sql', import.meta.url)

  constructor(sql: Sql) {
    this.#sql = sql
  }

  /** Latest first. */
  async page(user: UserId, { limit, after, laterThanMs }: InboxQuestion): Promise<InboxRow[]> {
    const at = after === undefined ? 'infinity' : new Date(after.atMs).toISOString()
    // Own rows stand before events of the same time: after an own row all of those are still to come, after an event
    // none of the own ones.
    const event = after?.source === 'event' ? after.id : NONE_BEFORE
    const own = after?.source === 'event' ? 0 : (after?.id ?? NONE_BEFORE)
    const later = laterThanMs === undefined ? '-infinity' : new Date(laterThanMs).toISOString()
    const parameters = [user, limit, at, event, own, later]
    const rows = await answered(this.#sql.unsafe<InboxRow[]>(this.#page, parameters, { prepare: true }))
    return rows.map((row) => ({ ...row }))
  }

  async readUpTo(user: UserId): Promise<number | undefined> {
    const [row] = await answered(
      this.#sql<{ atMs: number }[]>`
        select (extract(epoch from read_up_to) * 1000)::float8 as "atMs" from inbox_marks where user_id = ${user}`,
    )
    return row?.atMs
  }

  /** Moves the mark forward, to now at the latest. Answers where it is. */
  async read(user: UserId, upTo: Date): Promise<number> {
    const [row] = await answered(
      this.#sql<{ atMs: number }[]>`
        insert into inbox_marks as m (user_id, read_up_to) values (${user}, least(${upTo}, now()))
        on conflict (user_id) do update set read_up_to = greatest(m.read_up_to, excluded.read_up_to)
        returning (extract(epoch from read_up_to) * 1000)::float8 as "atMs"`,
    )
    if (row === undefined) throw new Error('a mark that was just set is not there')
    return row.atMs
  }

  /** What became of orders. Told again, it changes nothing. Answers how many were new. */
  async add(ends: readonly OrderEnd[]): Promise<number> {
    const users = ends.map((end) => end.user)
    const orderIds = ends.map((end) => end.orderId)
    const kinds = ends.map((end) => end.kind)
    const drops = ends.map((end) => end.drop)
    const result = await answered(
      this.#sql`
        insert into notifications (user_id, order_id, kind, drop_id)
        select * from unnest(${users}::uuid[], ${orderIds}::text[], ${kinds}::text[], ${drops}::uuid[])
        on conflict (order_id, kind) do nothing`,
    )
    return result.count
  }
}
