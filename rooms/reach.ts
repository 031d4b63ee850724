/**
 * Whether the other nodes can reach this one, and what follows for its rooms.
 *
 * A drop is for the clients of every node. An owner that the bus does not reach sells to its own and to nobody else, so
 * after three seconds it gives its rooms up, if there is another node that the bus does reach; and until the bus is
 * back it takes none, so that no room goes to and fro. When it lasts for ten seconds its clients are sent away too, for
 * everything that they ask here ends in `pending`. When no node has the bus, nobody is served better by giving up, and
 * every node keeps what it has.
 *
 * Who has the bus cannot be asked over the bus: each node that has it says so in Redis. Nothing here is about safety: two
 * nodes that judge differently are kept apart by the lease and the epoch.
 */
import type { NodeId } from '../protocol/ids.ts'
import type { Clock, Log, RollCall, Timer } from './ports.ts'

export interface ReachWorld {
  roll: RollCall
  /** How long the bus has not brought this node's own words back. */
  unheardMs(): number
  /** Gives up every room of this node; called again while there may be some. */
  giveUp(): void
  /** Sends everybody who is connected to the other nodes; once each time that it comes to that. */
  sendAway(): void
  clock: Clock
  log: Log
  node: NodeId
}

const LOOK_EVERY_MS = 250
const SAY_EVERY_MS = 500
/** Who is not sure says nothing: when all lose the bus together, none shall count for the others as one who has it. */
const HEARD_MS = 750
/** As long as the other nodes believe a heartbeat. */
const UNHEARD_MS = 1_250
const OTHERS_WITHIN_MS = 3 * SAY_EVERY_MS
const GIVE_UP_AFTER_MS = 3_000
/** A cut that is shorter costs a phone less than to come back elsewhere. */
const SEND_AWAY_AFTER_MS = 10_000

export class Reach {
  readonly #world: ReachWorld
  /** Since when the bus reaches others and not this node. */
  #leftOutSinceMs: number | undefined
  /** Nobody was reached for a while: then others who are reached again have not been for as long as this one is not. */
  #nobodyWas = false
  #sentAway = false
  #saidAtMs = Number.NEGATIVE_INFINITY
  #saidUnknown = false
  #withdrawn = false
  #stopped = false
  #timer: Timer | undefined

  constructor(world: ReachWorld) {
    this.#world = world
    this.#next()
  }

  /** False: another node can be reached and this one cannot. */
  get mayTake(): boolean {
    return this.#leftOutSinceMs === undefined
  }

  /** False: whoever came in now would be sent away. */
  get letsIn(): boolean {
    return !this.#sentAway
  }

  /** This node is leaving: nobody shall give up a room for its sake. */
  async withdraw(): Promise<void> {
    this.#withdrawn = true
    await this.#safely(() => this.#world.roll.left(this.#world.node))
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
  }

  #next(): void {
    if (this.#stopped) return

    this.#timer = this.#world.clock.after(LOOK_EVERY_MS, () => {
      void this.#safely(() => this.#look()).finally(() => this.#next())
    })
  }

  async #look(): Promise<void> {
    const { roll, clock, log, node, giveUp, sendAway, unheardMs } = this.#world
    if (unheardMs() < UNHEARD_MS) {
      if (!this.mayTake) log.info('reach.back')
      this.#reached()
      this.#nobodyWas = false
      return this.#say()
    }

    if ((await roll.others(node, OTHERS_WITHIN_MS)).length === 0) {
      this.#reached()
      this.#nobodyWas = true
      return
    }
    const nowMs = clock.monotonicMs()
    if (this.#leftOutSinceMs === undefined) {
      log.warn('reach.left_out', { unheardMs: Math.round(unheardMs()) })
      this.#leftOutSinceMs = this.#nobodyWas ? nowMs : nowMs - unheardMs()
    }
    if (unheardMs() < UNHEARD_MS) return

    const leftOutMs = nowMs - this.#leftOutSinceMs
    if (leftOutMs >= GIVE_UP_AFTER_MS) giveUp()
    if (leftOutMs >= SEND_AWAY_AFTER_MS && !this.#sentAway) {
      this.#sentAway = true
      log.warn('reach.sent_away')
      sendAway()
    }
  }

  /** As well as every other node. */
  #reached(): void {
    this.#leftOutSinceMs = undefined
    this.#sentAway = false
  }

  async #say(): Promise<void> {
    const { roll, clock, node, unheardMs } = this.#world
    const nowMs = clock.monotonicMs()
    if (this.#withdrawn || unheardMs() >= HEARD_MS || nowMs - this.#saidAtMs < SAY_EVERY_MS) return

    this.#saidAtMs = nowMs
    await roll.here(node)
  }

  /** Redis is away: what was known stands, and no room can be had without it. */
  async #safely(call: () => Promise<void>): Promise<void> {
    try {
      await call()
      this.#saidUnknown = false
    } catch (cause) {
      if (!this.#saidUnknown) this.#world.log.warn('reach.unknown', { cause })
      this.#saidUnknown = true
    }
  }
}
