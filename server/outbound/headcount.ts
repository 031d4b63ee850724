/**
 * How many watch a drop, and what its watchers here know of that.
 *
 * A count costs every watcher a frame when it comes alone, so it is told once a second at most, and rides on news that
 * leaves anyway. Who comes is shown the count of its snapshot, and who missed news may have an older one still: as soon
 * as two know different counts, everybody is told.
 */
import type { NodeId } from '../../protocol/ids.ts'
import type { Change, News } from '../../protocol/messages/news.ts'
import { VIEWERS_EVERY_MS, Viewers } from './viewers.ts'

export class Headcount {
  readonly #here: () => number
  readonly #viewers = new Viewers()
  /** The count that everyone in the rows was told last; undefined when some know another one. */
  #told: number | undefined
  #toldAtMs = Number.NEGATIVE_INFINITY

  /** `here`: how many stand here now. */
  constructor(here: () => number) {
    this.#here = here
  }

  get total(): number {
    return this.#here() + this.#viewers.elsewhere
  }

  /** Another node's count. */
  hear(node: NodeId, count: number, asks: boolean, nowMs: number): void {
    this.#viewers.hear(node, count, asks, nowMs)
  }

  /** Forgets the counts of nodes that are gone. */
  keep(live: readonly NodeId[], nowMs: number): void {
    this.#viewers.keep(live, nowMs)
  }

  /** Whether the other nodes must hear this one's count now. */
  mustSay(nowMs: number): boolean {
    return this.#viewers.mustSay(this.#here(), nowMs)
  }

  /** A watcher that comes was shown this count; undefined: it may have an older one. `alone`: nobody else is in the rows. */
  shown(count: number | undefined, alone: boolean): void {
    if (alone) this.#told = count
    else if (count !== this.#told) this.#told = undefined
  }

  /** What everybody must be told now; undefined when they know. */
  change(nowMs: number): Change | undefined {
    const { total } = this
    if (this.#told === total) return undefined

    this.#told = total
    this.#toldAtMs = nowMs
    return { kind: 'viewers', viewers: total }
  }

  /** News that leaves anyway takes a new count along. */
  with(news: News, nowMs: number): News {
    const change = nowMs - this.#toldAtMs < VIEWERS_EVERY_MS ? undefined : this.change(nowMs)
    return change === undefined ? news : { ...news, changes: [...news.changes, change] }
  }
}
