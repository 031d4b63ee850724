/**
 * A drop for whoever looks at it: what Postgres keeps (title, prices, units in all) from this node's memory, what moves
 * (phase, units left) from the ledger. While a drop is sold nobody's look waits for Postgres.
 *
 * The page is at most a second old, unless Postgres cannot be asked: then the last one is shown on, for a drop that goes
 * on selling without Postgres is also shown without it. A page that does not fit what the ledger says is read anew: more
 * units left than there ever were (a restock), or a drop on sale that the ledger no longer has (it ended).
 */
import type { DropId } from '../../protocol/ids.ts'
import type { Clock, Ledger, Log, RoomState } from '../../rooms/ports.ts'
import type { DropRecord, Drops } from '../../storage/drops/drops.ts'
import { within } from '../outbound/patience.ts'
import { HOT_CACHE_LIMITS, HotCache } from './hot-cache.ts'

export interface DropPagesWorld {
  drops: Pick<Drops, 'byId'>
  ledger: Pick<Ledger, 'read'>
  clock: Clock
  log: Pick<Log, 'warn'>
}

export interface DropLook {
  record: DropRecord
  /** Undefined: the ledger does not have the drop, or cannot be asked. */
  state: RoomState | undefined
}

export const PAGE_MS = 1_000
/** A page that is there is shown when a newer one takes longer. */
export const NEWER_PAGE_MS = 250
const LIMITS = { ...HOT_CACHE_LIMITS, entries: 5_000, bytes: 32 * 1024 * 1024 }
/** Of a drop with its texts, and of one of its items. */
const PAGE_BYTES = 1_024
const ITEM_BYTES = 512

export class DropPages {
  readonly #world: DropPagesWorld
  readonly #pages: HotCache<Page>

  constructor(world: DropPagesWorld) {
    this.#world = world
    this.#pages = new HotCache<Page>(world.clock, sizeOf, LIMITS)
  }

  /** Undefined: no such drop. The ledger is read first: a page that is read after it is at least as new. */
  async look(drop: DropId): Promise<DropLook | undefined> {
    const state = await this.#state(drop)
    const page = await this.#page(drop)
    if (page === 'unknown') return undefined
    if (state === 'away') return { record: page, state: undefined }
    if (fits(page, state)) return { record: page, state }

    this.#pages.touch([nameOf(drop)])
    const newer = await this.#page(drop)
    return newer === 'unknown' ? undefined : { record: newer, state }
  }

  touch(names: readonly string[]): void {
    this.#pages.touch(names)
  }

  touchAll(): void {
    this.#pages.touchAll()
  }

  async #page(drop: DropId): Promise<DropRecord | 'unknown'> {
    const { found } = await this.#pages.get(drop, { ms: PAGE_MS, shows: [nameOf(drop)] }, () => this.#read(drop))
    return found ?? 'unknown'
  }

  async #read(drop: DropId): Promise<Page> {
    const { clock, drops, log } = this.#world
    const before = this.#pages.last(drop)
    const reading = drops.byId(drop)
    if (before === undefined) return { found: await reading }

    try {
      return { found: await within(clock, NEWER_PAGE_MS, 'drop.page', reading) }
    } catch (cause) {
      log.warn('api.page_not_read', { drop, cause })
      return before
    }
  }

  async #state(drop: DropId): Promise<RoomState | undefined | 'away'> {
    const { ledger, log } = this.#world
    try {
      return await ledger.read(drop)
    } catch (cause) {
      log.warn('api.ledger_not_read', { drop, cause })
      return 'away'
    }
  }
}

interface Page {
  found: DropRecord | undefined
}

const nameOf = (drop: DropId): string => `drop/${drop}`

function fits({ phase, items }: DropRecord, state: RoomState | undefined): boolean {
  if (state === undefined) return phase !== 'open' && phase !== 'paused'

  const totals = new Map(items.map(({ sku, total }) => [sku, total]))
  return state.items.every(({ sku, left }) => left <= (totals.get(sku) ?? 0))
}

/** A drop that is not there is not kept: it may be made in the next moment. */
function sizeOf({ found }: Page): number | undefined {
  return found === undefined ? undefined : PAGE_BYTES + found.items.length * ITEM_BYTES
}
