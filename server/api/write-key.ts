/** The key of a write that has no room, with what it was used for (storage/write-keys.ts keeps it). */
import { createHash } from 'node:crypto'
import type { IdempotencyKey, UserId } from '../../protocol/ids.ts'
import type { WriteKey } from '../../storage/write-keys.ts'
import { refuse } from './refusal.ts'

/** `body` as the schema read it, so that the same request in other words (spaces, order of fields) is the same. */
export function writeKeyOf(user: UserId, key: IdempotencyKey, body: object): WriteKey {
  return { user, key, fingerprint: createHash('sha256').update(JSON.stringify(body)).digest('base64') }
}

export const keyMismatch = refuse('key_mismatch', { detail: 'this key was used for something else' })
