/**
 * Leases in Redis: `SET NX PX`, extended only by the node that holds them.
 *
 * They run on a connection of their own, so that a long line of batches never makes a healthy owner look dead. A lease is
 * for liveness only: should two nodes ever hold the same one, the epoch decides. Each lease is renewed by its own script
 * call, all of them sent in one go, because drops live on different slots of a Redis Cluster.
 */
import { Fault } from '../../protocol/faults.ts'
import { type DropId, isNodeId, type NodeId } from '../../protocol/ids.ts'
import type { Leases } from '../../rooms/ports.ts'
import { type DropKeys, keysUnder } from '../ledger/keys.ts'
import { type LuaScript, type RedisConnection, readScript } from '../redis.ts'

export class RedisLeases implements Leases {
  readonly #redis: RedisConnection
  readonly #keysOf: (drop: DropId) => DropKeys
  readonly #renew: LuaScript
  readonly #release: LuaScript

  constructor(redis: RedisConnection, keyPrefix: string) {
    this.#redis = redis
    this.#keysOf = keysUnder(keyPrefix)
    this.#renew = readScript(new URL('./lua/lease_renew.lua', import.meta.url))
    this.#release = readScript(new URL('./lua/lease_release.lua', import.meta.url))
  }

  async acquire(drop: DropId, node: NodeId, ttlMs: number): Promise<boolean> {
    const { lease } = this.#keysOf(drop)
    const set = await this.#redis.call((redis) => redis.set(lease, node, 'PX', ttlMs, 'NX'))
    if (set === 'OK') return true

    // Mine already, from a call whose reply was lost?
    return this.#extend(drop, node, ttlMs)
  }

  async renew(drops: readonly DropId[], node: NodeId, ttlMs: number): Promise<ReadonlySet<DropId>> {
    const extended = await Promise.all(drops.map((drop) => this.#extend(drop, node, ttlMs)))
    return new Set(drops.filter((_, at) => extended[at]))
  }

  async release(drop: DropId, node: NodeId): Promise<void> {
    await this.#redis.run(this.#release, [this.#keysOf(drop).lease], [node])
  }

  async holder(drop: DropId): Promise<NodeId | undefined> {
    const { lease } = this.#keysOf(drop)
    const node = await this.#redis.call((redis) => redis.get(lease))
    if (node === null) return undefined
    if (!isNodeId(node)) throw new Fault('ledger_corrupt', { what: 'lease', drop })
    return node
  }

  async restMs(drop: DropId): Promise<number> {
    // Negative: there is none, or it has no end, which no lease of ours has.
    return Math.max(0, await this.#redis.call((redis) => redis.pttl(this.#keysOf(drop).lease)))
  }

  async #extend(drop: DropId, node: NodeId, ttlMs: number): Promise<boolean> {
    return (await this.#redis.run(this.#renew, [this.#keysOf(drop).lease], [node, ttlMs])) === 'renewed'
  }
}
