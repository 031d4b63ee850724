/**
 * What rooms that ended here have not been able to write, until their drops have an owner again.
 *
 * If that is this node, its takeover begins with the remnant; if it is another one, the remnant is given up when it is
 * asked for, and its orders are placed anew. It is kept until every one of them has its answer: whoever asked may fail,
 * and the next one asks again.
 */
import type { DropId } from '../protocol/ids.ts'
import { ORIGIN } from '../protocol/position.ts'
import { entriesOf, type Noted } from './journal.ts'
import type { Page } from './packed-line.ts'
import type { Surrendered } from './ports.ts'

/** How far the room had come, and by which of its calls (rooms/ports.ts, Fence). */
type Reached = Pick<Surrendered, 'position' | 'batch'>

interface Remnant extends Reached {
  noted: readonly Page<Noted>[]
  handedOver: boolean
}

const NOWHERE: Reached = { position: ORIGIN, batch: 0 }

export class Remnants {
  readonly #place: (drop: DropId, noted: readonly Page<Noted>[]) => Promise<void>
  readonly #byDrop = new Map<DropId, Remnant>()
  #leaving = false

  /** `place`: places orders anew; never throws. */
  constructor(place: (drop: DropId, noted: readonly Page<Noted>[]) => Promise<void>) {
    this.#place = place
  }

  has(drop: DropId): boolean {
    return this.#byDrop.has(drop)
  }

  /** What a takeover of the drop must know of. */
  of(drop: DropId): Surrendered {
    const { noted, position, batch } = this.#byDrop.get(drop) ?? { noted: [], ...NOWHERE }
    return { journal: entriesOf(noted), position, batch }
  }

  /** `reached`: where the room was that ended, if it is a room's. */
  add(drop: DropId, noted: readonly Page<Noted>[], reached: Reached = NOWHERE): void {
    const before = this.#byDrop.get(drop) ?? { noted: [], ...NOWHERE }
    const { position, batch } = before.position.epoch > reached.position.epoch ? before : reached
    this.#byDrop.set(drop, { noted: [...before.noted, ...noted], position, batch, handedOver: false })
  }

  /** A room that runs here knows all of it. */
  forget(drop: DropId): void {
    this.#byDrop.delete(drop)
  }

  /** Another node has the drop. A node that is leaving only remembers: what it has not written is in the log too, or in a copy. */
  handOver(drop: DropId): void {
    const remnant = this.#byDrop.get(drop)
    if (remnant === undefined || remnant.handedOver || this.#leaving) return

    remnant.handedOver = true
    void this.#place(drop, remnant.noted).then(() => {
      if (this.#byDrop.get(drop) === remnant && !this.#leaving) this.#byDrop.delete(drop)
    })
  }

  leave(): void {
    this.#leaving = true
  }
}
