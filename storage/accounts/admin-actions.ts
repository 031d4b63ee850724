/** The book of what administrators did, read backwards. It is written only by migrations/0023-admin-actions.sql. */
import type { Role } from '../../protocol/api/endpoint.ts'
import type { UserId } from '../../protocol/ids.ts'
import { answered, type Sql } from '../postgres.ts'

/** What of an account administrators can change. */
export interface AccountState {
  role: Role
  /** As Postgres writes it. */
  bannedUntil: string | null
  banReason: string | null
}

export interface AdminAction {
  id: number
  atMs: number
  /** Null: the command line. */
  actor: UserId | null
  action: 'ban' | 'unban' | 'change_role'
  user: UserId
  reason: string | null
  before: AccountState
  after: AccountState
}

export interface ActionsQuestion {
  user?: UserId
  limit: number
  /** The last action of the page before. */
  after?: number
}

export class AdminActions {
  readonly #sql: Sql

  constructor(sql: Sql) {
    this.#sql = sql
  }

  /** The latest first. */
  async list({ user, limit, after }: ActionsQuestion): Promise<AdminAction[]> {
    const sql = this.#sql
    const rows = await answered(
      sql<AdminAction[]>`
        select id, (extract(epoch from at) * 1000)::float8 as "atMs", actor, action, user_id as "user", reason, before, after
        from admin_actions
        where ${after === undefined ? sql`true` : sql`id < ${after}`}
          and ${user === undefined ? sql`true` : sql`user_id = ${user}`}
        order by id desc limit ${limit}`,
    )
    return rows.map((row) => ({ ...row }))
  }
}
