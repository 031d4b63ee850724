/**
 * What a cut of one node cost its own clients and those of the others, told apart from what their patience cost.
 *
 * A node is in step again when its news is true and it takes orders. Its buyers are served later than that: who was told
 * `pending` many times waits up to three seconds before asking again, as docs/client-spec.md wants it, and no node can
 * do anything about that.
 */
import type { UserId } from '../../protocol/ids.ts'
import { comparePositions, ORIGIN, type Position } from '../../protocol/position.ts'
import type { Buyer } from '../nemesis/buyer.ts'
import { gapsOf } from '../nemesis/gaps.ts'
import type { Attempt, Done } from '../nemesis/history.ts'
import type { Run } from '../nemesis/run.ts'

export interface InStep {
  /** From the healing until its watchers had seen what those of the other nodes had seen at the healing. */
  newsMs: number
  /** From the healing until the last order that was sent there for the first time and not taken at once. 0: none. */
  ordersMs: number
  /** Orders that were told `pending` there during the cut, and when the last of them was taken, from the healing on. */
  putOff: number
  servedMs: number
  /** The longest time during the cut in which no order of a client of another node was taken. */
  gapElsewhereMs: number
}

interface Sight {
  atMs: number
  /** The last that anybody on each node has seen. */
  seen: Position[]
}

/** Watches a crowd of which each buyer keeps to one node (`stay`, tests/nemesis/run.ts). */
export class Onlooker {
  readonly #nodes: number
  readonly #sights: Sight[] = []
  readonly #nodeOf = new Map<UserId, number>()

  constructor(nodes: number) {
    this.#nodes = nodes
  }

  look(buyers: readonly Buyer[], atMs: number): void {
    const seen = Array.from({ length: this.#nodes }, () => ORIGIN)
    for (const [at, { id, phone }] of buyers.entries()) {
      const node = at % this.#nodes
      this.#nodeOf.set(id, node)
      for (const sightings of phone.sightings.values())
        if (sightings.isWatching) seen[node] = later(seen[node] ?? ORIGIN, sightings.position)
    }
    this.#sights.push({ atMs, seen })
  }

  inStep({ history }: Run, { atMs, undoneMs, place: node = -1 }: Done): InStep {
    const mine = history.attempts.filter(({ buyer }) => this.#nodeOf.get(buyer) === node)
    const isPutOff = ({ verdict, sentMs }: Attempt) => verdict === 'pending' && sentMs > atMs && sentMs < undoneMs
    const putOff = new Set(mine.filter(isPutOff).map(({ orderId }) => orderId))
    const served = mine.filter(({ orderId, verdict }) => putOff.has(orderId) && isGood(verdict))
    const waited = firstOfEach(mine).filter((attempt) => attempt.sentMs >= undoneMs && !isTakenAtOnce(attempt))
    const elsewhere = history.attempts.filter(({ buyer, verdict }) => {
      return this.#nodeOf.get(buyer) !== node && verdict === 'accepted'
    })
    const [gap] = gapsOf(
      elsewhere.map(({ repliedMs }) => repliedMs).sort((a, b) => a - b),
      atMs,
      undoneMs,
    )
    return {
      newsMs: this.#newsMs(node, undoneMs),
      ordersMs: latest(waited.map(({ sentMs }) => sentMs - undoneMs)),
      putOff: putOff.size,
      servedMs: latest(firstOfEach(served).map(({ repliedMs }) => repliedMs - undoneMs)),
      gapElsewhereMs: gap === undefined ? 0 : Math.round(gap.toMs - gap.fromMs),
    }
  }

  #newsMs(node: number, healedMs: number): number {
    const atHealing = this.#sights.findLast(({ atMs }) => atMs <= healedMs)?.seen ?? []
    const truth = atHealing.filter((_, at) => at !== node).reduce(later, ORIGIN)
    const caughtUp = this.#sights.find(({ atMs, seen }) => {
      return atMs >= healedMs && comparePositions(seen[node] ?? ORIGIN, truth) >= 0
    })
    return caughtUp === undefined ? Number.POSITIVE_INFINITY : Math.round(caughtUp.atMs - healedMs)
  }
}

function firstOfEach(attempts: readonly Attempt[]): Attempt[] {
  const first = new Map<string, Attempt>()
  for (const attempt of attempts) if (!first.has(attempt.orderId)) first.set(attempt.orderId, attempt)
  return [...first.values()]
}

const AT_ONCE_MS = 500
const isTakenAtOnce = ({ verdict, sentMs, repliedMs }: Attempt) => isGood(verdict) && repliedMs - sentMs < AT_ONCE_MS
const isGood = (verdict: Attempt['verdict']) => verdict === 'accepted' || verdict === 'duplicate'
const later = (a: Position, b: Position) => (comparePositions(a, b) < 0 ? b : a)
const latest = (times: readonly number[]) => Math.max(0, ...times.map(Math.round))
