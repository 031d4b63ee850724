/**
 * A second Redis that follows the first through a gate, and takes its place without the last it wrote.
 *
 * That is what asynchronous replication means: the master answered before the replica had it. The replica has the same
 * password and the same users, as behind one address.
 */
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { ownFolder } from '../../stack/data-folder.ts'
import { until } from '../../stack/deadline.ts'
import { type LocalServer, startServer } from '../../stack/local-server.ts'
import type { LocalStack } from '../../stack/local-stack.ts'
import { thisMachine } from '../../stack/machine.ts'
import { findRedis, redisRecipe } from '../../stack/redis-server.ts'
import { connectRedis, type RedisConnection } from '../../storage/redis.ts'
import { Gate } from './gate.ts'

const FOLLOWS_WITHIN_MS = 10_000
/** Between the moment in which the address leads to the replica and the one in which it becomes a master. */
const STILL_REPLICA_MS = 150

export class RedisReplica {
  readonly #server: LocalServer
  readonly #gate: Gate
  readonly #connection: RedisConnection

  private constructor(server: LocalServer, gate: Gate, connection: RedisConnection) {
    this.#server = server
    this.#gate = gate
    this.#connection = connection
  }

  /** Resolves when it has everything that the master has. */
  static async follow({ redisUrl, servers }: LocalStack, dataDir: string): Promise<RedisReplica> {
    const machine = thisMachine()
    const master = servers.redis
    if (master === undefined) throw new Error('Redis is not ours to follow')
    const ownDir = join(dataDir, 'replica')
    copyFileSync(join(master.folder, 'password'), join(ownFolder(ownDir, 'redis'), 'password'))

    const server = await startServer(redisRecipe(ownDir, findRedis(machine) ?? ''), machine)
    const gate = await Gate.open(master.port)
    const connection = await connectRedis(server.url, { name: 'nemesis-replica' })
    const replica = new RedisReplica(server, gate, connection)
    await connection.call((redis) => redis.config('SET', 'masterauth', new URL(redisUrl).password))
    await connection.call((redis) => redis.replicaof(gate.host, gate.port))
    if (await until(() => replica.#follows(), FOLLOWS_WITHIN_MS)) return replica

    await replica.stop()
    throw new Error('the replica does not follow')
  }

  /**
   * Misses what is written for a while and becomes the master when the old one is killed; `lead`: from now on everybody
   * finds this port. Answers whether it lacks the end of a stream.
   */
  async takeOver(
    master: { server: LocalServer; connection: RedisConnection },
    stream: string,
    missesMs: number,
    lead: (port: number) => void,
  ): Promise<boolean> {
    this.#gate.hold()
    await pause(missesMs)
    const wasThere = await lastOf(master.connection, stream)
    await master.server.kill()
    const isThere = await lastOf(this.#connection, stream)
    lead(this.#server.port)
    await pause(STILL_REPLICA_MS)
    await this.#connection.call((redis) => redis.replicaof('NO', 'ONE'))
    return isThere !== wasThere
  }

  async stop(): Promise<void> {
    await this.#connection.close()
    await this.#gate.close()
    await this.#server.stop()
  }

  async #follows(): Promise<boolean> {
    const said = await this.#connection.call((redis) => redis.info('replication'))
    return said.includes('master_link_status:up')
  }
}

async function lastOf(redis: RedisConnection, stream: string): Promise<string | undefined> {
  const found = await redis.call((client) => client.xrevrange(stream, '+', '-', 'COUNT', 1))
  return found[0]?.[0]
}
