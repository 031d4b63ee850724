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
import { comparePositions, formatPosition } from '../protocol/position.ts'
import { PackedLine } from './packed-line.ts'
import type { Entry } from './ports.ts'

/** `via`: the node whose socket placed the order, when this owner was the one who accepted it. */
export interface Noted {
  entry: Entry
  via?: NodeId
}

/** Healthy rooms have far fewer entries than this. */
const LOOSE_MAX = 4_096

export class Journal {
  readonly #capacity: number
  readonly #noted = new PackedLine<Noted>(LOOSE_MAX)

  constructor(capacity: number, entries: readonly Entry[] = []) {
    this.#capacity = capacity
    for (const entry of entries) this.note(entry)
  }

  get size(): number {
    return this.#noted.length
  }

  get full(): boolean {
    return this.size >= this.#capacity
  }

  note(entry: Entry, via?: NodeId): void {
    this.#noted.push(via === undefined ? { entry } : { entry, via })
  }

  /** The oldest, at most `max`. */
  first(max: number): Noted[] {
    return this.#noted.first(max)
  }

  /** Forgets the `count` oldest: Postgres has them. */
  forget(count: number): void {
    this.#noted.drop(count)
  }

  all(): Noted[] {
    return this.#noted.all()
  }
}

/**
 * One list of entries, each once, oldest first: what the journals of one drop and its log hold together. Redis that went
 * back in time may have used a position twice, so two entries are the same only if they are about the same thing.
 *
 * Of one epoch the journals come first. They are what buyers were told; what only the log has nobody was told, or
 * Postgres has it already. If there are not units for both, the promise is kept.
 */
export function uniteEntries(journals: readonly (readonly Entry[])[], log: readonly Entry[]): Entry[] {
  const told = journals.flat().map((entry) => ({ entry, rank: 0 }))
  const logged = log.map((entry) => ({ entry, rank: 1 }))
  const sorted = [...told, ...logged].sort(
    (a, b) =>
      a.entry.position.epoch - b.entry.position.epoch ||
      a.rank - b.rank ||
      comparePositions(a.entry.position, b.entry.position),
  )
  const seen = new Set<string>()
  return sorted.flatMap(({ entry }) => {
    const same = `${formatPosition(entry.position)} ${subjectOf(entry)}`
    if (seen.has(same)) return []
    seen.add(same)
    return [entry]
  })
}

const subjectOf = (entry: Entry): string => (entry.kind === 'order' ? entry.orderId : entry.opId)
