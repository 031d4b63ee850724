/**
 * A sign-in lives as long as it is renewed, and its refresh token changes each time.
 *
 * The token is the row's id and a secret; the row keeps the hash of the one secret that is good now. So renewing is one
 * compare-and-set, and a token that names a row but does not fit it was good once: either its owner or a thief has the
 * newer one, nobody can say which, and the sign-in ends for both. A row does not grow with the number of renewals.
 */
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import type { UserId } from '../../protocol/ids.ts'
import { answered, type Sql } from '../postgres.ts'
import type { Account } from './accounts.ts'

export const REFRESH_TTL_MS = 30 * 24 * 3_600_000
const SECRET_BYTES = 32

export interface IssuedRefresh {
  refreshToken: string
  expiresAtMs: number
}

/** `reused`: it was good once, and its sign-in has ended now. */
export type Renewed = { account: Account; refresh: IssuedRefresh } | 'unknown' | 'reused'

export class SignIns {
  readonly #sql: Sql
  readonly #nowMs: () => number

  constructor(sql: Sql, nowMs: () => number = Date.now) {
    this.#sql = sql
    this.#nowMs = nowMs
  }

  async begin(user: UserId): Promise<IssuedRefresh> {
    const id = randomUUID()
    const fresh = this.#mint(id)
    // What is over is swept by the next sign-in of the same user: no job, and nobody gathers rows for ever.
    await answered(this.#sql`delete from sign_ins where user_id = ${user} and expires_at <= ${this.#now()}`)
    await answered(
      this.#sql`
        insert into sign_ins (id, user_id, refresh_hash, expires_at)
        values (${id}, ${user}, ${fresh.hash}, ${new Date(fresh.expiresAtMs)})`,
    )
    return fresh.issued
  }

  async renew(refreshToken: string): Promise<Renewed> {
    const { id, hash } = parse(refreshToken)
    const fresh = this.#mint(id)
    const [account] = await answered(
      this.#sql<Account[]>`
        update sign_ins s set refresh_hash = ${fresh.hash}, expires_at = ${new Date(fresh.expiresAtMs)}
        from users u
        where s.id = ${id} and s.refresh_hash = ${hash} and s.expires_at > ${this.#now()} and u.id = s.user_id
        returning u.id as "userId", u.email, u.display_name as "displayName", u.role`,
    )
    if (account !== undefined) return { account: { ...account }, refresh: fresh.issued }

    const ended = await answered(
      this.#sql<{ reused: boolean }[]>`
        delete from sign_ins where id = ${id} returning refresh_hash <> ${hash} as reused`,
    )
    return ended[0]?.reused === true ? 'reused' : 'unknown'
  }

  /** Ends the sign-in that the token belongs to, also by an older one. */
  async end(refreshToken: string): Promise<void> {
    await answered(this.#sql`delete from sign_ins where id = ${parse(refreshToken).id}`)
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
