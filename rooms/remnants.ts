/**
 * What rooms that ended here have not been able to write, until their drops have an owner again.
 *
 * If that is this node, its takeover begins with the remnant; if it is another one, the remnant is given up when it is
 * asked for, and its orders are placed anew. It is kept until every one of them has its answer: whoever asked may fail,
 * and the next one asks again.
 */
import type { DropId } from '../protocol/ids.ts'
import { laterPosition, ORIGIN, type Position } from '../protocol/position.ts'
import type { Noted } from './journal.ts'
import type { Surrendered } from './ports.ts'

interface Remnant {
  noted: Noted[]
  position: Position
  handedOver: boolean
}

export class Remnants {
  readonly #place: (drop: DropId, noted: readonly Noted[]) => Promise<void>
  readonly #byDrop = new Map<DropId, Remnant>()
  #leaving = false

  /** `place`: places orders anew; never throws. */
  constructor(place: (drop: DropId, noted: readonly Noted[]) => Promise<void>) {
    this.#place = place
  }

  /** What a takeover of the drop must know of. */
  of(drop: DropId): Surrendered {
    const remnant = this.#byDrop.get(drop)
    return { journal: remnant?.noted.map((noted) => noted.entry) ?? [], position: remnant?.position ?? ORIGIN }
  }

  add(drop: DropId, noted: readonly Noted[], position: Position): void {
    const before = this.#byDrop.get(drop)
    this.#byDrop.set(drop, {
      noted: [...(before?.noted ?? []), ...noted],
      position: laterPosition(before?.position ?? ORIGIN, position),
      handedOver: false,
    })
  }

  /** A room that runs here knows all of it. */
  forget(drop: DropId): void {
    this.#byDrop.delete(drop)
  }

  /** Another node has the drop. A node that is leaving only remembers: what it has not written is in the log too. */
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
