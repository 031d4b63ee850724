/**
 * A drop as a watcher sees it, kept current by its news. No IO: what was read goes in, snapshots come out.
 *
 * What does not change while a drop is sold (titles, prices) comes from Postgres, what does (phase, counts) from the
 * ledger. A drop whose room the ledger does not have is as Postgres says: not opened yet, or over, or being rebuilt.
 *
 * The rule of positions is here and only here: what is not later than what is shown is not shown, and news that does
 * not follow on from what is shown is a gap, which only reading again can close. A new epoch always is one: its owner
 * may have come to other numbers than the news of the old one said.
 */
import type { DropId, Sku } from '../../protocol/ids.ts'
import type { Change, News } from '../../protocol/messages/news.ts'
import type { Snapshot } from '../../protocol/messages/snapshot.ts'
import { comparePositions, type Position } from '../../protocol/position.ts'
import type { Phase } from '../../protocol/verdicts.ts'
import type { RoomNews, RoomState } from '../../rooms/ports.ts'
import type { DropItem, DropRecord } from '../../storage/drops/drops.ts'
import { type Missed, Replay } from './replay.ts'

/** A drop in Postgres, as far as a watcher is shown it. */
export type DropPage = Pick<DropRecord, 'drop' | 'phase' | 'opensAtMs' | 'closesAtMs' | 'position'> & {
  items: readonly DropItem[]
}

export class DropView {
  readonly drop: DropId
  #page: DropPage
  #position: Position
  #phase: Phase
  #opensAtMs: number
  #closesAtMs: number | null
  readonly #left: Map<Sku, number>
  readonly #replay: Replay
  #version = 0

  constructor(page: DropPage, live: RoomState | undefined) {
    this.drop = page.drop
    this.#page = page
    this.#position = live === undefined ? page.position : { epoch: live.epoch, seq: live.seq }
    this.#phase = live?.phase ?? page.phase
    this.#opensAtMs = live?.opensAtMs ?? page.opensAtMs
    this.#closesAtMs = live === undefined ? page.closesAtMs : live.closesAtMs
    this.#left = new Map(page.items.map((item) => [item.sku, item.total - item.sold]))
    for (const item of live?.items ?? []) this.#left.set(item.sku, item.left)
    this.#replay = new Replay(this.#position)
  }

  get position(): Position {
    return this.#position
  }

  get phase(): Phase {
    return this.#phase
  }

  /** Grows with everything that a snapshot would show differently; viewers excepted, for they change all the time. */
  get version(): number {
    return this.#version
  }

  /**
   * What is said to everybody who watches: words change no number, so they have no position of their own and are told at
   * the one that everybody has, out of turn, and to nobody who comes later.
   */
  saying(news: RoomNews): News {
    const position = this.#position
    return { type: 'news', drop: this.drop, position, from: position, at: news.atMs, changes: news.changes }
  }

  /** News that is to be told, `old` when it was known, `gap` when something before it is missing. */
  hear(news: RoomNews): News | 'old' | 'gap' {
    if (news.position.epoch !== this.#position.epoch) {
      return news.position.epoch < this.#position.epoch ? 'old' : 'gap'
    }
    if (comparePositions(news.position, this.#position) <= 0) return 'old'
    if (comparePositions(news.from, this.#position) > 0) return 'gap'

    this.#position = news.position
    for (const change of news.changes) this.#apply(change)
    this.#version += 1

    const told: News = {
      type: 'news',
      drop: this.drop,
      position: news.position,
      from: news.from,
      at: news.atMs,
      changes: news.changes,
    }
    this.#replay.push(told)
    return told
  }

  /** What a watcher who saw `position` last has missed; undefined when it must start from a snapshot. */
  missedSince(position: Position): Missed | undefined {
    return comparePositions(position, this.#position) > 0 ? undefined : this.#replay.after(position)
  }

  /** The answer to a watcher who has missed nothing. */
  nothingNew(atMs: number): News {
    return { type: 'news', drop: this.drop, position: this.#position, at: atMs, changes: [], recovered: true }
  }

  /** What news does not say: the units of a restock, the moment of an opening by hand. Never a position. */
  renew(page: DropPage, live: RoomState | undefined): void {
    this.#page = page
    this.#opensAtMs = live?.opensAtMs ?? page.opensAtMs
    this.#closesAtMs = live === undefined ? page.closesAtMs : live.closesAtMs
    this.#version += 1
  }

  /** `viewers`: nothing a room knows, so nothing a view keeps (viewers.ts). */
  snapshot(viewers: number): Snapshot {
    const snapshot: Snapshot = {
      type: 'snapshot',
      drop: this.drop,
      position: this.#position,
      phase: this.#phase,
      opensAtMs: this.#opensAtMs,
      items: this.#page.items.map(({ sku, title, priceMinor, currency, total, limit }) => ({
        sku,
        title,
        priceMinor,
        currency,
        stock: total,
        left: this.#left.get(sku) ?? 0,
        limit,
      })),
      viewers,
      mine: [],
      recovered: false,
    }
    if (this.#closesAtMs !== null) snapshot.closesAtMs = this.#closesAtMs
    return snapshot
  }

  #apply(change: Change): void {
    switch (change.kind) {
      case 'phase':
        this.#phase = change.phase
        return
      case 'left':
      case 'low_stock':
      case 'restocked':
        this.#left.set(change.sku, change.left)
        return
      case 'sold_out':
        this.#left.set(change.sku, 0)
        return
      case 'viewers':
      case 'announcement':
        return
    }
  }
}
