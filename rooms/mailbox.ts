/**
 * A mailbox is the only door into a room.
 *
 * Letters are read in the order they came, by one reader, even while that reader waits for Redis. That is the whole
 * concurrency story of LiveDrop: inside a room there is never a second thought at the same time.
 *
 * Orders that came one after another are taken together, because the ledger answers 256 of them nearly as fast as one.
 * While one batch is with the ledger the next one gathers here: the busier the drop, the larger the batch, with no timer.
 *
 * A full mailbox says so at once. A buyer who hears "busy" after a millisecond is served better than one who hears
 * "sold out" after a minute.
 */
import type { ControlLetter, Letter, OrderLetter } from './letters.ts'

export type Posted = 'accepted' | 'full' | 'closed'

/** What a reader takes at a time. */
export type Run = { kind: 'orders'; letters: OrderLetter[] } | { kind: 'control'; letter: ControlLetter }

export interface MailboxLimits {
  /** Unread letters at most. */
  capacity: number
  /** Orders in one run at most. */
  batchMax: number
}

export class Mailbox {
  readonly #limits: MailboxLimits
  #letters: Letter[] = []
  #head = 0
  #closed = false
  #wakeReader: (() => void) | undefined

  constructor(limits: MailboxLimits) {
    this.#limits = limits
  }

  get unread(): number {
    return this.#letters.length - this.#head
  }

  post(letter: Letter): Posted {
    if (this.#closed) return 'closed'
    if (this.unread >= this.#limits.capacity) return 'full'

    this.#letters.push(letter)
    this.#wakeReader?.()
    return 'accepted'
  }

  /** Waits for the next run. Undefined once the mailbox is closed. */
  async take(): Promise<Run | undefined> {
    while (this.unread === 0 && !this.#closed) {
      await new Promise<void>((resolve) => {
        this.#wakeReader = resolve
      })
      this.#wakeReader = undefined
    }
    return this.#closed ? undefined : this.#next()
  }

  /** Nothing can be posted or taken any more. The unread letters are for the caller to answer. */
  close(): Letter[] {
    this.#closed = true
    this.#wakeReader?.()

    const unread = this.#letters.slice(this.#head)
    this.#letters = []
    this.#head = 0
    return unread
  }

  #next(): Run | undefined {
    const first = this.#letters[this.#head]
    if (first === undefined) return undefined

    if (first.kind === 'control') {
      this.#advance(1)
      return { kind: 'control', letter: first }
    }

    const letters: OrderLetter[] = []
    for (let at = this.#head; at < this.#letters.length && letters.length < this.#limits.batchMax; at += 1) {
      const letter = this.#letters[at]
      if (letter?.kind !== 'order') break
      letters.push(letter)
    }
    this.#advance(letters.length)
    return { kind: 'orders', letters }
  }

  /** Moves a head instead of shifting: a shift per letter costs the square of a full mailbox. */
  #advance(count: number): void {
    this.#head += count
    if (this.#head < this.#limits.batchMax && this.#head < this.#letters.length) return

    this.#letters = this.#letters.slice(this.#head)
    this.#head = 0
  }
}
