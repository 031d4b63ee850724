/**
 * The pace of many: users, addresses, or whatever has a name.
 *
 * All of a node's paces share one memory of a fixed number of keys, so that made-up names cannot grow it. When it is
 * full, whoever was seen longest ago is forgotten, which can only be to their favour: they have their whole allowance
 * again. Nobody is ever refused because of what others did. An attacker with more names than there are places wins by
 * that one burst for each name, which they have anyway.
 */
import { LRUCache } from 'lru-cache'
import { leftOf, type Pace, taken, waitOf } from './gcra.ts'

/** Who is how far ahead, by `kind:name`. */
export type PaceMemory = LRUCache<string, number>

export const REMEMBERED_MAX = 200_000

export function paceMemory(keysMax = REMEMBERED_MAX): PaceMemory {
  return new LRUCache({ max: keysMax })
}

export interface Standing {
  left: number
  /** Until the whole allowance is back. */
  wholeInMs: number
}

export class Paces {
  readonly pace: Pace
  readonly #kind: string
  readonly #memory: PaceMemory
  readonly #monotonicMs: () => number

  /** `kind` keeps its names apart from those of other paces in the same memory. */
  constructor(kind: string, pace: Pace, memory: PaceMemory, monotonicMs: () => number) {
    this.pace = pace
    this.#kind = `${kind}:`
    this.#memory = memory
    this.#monotonicMs = monotonicMs
  }

  /** 0: go on, it is counted. Else nothing was counted, and this is how long to wait. */
  take(name: string): number {
    const nowMs = this.#monotonicMs()
    const key = this.#kind + name
    const wholeAtMs = this.#memory.get(key) ?? 0

    const waitMs = waitOf(this.pace, wholeAtMs, nowMs)
    if (waitMs === 0) this.#memory.set(key, taken(this.pace, wholeAtMs, nowMs))
    return waitMs
  }

  standing(name: string): Standing {
    const nowMs = this.#monotonicMs()
    const wholeAtMs = this.#memory.peek(this.#kind + name) ?? 0
    return { left: leftOf(this.pace, wholeAtMs, nowMs), wholeInMs: Math.max(0, wholeAtMs - nowMs) }
  }
}
