/**
 * What many ask for in the same moment, read once.
 *
 *   - a value is given out for at most `ms` after its reading BEGAN, whatever was lost on the way to this node
 *   - who asks after `touch(name)` never hears a value whose reading began before it: what was kept under the name is
 *     dropped, and a reading that is under way still answers those who asked before, and is then forgotten
 *   - a key is read once at a time, however many ask; all who wait give up together when the reading does not end
 *
 * The beginning counts and not the end: a value may have been read from a store at any moment in between. Memory is
 * bounded in entries and in bytes, the least recently asked for goes first.
 */
import { LRUCache } from 'lru-cache'
import type { Clock } from '../../rooms/ports.ts'
import { within } from '../outbound/patience.ts'

export interface HotCacheLimits {
  entries: number
  bytes: number
  /** Given to a reading, by all who wait for it. So when a touch was lost and a store is slow, this is how old it gets. */
  readMs: number
}

export const HOT_CACHE_LIMITS: HotCacheLimits = { entries: 20_000, bytes: 64 * 1024 * 1024, readMs: 2_000 }

export interface Keeping {
  ms: number
  /** Under which names it is dropped. */
  shows: readonly string[]
}

interface Value<V> {
  value: V
  untilMs: number
  shows: readonly string[]
  bytes: number
}

interface Reading<V> {
  shows: readonly string[]
  ended: Promise<V>
}

/** What an entry costs besides its value: key, links, names. */
const ENTRY_BYTES = 512

export class HotCache<V extends object> {
  readonly #clock: Clock
  readonly #readMs: number
  readonly #sizeOf: (value: V) => number | undefined
  readonly #values: LRUCache<string, Value<V>>
  /** By name, the keys of what is kept under it. */
  readonly #keys = new Map<string, Set<string>>()
  readonly #readings = new Map<string, Reading<V>>()

  /** `sizeOf`: bytes of a value; undefined for one that is not kept. */
  constructor(clock: Clock, sizeOf: (value: V) => number | undefined, limits: HotCacheLimits = HOT_CACHE_LIMITS) {
    this.#clock = clock
    this.#sizeOf = sizeOf
    this.#readMs = limits.readMs
    this.#values = new LRUCache({
      max: limits.entries,
      maxSize: limits.bytes,
      sizeCalculation: ({ bytes }) => bytes,
      dispose: ({ shows }, key) => this.#forgetNames(shows, key),
    })
  }

  get entries(): number {
    return this.#values.size
  }

  get bytes(): number {
    return this.#values.calculatedSize
  }

  /** Names that something is kept under; for whoever wants to see that none is left behind. */
  get names(): number {
    return this.#keys.size
  }

  /** What may be given out now, without waiting. */
  fresh(key: string): V | undefined {
    const kept = this.#values.get(key)
    return kept !== undefined && this.#clock.monotonicMs() < kept.untilMs ? kept.value : undefined
  }

  /** What was read last and not touched since, however long ago. */
  last(key: string): V | undefined {
    return this.#values.peek(key)?.value
  }

  /** Throws what the reading throws, or `unavailable` when it does not end in time; neither is remembered. */
  async get(key: string, keeping: Keeping, read: () => Promise<V>): Promise<V> {
    const fresh = this.fresh(key)
    if (fresh !== undefined) return fresh

    const under = this.#readings.get(key)
    return under === undefined ? this.#read(key, keeping, read) : under.ended
  }

  /** Something was written: nothing that was read before is given out under these names from now on. */
  touch(names: readonly string[]): void {
    for (const name of names) for (const key of [...(this.#keys.get(name) ?? [])]) this.#values.delete(key)

    // Few at a time: only what is being read right now.
    for (const [key, { shows }] of this.#readings) {
      if (shows.some((name) => names.includes(name))) this.#readings.delete(key)
    }
  }

  /** Words of other nodes may have been missed: everything may have been touched. */
  touchAll(): void {
    this.#values.clear()
    this.#readings.clear()
  }

  #read(key: string, { ms, shows }: Keeping, read: () => Promise<V>): Promise<V> {
    const untilMs = this.#clock.monotonicMs() + ms
    const reading: Reading<V> = { shows, ended: within(this.#clock, this.#readMs, 'cache.read', read()) }
    this.#readings.set(key, reading)

    const isCurrent = () => this.#readings.get(key) === reading
    reading.ended.then(
      (value) => {
        if (!isCurrent()) return
        this.#readings.delete(key)
        this.#keep(key, { value, untilMs, shows })
      },
      () => {
        if (isCurrent()) this.#readings.delete(key)
      },
    )
    return reading.ended
  }

  #keep(key: string, read: Omit<Value<V>, 'bytes'>): void {
    const size = this.#sizeOf(read.value)
    if (size === undefined) return

    this.#values.set(key, { ...read, bytes: size + ENTRY_BYTES })
    if (!this.#values.has(key)) return // larger than everything together may be

    for (const name of read.shows) {
      const keys = this.#keys.get(name)
      if (keys === undefined) this.#keys.set(name, new Set([key]))
      else keys.add(key)
    }
  }

  #forgetNames(shows: readonly string[], key: string): void {
    for (const name of shows) {
      const keys = this.#keys.get(name)
      keys?.delete(key)
      if (keys?.size === 0) this.#keys.delete(name)
    }
  }
}
