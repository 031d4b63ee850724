/**
 * Standings in Postgres: revoking, banning and changing roles, and reading what changed.
 *
 * Each change is one call of one SQL function (migrations/0022, 0023), which takes the next number, locks in one order,
 * and for an administrator writes the book of actions in the same transaction. It answers the standing that is true now,
 * for whoever called to tell the nodes.
 */
import type { Role } from '../../protocol/api/endpoint.ts'
import type { UserId } from '../../protocol/ids.ts'
import { answered, type Sql } from '../postgres.ts'

export interface Standing {
  user: UserId
  /** Of the last change. Of two standings of a user the one with the higher number is true. */
  number: number
  atMs: number
  role: Role
  /** A token that was signed here is good if the account's number was at least this when it was signed. */
  tokensFrom: number
  /** Other tokens: issued at this time or before they are good no more. 0: never revoked. */
  revokedBeforeMs: number
  /** 0: not banned. */
  bannedUntilMs: number
}

export interface Ban {
  reason: string
  until: Date
}

/** Until when somebody is banned who is banned for good. */
export const FOR_GOOD_MS = Date.UTC(2100, 0, 1)

/** Whoever waits for it asks again soon. */
const READ_WITHIN_MS = 2_000

export class StandingBook {
  readonly #sql: Sql
  readonly #accountsAreElsewhere: boolean

  /** `accountsAreElsewhere`: an issuer elsewhere knows users that have no row here, and they can be banned all the same. */
  constructor(sql: Sql, { accountsAreElsewhere = false } = {}) {
    this.#sql = sql
    this.#accountsAreElsewhere = accountsAreElsewhere
  }

  /** Undefined: the sign-in is over already. */
  async endEverywhere(signInId: string): Promise<Standing | undefined> {
    return this.#one(this.#sql<Standing[]>`select ${this.#columns()} from end_everywhere(${signInId})`)
  }

  /** Undefined: the sign-in is over already, or the token of this hash is the good one. */
  async endReused(signInId: string, hash: Buffer): Promise<Standing | undefined> {
    return this.#one(this.#sql<Standing[]>`select ${this.#columns()} from end_reused(${signInId}, ${hash})`)
  }

  /** Undefined: the password is another one by now. */
  async changePassword(user: UserId, oldHash: string, newHash: string): Promise<Standing | undefined> {
    return this.#one(
      this.#sql<Standing[]>`select ${this.#columns()} from change_password(${user}, ${oldHash}, ${newHash})`,
    )
  }

  // --- by an administrator; `actor` is null on the command line, and undefined answers that there is no such user ----------

  async ban(actor: UserId | null, user: UserId, { reason, until }: Ban): Promise<Standing | undefined> {
    if (this.#accountsAreElsewhere) await this.#addAccount(user)
    return this.#one(
      this.#sql<Standing[]>`select ${this.#columns()} from ban_user(${actor}, ${user}, ${reason}, ${until})`,
    )
  }

  async unban(actor: UserId | null, user: UserId, reason: string | null): Promise<Standing | undefined> {
    return this.#one(this.#sql<Standing[]>`select ${this.#columns()} from unban_user(${actor}, ${user}, ${reason})`)
  }

  async changeRole(
    actor: UserId | null,
    user: UserId,
    role: Role,
    reason: string | null,
  ): Promise<Standing | undefined> {
    return this.#one(
      this.#sql<Standing[]>`select ${this.#columns()} from change_role(${actor}, ${user}, ${role}, ${reason})`,
    )
  }

  // --- for nodes, which know them by heart -----------------------------------------------------------------------------------

  /** The number of the latest change of all. */
  async latest(): Promise<number> {
    const [row] = await answered(
      this.#sql<
        { latest: number }[]
      >`select coalesce(max(standing), 0)::bigint as latest from users where standing > 0`,
      READ_WITHIN_MS,
    )
    return row?.latest ?? 0
  }

  /** In their order. */
  async after(number: number, limit: number): Promise<Standing[]> {
    return this.#many(
      this.#sql<Standing[]>`
        select ${this.#columns()} from users where standing > ${number} order by standing limit ${limit}`,
    )
  }

  /** The latest first, from below a number. */
  async before(number: number, limit: number): Promise<Standing[]> {
    return this.#many(
      this.#sql<Standing[]>`
        select ${this.#columns()} from users
        where standing > 0 and standing < ${number} order by standing desc limit ${limit}`,
    )
  }

  /** Of those who are banned, the latest first, from below a number. */
  async bannedBefore(number: number, limit: number): Promise<Standing[]> {
    return this.#many(
      this.#sql<Standing[]>`
        select ${this.#columns()} from users
        where banned_until > now() and standing < ${number} order by standing desc limit ${limit}`,
    )
  }

  /** A row to ban, which nobody can sign in to. */
  async #addAccount(user: UserId): Promise<void> {
    await answered(
      this.#sql`
        insert into users (id, email, display_name, role)
        values (${user}, ${`${user}@elsewhere.invalid`}, 'Somebody', 'fan') on conflict do nothing`,
    )
  }

  #columns() {
    return this.#sql`
      id as "user", standing as number, role, tokens_from as "tokensFrom",
      coalesce(extract(epoch from standing_at) * 1000, 0)::float8 as "atMs",
      coalesce(extract(epoch from revoked_before) * 1000, 0)::float8 as "revokedBeforeMs",
      coalesce(extract(epoch from banned_until) * 1000, 0)::float8 as "bannedUntilMs"`
  }

  async #one(asked: PromiseLike<Standing[]>): Promise<Standing | undefined> {
    const [row] = await answered(asked)
    return row && { ...row }
  }

  async #many(asked: PromiseLike<Standing[]>): Promise<Standing[]> {
    return (await answered(asked, READ_WITHIN_MS)).map((row) => ({ ...row }))
  }
}
