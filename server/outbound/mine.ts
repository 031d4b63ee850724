/**
 * A watcher's own orders in a drop, for the snapshot: read for many watchers at once.
 *
 * At an opening thousands of buyers join within a second. Whoever asks within the same moment is asked for in one query,
 * and while a query of a drop is under way the next ones gather, so a slow Postgres gets fewer and larger queries
 * instead of more of them.
 */
import type { DropId, UserId } from '../../protocol/ids.ts'
import type { Snapshot } from '../../protocol/messages/snapshot.ts'
import type { Clock } from '../../rooms/ports.ts'
import { within } from './patience.ts'

export type MineRow = Snapshot['mine'][number]

export interface OwnOrders {
  /** Buyers without orders may be missing. */
  mine(drop: DropId, buyers: readonly UserId[]): Promise<ReadonlyMap<UserId, MineRow[]>>
}

export const BUYERS_PER_QUERY = 500
const QUERY_MS = 2_000
const NONE: readonly MineRow[] = []

interface Asking {
  buyer: UserId
  resolve(rows: readonly MineRow[]): void
  reject(cause: unknown): void
}

export class Mine {
  readonly #orders: OwnOrders
  readonly #clock: Clock
  /** Present while a drop's questions gather or are being answered. Bounded by who watches: one question a watcher. */
  readonly #gathered = new Map<DropId, Asking[]>()

  constructor(orders: OwnOrders, clock: Clock) {
    this.#orders = orders
    this.#clock = clock
  }

  /** Throws `unavailable` after a bounded time. */
  of(drop: DropId, buyer: UserId): Promise<readonly MineRow[]> {
    return new Promise((resolve, reject) => {
      const gathered = this.#gathered.get(drop)
      if (gathered !== undefined) return gathered.push({ buyer, resolve, reject })

      this.#gathered.set(drop, [{ buyer, resolve, reject }])
      this.#clock.after(0, () => void this.#answerAll(drop))
    })
  }

  async #answerAll(drop: DropId): Promise<void> {
    for (;;) {
      const batch = this.#gathered.get(drop)?.splice(0, BUYERS_PER_QUERY) ?? []
      if (batch.length === 0) break

      await this.#answer(drop, batch)
    }
    this.#gathered.delete(drop)
  }

  async #answer(drop: DropId, batch: readonly Asking[]): Promise<void> {
    try {
      const buyers = [...new Set(batch.map((asking) => asking.buyer))]
      const rows = await within(this.#clock, QUERY_MS, 'orders.mine', this.#orders.mine(drop, buyers))
      for (const asking of batch) asking.resolve(rows.get(asking.buyer) ?? NONE)
    } catch (cause) {
      for (const asking of batch) asking.reject(cause)
    }
  }
}
