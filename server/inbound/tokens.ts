/**
 * Who somebody is: access tokens, checked on every door and issued at login.
 *
 * A token is a JWT whose header is compared as text with those of the few keys there are, before anything in the token is
 * read. Attacks on JWT live in the header (`alg: none`, another algorithm, `kid`, `jku`, `crit`); here there is nothing
 * in it to choose, so there is nothing to attack. Then it is only asked whether the signature is right, and the claims
 * are checked here, one by one, with no leeway for the end of a token. Last comes what is true of its user now.
 *
 * A signature of an issuer costs a quarter of a millisecond, and after a deploy every phone comes back at once with the token it had.
 * So tokens found good are remembered until they end: at most `REMEMBERED_MAX`, the least recently seen forgotten first.
 * Of each only a digest is kept and what it says. A token is some hundreds of letters, and a text that was cut out of a
 * header or a frame keeps the whole of it.
 */
import { createHmac, hash, type KeyObject, randomUUID, timingSafeEqual } from 'node:crypto'
import { CompactSign, compactVerify, errors } from 'jose'
import { z } from 'zod'
import { ROLES, type Role } from '../../protocol/api/endpoint.ts'
import { Fault } from '../../protocol/faults.ts'
import { type UserId, userIdSchema } from '../../protocol/ids.ts'
import { KeyRing } from './key-ring.ts'
import { AS_SAID, type Identity, type Judge, type Verified } from './session.ts'
import type { KeySource, TokenKey } from './token-keys.ts'

export interface IssuedToken {
  token: string
  expiresAtMs: number
}

export const TOKEN_TTL_MS = 15 * 60_000
/** However late its end: what was revoked must be remembered for as long (standings.ts). */
export const TOKEN_AGE_MAX_MS = 24 * 3_600_000
const TOKEN_MAX = 4096
const REMEMBERED_MAX = 50_000
/** Between the clock that issued and this one; for the beginning of a token, never for its end. */
const LEEWAY_S = 5

const SEGMENTS = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/

/** Six bytes of a ticket, less one that says there is none. */
const STANDING_MAX = 2 ** 48 - 2

const secondsSchema = z.int().min(0).max(253_402_300_799)

export interface TokensOptions {
  nowMs?: () => number
  judge?: Judge
  rememberedMax?: number
}

/** Flat and in whole seconds, which V8 keeps in place: 50,000 of them are a few megabytes. */
interface Remembered {
  /** The very key it was checked by: when the key goes, so does what it signed. */
  key: TokenKey
  user: UserId
  role: Role
  issuedAtS: number
  expiresAtS: number
  standing: number | undefined
}

export class Tokens {
  readonly #keys: KeySource
  readonly #claims: ReturnType<typeof claimsOf>
  readonly #nowMs: () => number
  readonly #judge: Judge
  /** By their digests. */
  readonly #remembered = new Map<string, Remembered>()
  readonly #rememberedMax: number

  /** A text is the one secret of an installation that never changes it. */
  constructor(keys: KeySource | string, options: TokensOptions = {}) {
    const { nowMs = Date.now, judge = AS_SAID, rememberedMax = REMEMBERED_MAX } = options
    this.#keys = typeof keys === 'string' ? new KeyRing({ secret: keys }, nowMs) : keys
    this.#claims = claimsOf(this.#keys)
    this.#nowMs = nowMs
    this.#judge = judge
    this.#rememberedMax = rememberedMax
  }

  /** How many tokens need no second verification. */
  get remembered(): number {
    return this.#remembered.size
  }

  /** Whether tokens are given out here at all, or by an issuer elsewhere. */
  get issues(): boolean {
    return this.#keys.signing !== undefined
  }

  /** Throws for nothing that a token may be; only when there is no key yet to check any token by. */
  async verify(token: string): Promise<Verified> {
    const identity = await this.#identityOf(token)
    return typeof identity === 'string' ? identity : this.#judge.now(identity)
  }

  /** `standing`: the number of the account's, where there is an account. Throws `conflict` where others issue tokens. */
  async issue(to: { user: UserId; role: Role; standing?: number }, ttlMs = TOKEN_TTL_MS): Promise<IssuedToken> {
    const { signing, issuer, audience } = this.#keys
    if (signing === undefined) throw new Fault('conflict', {}, { message: 'tokens are issued elsewhere' })

    const { user, role, standing } = to
    const iat = Math.floor(this.#nowMs() / 1000)
    const exp = iat + Math.ceil(ttlMs / 1000)
    const claims = { iss: issuer, aud: audience, sub: user, role, standing, iat, exp, jti: randomUUID() }

    const payload = new TextEncoder().encode(JSON.stringify(claims))
    const token = await new CompactSign(payload).setProtectedHeader(signing.header).sign(signing.key)
    return { token, expiresAtMs: exp * 1000 }
  }

  async #identityOf(token: string): Promise<Identity | 'invalid' | 'expired'> {
    if (token.length > TOKEN_MAX || !SEGMENTS.test(token)) return 'invalid'

    const key = await this.#keyFor(token.slice(0, token.indexOf('.')))
    if (key === undefined || !hasLengthOf(key, token)) return 'invalid'

    const digest = digestOf(token)
    const known = this.#remembered.get(digest)
    if (known?.key === key) return this.#seenAgain(digest, known)
    if (!isOnlySpelling(token)) return 'invalid'

    const claims = await this.#open(token, key)
    if (claims === undefined) return 'invalid'

    const nowS = this.#nowMs() / 1000
    const { sub: user, role, iat: issuedAtS, nbf = 0, standing } = claims
    if (issuedAtS > nowS + LEEWAY_S || nbf > nowS + LEEWAY_S) return 'invalid'
    const expiresAtS = Math.min(claims.exp, issuedAtS + TOKEN_AGE_MAX_MS / 1000)
    if (expiresAtS <= nowS) return 'expired'

    const good = { key, user, role, issuedAtS, expiresAtS, standing }
    this.#remember(digest, good)
    return identityOf(good)
  }

