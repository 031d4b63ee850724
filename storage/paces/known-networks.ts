/**
 * From where an account has signed in before, for as long as a sign-in lasts: one short key, under a hash, that ends by
 * itself. It lets nobody in; it says who waits among friends when there is a crowd (server/inbound/password-line.ts).
 */
import { createHash } from 'node:crypto'
import type { RedisConnection } from '../redis.ts'

export const KNOWN_FOR_S = 30 * 24 * 3_600

export class KnownNetworks {
  readonly #redis: Pick<RedisConnection, 'call'>
  readonly #prefix: string

  constructor(redis: Pick<RedisConnection, 'call'>, prefix: string) {
    this.#redis = redis
    this.#prefix = prefix
  }

  /** Throws when Redis does not answer. */
  async has(account: string, neighbourhood: string): Promise<boolean> {
    return (await this.#redis.call((client) => client.exists(this.#key(account, neighbourhood)))) === 1
  }

  async add(account: string, neighbourhood: string): Promise<void> {
    await this.#redis.call((client) => client.set(this.#key(account, neighbourhood), '1', 'EX', KNOWN_FOR_S))
  }

  #key(account: string, neighbourhood: string): string {
    const hash = createHash('sha256').update(`${account} ${neighbourhood}`).digest('base64url')
    return `${this.#prefix}:known:${hash}`
  }
}
