/**
 * The journal: the owner's memory of what the ledger has done and Postgres has not yet written.
 *
 * It is the second place where an accepted order stands. If Redis loses or rewinds its own memory while the owner lives,
 * nothing that anybody was promised is gone: the journal is written to Postgres before the room is built anew.
 *
 * Entries stand in the order of their positions; the relay takes them from the front and forgets them after COMMIT. The
 * journal is bounded by the drop's stock, and beyond that by `capacity`: past it a room stops accepting (`pending`)
 * rather than promise more than it can remember.
 */
import type { NodeId } from '../protocol/ids.ts'
import { comparePositions } from '../protocol/position.ts'
import type { Entry } from './ports.ts'

/** `via`: the node whose socket placed the order, when this owner was the one who accepted it. */
export interface Noted {
  entry: Entry
  via?: NodeId
}

export class Journal {
  readonly #capacity: number
  #noted: Noted[] = []
  #head = 0

  constructor(capacity: number, entries: readonly Entry[] = []) {
    this.#capacity = capacity
    this.#noted = entries.map((entry) => ({ entry }))
  }

  get size(): number {
    return this.#noted.length - this.#head
  }

  get full(): boolean {
    return this.size >= this.#capacity
  }

  note(entry: Entry, via?: NodeId): void {
    this.#noted.push(via === undefined ? { entry } : { entry, via })
  }

  /** The oldest, at most `max`. */
  first(max: number): Noted[] {
    return this.#noted.slice(this.#head, this.#head + max)
  }

  /** Forgets the `count` oldest: Postgres has them. */
  forget(count: number): void {
    this.#head += count
    if (this.#head < 1024 && this.#head < this.#noted.length) return

    this.#noted = this.#noted.slice(this.#head)
    this.#head = 0
  }

  all(): Noted[] {
    return this.#noted.slice(this.#head)
  }
}

/**
 * One list of entries, each once, oldest first: what several memories of one drop hold together. Redis that went back in
 * time may have used a position twice, so two entries are the same only if they are about the same thing.
 */
export function uniteEntries(memories: readonly (readonly Entry[])[]): Entry[] {
  const sorted = memories.flat().sort((a, b) => comparePositions(a.position, b.position))

  return sorted.filter((entry, at) => {
    for (let earlier = at - 1; earlier >= 0; earlier -= 1) {
      const before = sorted[earlier]
      if (before === undefined || comparePositions(before.position, entry.position) !== 0) return true
      if (subjectOf(before) === subjectOf(entry)) return false
    }
    return true
  })
}

const subjectOf = (entry: Entry): string => (entry.kind === 'order' ? entry.orderId : entry.opId)
