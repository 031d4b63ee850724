/**
 * The roll call in Redis: one sorted set, of each node the moment at which it was here last.
 *
 * Moments are by the drop clock, which all nodes take from this Redis. Who was not here for a minute is forgotten.
 */
import { isNodeId, type NodeId } from '../../protocol/ids.ts'
import type { RollCall } from '../../rooms/ports.ts'
import type { RedisConnection } from '../redis.ts'

const FORGET_AFTER_MS = 60_000

export class RedisRollCall implements RollCall {
  readonly #redis: Pick<RedisConnection, 'call'>
  readonly #key: string
  readonly #nowMs: () => number

  constructor(redis: Pick<RedisConnection, 'call'>, prefix: string, nowMs: () => number) {
    this.#redis = redis
    this.#key = `${prefix}:roll`
    this.#nowMs = nowMs
  }

  async here(node: NodeId): Promise<void> {
    const nowMs = Math.round(this.#nowMs())
    await this.#redis.call((redis) =>
      Promise.all([
        redis.zadd(this.#key, nowMs, node),
        redis.zremrangebyscore(this.#key, '-inf', nowMs - FORGET_AFTER_MS),
      ]),
    )
  }

  async left(node: NodeId): Promise<void> {
    await this.#redis.call((redis) => redis.zrem(this.#key, node))
  }

  async others(node: NodeId, withinMs: number): Promise<NodeId[]> {
    const sinceMs = Math.round(this.#nowMs() - withinMs)
    const here = await this.#redis.call((redis) => redis.zrangebyscore(this.#key, sinceMs, '+inf'))
    return here.filter((one): one is NodeId => isNodeId(one) && one !== node)
  }
}