  async #keyFor(header: string): Promise<TokenKey | undefined> {
    const key = this.#keys.find(header)
    if (key !== undefined) return key

    await this.#keys.lookAgain()
    return this.#keys.find(header)
  }

  async #open(token: string, { key, alg }: TokenKey) {
    try {
      const payload =
        alg === 'HS256' ? underSecret(token, key) : (await compactVerify(token, key, { algorithms: [alg] })).payload
      if (payload === undefined) return undefined

      const text = new TextDecoder('utf-8', { fatal: true }).decode(payload)
      const claims: unknown = JSON.parse(text)
      return hasEachOnce(text, claims) ? this.#claims.safeParse(claims).data : undefined
    } catch (error) {
      if (error instanceof errors.JOSEError || error instanceof SyntaxError || error instanceof TypeError) {
        return undefined
      }
      throw error
    }
  }

  #seenAgain(digest: string, known: Remembered): Identity | 'expired' {
    this.#remembered.delete(digest)
    if (known.expiresAtS * 1000 <= this.#nowMs()) return 'expired'

    this.#remembered.set(digest, known)
    return identityOf(known)
  }

  #remember(digest: string, known: Remembered): void {
    this.#remembered.set(digest, known)
    if (this.#remembered.size <= this.#rememberedMax) return

    // A Map keeps the order of insertion, and a token seen again is inserted again: the first is the oldest.
    const [oldest] = this.#remembered.keys()
    if (oldest !== undefined) this.#remembered.delete(oldest)
  }
}

/** All 256 bits, a letter for a byte: nobody can make another token that is taken for this one. */
function digestOf(token: string): string {
  return hash('sha256', token, 'binary')
}

function identityOf({ user, role, issuedAtS, expiresAtS, standing }: Remembered): Identity {
  const identity: Identity = { user, role, expiresAtMs: expiresAtS * 1000, issuedAtMs: issuedAtS * 1000 }
  if (standing !== undefined) identity.standing = standing
  return identity
}

/**
 * The one algorithm that needs no library: the signature is made again and compared as text, so that it has one spelling.
 * The library does it in another thread, which costs ten times as much and is felt when a hall comes in at once.
 */
function underSecret(token: string, secret: KeyObject): Buffer | undefined {
  const end = token.lastIndexOf('.')
  const made = Buffer.from(createHmac('sha256', secret).update(token.slice(0, end)).digest('base64url'))
  const said = Buffer.from(token.slice(end + 1))
  if (made.length !== said.length || !timingSafeEqual(made, said)) return undefined

  return Buffer.from(token.slice(token.indexOf('.') + 1, end), 'base64url')
}

function claimsOf({ issuer, audience, isOurs }: KeySource) {
  const role = z.enum(ROLES)
  return z.object({
    iss: z.literal(issuer),
    aud: z.literal(audience),
    sub: userIdSchema,
    role: isOurs ? role : role.default('fan'),
    iat: secondsSchema,
    exp: secondsSchema,
    nbf: secondsSchema.optional(),
    standing: isOurs ? z.int().min(0).max(STANDING_MAX).optional() : z.undefined().catch(undefined),
  })
}

function hasLengthOf({ signatureChars: [min, max] }: TokenKey, token: string): boolean {
  const chars = token.length - token.lastIndexOf('.') - 1
  return min <= chars && chars <= max
}

/** The last letter of a signature has bits to spare, which readers of base64url leave out: they must be zero. */
function isOnlySpelling(token: string): boolean {
  const signature = token.slice(token.lastIndexOf('.') + 1)
  return Buffer.from(signature, 'base64url').toString('base64url') === signature
}

/** A claim that stands there twice would be read as its last. Every member of the outer object has one colon. */
function hasEachOnce(text: string, claims: unknown): boolean {
  if (typeof claims !== 'object' || claims === null || Array.isArray(claims)) return false

  let depth = 0
  let colons = 0
  for (const [part] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\]:]/g)) {
    if (part === '{' || part === '[') depth += 1
    else if (part === '}' || part === ']') depth -= 1
    else if (part === ':' && depth === 1) colons += 1
  }
  return colons === Object.keys(claims).length
}
