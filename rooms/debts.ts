/**
 * What Postgres has done first and the ledger does not have yet: restocks, and the units of cancelled orders.
 *
 * Whoever did it tells the room at once; this is for when that came to nothing, because the node died between the two
 * stores or the room could not be asked. The debt is a row in Postgres, so any node may pay it, whoever owns the drop
 * now; and as the ledger applies an operation once, two nodes that pay the same debt pay it once. Until it is paid,
 * units are unsold that might be sold: never the other way round.
 *
 * The ledger that says `repeated` had it before, so the debt is struck out. One that says `applied` has it in its log,
 * and the relay strikes it out when the entry comes to Postgres.
 */
import type { DropId } from '../protocol/ids.ts'
import type { Adjustment, Clock, Log } from './ports.ts'
import { Rounds } from './rounds.ts'
import type { Rooms } from './router.ts'

export interface Debt {
  drop: DropId
  opId: string
  adjustment: Extract<Adjustment, { kind: 'restock' | 'release' }>
}

export interface DebtBook {
  /** The oldest debts that are at least `ageMs` old, at most `max`. */
  debts(ageMs: number, max: number): Promise<Debt[]>
  /** The ledger has it. */
  paid(drop: DropId, opId: string): Promise<void>
}

export interface DebtsWorld {
  book: DebtBook
  rooms: Pick<Rooms, 'control'>
  clock: Clock
  log: Log
}

export const DEBTS_MAX = 64
/** Younger ones are with whoever made them. */
export const DEBT_AGE_MS = 3_000
export const LOOK_EVERY_MS = 2_000
const PAY_WAIT_MS = 3_000

export class Debts {
  readonly #world: DebtsWorld
  readonly #rounds: Rounds

  constructor(world: DebtsWorld) {
    this.#world = world
    this.#rounds = new Rounds(world.clock, LOOK_EVERY_MS, () => this.pay())
  }

  start(): void {
    this.#rounds.start()
  }

  stop(): Promise<void> {
    return this.#rounds.stop()
  }

  /** Asks for every old debt once. Never throws: what could not be paid now is looked at again. */
  async pay(): Promise<void> {
    try {
      const debts = await this.#world.book.debts(DEBT_AGE_MS, DEBTS_MAX)
      await Promise.all(debts.map((debt) => this.#pay(debt)))
    } catch (cause) {
      this.#world.log.warn('debts.not_paid', { cause })
    }
  }

  async #pay({ drop, opId, adjustment }: Debt): Promise<void> {
    const { book, rooms, log } = this.#world
    const reply = await rooms.control(drop, opId, adjustment, PAY_WAIT_MS)
    if (reply.done === 'repeated') await book.paid(drop, opId)
    if (reply.done === 'applied') log.info('debts.paid', { drop, opId })
  }
}
