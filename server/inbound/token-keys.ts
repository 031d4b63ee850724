/**
 * What signs tokens and what they are checked by: one algorithm, a few keys, each found by the text of its header.
 *
 * Where keys come from is somebody else's idea: the installation's own are a ring (key-ring.ts), those of an issuer
 * elsewhere are fetched (issuer-keys.ts).
 */
import type { KeyObject } from 'node:crypto'

export interface TokenKey {
  alg: 'HS256' | 'EdDSA' | 'ES256' | 'RS256'
  key: KeyObject
  /** Of a signature in base64url; anything else is not looked at. */
  signatureChars: readonly [min: number, max: number]
}

export interface SigningKey {
  header: { alg: 'HS256' | 'EdDSA'; typ: 'JWT'; kid: string }
  key: KeyObject
}

export interface KeySource {
  readonly issuer: string
  readonly audience: string
  /** Ours: tokens carry a role and the number of a standing. Else a token without a role is a fan's. */
  readonly isOurs: boolean
  /** What new tokens are signed with; undefined where others issue them. */
  readonly signing: SigningKey | undefined
  /** The key for exactly this header segment. Nothing in a header is ever read. */
  find(headerSegment: string): TokenKey | undefined
  /** There may be newer keys: resolves when that is known. Throws while no key has ever been seen. */
  lookAgain(): Promise<void>
}

export const SIGNATURE_CHARS = {
  HS256: [43, 43],
  EdDSA: [86, 86],
  ES256: [86, 86],
  RS256: [342, 683],
} as const

export function segmentOf(header: object): string {
  return Buffer.from(JSON.stringify(header)).toString('base64url')
}
