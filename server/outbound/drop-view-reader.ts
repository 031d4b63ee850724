/**
 * Reads a drop for its watchers: the live room from the ledger, the page from Postgres, in a bounded time.
 *
 * The ledger is read first. When it has no such room, the page that is read after it is at least as new as that: a drop
 * whose room was retired shows as closed. The other way round it could be shown from a page that still called it open,
 * and no news would ever follow.
 */
import type { DropId } from '../../protocol/ids.ts'
import type { Clock, Ledger, RoomState } from '../../rooms/ports.ts'
import type { DropPage } from './drop-view.ts'
import { within } from './patience.ts'

export interface DropPages {
  byId(drop: DropId): Promise<DropPage | undefined>
}

export type LiveRooms = Pick<Ledger, 'read'>

export interface DropReading {
  page: DropPage
  live: RoomState | undefined
}

const READ_MS = 2_000

export class DropReader {
  readonly #pages: DropPages
  readonly #ledger: LiveRooms
  readonly #clock: Clock

  constructor(pages: DropPages, ledger: LiveRooms, clock: Clock) {
    this.#pages = pages
    this.#ledger = ledger
    this.#clock = clock
  }

  /** Undefined: no such drop. Throws `unavailable`. */
  read(drop: DropId): Promise<DropReading | undefined> {
    return within(this.#clock, READ_MS, 'drop.read', this.#both(drop))
  }

  /** The room alone. Throws `unavailable`. */
  live(drop: DropId): Promise<RoomState | undefined> {
    return within(this.#clock, READ_MS, 'ledger.read', this.#ledger.read(drop))
  }

  async #both(drop: DropId): Promise<DropReading | undefined> {
    const live = await this.#ledger.read(drop)
    const page = await this.#pages.byId(drop)
    return page === undefined ? undefined : { page, live }
  }
}
