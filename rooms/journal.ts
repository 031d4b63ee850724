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
import { PackedLine, type Page } from './packed-line.ts'
import type { Entry } from './ports.ts'

/** `via`: the node whose socket placed the order, when this owner was the one who accepted it. */
export interface Noted {
  entry: Entry
  via?: NodeId
}

/** Healthy rooms have far fewer entries than this. */
const LOOSE_MAX = 4_096

/** For what a journal is to begin with. */
export const emptyLine = (): PackedLine<Noted> => new PackedLine(LOOSE_MAX)

export const entriesOf = (noted: readonly Page<Noted>[]): Page<Entry>[] =>
  noted.map((page) => () => page().map(({ entry }) => entry))

export class Journal {
  readonly #capacity: number
  readonly #noted: PackedLine<Noted>

  /** `noted`: what an earlier owner left. */
  constructor(capacity: number, noted = emptyLine()) {
    this.#capacity = capacity
    this.#noted = noted
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

  /** All that is in it now; it may go on. */
  pages(): Page<Noted>[] {
    return this.#noted.pages()
  }
}
