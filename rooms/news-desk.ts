/**
 * The news desk turns what happens in a room into what everyone watching hears.
 *
 * Stock counts are conflated: at most one frame in `intervalMs`, the newest count of each SKU wins, so ten thousand
 * orders a second cost ten frames. What people wait for (a phase, an announcement) leaves at once, with the counts
 * that were waiting.
 *
 * Each frame names the position of the frame before (`from`), so that whoever missed one knows it.
 */
import type { DropId, Sku } from '../protocol/ids.ts'
import type { Change } from '../protocol/messages/news.ts'
import type { Position } from '../protocol/position.ts'
import type { Phase } from '../protocol/verdicts.ts'
import type { Clock, LedgerItem, RoomNews, Timer } from './ports.ts'

export class NewsDesk {
  readonly #drop: DropId
  readonly #clock: Clock
  readonly #intervalMs: number
  readonly #send: (news: RoomNews) => void
  readonly #left: Map<Sku, number>
  readonly #lowStockAt: number
  readonly #changed = new Set<Sku>()
  #spoken: Change[] = []
  #from: Position
  #position: Position
  #lastSentMs = Number.NEGATIVE_INFINITY
  #timer: Timer | undefined

  constructor(
    start: { drop: DropId; position: Position; items: readonly LedgerItem[]; lowStockAt?: number | null },
    world: { clock: Clock; intervalMs: number; send: (news: RoomNews) => void },
  ) {
    this.#drop = start.drop
    this.#from = start.position
    this.#position = start.position
    this.#left = new Map(start.items.map((item) => [item.sku, item.left]))
    this.#lowStockAt = start.lowStockAt ?? 0
    this.#clock = world.clock
    this.#intervalMs = world.intervalMs
    this.#send = world.send
  }

  counted(position: Position, left: readonly { sku: Sku; left: number }[]): void {
    if (left.length === 0) return

    this.#position = position
    for (const count of left) this.#count(count.sku, count.left)
    this.#timer ??= this.#clock.after(this.#waitMs(), () => this.#publish())
  }

  /** The creator added units: said at once, and also where some were left, for a watcher is shown the whole stock. */
  restocked(position: Position, left: readonly { sku: Sku; left: number }[]): void {
    this.#position = position
    for (const count of left) {
      this.#left.set(count.sku, count.left)
      this.#changed.add(count.sku)
      this.#spoken.push({ kind: 'restocked', ...count })
    }
    this.#publish()
  }

  phase(position: Position, phase: Phase): void {
    this.#position = position
    this.#spoken.push({ kind: 'phase', phase })
    this.#publish()
  }

  /** Says where the room stands, changes or not: after a takeover every node compares, and re-reads if it must. */
  sync(): void {
    this.#publish()
  }

  stop(): void {
    this.#timer?.cancel()
    if (this.#changed.size > 0 || this.#spoken.length > 0) this.#publish()
  }

  #count(sku: Sku, left: number): void {
    const before = this.#left.get(sku)
    this.#left.set(sku, left)
    this.#changed.add(sku)
    if (left > 0 && left <= this.#lowStockAt && before !== undefined && before > this.#lowStockAt) {
      this.#spoken.push({ kind: 'low_stock', sku, left })
    }
    if (left === 0 && before !== 0) this.#spoken.push({ kind: 'sold_out', sku })
    if (left > 0 && before === 0) this.#spoken.push({ kind: 'restocked', sku, left })
  }

  #waitMs(): number {
    return Math.max(0, this.#lastSentMs + this.#intervalMs - this.#clock.monotonicMs())
  }

  #publish(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    const counts: Change[] = [...this.#changed].map((sku) => ({ kind: 'left', sku, left: this.#left.get(sku) ?? 0 }))

    this.#send({
      drop: this.#drop,
      from: this.#from,
      position: this.#position,
      atMs: this.#clock.nowMs(),
      changes: [...this.#spoken, ...counts],
    })
    this.#from = this.#position
    this.#spoken = []
    this.#changed.clear()
    this.#lastSentMs = this.#clock.monotonicMs()
  }
}
