/**
 * Publish and subscribe in Redis, for Socket.IO's adapter, which expects two ioredis clients and takes none of their
 * promises: a command that fails while Redis is away would be nobody's and end the process.
 *
 * So the adapter gets two objects that look like clients and never fail. What could not be published is counted, not
 * kept; what was subscribed to is subscribed to again whenever Redis is back; and what comes from Redis and cannot be
 * read stops here.
 */
import type { Log } from '../rooms/ports.ts'
import { connectRedis, type RedisClient, type RedisConnection } from './redis.ts'

type Hear = (...args: unknown[]) => unknown
type Answer = (cause: unknown, value?: unknown) => void

export interface FanoutOptions {
  name: string
  /** Begins every channel. */
  key: string
  log: Pick<Log, 'warn'>
}

const SUBSCRIBE_AGAIN_MS = 500

export class RedisFanout {
  readonly key: string
  readonly #log: Pick<Log, 'warn'>
  #publisher: RedisConnection | undefined
  #subscriber: RedisConnection | undefined
  readonly #channels = new Set<string>()
  readonly #patterns = new Set<string>()
  #newest: Promise<boolean> = Promise.resolve(true)
  #again: NodeJS.Timeout | undefined
  #closed = false

  private constructor({ key, log }: FanoutOptions) {
    this.key = key
    this.#log = log
  }

  /** Throws `unavailable` when Redis does not answer in time. Afterwards it reconnects for ever. */
  static async open(url: string, options: FanoutOptions): Promise<RedisFanout> {
    const fanout = new RedisFanout(options)
    const onState = (connected: boolean) => {
      if (connected) void fanout.#subscribeAll()
    }
    const opened = await Promise.allSettled([
      connectRedis(url, { name: `${options.name}-pub` }),
      connectRedis(url, { name: `${options.name}-sub`, onState }),
    ])
    const [publisher, subscriber] = opened.map((one) => (one.status === 'fulfilled' ? one.value : undefined))
    fanout.#publisher = publisher
    fanout.#subscriber = subscriber
    const failed = opened.find((one) => one.status === 'rejected')
    if (failed === undefined) return fanout

    await fanout.close()
    throw failed.reason
  }

  /** Whether the newest message was taken by Redis. */
  delivered(): Promise<boolean> {
    return this.#newest
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#again)
    await Promise.all([this.#publisher?.close(), this.#subscriber?.close()])
  }

  // --- what the adapter takes for two clients

  readonly pub = {
    publish: (channel: string, message: string | Buffer): void => {
      this.#newest = this.#call(this.#publisher, 'publish', (client) => client.publish(channel, message))
    },
    send_command: (command: string, args: string[], answer: Answer): void => {
      const asked = this.#publisher?.call((client) => client.call(command, ...args))
      asked?.then((value) => answer(null, value), answer)
    },
    on: (): void => undefined,
    off: (): void => undefined,
  }

  readonly sub = {
    subscribe: (channels: string[]): void => {
      for (const channel of channels) this.#channels.add(channel)
      void this.#subscribeAll()
    },
    psubscribe: (pattern: string): void => {
      this.#patterns.add(pattern)
      void this.#subscribeAll()
    },
    unsubscribe: (channels: string[]): void => {
      for (const channel of channels) this.#channels.delete(channel)
      void this.#call(this.#subscriber, 'unsubscribe', (client) => client.unsubscribe(...channels))
    },
    punsubscribe: (pattern: string): void => {
      this.#patterns.delete(pattern)
      void this.#call(this.#subscriber, 'punsubscribe', (client) => client.punsubscribe(pattern))
    },
    on: (event: string, hear: Hear): void => this.#listen(event, hear),
    off: (event: string): void => this.#unlisten(event),
  }

  #listen(event: string, hear: Hear): void {
    if (event === 'error') return

    void this.#call(this.#subscriber, event, async (client) => {
      client.on(event, (...args: unknown[]) => void this.#heard(event, hear, args))
    })
  }

  #unlisten(event: string): void {
    if (event === 'error') return

    void this.#call(this.#subscriber, event, async (client) => void client.removeAllListeners(event))
  }

  async #heard(event: string, hear: Hear, args: unknown[]): Promise<void> {
    try {
      await hear(...args)
    } catch (cause) {
      this.#log.warn('fanout.not_understood', { event, cause: String(cause) })
    }
  }

  async #subscribeAll(): Promise<void> {
    if (this.#subscriber?.connected !== true) return

    const [channels, patterns] = [[...this.#channels], [...this.#patterns]]
    const subscribed = await this.#call(this.#subscriber, 'subscribe', async (client) => {
      if (channels.length > 0) await client.subscribe(...channels)
      if (patterns.length > 0) await client.psubscribe(...patterns)
    })
    if (subscribed || this.#closed) return

    clearTimeout(this.#again)
    this.#again = setTimeout(() => void this.#subscribeAll(), SUBSCRIBE_AGAIN_MS)
  }

  /** Never rejects. */
  async #call(
    connection: RedisConnection | undefined,
    what: string,
    command: (client: RedisClient) => Promise<unknown>,
  ): Promise<boolean> {
    try {
      await connection?.call(command)
      return connection !== undefined
    } catch (cause) {
      this.#log.warn('fanout.failed', { what, cause: String(cause) })
      return false
    }
  }
}
