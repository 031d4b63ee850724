/**
 * The three stores and buses a node stands on: connected, checked, or one line that says which one is missing.
 *
 * Each use has a Redis connection of its own, for a connection is a queue: leases must not wait behind a batch of orders,
 * nor a batch behind a thousand readers.
 */
import { parseNatsUrl } from '../bus/nats-address.ts'
import { NatsBus } from '../bus/nats-bus.ts'
import { Fault } from '../protocol/faults.ts'
import { migrate } from '../storage/migrate.ts'
import { connectPostgres, type Postgres } from '../storage/postgres.ts'
import { connectRedis, type RedisConnection } from '../storage/redis.ts'
import { RedisFanout } from '../storage/redis-fanout.ts'
import type { Config } from './config.ts'
import type { NodeLog } from './log.ts'
import { refuseUnsafe } from './store-settings.ts'

export interface Dependencies {
  /** Batches of orders, and what must come after them. */
  ledgerRedis: RedisConnection
  /** Leases and the clock. */
  leaseRedis: RedisConnection
  /** Whoever only reads. */
  readRedis: RedisConnection
  /** To Socket.IO's sockets on other nodes; undefined when Socket.IO is switched off. */
  fanout: RedisFanout | undefined
  /** What rooms write, and what is published from it. */
  roomPostgres: Postgres
  /** What people ask. */
  edgePostgres: Postgres
  bus: NatsBus
  close(): Promise<void>
}

const NATS_WITHIN_MS = 5_000
const ROOM_CONNECTIONS = 6
const EDGE_CONNECTIONS = 6

/** Throws `misconfigured` with a message for the person who started the node. */
export async function connectAll(config: Config, log: NodeLog): Promise<Dependencies> {
  const { redisUrl, natsUrl, databaseUrl, nodeId, prefix, socketIo } = config
  const opened: (() => Promise<void>)[] = []
  const keep = <Closable extends { close(): Promise<void> }>(one: Closable): Closable => {
    opened.push(() => one.close())
    return one
  }
  // The last opened is closed first.
  const close = async () => {
    for (const closeOne of opened.reverse()) await closeOne()
  }

  try {
    const redis = async (name: string) => keep(await connectRedis(redisUrl, { name: `${nodeId}-${name}` }))
    const openFanout = async () =>
      keep(await RedisFanout.open(redisUrl, { name: `${nodeId}-socketio`, key: `${prefix}:socketio`, log }))
    const [ledgerRedis, leaseRedis, readRedis, fanout] = await found('Redis', 'REDIS_URL', hostOf(redisUrl), () =>
      Promise.all([redis('ledger'), redis('leases'), redis('reads'), socketIo ? openFanout() : undefined]),
    )
    const bus = keep(NatsBus.open({ url: natsUrl, name: nodeId, log }))
    await found('NATS', 'NATS_URL', parseNatsUrl(natsUrl).servers.join(', '), async () => {
      if (!(await bus.ready(NATS_WITHIN_MS))) throw new Fault('unavailable', { waitedMs: NATS_WITHIN_MS })
    })
    const roomPostgres = keep(connectPostgres(databaseUrl, { max: ROOM_CONNECTIONS, name: `${nodeId}-rooms` }))
    const edgePostgres = keep(connectPostgres(databaseUrl, { max: EDGE_CONNECTIONS, name: `${nodeId}-edge` }))
    await found('Postgres', 'DATABASE_URL', hostOf(databaseUrl), () => migrate(edgePostgres.sql))

    await refuseUnsafe({ redis: ledgerRedis, sql: edgePostgres.sql, log }, config.environment === 'production')
    return { ledgerRedis, leaseRedis, readRedis, fanout, roomPostgres, edgePostgres, bus, close }
  } catch (cause) {
    await close()
    throw cause
  }
}

const hostOf = (url: string) => new URL(url).host

async function found<T>(what: string, variable: string, host: string, connect: () => Promise<T>): Promise<T> {
  try {
    return await connect()
  } catch (cause) {
    if (!(cause instanceof Fault) || cause.code !== 'unavailable') throw cause

    const message = `${what} does not answer at ${host} (${variable}): start it there, set ${variable}, or run \`livedrop up\` for a private one`
    throw new Fault('misconfigured', { dependency: what, host }, { cause, message })
  }
}
