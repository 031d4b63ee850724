/**
 * `livedrop doctor` on the users that a node is given: one that may do more than a node needs works as well, so it is no
 * fault, and whoever gets hold of a node has all of it. Each line says what is too much and what to do about it.
 */
import { examineNatsUser } from '../bus/nats-user.ts'
import type { Config } from '../server/config.ts'
import { natsNodePermissions, redisNodeRules } from '../stack/node-users.ts'
import { connectPostgres } from '../storage/postgres.ts'
import { excessOfPostgresUser } from '../storage/postgres-user.ts'
import { connectRedis } from '../storage/redis.ts'
import { excessOfRedisUser } from '../storage/redis-user.ts'

export interface UserFound {
  what: string
  /** May do nothing beside its work. */
  isLeast: boolean
  says: string
}

/** Those of the stores that answer: which do not is said elsewhere. */
export async function examineUsers(config: Config, withinMs: number): Promise<UserFound[]> {
  const looks = [redisUser(config), natsUser(config, withinMs), postgresUser(config)]
  const found = await Promise.all(looks.map((look) => look.catch(() => undefined)))
  return found.filter((one) => one !== undefined)
}

async function redisUser({ redisUrl, prefix }: Config): Promise<UserFound> {
  const connection = await connectRedis(redisUrl, { name: 'doctor-user' })
  try {
    const excess = await excessOfRedisUser(connection, prefix)
    return said('Redis user', excess, `ACL SETUSER node on >PASSWORD ${redisNodeRules(prefix)}`)
  } finally {
    await connection.close()
  }
}

async function natsUser({ natsUrl, prefix }: Config, withinMs: number): Promise<UserFound | undefined> {
  const found = await examineNatsUser(natsUrl, prefix, withinMs)
  if (!found.answers) return undefined

  return said('NATS user', found.excess, `permissions: ${JSON.stringify(natsNodePermissions(prefix))}`)
}

async function postgresUser({ databaseUrl }: Config): Promise<UserFound> {
  const { sql, close } = connectPostgres(databaseUrl, { max: 1, name: 'livedrop-doctor' })
  try {
    const grants = 'the grants of docs/security.md; `livedrop migrate` runs as the owner before an upgrade'
    return said('Postgres user', await excessOfPostgresUser(sql), grants)
  } finally {
    await close()
  }
}

function said(what: string, excess: readonly string[], instead: string): UserFound {
  if (excess.length === 0) return { what, isLeast: true, says: 'may do what a node needs and nothing else' }

  return {
    what,
    isLeast: false,
    says: `${excess.join('; ')}. A node needs none of it, give it a user with: ${instead}`,
  }
}
