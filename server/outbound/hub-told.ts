/**
 * What has been told lately, so that the same news by two ways is told once: the end of an order comes from its room at
 * once, and again from the outbox.
 *
 * Two generations of a bounded set: when the young one is full it becomes the old one, and the old one is forgotten. A
 * list ordered by use would be exact, and slower; nobody needs to know which of 100,000 orders was asked about last.
 *
 * Of each only a fingerprint of 48 bits is kept, in a table whose size never changes: 21 bytes for each that it may know,
 * where a set of texts took 90. Of 2,800,000,000 words that were not told one is taken for one that was; its buyer sees
 * it with the next `outcomes`.
 */
import { hash } from 'node:crypto'

const FINGERPRINT_BYTES = 6

export class Told {
  readonly #generationMax: number
  #young: Fingerprints
  #old: Fingerprints

  /** Remembers at least `max / 2` and at most `max`. */
  constructor(max: number) {
    this.#generationMax = Math.ceil(max / 2)
    this.#young = new Fingerprints(this.#generationMax)
    this.#old = new Fingerprints(this.#generationMax)
  }

  /** True the first time. */
  first(what: string): boolean {
    const fingerprint = fingerprintOf(what)
    if (this.#old.has(fingerprint) || !this.#young.add(fingerprint)) return false

    if (this.#young.size >= this.#generationMax) {
      const forgotten = this.#old
      this.#old = this.#young
      this.#young = forgotten
      forgotten.clear()
    }
    return true
  }
}

/** An open table of numbers above zero, never more than half full. */
class Fingerprints {
  readonly #slots: Float64Array
  size = 0

  constructor(max: number) {
    this.#slots = new Float64Array(2 ** Math.ceil(Math.log2(2 * max)))
  }

  has(fingerprint: number): boolean {
    return this.#slots[this.#placeOf(fingerprint)] === fingerprint
  }

  /** False if it was there. */
  add(fingerprint: number): boolean {
    const place = this.#placeOf(fingerprint)
    if (this.#slots[place] === fingerprint) return false

    this.#slots[place] = fingerprint
    this.size += 1
    return true
  }

  clear(): void {
    this.#slots.fill(0)
    this.size = 0
  }

  /** Where it is, or where it would be. */
  #placeOf(fingerprint: number): number {
    const { length } = this.#slots
    let place = fingerprint % length
    while (this.#slots[place] !== 0 && this.#slots[place] !== fingerprint) place = (place + 1) % length
    return place
  }
}

/** By a hash that nobody can aim with; never zero, which is an empty slot. */
function fingerprintOf(what: string): number {
  return hash('sha256', what, 'buffer').readUIntBE(0, FINGERPRINT_BYTES) + 1
}
