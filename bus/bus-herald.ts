/**
 * Carries what a room has to tell: news to every node where the drop is watched, settlements to the node that holds the
 * buyer's socket.
 *
 * What is meant for this node does not travel: it is handed over here, in the same tick, and the listener
 * (bus/news-listener.ts) leaves out what this node itself has sent. So everything is heard once, and a node that runs
 * alone or has lost the bus still tells its own watchers.
 */
import { packBody } from '../protocol/codec.ts'
import type { NodeId } from '../protocol/ids.ts'
import type { Herald, Log, RoomNews, Settled } from '../rooms/ports.ts'
import type { Bus } from './bus.ts'
import type { Subjects } from './subjects.ts'

/** Keeps a message far under the 1 MB that NATS allows. */
export const SETTLED_MAX = 1_000

export interface HeraldWorld {
  bus: Bus
  subjects: Subjects
  node: NodeId
  log: Log
}

/** The ears of this node. */
export interface LocalEars {
  news(news: RoomNews): void
  settled(settled: readonly Settled[]): void
}

export class BusHerald implements Herald {
  readonly #world: HeraldWorld
  readonly #here: LocalEars

  constructor(world: HeraldWorld, here: LocalEars) {
    this.#world = world
    this.#here = here
  }

  news(news: RoomNews): void {
    const { bus, subjects, node } = this.#world
    this.#safely('news', () => this.#here.news(news))
    this.#safely('news', () => {
      const { drop, from, position, atMs, changes } = news
      bus.publish(subjects.news(drop), packBody({ by: node, drop, from, position, atMs, changes }))
    })
  }

  settled(node: NodeId, settled: readonly Settled[]): void {
    const { bus, subjects } = this.#world
    this.#safely('settled', () => {
      if (node === this.#world.node) {
        this.#here.settled(settled)
        return
      }
      for (let at = 0; at < settled.length; at += SETTLED_MAX) {
        bus.publish(subjects.settled(node), packBody(settled.slice(at, at + SETTLED_MAX).map(writeSettled)))
      }
    })
  }

  /** A room must go on whatever becomes of its words. */
  #safely(what: string, call: () => void): void {
    try {
      call()
    } catch (cause) {
      this.#world.log.error('herald.failed', { what, cause: String(cause) })
    }
  }
}

function writeSettled({ drop, buyer, key, orderId, state, reason }: Settled): unknown[] {
  return [drop, buyer, key, orderId, state, reason ?? null]
}
