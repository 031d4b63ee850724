/**
 * Who somebody is: access tokens, checked on every door and issued at login.
 *
 * A token is a JWT with exactly one header, and that header is compared as text before anything in the token is read.
 * Attacks on JWT live in the header (`alg: none`, another algorithm, `kid`, `jku`, `crit`); here there is nothing in it
 * to choose, so there is nothing to attack. The library is then asked only whether the signature is right, and the
 * claims are checked here, one by one, with no leeway for the end of a token.
 *
 * A signature costs a quarter of a millisecond, and after a deploy every phone comes back at once with the token it had.
 * So tokens found good are remembered until they end: at most `REMEMBERED_MAX`, the least recently seen forgotten first.
 */
import { randomUUID } from 'node:crypto'
import { CompactSign, compactVerify, errors } from 'jose'
import { z } from 'zod'
import { ROLES, type Role } from '../../protocol/api/endpoint.ts'
import { type UserId, userIdSchema } from '../../protocol/ids.ts'
import type { Identity } from './session.ts'

export type Verified = Identity | 'invalid' | 'expired'

export interface IssuedToken {
  token: string
  expiresAtMs: number
}

export const TOKEN_TTL_MS = 15 * 60_000
const TOKEN_MAX = 4096
const REMEMBERED_MAX = 50_000
/** Between the clock that issued and this one; for the beginning of a token, never for its end. */
const LEEWAY_S = 5

const ISSUER = 'livedrop'
const HEADER = { alg: 'HS256', typ: 'JWT' } as const
const HEADERS_ALLOWED: ReadonlySet<string> = new Set([Buffer.from(JSON.stringify(HEADER)).toString('base64url')])
const SEGMENTS = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{43}$/

const secondsSchema = z.int().min(0).max(253_402_300_799)
const claimsSchema = z.object({
  iss: z.literal(ISSUER),
  aud: z.literal(ISSUER),
  sub: userIdSchema,
  role: z.enum(ROLES),
  iat: secondsSchema,
  exp: secondsSchema,
  nbf: secondsSchema.optional(),
})

export class Tokens {
  readonly #secret: Uint8Array
  readonly #nowMs: () => number
  readonly #remembered = new Map<string, Identity>()
  readonly #rememberedMax: number

  constructor(secret: string, nowMs: () => number = Date.now, rememberedMax = REMEMBERED_MAX) {
    this.#secret = new TextEncoder().encode(secret)
    this.#nowMs = nowMs
    this.#rememberedMax = rememberedMax
  }

  /** How many tokens need no second verification. */
  get remembered(): number {
    return this.#remembered.size
  }

  /** Never throws for anything that a token may be. */
  async verify(token: string): Promise<Verified> {
    if (token.length > TOKEN_MAX || !SEGMENTS.test(token)) return 'invalid'
    if (!HEADERS_ALLOWED.has(token.slice(0, token.indexOf('.')))) return 'invalid'

    const known = this.#remembered.get(token)
    if (known !== undefined) return this.#seenAgain(token, known)

    const claims = await this.#open(token)
    if (claims === undefined) return 'invalid'

    const nowS = this.#nowMs() / 1000
    if (claims.iat > nowS + LEEWAY_S || (claims.nbf ?? 0) > nowS + LEEWAY_S) return 'invalid'
    if (claims.exp <= nowS) return 'expired'

    const identity: Identity = { user: claims.sub, role: claims.role, expiresAtMs: claims.exp * 1000 }
    this.#remember(token, identity)
    return identity
  }

  async issue(to: { user: UserId; role: Role }, ttlMs = TOKEN_TTL_MS): Promise<IssuedToken> {
    const iat = Math.floor(this.#nowMs() / 1000)
    const exp = iat + Math.ceil(ttlMs / 1000)
    const claims = { iss: ISSUER, aud: ISSUER, sub: to.user, role: to.role, iat, exp, jti: randomUUID() }

    const payload = new TextEncoder().encode(JSON.stringify(claims))
    const token = await new CompactSign(payload).setProtectedHeader(HEADER).sign(this.#secret)
    return { token, expiresAtMs: exp * 1000 }
  }

  async #open(token: string): Promise<z.infer<typeof claimsSchema> | undefined> {
    try {
      const { payload } = await compactVerify(token, this.#secret, { algorithms: [HEADER.alg] })
      const text = new TextDecoder('utf-8', { fatal: true }).decode(payload)
      const claims: unknown = JSON.parse(text)
      // A claim that stands there twice would be read as its last; what was signed here reads back to the same text.
      if (JSON.stringify(claims) !== text) return undefined

      return claimsSchema.safeParse(claims).data
    } catch (error) {
      if (error instanceof errors.JOSEError || error instanceof SyntaxError || error instanceof TypeError) {
        return undefined
      }
      throw error
    }
  }

  #seenAgain(token: string, identity: Identity): Verified {
    this.#remembered.delete(token)
    if (identity.expiresAtMs <= this.#nowMs()) return 'expired'

    this.#remembered.set(token, identity)
    return identity
  }

  #remember(token: string, identity: Identity): void {
    this.#remembered.set(token, identity)
    if (this.#remembered.size <= this.#rememberedMax) return

    // A Map keeps the order of insertion, and a token seen again is inserted again: the first is the oldest.
    const [oldest] = this.#remembered.keys()
    if (oldest !== undefined) this.#remembered.delete(oldest)
  }
}
