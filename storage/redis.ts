/**
 * The one door to Redis.
 *
 * ioredis by default keeps commands while it is not connected and sends those in flight again after a reconnect, so a
 * script could run twice, or seconds after its caller gave up. Here nothing is kept and nothing is sent again: a command
 * is answered within 800 ms or its outcome is unknown, and the caller decides. Only NOSCRIPT is tried again, because
 * Redis says with it that nothing has run.
 *
 * Whatever goes wrong on the way is `unavailable`; what Redis answers against the contract of a script is
 * `ledger_corrupt`. Keys are built elsewhere (storage/ledger/keys.ts and the caches' own files).
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { Fault, type FaultCode } from '../protocol/faults.ts'

/** The commands, for callers inside storage/; reached through `call`, which bounds and names what goes wrong. */
export type RedisClient = Redis

export interface LuaScript {
  name: string
  source: string
  sha: string
}

/** Reads a .lua file; call it when something is built, not at import. */
export function readScript(file: URL): LuaScript {
  const source = readFileSync(file, 'utf8')
  return { name: basename(fileURLToPath(file), '.lua'), source, sha: createHash('sha1').update(source).digest('hex') }
}

export interface RedisOptions {
  /** Shown in CLIENT LIST and in faults: what this connection is for. */
  name: string
  /** Called at each change; `cause` is the last error of the connection, if there was one. */
  onState?: (connected: boolean, cause?: Error) => void
  /** How long `connectRedis` waits for the first answer. */
  readyWithinMs?: number
}

const READY_WITHIN_MS = 5_000
const COMMAND_TIMEOUT_MS = 800
// A peer that vanished without a word would be noticed only after the kernel's own retries, which take many seconds.
const SILENT_SOCKET_MS = 2_000
const RETRY_STEP_MS = 20
const RETRY_MAX_MS = 250

/** Resolves when Redis answers; throws `unavailable` when it does not in time. Afterwards it reconnects for ever. */
export async function connectRedis(url: string, options: RedisOptions): Promise<RedisConnection> {
  const connection = new RedisConnection(url, options)
  const { name, readyWithinMs = READY_WITHIN_MS } = options
  if (await connection.ready(readyWithinMs)) return connection

  await connection.close()
  throw new Fault('unavailable', { redis: name, waitedMs: readyWithinMs }, { cause: connection.lastError })
}

export class RedisConnection {
  readonly name: string
  lastError: Error | undefined
  readonly #client: Redis

