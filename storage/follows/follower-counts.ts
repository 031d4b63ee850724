/**
 * How many follow a creator: a number in Redis that lives five minutes.
 *
 * Postgres is the truth, and counting a million rows is work, so it is counted once and then moved with every follow.
 * What such a number may miss (a follow in the very moment of counting, a Redis that lost it) is repaired by nothing but
 * its end: the next reader counts anew. No job, no second table, no row that every follower of a celebrity must lock.
 *
 * Redis may be away: then it is counted, and readers who ask meanwhile share one count.
 */
import { Fault } from '../../protocol/faults.ts'
import { type CreatorId, isCreatorId } from '../../protocol/ids.ts'
import type { Log } from '../../rooms/ports.ts'
import { SingleFlight } from '../../rooms/single-flight.ts'
import { type LuaScript, type RedisConnection, readScript } from '../redis.ts'
import type { Follows } from './follows.ts'

export const COUNT_LIVES_S = 300

export class FollowerCounts {
  readonly #redis: RedisConnection
  readonly #follows: Pick<Follows, 'count'>
  readonly #prefix: string
  readonly #log: Pick<Log, 'warn'>
  readonly #moved: LuaScript = readScript(new URL('./lua/count_moved.lua', import.meta.url))
  readonly #counting = new SingleFlight<CreatorId, number>()

  constructor(redis: RedisConnection, follows: Pick<Follows, 'count'>, prefix: string, log: Pick<Log, 'warn'>) {
    this.#redis = redis
    this.#follows = follows
    this.#prefix = prefix
    this.#log = log
  }

  async of(creator: CreatorId): Promise<number> {
    const cached = await this.#safely(() => this.#redis.call((client) => client.get(this.#key(creator))))
    return cached === undefined || cached === null
      ? this.#counting.join(creator, () => this.#count(creator))
      : Number(cached)
  }

  /** After the follow is committed. Never throws: the number is only a cache. */
  async moved(creator: CreatorId, by: 1 | -1): Promise<void> {
    await this.#safely(() => this.#redis.run(this.#moved, [this.#key(creator)], [by]))
  }

  async #count(creator: CreatorId): Promise<number> {
    const followers = await this.#follows.count(creator)
    // Not over a number that another node has set and moved meanwhile.
    await this.#safely(() =>
      this.#redis.call((client) => client.set(this.#key(creator), followers, 'EX', COUNT_LIVES_S, 'NX')),
    )
    return followers
  }

  #key(creator: CreatorId): string {
    if (!isCreatorId(creator)) throw new Fault('bad_request', { what: 'creator id' })
    return `${this.#prefix}:followers:${creator}`
  }

  async #safely<T>(ask: () => Promise<T>): Promise<T | undefined> {
    try {
      return await ask()
    } catch (cause) {
      this.#log.warn('followers.not_cached', { cause: String(cause) })
      return undefined
    }
  }
}
