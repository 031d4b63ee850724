/**
 * [I17] What one watcher was shown of a drop, held against what a watcher may be shown: a snapshot first, then news that
 * follows on from what was seen, nothing twice, and in the end what is true.
 */
import type { Sku } from '../../protocol/ids.ts'
import type { News } from '../../protocol/messages/news.ts'
import { comparePositions, formatPosition, ORIGIN, type Position } from '../../protocol/position.ts'

export class Sightings {
  readonly broken: string[] = []
  readonly #left = new Map<Sku, number>()
  #position: Position = ORIGIN
  #isWatching = false

  get position(): Position {
    return this.#position
  }

  /** What the watcher would show for an item. */
  left(sku: Sku): number | undefined {
    return this.#left.get(sku)
  }

  get isWatching(): boolean {
    return this.#isWatching
  }

  /** The connection has ended: the next one begins with a snapshot, perhaps of a node that is a little behind. */
  cut(): void {
    this.#isWatching = false
  }

  snapshot(position: Position, items: readonly { sku: Sku; left: number }[]): void {
    const isBack = comparePositions(position, this.#position) < 0
    if (this.#isWatching && isBack) this.#breaks(`a snapshot at ${formatPosition(position)}`)
    this.#isWatching = true
    this.#position = position
    this.#left.clear()
    for (const { sku, left } of items) this.#left.set(sku, left)
  }

  /** Words and viewers change no count, and are told at the position that everybody has. */
  news({ position, from = position, changes }: Pick<News, 'position' | 'from' | 'changes'>): void {
    if (!this.#isWatching) this.broken.push(`I17 news at ${formatPosition(position)} before a snapshot`)
    const counts = changes.flatMap((change) => (change.kind === 'left' ? [change] : []))
    const step = comparePositions(position, this.#position)
    if (step < 0 || (step === 0 && counts.length > 0)) this.#breaks(`news at ${formatPosition(position)}`)
    if (comparePositions(from, this.#position) > 0) this.#breaks(`news that begin at ${formatPosition(from)}`)
    this.#position = position
    for (const { sku, left } of counts) this.#left.set(sku, left)
  }

  #breaks(what: string): void {
    this.broken.push(`I17 ${what} after ${formatPosition(this.#position)}`)
  }
}
