/**
 * People: fans, creators and those who run the place.
 *
 * An e-mail address belongs to one account whatever its capitals. The password's hash leaves this file only for the two
 * questions that compare one: signing in and changing it.
 */
import { v7 as mintUuid } from 'uuid'
import type { Role } from '../../protocol/api/endpoint.ts'
import type { UserId } from '../../protocol/ids.ts'
import { answered, type Sql, type Transaction } from '../postgres.ts'

export interface Account {
  userId: UserId
  email: string
  displayName: string
  role: Role
}

export interface NewAccount {
  email: string
  passwordHash: string
  displayName: string
  role: Role
}

/** What signing in needs to know. */
export interface AccountToEnter extends Account {
  passwordHash: string | null
  isBanned: boolean
}

export class Accounts {
  readonly #sql: Sql

  constructor(sql: Sql) {
    this.#sql = sql
  }

  /** A creator has a row among the creators too, under the same id, from the first moment. */
  async create(account: NewAccount): Promise<Account | 'email_taken'> {
    const { email, passwordHash, displayName, role } = account
    const userId = mintUuid() as UserId

    const created = await answered(
      this.#sql.begin(async (sql) => {
        const rows = await sql`
          insert into users (id, email, password_hash, display_name, role)
          values (${userId}, ${email}, ${passwordHash}, ${displayName}, ${role})
          on conflict do nothing returning id`
        if (rows.length === 1 && role === 'creator') await addCreator(sql, userId, displayName)
        return rows.length === 1
      }),
    )
    return created ? { userId, email, displayName, role } : 'email_taken'
  }

  async byEmail(email: string): Promise<AccountToEnter | undefined> {
    const [row] = await answered(
      this.#sql<AccountToEnter[]>`
        select id as "userId", email, display_name as "displayName", role, password_hash as "passwordHash",
               coalesce(banned_until > now(), false) as "isBanned"
        from users where lower(email) = lower(${email})`,
    )
    return row && { ...row }
  }

  /** Undefined: no such account, or one without a password. */
  async passwordHashOf(userId: UserId): Promise<string | undefined> {
    const [row] = await answered(
      this.#sql<{ hash: string | null }[]>`select password_hash as hash from users where id = ${userId}`,
    )
    return row?.hash ?? undefined
  }

  async byId(userId: UserId): Promise<Account | undefined> {
    const [row] = await answered(
      this.#sql<Account[]>`
        select id as "userId", email, display_name as "displayName", role from users where id = ${userId}`,
    )
    return row && { ...row }
  }

  /** Fans without a password, for load: they exist and cannot sign in. */
  async createMany(count: number): Promise<UserId[]> {
    const ids = Array.from({ length: count }, () => mintUuid() as UserId)
    for (let from = 0; from < count; from += PAGE) {
      const page = ids.slice(from, from + PAGE)
      await answered(
        this.#sql`
          insert into users (id, email, display_name, role)
          select id, id || '@load.invalid', 'Fan ' || (${from}::int + n), 'fan'
          from unnest(${page}::uuid[]) with ordinality as u (id, n)`,
      )
    }
    return ids
  }
}

const PAGE = 5_000

async function addCreator(sql: Transaction, userId: UserId, displayName: string): Promise<void> {
  await sql`insert into creators (id, display_name) values (${userId}, ${displayName})`
}
