/**
 * How many watch one drop: those who stand here, and what the other nodes say of theirs.
 *
 * Each node adds up for itself. A sum made by the drop's owner would be missing when it is looked at most: before the
 * opening, when the drop has no room yet and people gather, and while a room changes its owner.
 *
 * Another node's number counts while that node lives and repeats it; so after a kill -9 the sum is right as soon as the
 * node's silence is noticed.
 */
import type { NodeId } from '../../protocol/ids.ts'

/** How often a count is told, to other nodes and to watchers, at most. */
export const VIEWERS_EVERY_MS = 1_000
/** A count that did not change is said again, in case it was lost. */
export const SAID_AGAIN_MS = 10_000
const BELIEVED_MS = 3 * SAID_AGAIN_MS
/** A node may be heard here before its first heartbeat is. */
const STRANGER_MS = 1_000
const NODES_MAX = 1_000

export class Viewers {
  readonly #elsewhere = new Map<NodeId, { count: number; heardAtMs: number }>()
  #said = 0
  #saidAtMs = Number.NEGATIVE_INFINITY
  #isAsked = false

  hear(node: NodeId, count: number, asks: boolean, nowMs: number): void {
    if (asks) this.#isAsked = true
    if (count === 0) this.#elsewhere.delete(node)
    else if (this.#elsewhere.has(node) || this.#elsewhere.size < NODES_MAX) {
      this.#elsewhere.set(node, { count, heardAtMs: nowMs })
    }
  }

  get elsewhere(): number {
    let sum = 0
    for (const { count } of this.#elsewhere.values()) sum += count
    return sum
  }

  /** Forgets the counts of nodes that are gone. */
  keep(live: readonly NodeId[], nowMs: number): void {
    for (const [node, { heardAtMs }] of this.#elsewhere) {
      const believedMs = live.includes(node) ? BELIEVED_MS : STRANGER_MS
      if (nowMs - heardAtMs > believedMs) this.#elsewhere.delete(node)
    }
  }

  /** Whether the others must hear this node's count now. Saying it is then up to the caller. */
  mustSay(here: number, nowMs: number): boolean {
    const again = here > 0 && (this.#isAsked || nowMs - this.#saidAtMs >= SAID_AGAIN_MS)
    if (here === this.#said && !again) return false

    this.#said = here
    this.#saidAtMs = nowMs
    this.#isAsked = false
    return true
  }
}
