/**
 * Keeps the view of one drop current: reads it, lets news change it, and reads it anew when news is missing.
 *
 * A view with a gap is never patched and never shown. While it is read again, news is held, and the reading counts only
 * if the held news follows on from it. It also never goes back: a ledger that answers an earlier position than was shown
 * has lost something, and a new owner with a new epoch will say what is true.
 */
import { Fault } from '../../protocol/faults.ts'
import type { DropId } from '../../protocol/ids.ts'
import type { News } from '../../protocol/messages/news.ts'
import { comparePositions, ORIGIN, type Position } from '../../protocol/position.ts'
import type { Clock, Log, RoomNews, Timer } from '../../rooms/ports.ts'
import { DropView } from './drop-view.ts'
import type { DropReader, DropReading } from './drop-view-reader.ts'

/** News held while the drop is being read; the oldest goes first, for the reading is newer than it. */
const HELD_NEWS_MAX = 256
/** A reading may be overtaken by lost news; after so many in a row the next one waits. */
const READINGS_IN_A_ROW = 3
const READ_AGAIN_MS = 1_000
/** How late news may be behind the ledger: conflation and the bus, with room to spare. */
const NEWS_LATE_MS = 1_000
/** The same, for a node that has every reason to think that it has missed some. */
export const NEWS_MISSED_MS = 250
/** Orders of the first moments are not in Postgres yet: right after the opening nobody's own are worth a query. */
const OPENING_MS = 2_000

export interface KeeperWorld {
  clock: Clock
  random(): number
  log: Log
  reader: DropReader
}

/** What the watchers' side must do. */
export interface KeeperEars {
  /** The view has changed. */
  news(news: News): void
  /** The view was read; `again`: after a gap, so whoever saw the old one starts from a snapshot. */
  read(view: DropView, again: 'first' | 'again' | 'again_at_opening'): void
  /** It could not be read, or there is no such drop. */
  failed(cause: unknown): void
  /** Whether a reading that failed is worth another try. */
  wanted(): boolean
}

export class ViewKeeper {
  readonly #drop: DropId
  readonly #world: KeeperWorld
  readonly #ears: KeeperEars
  readonly #timers = new Set<Timer>()
  #view: DropView | undefined
  /** True while the view follows the news without a gap. */
  #follows = false
  #reading = false
  #renewal: 'idle' | 'running' | 'once_more' = 'idle'
  #held: RoomNews[] = []
  #closed = false

  constructor(drop: DropId, world: KeeperWorld, ears: KeeperEars) {
    this.#drop = drop
    this.#world = world
    this.#ears = ears
  }

  /** The view if it may be shown now; else it is being read. */
  get view(): DropView | undefined {
    if (this.#follows) return this.#view

    void this.#read()
    return undefined
  }

  hear(news: RoomNews) {
    if (isOutOfTurn(news)) {
      if (this.#view !== undefined) this.#ears.news(this.#view.saying(news))
      return
    }
    if (this.#view === undefined || !this.#follows) return this.#hold(news)

    const told = this.#view.hear(news)
    if (told === 'old') return
    if (told === 'gap') {
      this.#hold(news)
      return this.#lose()
    }

    this.#ears.news(told)
    if (news.changes.some((change) => change.kind === 'phase' || change.kind === 'restocked')) void this.#renew()
  }

  /**
   * Finds out whether the newest news was lost: nothing follows on the last unit of a drop, so only the ledger can tell.
   * It was, if the view has not come as far as the ledger had a moment ago. Never throws; answers when it is known.
   */
  async verify(lateMs = NEWS_LATE_MS): Promise<void> {
    if (!this.#follows) return

    try {
      const live = await this.#world.reader.live(this.#drop)
      if (live === undefined || !this.#isBehind(live)) return

      await new Promise<void>((resolve) => this.#after(lateMs, resolve))
      if (this.#isBehind(live)) this.#lose()
    } catch (cause) {
      this.#world.log.warn('view.not_verified', { drop: this.#drop, cause: String(cause) })
    }
  }

  close(): void {
    this.#closed = true
    for (const timer of this.#timers) timer.cancel()
    this.#timers.clear()
  }

  #isBehind(position: Position): boolean {
    return this.#view !== undefined && this.#follows && comparePositions(this.#view.position, position) < 0
  }

  #hold(news: RoomNews): void {
    this.#held.push(news)
    if (this.#held.length > HELD_NEWS_MAX) this.#held.shift()
  }

  #lose(): void {
    this.#follows = false
    void this.#read()
  }

  async #read(): Promise<void> {
    if (this.#reading || this.#closed) return

    this.#reading = true
    try {
      for (let readings = 0; readings < READINGS_IN_A_ROW; readings += 1) {
        const reading = await this.#world.reader.read(this.#drop)
        if (this.#closed) return
        if (reading === undefined) return this.#ears.failed(new Fault('not_found', { drop: this.#drop }))
        if (this.#take(reading)) return
      }
      throw new Fault('unavailable', { drop: this.#drop, why: 'news outran the readings' })
    } catch (cause) {
      this.#world.log.warn('view.not_read', { drop: this.#drop, cause: String(cause) })
      this.#ears.failed(cause)
      if (this.#ears.wanted()) this.#readLater()
    } finally {
      this.#reading = false
    }
  }

  #readLater(): void {
    this.#after(READ_AGAIN_MS * (0.5 + this.#world.random()), () => {
      if (!this.#follows) void this.#read()
    })
  }

  /** False when the reading is earlier than what was shown or heard: then nobody is shown it. */
  #take(reading: DropReading): boolean {
    const before = this.#view
    const view = new DropView(reading.page, reading.live)
    if (before !== undefined && comparePositions(view.position, before.position) < 0) return false

    const held = this.#held.toSorted((a, b) => comparePositions(a.position, b.position))
    for (const news of held) if (view.hear(news) === 'gap') return false

    this.#held = []
    this.#view = view
    this.#follows = true
    if (before === undefined) this.#ears.read(view, 'first')
    else this.#ears.read(view, before.phase === 'scheduled' && isOpening(reading) ? 'again_at_opening' : 'again')
    return true
  }

  /**
   * What news does not say: the units of a restock, the moment of an opening by hand. When it cannot be read now, the
   * next phase or restock brings it.
   */
  async #renew(): Promise<void> {
    if (this.#renewal !== 'idle') {
      this.#renewal = 'once_more'
      return
    }

    try {
      do {
        this.#renewal = 'running'
        const reading = await this.#world.reader.read(this.#drop)
        if (reading !== undefined) this.#view?.renew(reading.page, reading.live)
      } while (this.#wantsOnceMore())
    } catch (cause) {
      this.#world.log.warn('view.not_renewed', { drop: this.#drop, cause: String(cause) })
    } finally {
      this.#renewal = 'idle'
    }
  }

  #wantsOnceMore(): boolean {
    return this.#renewal === 'once_more' && !this.#closed
  }

  #after(ms: number, call: () => void): void {
    const timer: Timer = this.#world.clock.after(ms, () => {
      this.#timers.delete(timer)
      call()
    })
    this.#timers.add(timer)
  }
}

function isOpening({ live }: DropReading): boolean {
  return live !== undefined && live.nowMs < live.opensAtMs + OPENING_MS
}

/** Words alone, said from before everything: what a room says stands at a later position and takes its turn. */
function isOutOfTurn({ position, changes }: RoomNews): boolean {
  return comparePositions(position, ORIGIN) === 0 && changes.some((change) => change.kind === 'announcement')
}
