/**
 * Paces that all nodes share: one short key for each name, which ends by itself when there is nothing left to remember.
 *
 * Names are hashed before they get here or anywhere: an e-mail address in a key would be seen by whoever sees Redis.
 */
import { createHash } from 'node:crypto'
import { Fault } from '../../protocol/faults.ts'
import { type LuaScript, type RedisConnection, readScript } from '../redis.ts'

export class RedisPaces {
  readonly #redis: Pick<RedisConnection, 'run'>
  readonly #prefix: string
  readonly #take: LuaScript = readScript(new URL('./lua/pace_take.lua', import.meta.url))

  constructor(redis: Pick<RedisConnection, 'run'>, prefix: string) {
    this.#redis = redis
    this.#prefix = prefix
  }

  /** 0: go on, it is counted. Else nothing was, and this is how long to wait. Throws when Redis does not answer. */
  async take(kind: string, name: string, pace: { intervalMs: number; burst: number }): Promise<number> {
    const hash = createHash('sha256').update(name).digest('base64url')
    const key = `${this.#prefix}:pace:${kind}:${hash}`
    const waitMs = await this.#redis.run(this.#take, [key], [pace.intervalMs, pace.burst])
    if (typeof waitMs !== 'number') throw new Fault('ledger_corrupt', { what: 'pace_take' })

    return waitMs
  }
}
