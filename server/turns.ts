/**
 * Work for thousands, done a share a turn of the event loop.
 *
 * Ten thousand frames or greetings in one go are a quarter of a second in which no order is read. In shares, whatever has
 * come in meanwhile is read in between, so an order waits for one share at most. What fits into the share of this turn is
 * done at once: a few people never wait for this.
 */
interface Piece {
  cost: number
  work: () => void
}

export class Turns {
  readonly #share: number
  readonly #nextTurn: (call: () => void) => void
  #waiting: Piece[] = []
  #spent = 0
  #isLooking = false

  /** `share`: of each turn, in whatever the costs of the pieces are counted in. */
  constructor(share: number, nextTurn: (call: () => void) => void = (call) => void setImmediate(call)) {
    this.#share = share
    this.#nextTurn = nextTurn
  }

  /** Pieces whose turn has not come. Their number is bounded by those who give them. */
  get waiting(): number {
    return this.#waiting.length
  }

  /** In the order given. A piece that costs more than a share has a turn to itself. `work` must not throw. */
  take(cost: number, work: () => void): void {
    if (this.#waiting.length === 0 && this.#fits(cost)) this.#do(cost, work)
    else this.#waiting.push({ cost, work })
    this.#lookInNextTurn()
  }

  #fits(cost: number): boolean {
    return this.#spent === 0 || this.#spent + cost <= this.#share
  }

  #do(cost: number, work: () => void): void {
    this.#spent += cost
    work()
  }

  #lookInNextTurn(): void {
    if (this.#isLooking) return

    this.#isLooking = true
    this.#nextTurn(() => {
      this.#isLooking = false
      this.#spent = 0
      this.#doShare()
    })
  }

  #doShare(): void {
    let done = 0
    for (const { cost, work } of this.#waiting) {
      if (!this.#fits(cost)) break
      done += 1
      this.#do(cost, work)
    }
    this.#waiting.splice(0, done)
    if (this.#spent > 0) this.#lookInNextTurn()
  }
}
