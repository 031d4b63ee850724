/**
 * What has been told lately, so that the same news by two ways is told once: the end of an order comes from its room at
 * once, and again from the outbox.
 *
 * Two generations of a bounded set: when the young one is full it becomes the old one, and the old one is forgotten. A
 * list ordered by use would be exact, and slower; nobody needs to know which of 100,000 orders was asked about last.
 */
export class Told {
  readonly #generationMax: number
  #young = new Set<string>()
  #old = new Set<string>()

  /** Remembers at least `max / 2` and at most `max`. */
  constructor(max: number) {
    this.#generationMax = Math.ceil(max / 2)
  }

  /** True the first time. */
  first(what: string): boolean {
    if (this.#young.has(what) || this.#old.has(what)) return false

    this.#young.add(what)
    if (this.#young.size >= this.#generationMax) {
      this.#old = this.#young
      this.#young = new Set()
    }
    return true
  }
}
