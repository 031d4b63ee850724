/**
 * The other nodes, as a room that is being taken over needs them: give up what you remember, wake up.
 *
 * Every node answers a surrender, if only with nothing, so that the asker is done as soon as the last live one has
 * spoken instead of waiting out its time. But only if it knows who is live: a node that has just come, or was cut off,
 * waits the full time, for the node it does not know yet may be the one with the journal.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { packBody } from '../protocol/codec.ts'
import { type DropId, isDropId, isNodeId, type NodeId } from '../protocol/ids.ts'
import type { Log, Neighbours, Surrendered } from '../rooms/ports.ts'
import type { Bus, Subscription } from './bus.ts'
import { fieldsOf, readBody } from './reading.ts'
import type { Subjects } from './subjects.ts'
import { SurrenderedParts, writeSurrendered } from './surrender-parts.ts'

/** The part of `Members` that is needed here. */
export interface LiveNodes {
  live(): readonly NodeId[]
  readonly knowsEveryone: boolean
}

/** As long as a node may take over 400,000 orders. */
const LONG_JOURNAL_MS = 5_000

export interface NeighboursWorld {
  bus: Bus
  subjects: Subjects
  node: NodeId
  log: Log
}

/** What this node does for the others. */
export interface Neighbourly {
  /** Nothing remembered is an empty journal at the origin. A throw is not answered: the asker must not take it for nothing. */
  surrender(drop: DropId): Promise<Surrendered>
  wake(drop: DropId): Promise<void>
}

export class BusNeighbours implements Neighbours {
  readonly #world: NeighboursWorld
  readonly #members: LiveNodes
  readonly #self: Pick<Neighbourly, 'wake'>

  constructor(world: NeighboursWorld, members: LiveNodes, self: Pick<Neighbourly, 'wake'>) {
    this.#world = world
    this.#members = members
    this.#self = self
  }

  live(): readonly NodeId[] {
    return this.#members.live()
  }

  get knowsEveryone(): boolean {
    return this.#members.knowsEveryone
  }

  async surrender(drop: DropId, waitMs: number): Promise<Surrendered[]> {
    const parts = new SurrenderedParts(drop, this.#world.log)
    const allSpoke = () => {
      if (!this.#members.knowsEveryone) return false
      return this.#members.live().every((other) => other === this.#world.node || parts.isComplete(other))
    }
    if (allSpoke()) return []

    await this.#gather(parts, waitMs, allSpoke)
    // Whoever has begun to answer is not silent: a long journal takes its time, and half of it is half of the promises.
    if (!parts.areWhole) await this.#gather(parts, LONG_JOURNAL_MS, () => parts.areWhole)
    return parts.all()
  }

  async #gather(parts: SurrenderedParts, waitMs: number, enough: () => boolean): Promise<void> {
    const { bus, subjects, node } = this.#world
    let read = 0
    await bus.askMany(subjects.surrender, packBody({ drop: parts.drop, from: node }), waitMs, (answers) => {
      for (const answer of answers.slice(read)) parts.add(subjects.surrender, answer)
      read = answers.length
      return enough()
    })
  }

  async wake(node: NodeId, drop: DropId, waitMs: number): Promise<void> {
    if (node === this.#world.node) return this.#self.wake(drop)

    const { bus, subjects } = this.#world
    await bus.ask(subjects.wake(node), packBody({ drop }), waitMs)
  }
}

/** The answering side, for as long as this node runs. */
export function serveNeighbours(world: NeighboursWorld, self: Neighbourly): Subscription {
  const { bus, subjects, node, log } = world

  const surrendering = bus.subscribe(subjects.surrender, (delivery) => {
    const question = readBody(delivery.subject, delivery.body, readSurrender, log)
    if (question === undefined || question.from === node) return

    const { drop } = question
    void failing('surrender', drop, async () => {
      for (const part of writeSurrendered(drop, node, await self.surrender(drop))) {
        delivery.respond(part)
        // Three minutes of a drop are two hundred parts, and this node has other rooms with leases to keep.
        await nextTurn()
      }
    })
  })

  const waking = bus.subscribe(subjects.wake(node), (delivery) => {
    const drop = readBody(delivery.subject, delivery.body, readWake, log)
    if (drop === undefined) return

    void failing('wake', drop, () => self.wake(drop)).finally(() => delivery.respond(packBody(true)))
  })

  async function failing(what: string, drop: DropId, work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (cause) {
      log.error(`neighbour.${what}_failed`, { drop, cause: String(cause) })
    }
  }

  return {
    stop: async () => {
      await Promise.all([surrendering.stop(), waking.stop()])
    },
  }
}

function readSurrender(value: unknown): { drop: DropId; from: NodeId } | undefined {
  const { drop, from } = fieldsOf(value) ?? {}
  return isDropId(drop) && isNodeId(from) ? { drop, from } : undefined
}

function readWake(value: unknown): DropId | undefined {
  const { drop } = fieldsOf(value) ?? {}
  return isDropId(drop) ? drop : undefined
}
