/**
 * Repeated writes by key, for what has no room: creating a product, scheduling a drop.
 *
 * The first write under a key is done; a repeat gets its answer, also while the first is still running; the same key
 * with another body is a mismatch. A refusal or a fault is never remembered, so a retry after one really tries.
 *
 * The memory is this node's, for a day, for the latest `answersMax` writes: a retry that reaches another node, or comes
 * after a restart, writes again. That is the right price where the harm is a second draft in a creator's own list;
 * orders and controls never rely on it, their keys are kept where their effect is.
 */
import { createHash } from 'node:crypto'
import type { IdempotencyKey, UserId } from '../../protocol/ids.ts'
import { isRefusal, type Refusal, refuse } from './refusal.ts'

export interface AnswerMemoryLimits {
  answersMax: number
  keptMs: number
}

export const ANSWER_MEMORY_LIMITS: AnswerMemoryLimits = { answersMax: 2_000, keptMs: 24 * 3_600_000 }

interface Remembered {
  fingerprint: string
  atMs: number
  said: Promise<object>
}

export class AnswerMemory {
  readonly #remembered = new Map<string, Remembered>()
  readonly #limits: AnswerMemoryLimits
  readonly #monotonicMs: () => number

  constructor(limits: AnswerMemoryLimits = ANSWER_MEMORY_LIMITS, monotonicMs: () => number = () => performance.now()) {
    this.#limits = limits
    this.#monotonicMs = monotonicMs
  }

  /** `what` keeps the keys of different writes apart. Without a key it is simply done. */
  async once<T extends object>(
    what: string,
    user: UserId,
    key: IdempotencyKey | undefined,
    body: unknown,
    write: () => Promise<T | Refusal>,
  ): Promise<T | Refusal> {
    if (key === undefined) return write()

    const slot = `${what}|${user}|${key}`
    const fingerprint = createHash('sha256').update(JSON.stringify(body)).digest('base64')
    const before = this.#recall(slot)
    if (before !== undefined && before.fingerprint !== fingerprint) {
      return refuse('key_mismatch', { detail: 'this key was used for something else' })
    }
    if (before !== undefined) return before.said as Promise<T | Refusal>

    const said = write()
    this.#remember(slot, { fingerprint, atMs: this.#monotonicMs(), said })
    try {
      const answer = await said
      if (isRefusal(answer)) this.#remembered.delete(slot)
      return answer
    } catch (error) {
      this.#remembered.delete(slot)
      throw error
    }
  }

  #recall(slot: string): Remembered | undefined {
    const found = this.#remembered.get(slot)
    return found !== undefined && this.#monotonicMs() - found.atMs < this.#limits.keptMs ? found : undefined
  }

  #remember(slot: string, remembered: Remembered): void {
    this.#remembered.delete(slot)
    this.#remembered.set(slot, remembered)
    if (this.#remembered.size <= this.#limits.answersMax) return

    const [oldest] = this.#remembered.keys()
    if (oldest !== undefined) this.#remembered.delete(oldest)
  }
}
