/**
 * A line, first in first out, that may become very long: its two ends are objects, and what lies between them is packed
 * into pages of bytes.
 *
 * As objects 400,000 orders take more than a hundred megabytes of a heap that is walked again and again; as bytes they
 * take a third of that, outside of it. A line that is as short as it should be packs nothing: only what has `looseMax`
 * younger ones behind it is put away, and it comes back, a page at a time, when it is the oldest.
 */
import { packPage, unpackPage } from '../protocol/codec.ts'

const PAGE = 512

/** Some items in their order, put away: they are there when it is called, as often as it is. */
export type Page<Item> = () => readonly Item[]

export class PackedLine<Item> {
  readonly #looseMax: number
  /** Older than every page; those before `#head` have left the line. */
  #oldest: Item[] = []
  #head = 0
  /** Each of `PAGE` items. */
  readonly #pages: Uint8Array[] = []
  /** Younger than every page. */
  #newest: Item[] = []

  constructor(looseMax: number) {
    this.#looseMax = looseMax
  }

  get length(): number {
    return this.#oldest.length - this.#head + this.#pages.length * PAGE + this.#newest.length
  }

  push(item: Item): void {
    this.#newest.push(item)
    if (this.#newest.length >= this.#looseMax + PAGE) this.#pages.push(packPage(this.#newest.splice(0, PAGE)))
  }

  /** The oldest, at most `max`. */
  first(max: number): Item[] {
    this.#fetch(max)
    return this.#oldest.slice(this.#head, this.#head + max)
  }

  /** The `count` oldest leave. */
  drop(count: number): void {
    for (let rest = Math.min(count, this.length); rest > 0; ) {
      this.#fetch(1)
      const here = Math.min(rest, this.#oldest.length - this.#head)
      this.#head += here
      rest -= here
    }
    if (this.#head === this.#oldest.length) this.#become([])
  }

  /** All that is in the line now, whatever becomes of the line. What is packed stays so until its page is read. */
  pages(): Page<Item>[] {
    const packed = this.#pages.map((page) => () => unpackPage<Item>(page))
    return [...inPages(this.#oldest.slice(this.#head)), ...packed, ...inPages(this.#newest)]
  }

  /** Until `count` of the oldest are objects, or all that there are. */
  #fetch(count: number): void {
    while (this.#oldest.length - this.#head < count && this.#oldest.length - this.#head < this.length) {
      const page = this.#pages.shift()
      const next = page === undefined ? this.#newest : unpackPage<Item>(page)
      if (page === undefined) this.#newest = []
      this.#become(this.#oldest.slice(this.#head).concat(next))
    }
  }

  #become(oldest: Item[]): void {
    this.#oldest = oldest
    this.#head = 0
  }
}

/** A copy of what is not packed. */
export function inPages<Item>(items: readonly Item[]): Page<Item>[] {
  return Array.from({ length: Math.ceil(items.length / PAGE) }, (_, nth) => {
    const page = items.slice(nth * PAGE, (nth + 1) * PAGE)
    return () => page
  })
}
