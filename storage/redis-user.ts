/**
 * Whether a user of Redis may do more than a node needs, found by trying things that change nothing.
 *
 * A user with the least rights may not read its own rights (ACL GETUSER and DRYRUN are @admin, for they show those of
 * everybody), so each is tried by a command that needs it and does nothing: it asks for what is not there or speaks where
 * nobody listens. FLUSHALL with a wrong word would change nothing either, on a Redis; whatever else speaks its protocol
 * may not look at the word. Each refusal is a line in its ACL LOG.
 */
import { randomBytes } from 'node:crypto'
import { Fault } from '../protocol/faults.ts'
import type { RedisConnection } from './redis.ts'

/** What it may do beside its work, in words; empty for the user of docs/security.md. */
export async function excessOfRedisUser(redis: RedisConnection, prefix: string): Promise<string[]> {
  const nobodys = `not-${prefix}:${randomBytes(8).toString('hex')}`
  const tries: [string, string, ...string[]][] = [
    ['reads keys beside its own', 'EXISTS', nobodys],
    ['speaks on channels beside its own', 'PUBLISH', nobodys, ''],
    ['administrates the server (@admin)', 'LASTSAVE'],
    ['may use what empties and stops it (@dangerous)', 'SORT_RO', `${prefix}:${nobodys}`],
    ['changes its users (ACL)', 'ACL', 'USERS'],
  ]
  const may = await Promise.all(tries.map(([, command, ...words]) => isAllowed(redis, command, words)))
  return tries.flatMap(([what], at) => (may[at] === true ? [what] : []))
}

async function isAllowed(redis: RedisConnection, command: string, words: string[]): Promise<boolean> {
  try {
    await redis.call((client) => client.call(command, ...words))
    return true
  } catch (cause) {
    if (cause instanceof Fault && String(cause.facts.said).startsWith('NOPERM')) return false
    // A version that does not know the command does not allow it.
    if (cause instanceof Fault && cause.code === 'ledger_corrupt') return false
    throw cause
  }
}
