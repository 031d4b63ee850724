/**
 * How a drop is changed before it opens, also when its room is awake already.
 *
 * The ledger's room was built from the old plan and would open by it. So the room is taken away first and Postgres is
 * changed second; the next owner builds the room from what Postgres says by then. This is the beginning of a takeover
 * without its end:
 *
 *   1  every node stops its room of the drop, and this one wins the lease
 *   2  an epoch is minted and the ledger adopted with it: whoever still thinks to be the owner changes nothing any more,
 *      so the phase that is read now is the last word on whether the drop is still only scheduled
 *   3  a second epoch is minted and the room cleared (a room is cleared by a later epoch only)
 *   4  Postgres is changed, if that epoch is still the latest
 *   5  the room is woken, so that those who watch see the new plan
 *
 * A crash after any of them leaves a drop without a room, and the agenda wakes it from Postgres, before or after the
 * change, never in between.
 */
import type { DropId, NodeId, Sku } from '../protocol/ids.ts'
import type { Phase } from '../protocol/verdicts.ts'
import { WAKE_AHEAD_MS } from './agenda.ts'
import type { Directory } from './directory.ts'
import type { DropBook, Leases, Ledger, Log, Neighbours } from './ports.ts'

/** What changes; what is absent stays, a null takes a limit or an end away. */
export interface DropChange {
  title?: string | undefined
  opensAtMs?: number | undefined
  closesAtMs?: number | null | undefined
  limitPerBuyer?: number | null | undefined
  lowStockAt?: number | null | undefined
  items?:
    | {
        sku: Sku
        stock?: number | undefined
        limitPerBuyer?: number | null | undefined
        priceMinor?: number | undefined
      }[]
    | undefined
}

export type Replanned =
  | { said: 'changed' }
  | { said: 'not_scheduled'; phase?: Phase }
  /** It opens, or would open, too soon for everybody to hear of it. */
  | { said: 'too_soon' | 'closes_first' | 'unknown_sku' | 'unknown_drop' }
  /** Somebody else has the drop in hand: nothing was changed, ask again. */
  | { said: 'elsewhere' }

export interface PlanBook {
  /** Only while `epoch` is the latest and the drop opens, before and after, no sooner than `aheadMs` from now. */
  replan(
    drop: DropId,
    epoch: number,
    change: DropChange,
    aheadMs: number,
  ): Promise<Exclude<Replanned['said'], 'unknown_drop'> | undefined>
}

export interface ReplanningWorld {
  book: Pick<DropBook, 'take'>
  plans: PlanBook
  ledger: Pick<Ledger, 'read' | 'adopt' | 'clear'>
  leases: Pick<Leases, 'acquire' | 'release'>
  neighbours: Pick<Neighbours, 'surrender'>
  directory: Pick<Directory, 'surrender' | 'wake'>
  log: Log
  node: NodeId
}

/** A drop changes until its room is about to be woken for the opening, and a little before that. */
export const REPLAN_AHEAD_MS = WAKE_AHEAD_MS + 5_000
const SURRENDER_MS = 300
const LEASE_MS = 5_000

export class Replanning {
  readonly #world: ReplanningWorld

  constructor(world: ReplanningWorld) {
    this.#world = world
  }

  /** Throws when a store cannot be asked: then it may have been changed or not, and the same change may be sent again. */
  async change(drop: DropId, change: DropChange): Promise<Replanned> {
    const { directory, leases, log, neighbours, node } = this.#world
    await Promise.all([directory.surrender(drop), neighbours.surrender(drop, SURRENDER_MS)])
    if (!(await leases.acquire(drop, node, LEASE_MS))) return { said: 'elsewhere' }

    try {
      return await this.#changeWithin(drop, change)
    } finally {
      await leases.release(drop, node)
      directory.wake(drop).catch((cause: unknown) => log.warn('replanning.not_woken', { drop, cause }))
    }
  }

  async #changeWithin(drop: DropId, change: DropChange): Promise<Replanned> {
    const { book, ledger, node, plans } = this.#world
    const first = await book.take(drop, node)
    if (first === undefined) return { said: 'unknown_drop' }

    const adopted = await ledger.adopt(drop, first.epoch, node)
    if (adopted.answer !== 'opened' && adopted.answer !== 'no_room') return { said: 'elsewhere' }
    const room = adopted.answer === 'opened' ? await ledger.read(drop) : undefined
    if (room !== undefined && room.phase !== 'scheduled') return { said: 'not_scheduled', phase: room.phase }

    const second = await book.take(drop, node)
    const cleared = await ledger.clear(drop, second?.epoch ?? 0, node)
    if (second === undefined || cleared.answer !== 'opened') return { said: 'elsewhere' }

    return { said: (await plans.replan(drop, second.epoch, change, REPLAN_AHEAD_MS)) ?? 'unknown_drop' }
  }
}
