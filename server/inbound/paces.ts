/**
 * The pace of many: users, addresses, or whatever has a name.
 *
 * All of a node's paces share one memory of a fixed number of names, so that made-up ones cannot grow it. When it is
 * full, whoever was seen longest ago is forgotten, which can only be to their favour: they have their whole allowance
 * again. Nobody is ever refused because of what others did. An attacker with more names than there are places wins by
 * that one burst for each name, which they have anyway.
 *
 * A name has one entry with a number for each kind of pace, and is looked up as it is: a key put together for each
 * question would cost ten times as much as the answer.
 */
import { LRUCache } from 'lru-cache'
import { leftOf, type Pace, taken, waitOf } from './gcra.ts'

export const REMEMBERED_MAX = 200_000

export class PaceMemory {
  readonly #entries: LRUCache<string, number[]>
  #kinds = 0

  constructor(namesMax = REMEMBERED_MAX) {
    this.#entries = new LRUCache({ max: namesMax })
  }

  get names(): number {
    return this.#entries.size
  }

  /** The place of one more kind of pace in every entry. */
  newKind(): number {
    this.#kinds += 1
    return this.#kinds - 1
  }

  /** Undefined for who is not remembered: a stranger, or somebody who may do everything. */
  entry(name: string): number[] | undefined {
    return this.#entries.get(name)
  }

  begin(name: string): number[] {
    const entry = Array<number>(this.#kinds).fill(0)
    this.#entries.set(name, entry)
    return entry
  }
}

export interface Standing {
  left: number
  /** Until the whole allowance is back. */
  wholeInMs: number
}

export class Paces {
  readonly pace: Pace
  readonly #memory: PaceMemory
  readonly #kind: number
  readonly #monotonicMs: () => number

  constructor(pace: Pace, memory: PaceMemory, monotonicMs: () => number) {
    this.pace = pace
    this.#memory = memory
    this.#kind = memory.newKind()
    this.#monotonicMs = monotonicMs
  }

  /** 0: go on, it is counted. Else nothing was counted, and this is how long to wait. */
  take(name: string): number {
    const nowMs = this.#monotonicMs()
    const entry = this.#memory.entry(name) ?? this.#memory.begin(name)
    const wholeAtMs = entry[this.#kind] ?? 0

    const waitMs = waitOf(this.pace, wholeAtMs, nowMs)
    if (waitMs === 0) entry[this.#kind] = taken(this.pace, wholeAtMs, nowMs)
    return waitMs
  }

  standing(name: string): Standing {
    const nowMs = this.#monotonicMs()
    const wholeAtMs = this.#memory.entry(name)?.[this.#kind] ?? 0
    return { left: leftOf(this.pace, wholeAtMs, nowMs), wholeInMs: Math.max(0, wholeAtMs - nowMs) }
  }
}
