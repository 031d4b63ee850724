/**
 * The keys of an issuer elsewhere: its JWKS, fetched, kept, and fetched again when they may have changed.
 *
 * A header is not read to find out whether its key is new; it is compared with every header that an issuer's library
 * could write for a known key, and one that fits none may be a new key's. Then the set is fetched again, but not more
 * often than every `ASK_AGAIN_MS`, whoever sends what. While the issuer is away its last keys stay; a key that it takes
 * back is refused as soon as the set was fetched without it. Before the first set nobody can be checked, and that is said
 * as such: a phone comes back, it is not sent away.
 */
import { createPublicKey, type KeyObject } from 'node:crypto'
import { z } from 'zod'
import { Fault } from '../../protocol/faults.ts'
import type { Clock, Log, Timer } from '../../rooms/ports.ts'
import { type KeySource, SIGNATURE_CHARS, segmentOf, type TokenKey } from './token-keys.ts'

export interface Issuer {
  /** Of the JSON Web Key Set. */
  url: string
  issuer: string
  audience: string
}

export interface IssuerWorld {
  issuer: Issuer
  clock: Clock
  log: Pick<Log, 'info' | 'warn'>
  /** Global fetch unless given. */
  fetch?: typeof globalThis.fetch
}

export const ASK_AGAIN_MS = 10_000
export const REFRESH_MS = 600_000
/** Under the time that a token's check may take. */
const FETCH_WITHIN_MS = 2_000
const BYTES_MAX = 64 * 1024
const KEYS_MAX = 32
const RSA_BITS_MIN = 2048
const RSA_BITS_MAX = 4096
/** As libraries write it; a token for another purpose says another. */
const TYPES = ['JWT', 'at+jwt', undefined]

const setSchema = z.object({ keys: z.array(z.looseObject({ kid: z.string().min(1).max(256) })).max(KEYS_MAX) })

export class IssuerKeys implements KeySource {
  readonly issuer: string
  readonly audience: string
  readonly isOurs = false
  readonly signing = undefined
  readonly #world: IssuerWorld
  #byHeader: ReadonlyMap<string, TokenKey> | undefined
  #askedAtMs = Number.NEGATIVE_INFINITY
  #asking: Promise<void> | undefined
  #timer: Timer | undefined
  #isStopped = false

  constructor(world: IssuerWorld) {
    this.#world = world
    this.issuer = world.issuer.issuer
    this.audience = world.issuer.audience
  }

  /** Fetches now and then. What goes wrong is logged. */
  start(): void {
    if (this.#isStopped) return
    void this.#ask()
    const { clock } = this.#world
    this.#timer = clock.after(this.#byHeader === undefined ? ASK_AGAIN_MS : REFRESH_MS, () => this.start())
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#timer?.cancel()
  }

  find(headerSegment: string): TokenKey | undefined {
    return this.#byHeader?.get(headerSegment)
  }

  async lookAgain(): Promise<void> {
    const isDue = this.#world.clock.monotonicMs() - this.#askedAtMs >= ASK_AGAIN_MS
    if (this.#asking !== undefined || isDue) await this.#ask()
    if (this.#byHeader === undefined) throw new Fault('unavailable', { dependency: 'issuer' })
  }

  /** One at a time. Never rejects. */
  #ask(): Promise<void> {
    this.#asking ??= this.#fetch().finally(() => {
      this.#asking = undefined
    })
    return this.#asking
  }

  async #fetch(): Promise<void> {
    const { issuer, clock, log, fetch = globalThis.fetch } = this.#world
    this.#askedAtMs = clock.monotonicMs()
    try {
      const signal = AbortSignal.timeout(FETCH_WITHIN_MS)
      const response = await fetch(issuer.url, { signal, redirect: 'error', headers: { accept: 'application/json' } })
      if (!response.ok) throw new Error(`status ${response.status}`)

      const before = this.#byHeader
      this.#byHeader = headersOf(setSchema.parse(JSON.parse(await textOf(response))).keys, before)
      if (before === undefined) log.info('issuer.keys', { headers: this.#byHeader.size })
    } catch (cause) {
      log.warn('issuer.not_asked', { cause: String(cause), has: this.#byHeader !== undefined })
    }
  }
}

async function textOf(response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length
    if (bytes > BYTES_MAX) throw new Error('the set is too large')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** Keys that are not for signing, or too weak, or of another kind are left out. A key that was there stays the same one. */
function headersOf(jwks: readonly Record<string, unknown>[], before: ReadonlyMap<string, TokenKey> | undefined) {
  const byHeader = new Map<string, TokenKey>()
  for (const jwk of jwks) {
    const key = jwk.use === 'enc' ? undefined : readKey(jwk)
    if (key === undefined || (jwk.alg !== undefined && jwk.alg !== key.alg)) continue

    for (const header of headersFor(key.alg, String(jwk.kid))) {
      const known = before?.get(header)
      byHeader.set(header, known?.key.equals(key.key) === true ? known : key)
    }
  }
  return byHeader
}

function readKey(jwk: Record<string, unknown>): TokenKey | undefined {
  try {
    const key = createPublicKey({ key: jwk, format: 'jwk' })
    const alg = algorithmOf(key)
    return alg && { alg, key, signatureChars: SIGNATURE_CHARS[alg] }
  } catch {
    return undefined // a kind of key that this Node does not know is none of ours
  }
}

function algorithmOf(key: KeyObject): 'EdDSA' | 'ES256' | 'RS256' | undefined {
  const { namedCurve, modulusLength = 0 } = key.asymmetricKeyDetails ?? {}
  if (key.asymmetricKeyType === 'ed25519') return 'EdDSA'
  if (key.asymmetricKeyType === 'ec' && namedCurve === 'prime256v1') return 'ES256'
  const isSound = modulusLength >= RSA_BITS_MIN && modulusLength <= RSA_BITS_MAX
  return key.asymmetricKeyType === 'rsa' && isSound ? 'RS256' : undefined
}

/** `alg`, `kid` and `typ` in any order, and nothing else. */
function headersFor(alg: string, kid: string): string[] {
  return TYPES.flatMap((typ) => {
    const members: [string, string][] = [
      ['alg', alg],
      ['kid', kid],
    ]
    if (typ !== undefined) members.push(['typ', typ])
    return orders(members).map((order) => segmentOf(Object.fromEntries(order)))
  })
}

function orders<T>(list: readonly T[]): T[][] {
  if (list.length <= 1) return [[...list]]
  return list.flatMap((one, at) => orders(list.filter((_, other) => other !== at)).map((rest) => [one, ...rest]))
}
