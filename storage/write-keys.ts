/**
 * Repeated writes by key, for what has no room: adding a product, scheduling a drop, announcing something.
 *
 * The key is claimed inside the transaction of its write. Two that come at once, on whichever nodes, take turns at the
 * row: the second waits for the first to commit and then finds what it made. A write that fails takes its claim back
 * with it; one that is refused must `letGo`, so that a retry really tries.
 */
import type { IdempotencyKey, UserId } from '../protocol/ids.ts'
import type { Transaction } from './postgres.ts'

export interface WriteKey {
  user: UserId
  key: IdempotencyKey
  /** Of the body, at most 64 characters. */
  fingerprint: string
}

export type WriteKind = 'product' | 'drop' | 'announcement'

/** `first`: go on and write. `made`: the id that the first write made. */
export type Claimed = 'first' | 'key_mismatch' | { made: string }

export async function claimKey(sql: Transaction, what: WriteKind, under: WriteKey, made: string): Promise<Claimed> {
  const { user, key, fingerprint } = under
  const claimed = await sql`
    insert into write_keys (user_id, what, key, fingerprint, made)
    values (${user}, ${what}, ${key}, ${fingerprint}, ${made}) on conflict do nothing returning made`
  if (claimed.length === 1) return 'first'

  const [before] = await sql<{ fingerprint: string; made: string }[]>`
    select fingerprint, made from write_keys where user_id = ${user} and what = ${what} and key = ${key}`
  return before?.fingerprint === fingerprint ? { made: before.made } : 'key_mismatch'
}

export async function letGo(sql: Transaction, what: WriteKind, { user, key }: WriteKey): Promise<void> {
  await sql`delete from write_keys where user_id = ${user} and what = ${what} and key = ${key}`
}
