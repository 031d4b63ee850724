/**
 * Who is alive, by heartbeat, and who of them still takes rooms.
 *
 * A hint for placement and for whom to wait for, never for safety: two nodes that disagree about it are kept apart by
 * the lease and the epoch. So it is simple: say so four times a second, believe it for five beats, leave with a word.
 *
 * A node that is about to leave withdraws first: it is alive, and answers whoever asks it for what it remembers, but no
 * drop prefers it any more.
 *
 * A node that has just come, or was cut off, knows too few; `knowsEveryone` says when its list can be taken as complete.
 *
 * Its own beats come back to it over the bus. As long as they do not, nobody else hears it or it hears nobody, whatever
 * the link says of itself.
 */
import { packBody } from '../protocol/codec.ts'
import { type DropId, isNodeId, type NodeId } from '../protocol/ids.ts'
import type { Clock, Log, Timer } from '../rooms/ports.ts'
import { rendezvous } from '../rooms/rendezvous.ts'
import type { Bus, Delivery, Subscription } from './bus.ts'
import { fieldsOf, isTime, readBody } from './reading.ts'
import type { Subjects } from './subjects.ts'

export const BEAT_MS = 250
export const GONE_AFTER_MS = 1_250
/** More than any installation has; who floods the bus with names fills no memory. */
const NODES_MAX = 1_000

interface Beat {
  node: NodeId
  atBoot: number
  leaving: boolean
  /** Takes no rooms any more. A node of an older version does not say. */
  withdrawn: boolean
}

export interface MembersWorld {
  bus: Bus
  subjects: Subjects
  clock: Clock
  log: Log
  node: NodeId
  /** When this process started, on the drop clock; for people who look at the heartbeats. */
  atBoot: number
}

export class Members {
  readonly #world: MembersWorld
  readonly #heardAtMs = new Map<NodeId, number>()
  /** Said goodbye. A node's name is new at every boot, so they never come back; a late heartbeat must not revive one. */
  readonly #left = new Set<NodeId>()
  readonly #withdrawn = new Set<NodeId>()
  readonly #changeCalls: ((live: readonly NodeId[]) => void)[] = []
  #live: readonly NodeId[]
  #listeningSinceMs = 0
  #echoAtMs = 0
  #lastTickMs = 0
  #subscription: Subscription | undefined
  #timer: Timer | undefined

  constructor(world: MembersWorld) {
    this.#world = world
    this.#live = [world.node]
    world.bus.onState((connected) => {
      if (connected && this.#subscription !== undefined) this.#startListening()
    })
  }

  start(): void {
    const { bus, subjects, clock } = this.#world
    this.#subscription = bus.subscribe(subjects.heartbeat, (delivery) => this.#hear(delivery))
    this.#lastTickMs = clock.monotonicMs()
    this.#echoAtMs = this.#lastTickMs
    this.#startListening()
    this.#timer = clock.after(BEAT_MS, () => this.#tick())
  }

  /** No room shall be woken here from now on. Everybody is told at once. */
  withdraw(): void {
    this.#withdrawn.add(this.#world.node)
    this.#say(false)
  }

  /** Says goodbye, so that nobody waits for this node. */
  async stop(): Promise<void> {
    this.#timer?.cancel()
    this.#say(true)
    const subscription = this.#subscription
    this.#subscription = undefined
    await subscription?.stop()
  }

  /** Sorted, and always with this node in it. */
  live(): readonly NodeId[] {
    return this.#live
  }

  /** Whether everybody who is alive has had the time to be heard. */
  get knowsEveryone(): boolean {
    const { bus, clock } = this.#world
    if (this.#subscription === undefined || !bus.connected) return false

    return clock.monotonicMs() - this.#listeningSinceMs >= GONE_AFTER_MS
  }

  /** How long the bus has not brought this node's own beats back: about a beat when all is well. */
  get unheardMs(): number {
    return this.#world.clock.monotonicMs() - this.#echoAtMs
  }

  /** The live nodes that take rooms, in the order in which the drop prefers them. */
  preferred(drop: DropId): NodeId[] {
    const { size } = this.#withdrawn
    return rendezvous(drop, size === 0 ? this.#live : this.#live.filter((node) => !this.#withdrawn.has(node)))
  }

  onChange(call: (live: readonly NodeId[]) => void): void {
    this.#changeCalls.push(call)
  }

  #startListening(): void {
    this.#listeningSinceMs = this.#world.clock.monotonicMs()
    this.#say(false)
  }

  #tick(): void {
    const { clock } = this.#world
    this.#timer = clock.after(BEAT_MS, () => this.#tick())
    const nowMs = clock.monotonicMs()
    const lateMs = nowMs - this.#lastTickMs - BEAT_MS
    this.#lastTickMs = nowMs

    // A node that did not get to run heard nobody meanwhile: that is its own silence, not theirs.
    const sleptMs = lateMs > BEAT_MS ? lateMs : 0
    for (const [node, heardAtMs] of this.#heardAtMs) this.#heardAtMs.set(node, heardAtMs + sleptMs)
    this.#echoAtMs += sleptMs

    this.#say(false)
    for (const [node, heardAtMs] of this.#heardAtMs) {
      if (nowMs - heardAtMs > GONE_AFTER_MS) this.#remove(node, 'silent')
    }
  }

  #hear({ subject, body }: Delivery): void {
    const { node: self, clock, log } = this.#world
    const beat = readBody(subject, body, readBeat, log)
    if (beat === undefined || this.#subscription === undefined) return
    if (beat.node === self) {
      this.#echoAtMs = clock.monotonicMs()
      return
    }
    if (beat.leaving) this.#heardGoodbye(beat.node)
    if (this.#left.has(beat.node)) return

    const isNew = !this.#heardAtMs.has(beat.node)
    if (isNew && this.#heardAtMs.size >= NODES_MAX) return

    this.#heardAtMs.set(beat.node, clock.monotonicMs())
    if (beat.withdrawn) this.#withdrawn.add(beat.node)
    if (!isNew) return

    log.info('node.joined', { node: beat.node })
    this.#changed()
    this.#say(false) // so that the newcomer need not wait a beat to know this node
  }

  #heardGoodbye(node: NodeId): void {
    this.#left.add(node)
    const [oldest] = this.#left
    if (this.#left.size > NODES_MAX && oldest !== undefined) this.#left.delete(oldest)
    if (this.#heardAtMs.has(node)) this.#remove(node, 'goodbye')
  }

  #remove(node: NodeId, why: 'silent' | 'goodbye'): void {
    this.#heardAtMs.delete(node)
    this.#withdrawn.delete(node)
    this.#world.log.info('node.gone', { node, why })
    this.#changed()
  }

  #changed(): void {
    this.#live = [this.#world.node, ...this.#heardAtMs.keys()].sort()
    for (const call of this.#changeCalls) call(this.#live)
  }

  #say(leaving: boolean): void {
    const { bus, subjects, node, atBoot } = this.#world
    const withdrawn = this.#withdrawn.has(node)
    bus.publish(subjects.heartbeat, packBody({ node, atBoot, leaving, withdrawn } satisfies Beat))
  }
}

function readBeat(value: unknown): Beat | undefined {
  const { node, atBoot, leaving, withdrawn } = fieldsOf(value) ?? {}
  if (!isNodeId(node) || !isTime(atBoot) || typeof leaving !== 'boolean') return undefined

  return { node, atBoot, leaving, withdrawn: withdrawn === true }
}
