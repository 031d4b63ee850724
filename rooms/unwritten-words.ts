/**
 * Words about a drop's phase that the ledger has carried out and Postgres does not have yet, and who waits to hear so.
 *
 * They hold at once, but `applied` is said only when Postgres has them too: until then they stand in Redis and in this
 * node's memory, and would be gone with both. It is rare and for one person, so it may take a transaction. What adds or
 * takes units needs no such wait: Postgres had it first (debts.ts).
 */
import type { ControlLetter, ControlReply } from './letters.ts'
import type { Entry } from './ports.ts'
import { refuse } from './replies.ts'

/** For one word; whoever asks more often than that meanwhile is told `pending` at once. */
const WAITING_MAX = 16

interface Waiting {
  letter: ControlLetter
  reply: ControlReply
}

export class UnwrittenWords {
  readonly #waiting = new Map<string, Waiting[]>()

  constructor(entries: readonly Entry[]) {
    for (const entry of entries) this.noted(entry)
  }

  noted(entry: Entry): void {
    if (entry.kind === 'phase') this.#waiting.set(entry.opId, [])
  }

  /** Now, or when the word that the letter is about is written. */
  tell(letter: ControlLetter, reply: ControlReply): void {
    const waiting = this.#waiting.get(letter.opId)
    if (waiting === undefined) letter.answer(reply)
    else if (waiting.length >= WAITING_MAX) refuse(letter)
    else waiting.push({ letter, reply })
  }

  written(entry: Entry): void {
    if (entry.kind !== 'phase') return

    const waiting = this.#waiting.get(entry.opId) ?? []
    this.#waiting.delete(entry.opId)
    for (const { letter, reply } of waiting) letter.answer(reply)
  }

  /** Whoever still waits asks the next owner. */
  close(): void {
    const waiting = [...this.#waiting.values()].flat()
    this.#waiting.clear()
    for (const { letter } of waiting) refuse(letter)
  }
}
