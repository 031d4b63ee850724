/**
 * [I17] What one watcher was shown, held against what a watcher may be shown: positions that only rise while it is
 * connected, a snapshot first, and in the end what is true.
 */
import type { Sku } from '../../protocol/ids.ts'
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
    if (this.#isWatching) this.#expectNotBefore(position, 'a snapshot')
    this.#isWatching = true
    this.#position = position
    this.#left.clear()
    for (const { sku, left } of items) this.#left.set(sku, left)
  }

  news(position: Position, counts: readonly { sku: Sku; left: number }[]): void {
    if (!this.#isWatching) this.broken.push(`I17 news at ${formatPosition(position)} before a snapshot`)
    this.#expectNotBefore(position, 'news')
    this.#position = position
    for (const { sku, left } of counts) this.#left.set(sku, left)
  }

  #expectNotBefore(position: Position, what: string): void {
    if (comparePositions(position, this.#position) >= 0) return
    this.broken.push(`I17 ${what} at ${formatPosition(position)} after ${formatPosition(this.#position)}`)
  }
}
