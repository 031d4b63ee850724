/**
 * The installation's own keys: a current one and, while keys are being changed, the previous one.
 *
 * Tokens are signed with HMAC-SHA256 under a secret that all nodes share, or, when a private key is given, with Ed25519,
 * so that others can check them by the public half. Never with both: whatever is not the algorithm of this installation
 * is not understood. Resume tickets are always under a key that is derived from the secret.
 *
 * Every key has an id that is made from the key itself, so nobody has to name them. Changing a key takes no restart: the
 * ring is given the new pair. Files reach the machines of a cluster minutes apart, and a token of a key that another node
 * does not have yet would send its phone away for good; so a new current key is believed at once and signs only after
 * `SIGN_AFTER_MS`, as long as the previous one is still there to sign.
 */
import { createHash, createPrivateKey, createPublicKey, createSecretKey, hkdfSync, type KeyObject } from 'node:crypto'
import { Fault } from '../../protocol/faults.ts'
import { type KeySource, SIGNATURE_CHARS, type SigningKey, segmentOf, type TokenKey } from './token-keys.ts'

export interface KeyMaterial {
  secret: string
  previousSecret?: string
  /** Ed25519 in PEM (PKCS #8). With it tokens are EdDSA. */
  privateKey?: string
  previousPrivateKey?: string
}

export interface PublicJwk {
  kty: 'OKP'
  crv: 'Ed25519'
  x: string
  kid: string
  alg: 'EdDSA'
  use: 'sig'
}

export interface TicketKey {
  id: Buffer
  key: Buffer
}

/** Longer than a file needs to reach every machine. */
export const SIGN_AFTER_MS = 120_000
export const ISSUER = 'livedrop'

interface Loaded {
  signing: SigningKey
  check: TokenKey
  jwk: PublicJwk | undefined
}

export class KeyRing implements KeySource {
  readonly issuer = ISSUER
  readonly audience = ISSUER
  readonly isOurs = true
  readonly #nowMs: () => number
  #current: Loaded
  #previous: Loaded | undefined
  #tickets: { current: TicketKey; previous: TicketKey | undefined }
  #byHeader: ReadonlyMap<string, TokenKey>
  /** Until then the previous keys sign. */
  #signFromMs = 0

  /** Throws `misconfigured`, without a word of the key. */
  constructor(material: KeyMaterial, nowMs: () => number = Date.now) {
    this.#nowMs = nowMs
    const { current, previous, tickets } = load(material)
    this.#current = current
    this.#previous = previous
    this.#tickets = tickets
    this.#byHeader = headersOf(current, previous)
  }

  /** Takes other keys in; what is signed with a key that is in neither place is good no more. Throws like `new`. */
  change(material: KeyMaterial): void {
    const wasSigning = [this.#current.signing.header.kid, this.#tickets.current.id.toString('hex')]
    const { current, previous, tickets } = load(material)
    const isRotation = [previous?.signing.header.kid, tickets.previous?.id.toString('hex')].some(
      (id) => id !== undefined && wasSigning.includes(id),
    )
    this.#current = current
    this.#previous = previous
    this.#tickets = tickets
    this.#byHeader = headersOf(current, previous)
    this.#signFromMs = isRotation ? this.#nowMs() + SIGN_AFTER_MS : 0
  }

  get signing(): SigningKey {
    const previous = this.#isSettling ? this.#previous : undefined
    return (previous ?? this.#current).signing
  }

  find(headerSegment: string): TokenKey | undefined {
    return this.#byHeader.get(headerSegment)
  }

  async lookAgain(): Promise<void> {
    // Whoever changes the ring tells it: there is nowhere to look.
  }

  /** The one to sign with. */
  get ticketKey(): TicketKey {
    const { current, previous } = this.#tickets
    return this.#isSettling && previous !== undefined ? previous : current
  }

  ticketKeyOf(id: Uint8Array): TicketKey | undefined {
    const { current, previous } = this.#tickets
    if (current.id.equals(id)) return current
    return previous?.id.equals(id) === true ? previous : undefined
  }

  /** What others need to check our tokens: nothing with a shared secret. */
  get publicKeys(): PublicJwk[] {
    return [this.#current.jwk, this.#previous?.jwk].filter((jwk) => jwk !== undefined)
  }

  get #isSettling(): boolean {
    return this.#nowMs() < this.#signFromMs
  }
}

function load({ secret, previousSecret, privateKey, previousPrivateKey }: KeyMaterial) {
  const isEdDsa = privateKey !== undefined
  const other = isEdDsa ? previousPrivateKey : previousSecret
  return {
    current: isEdDsa ? ed25519(privateKey, 'LIVEDROP_JWT_KEY') : hmac(secret),
    previous: other === undefined ? undefined : isEdDsa ? ed25519(other, 'LIVEDROP_JWT_KEY_PREVIOUS') : hmac(other),
    tickets: {
      current: ticketKeyOf(secret),
      previous: previousSecret === undefined ? undefined : ticketKeyOf(previousSecret),
    },
  }
}

/** The current key last: should both have one header, it counts. */
function headersOf(current: Loaded, previous: Loaded | undefined): Map<string, TokenKey> {
  const keys = [previous, current].filter((loaded) => loaded !== undefined)
  const byHeader = new Map(keys.map(({ signing, check }) => [segmentOf(signing.header), check]))
  // Whoever signs with the shared secret elsewhere need not know how ids are made: without one it is the current secret.
  if (current.signing.header.alg === 'HS256') byHeader.set(segmentOf({ alg: 'HS256', typ: 'JWT' }), current.check)
  return byHeader
}

function hmac(secret: string): Loaded {
  const key = createSecretKey(secret, 'utf8')
  const kid = derive(secret, 'livedrop token key id', 6).toString('base64url')
  return {
    signing: { header: { alg: 'HS256', typ: 'JWT', kid }, key },
    check: { alg: 'HS256', key, signatureChars: SIGNATURE_CHARS.HS256 },
    jwk: undefined,
  }
}

function ed25519(pem: string, variable: string): Loaded {
  const key = readPrivateKey(pem, variable)
  const publicKey = createPublicKey(key)
  const { x = '' } = publicKey.export({ format: 'jwk' })
  // RFC 7638: the digest of exactly these members in this order.
  const kid = createHash('sha256')
    .update(JSON.stringify({ crv: 'Ed25519', kty: 'OKP', x }))
    .digest('base64url')
  return {
    signing: { header: { alg: 'EdDSA', typ: 'JWT', kid }, key },
    check: { alg: 'EdDSA', key: publicKey, signatureChars: SIGNATURE_CHARS.EdDSA },
    jwk: { kty: 'OKP', crv: 'Ed25519', x, kid, alg: 'EdDSA', use: 'sig' },
  }
}

export function isSigningKey(pem: string): boolean {
  return readKey(pem) !== undefined
}

function readKey(pem: string): KeyObject | undefined {
  try {
    const key = createPrivateKey(pem)
    return key.asymmetricKeyType === 'ed25519' ? key : undefined
  } catch {
    return undefined // the error of the library may quote what it could not read
  }
}

function readPrivateKey(pem: string, variable: string): KeyObject {
  const key = readKey(pem)
  if (key !== undefined) return key

  throw new Fault('misconfigured', { variable }, { message: `${variable} must be an Ed25519 private key in PEM` })
}

function ticketKeyOf(secret: string): TicketKey {
  return {
    key: derive(secret, 'livedrop resume ticket v2', 32),
    id: derive(secret, 'livedrop resume ticket v2 key id', 4),
  }
}

function derive(secret: string, label: string, bytes: number): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, '', label, bytes))
}
