/**
 * How many watch a drop on each node, told to the other nodes where it is watched. A number for each node, never a list.
 *
 * Nothing depends on a message: a lost one is put right by the next, and a node that begins to watch asks, so that it
 * need not wait for that.
 */
import { packBody } from '../protocol/codec.ts'
import { type DropId, isDropId, isNodeId, type NodeId } from '../protocol/ids.ts'
import type { Log } from '../rooms/ports.ts'
import type { Bus, Subscription } from './bus.ts'
import { fieldsOf, isWhole, readBody } from './reading.ts'
import type { Subjects } from './subjects.ts'

/** More people than there are: a count that nobody can believe must not reach a screen. */
const COUNT_MAX = 1_000_000_000

export interface ViewerCount {
  node: NodeId
  count: number
  /** This node does not know the others' counts. */
  asks: boolean
}

export class ViewerCounts {
  readonly #world: { bus: Bus; subjects: Subjects; node: NodeId; log: Log }

  constructor(world: { bus: Bus; subjects: Subjects; node: NodeId; log: Log }) {
    this.#world = world
  }

  say(drop: DropId, count: number, asks: boolean): void {
    const { bus, subjects, node } = this.#world
    bus.publish(subjects.viewers(drop), packBody({ drop, node, count, asks }))
  }

  /** What the others say. */
  listen(drop: DropId, hear: (count: ViewerCount) => void): Subscription {
    const { bus, subjects, node, log } = this.#world
    return bus.subscribe(subjects.viewers(drop), ({ subject, body }) => {
      const heard = readBody(subject, body, readCount, log)
      if (heard !== undefined && heard.drop === drop && heard.node !== node) hear(heard)
    })
  }
}

function readCount(value: unknown): (ViewerCount & { drop: DropId }) | undefined {
  const { drop, node, count, asks } = fieldsOf(value) ?? {}
  if (!isDropId(drop) || !isNodeId(node) || typeof asks !== 'boolean') return undefined

  return isWhole(count) && count <= COUNT_MAX ? { drop, node, count, asks } : undefined
}