  constructor(url: string, { name, onState }: RedisOptions) {
    this.name = name
    this.#client = new Redis(url, {
      connectionName: `livedrop-${name}`,
      autoResendUnfulfilledCommands: false,
      enableOfflineQueue: false,
      // Its own would be promises that nobody catches: who subscribes does it again (storage/redis-fanout.ts).
      autoResubscribe: false,
      maxRetriesPerRequest: 0,
      commandTimeout: COMMAND_TIMEOUT_MS,
      socketTimeout: SILENT_SOCKET_MS,
      connectTimeout: SILENT_SOCKET_MS,
      retryStrategy: (times) => Math.min(times * RETRY_STEP_MS, RETRY_MAX_MS),
      // A former master that became a replica: leave it and find the master again. Nothing is sent a second time.
      reconnectOnError: (error) => error.message.startsWith('READONLY'),
    })

    let told = false
    const tell = (connected: boolean) => {
      if (connected === told) return
      told = connected
      onState?.(connected, connected ? undefined : this.lastError)
    }
    // Without a listener ioredis prints every failed attempt.
    this.#client.on('error', (error: Error) => {
      this.lastError = error
    })
    this.#client.on('ready', () => tell(true))
    this.#client.on('close', () => tell(false))
  }

  get connected(): boolean {
    return this.#client.status === 'ready'
  }

  /** True as soon as commands can be sent, false when `withinMs` have passed. */
  ready(withinMs: number): Promise<boolean> {
    if (this.connected) return Promise.resolve(true)

    return new Promise((resolve) => {
      const done = (ready: boolean) => {
        clearTimeout(timer)
        this.#client.off('ready', onReady)
        resolve(ready)
      }
      const onReady = () => done(true)
      const timer = setTimeout(() => done(false), withinMs)
      this.#client.once('ready', onReady)
    })
  }

  /** Plain commands. A throw means the outcome is unknown. */
  async call<T>(command: (client: RedisClient) => Promise<T>): Promise<T> {
    try {
      return await command(this.#client)
    } catch (cause) {
      throw this.#faultOf(cause, {})
    }
  }

  /** Runs a script, by its hash where Redis still has it. A throw means the outcome is unknown. */
  async run(script: LuaScript, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    try {
      return await this.#client.evalsha(script.sha, keys.length, ...keys, ...args)
    } catch (cause) {
      if (!startsWith(cause, 'NOSCRIPT')) throw this.#faultOf(cause, { script: script.name })
    }

    try {
      return await this.#client.eval(script.source, keys.length, ...keys, ...args)
    } catch (cause) {
      throw this.#faultOf(cause, { script: script.name })
    }
  }

  /** Waits for what was sent, as long as a command may take. */
  async close(): Promise<void> {
    if (this.connected) await Promise.allSettled([this.#client.quit()])
    this.#client.disconnect()
  }

  #faultOf(cause: unknown, facts: Record<string, unknown>): Fault {
    const said = cause instanceof Error ? cause.message : String(cause)
    return new Fault(faultCode(cause), { redis: this.name, ...facts, said: said.slice(0, 200) }, { cause })
  }
}

/** Redis TIME in ms, with its microseconds. */
export async function readTimeMs(redis: RedisClient): Promise<number> {
  const [seconds, micros] = await redis.time()
  return Number(seconds) * 1000 + Number(micros) / 1000
}

/** Refusals that pass once somebody frees memory or disk, promotes a master or waits. Redis changed nothing. */
const PASSES = ['READONLY', 'OOM', 'MISCONF', 'LOADING', 'MASTERDOWN', 'NOREPLICAS', 'BUSY', 'CLUSTERDOWN', 'TRYAGAIN']
const NOT_ALLOWED = ['NOAUTH', 'NOPERM', 'WRONGPASS']

function faultCode(cause: unknown): FaultCode {
  // Everything but an answer of Redis is trouble on the way: closed, refused, timed out, not connected.
  if (!(cause instanceof Error) || cause.name !== 'ReplyError') return 'unavailable'
  if (startsWith(cause, ...PASSES)) return 'unavailable'
  if (startsWith(cause, ...NOT_ALLOWED)) return 'misconfigured'

  return 'ledger_corrupt'
}

function startsWith(error: unknown, ...words: string[]): boolean {
  return error instanceof Error && words.includes(error.message.split(' ', 1)[0] ?? '')
}

export interface UnsafeSetting {
  setting: string
  found: string
  needed: string
}

export type SettingsAnswer =
  | { answer: 'checked'; unsafe: UnsafeSetting[] }
  /** CONFIG is forbidden here (many hosted Redis do so): nothing is known, and somebody must be told. */
  | { answer: 'forbidden'; reason: string }

/** Without these, `accepted` would be a promise that a power cut, a rewrite of the file or an eviction can break. */
export const NEEDED_SETTINGS = [
  { setting: 'appendonly', needed: 'yes' },
  { setting: 'appendfsync', needed: 'always' },
  { setting: 'no-appendfsync-on-rewrite', needed: 'no' },
  { setting: 'maxmemory-policy', needed: 'noeviction' },
] as const

export async function checkRedisSettings(redis: RedisConnection): Promise<SettingsAnswer> {
  const unsafe: UnsafeSetting[] = []
  for (const { setting, needed } of NEEDED_SETTINGS) {
    try {
      const [, found = 'unknown'] = (await redis.call((client) => client.config('GET', setting))) as string[]
      if (found !== needed) unsafe.push({ setting, found, needed })
    } catch (fault) {
      if (fault instanceof Fault && fault.code !== 'unavailable') {
        return { answer: 'forbidden', reason: String(fault.facts.said) }
      }
      throw fault
    }
  }
  return { answer: 'checked', unsafe }
}
