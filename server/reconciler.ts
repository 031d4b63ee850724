/**
 * Adds up, again and again, the units of the drops that run on this node: left in Redis, accepted and not yet written,
 * sold in Postgres. They must be what the creator put up for sale.
 *
 * Nothing here mends anything: the ledger and the book are made so that this cannot happen, and whoever finds that it did
 * must look before anybody touches it. One drop after the other and a rest between the rounds, so that it costs the same
 * whether one drop runs here or a thousand.
 */
import type { DropId } from '../protocol/ids.ts'
import type { Clock, Log } from '../rooms/ports.ts'
import { Rounds } from '../rooms/rounds.ts'
import type { Finding } from '../storage/audit.ts'

/** Units that no store accounts for, and units that two do. */
export interface Unaccounted {
  lost: number
  twice: number
}

export interface ReconcilerWorld {
  drops(): readonly DropId[]
  /** The audit's finding on the units of a drop; undefined for a drop that is not known. */
  look(drop: DropId): Promise<Finding | undefined>
  /** After each round, for all of its drops. */
  told(sum: Unaccounted): void
  clock: Clock
  log: Log
}

export const REST_MS = 15_000

export class Reconciler {
  readonly #world: ReconcilerWorld
  readonly #rounds: Rounds
  readonly #said = new Map<DropId, string>()

  constructor(world: ReconcilerWorld) {
    this.#world = world
    this.#rounds = new Rounds(world.clock, REST_MS, () => this.look())
  }

  start(): void {
    this.#rounds.start()
  }

  stop(): Promise<void> {
    return this.#rounds.stop()
  }

  /** One round. A round that a store did not answer tells nothing. Never throws. */
  async look(): Promise<void> {
    const sum = { lost: 0, twice: 0 }
    const drops = this.#world.drops()
    for (const drop of this.#said.keys()) if (!drops.includes(drop)) this.#said.delete(drop)
    try {
      for (const drop of drops) {
        if (this.#rounds.stopped) return

        const found = await this.#world.look(drop)
        sum.lost += found?.figures.lost ?? 0
        sum.twice += found?.figures.twice ?? 0
        this.#say(drop, found)
      }
      this.#world.told(sum)
    } catch (cause) {
      this.#world.log.info('reconciler.not_read', { cause })
    }
  }

  /** Only changes are worth a line. */
  #say(drop: DropId, found: Finding | undefined): void {
    const wrong = found === undefined || found.ok ? undefined : found.detail
    if (this.#said.get(drop) === wrong) return

    if (wrong === undefined) {
      this.#said.delete(drop)
      this.#world.log.info('stock.accounted', { drop })
    } else {
      this.#said.set(drop, wrong)
      this.#world.log.error('stock.unaccounted', { drop, detail: wrong })
    }
  }
}
