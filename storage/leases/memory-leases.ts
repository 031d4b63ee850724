/**
 * Leases in plain objects, on a clock that a test may wind: the measure of RedisLeases, and what MemoryLedger looks at
 * where the scripts look at the lease's key.
 */
import type { DropId, NodeId } from '../../protocol/ids.ts'
import type { Leases } from '../../rooms/ports.ts'

interface Lease {
  node: NodeId
  untilMs: number
}

export type LeasesImage = ReadonlyMap<DropId, Readonly<Lease>>

export class MemoryLeases implements Leases {
  readonly #nowMs: () => number
  #leases = new Map<DropId, Lease>()

  constructor(nowMs: () => number = Date.now) {
    this.#nowMs = nowMs
  }

  async acquire(drop: DropId, node: NodeId, ttlMs: number): Promise<boolean> {
    const holder = this.holderNow(drop)
    if (holder !== undefined && holder !== node) return false

    this.#leases.set(drop, { node, untilMs: this.#nowMs() + ttlMs })
    return true
  }

  async renew(drops: readonly DropId[], node: NodeId, ttlMs: number): Promise<ReadonlySet<DropId>> {
    const mine = drops.filter((drop) => this.holderNow(drop) === node)
    for (const drop of mine) this.#leases.set(drop, { node, untilMs: this.#nowMs() + ttlMs })
    return new Set(mine)
  }

  async release(drop: DropId, node: NodeId): Promise<void> {
    if (this.holderNow(drop) === node) this.#leases.delete(drop)
  }

  async holder(drop: DropId): Promise<NodeId | undefined> {
    return this.holderNow(drop)
  }

  async restMs(drop: DropId): Promise<number> {
    return Math.max(0, (this.#leases.get(drop)?.untilMs ?? 0) - this.#nowMs())
  }

  holderNow(drop: DropId): NodeId | undefined {
    const lease = this.#leases.get(drop)
    return lease !== undefined && this.#nowMs() < lease.untilMs ? lease.node : undefined
  }

  wipe(): void {
    this.#leases.clear()
  }

  image(): LeasesImage {
    return structuredClone(this.#leases)
  }

  restore(image: LeasesImage): void {
    this.#leases = structuredClone(new Map(image))
  }
}
