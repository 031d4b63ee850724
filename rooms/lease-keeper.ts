/**
 * Keeps this node's leases alive, and knows by its own monotonic clock how long each one surely stands.
 *
 * The deadline counts from the moment before the renewal was sent, less a margin, so it passes here before the key
 * expires in Redis. A process that was stopped for three seconds therefore finds its leases gone before it asks anybody.
 * This is courtesy, not safety: safety is the epoch.
 */
import type { DropId, NodeId } from '../protocol/ids.ts'
import type { Clock, Leases, Log, Timer } from './ports.ts'

/** An owner that hears nothing any more may still be heard once: then its lease stands for both of these together. */
export const LEASE_TTL_MS = 1_900
const RENEW_EVERY_MS = 400
const MARGIN_MS = 200

export class LeaseKeeper {
  readonly #world: { leases: Leases; clock: Clock; node: NodeId; log: Log }
  readonly #lost: (drop: DropId) => void
  readonly #deadlines = new Map<DropId, number>()
  /** Free in Redis and still standing here, until their deadlines. */
  readonly #given = new Set<DropId>()
  #timer: Timer | undefined
  #stopped = false

  /** `lost`: a lease that this node held is now somebody else's, or nobody's. */
  constructor(world: { leases: Leases; clock: Clock; node: NodeId; log: Log }, lost: (drop: DropId) => void) {
    this.#world = world
    this.#lost = lost
    this.#next()
  }

  holds(drop: DropId): boolean {
    const deadline = this.#deadlines.get(drop)
    return deadline !== undefined && this.#world.clock.monotonicMs() < deadline
  }

  async acquire(drop: DropId): Promise<boolean> {
    const askedMs = this.#world.clock.monotonicMs()
    const mine = await this.#world.leases.acquire(drop, this.#world.node, LEASE_TTL_MS)
    if (mine) {
      this.#given.delete(drop)
      this.#deadlines.set(drop, askedMs + LEASE_TTL_MS - MARGIN_MS)
    }
    return mine
  }

  async release(drop: DropId): Promise<void> {
    if (!this.#deadlines.delete(drop)) return
    if (this.#given.delete(drop)) return

    await this.#letGo(drop)
  }

  /** For a successor to take. What it promised until its deadline it still does: the room goes on until it is asked for. */
  async give(drop: DropId): Promise<void> {
    if (!this.#deadlines.has(drop) || this.#given.has(drop)) return

    this.#given.add(drop)
    await this.#letGo(drop)
  }

  async #letGo(drop: DropId): Promise<void> {
    try {
      await this.#world.leases.release(drop, this.#world.node)
    } catch (cause) {
      this.#world.log.warn('lease.not_released', { drop, cause })
    }
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
  }

  #next(): void {
    if (this.#stopped) return

    this.#timer = this.#world.clock.after(RENEW_EVERY_MS, () => {
      this.#renew().finally(() => this.#next())
    })
  }

  async #renew(): Promise<void> {
    const held = [...this.#deadlines.keys()].filter((drop) => !this.#given.has(drop))
    if (held.length === 0) return

    const askedMs = this.#world.clock.monotonicMs()
    let kept: ReadonlySet<DropId>
    try {
      kept = await this.#world.leases.renew(held, this.#world.node, LEASE_TTL_MS)
    } catch (cause) {
      // The deadlines stand as they are: whoever asks `holds` after them hears no.
      this.#world.log.warn('lease.not_renewed', { drops: held.length, cause })
      return
    }
    for (const drop of held) {
      // Released or given away while we asked: not to be taken up again.
      if (!this.#deadlines.has(drop) || this.#given.has(drop)) continue
      if (kept.has(drop)) this.#deadlines.set(drop, askedMs + LEASE_TTL_MS - MARGIN_MS)
      else {
        this.#deadlines.delete(drop)
        this.#lost(drop)
      }
    }
  }
}
