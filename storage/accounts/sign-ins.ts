/**
 * A sign-in lives as long as it is renewed, and its refresh token changes each time.
 *
 * The token is the row's id and a secret; the row keeps the hash of the one secret that is good now. So renewing is one
 * compare-and-set, and a token that names a row but does not fit it was good once: either its owner or a thief has the
 * newer one, nobody can say which, and the sign-in ends for both. A row does not grow with the number of renewals.
 *
 * What is issued here comes with the number of the account's standing (standings.ts), for the access token to carry.
 */
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import type { Role } from '../../protocol/api/endpoint.ts'
import type { UserId } from '../../protocol/ids.ts'
import { answered, type Sql } from '../postgres.ts'
import type { Account } from './accounts.ts'
import { type Standing, StandingBook } from './standings.ts'

export const REFRESH_TTL_MS = 30 * 24 * 3_600_000
const SECRET_BYTES = 32

export interface IssuedRefresh {
  refreshToken: string
  expiresAtMs: number
}

/** A sign-in with the role that the account had in that moment, and the number of its standing. */
export type Begun = IssuedRefresh & { role: Role; standing: number }

/** `reused`: it was good once; its sign-in has ended now, and the access tokens of its user with it. */
export type Renewed = { account: Account; refresh: Begun } | 'unknown' | { reused: Standing }

export class SignIns {
  readonly #sql: Sql
  readonly #standings: StandingBook
  readonly #nowMs: () => number

  constructor(sql: Sql, nowMs: () => number) {
    this.#sql = sql
    this.#standings = new StandingBook(sql)
    this.#nowMs = nowMs
  }

  /**
   * `passwordHash` is the one that was right a moment ago. Undefined when it is another by now, or the user is banned: a
   * change that was on its way while the password was compared ends this sign-in too.
   */
  async begin(user: UserId, passwordHash: string | null): Promise<Begun | undefined> {
    const id = randomUUID()
    const fresh = this.#mint(id)
    // What is over is swept by the next sign-in of the same user: no job, and nobody gathers rows for ever.
    await answered(this.#sql`delete from sign_ins where user_id = ${user} and expires_at <= ${this.#now()}`)
    const [begun] = await answered(
      this.#sql<{ role: Role; standing: number }[]>`
        with account as (
          select id, role, standing from users
          where id = ${user} and password_hash is not distinct from ${passwordHash}
            and (banned_until is null or banned_until <= now())
          for share
        )
        insert into sign_ins (id, user_id, refresh_hash, expires_at)
        select ${id}::uuid, id, ${fresh.hash}::bytea, ${new Date(fresh.expiresAtMs)}::timestamptz from account
        returning (select role from account), (select standing from account)`,
    )
    return begun && { ...fresh.issued, ...begun }
  }

  async renew(refreshToken: string): Promise<Renewed> {
    const { id, hash } = parse(refreshToken)
    const fresh = this.#mint(id)
    const [renewed] = await answered(
      this.#sql<(Account & { standing: number })[]>`
        update sign_ins s set refresh_hash = ${fresh.hash}, expires_at = ${new Date(fresh.expiresAtMs)}
        from users u
        where s.id = ${id} and s.refresh_hash = ${hash} and s.expires_at > ${this.#now()} and u.id = s.user_id
          and (u.banned_until is null or u.banned_until <= now())
        returning u.id as "userId", u.email, u.display_name as "displayName", u.role, u.standing`,
    )
    if (renewed !== undefined) {
      const { standing, ...account } = renewed
      return { account, refresh: { ...fresh.issued, role: account.role, standing } }
    }

    const [known] = await answered(
      this.#sql<{ reused: boolean }[]>`select refresh_hash <> ${hash} as reused from sign_ins where id = ${id}`,
    )
    if (known?.reused !== true) {
      if (known !== undefined) await this.end(refreshToken)
      return 'unknown'
    }
    const reused = await this.#standings.endReused(id, hash)
    return reused === undefined ? 'unknown' : { reused }
  }

  /** Ends the sign-in that the token belongs to, also by an older one. */
  async end(refreshToken: string): Promise<void> {
    await answered(this.#sql`delete from sign_ins where id = ${parse(refreshToken).id}`)
  }

  /** Ends every sign-in of whoever the token belongs to, and all their access tokens. Undefined: it belongs to none. */
  async endEverywhere(refreshToken: string): Promise<Standing | undefined> {
    return this.#standings.endEverywhere(parse(refreshToken).id)
  }

  #now(): Date {
    return new Date(this.#nowMs())
  }

  #mint(id: string) {
    const secret = randomBytes(SECRET_BYTES).toString('base64url')
    const expiresAtMs = this.#nowMs() + REFRESH_TTL_MS
    return { hash: hashOf(secret), expiresAtMs, issued: { refreshToken: `${id}.${secret}`, expiresAtMs } }
  }
}

/** Of a token in its form (protocol/api/auth.ts). */
function parse(refreshToken: string): { id: string; hash: Buffer } {
  const [id = '', secret = ''] = refreshToken.split('.')
  return { id, hash: hashOf(secret) }
}

/** No salt and no slow hash: the secret is 256 random bits, there is nothing to guess. */
function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
}
