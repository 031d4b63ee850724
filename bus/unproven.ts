/**
 * What has been written to a link and not been seen to arrive.
 *
 * A socket takes everything it is given and keeps what the other side does not read, so on a frozen link the memory of
 * this process would become the queue, for as long as it takes the pings to notice. Now and then a proof is asked for (a
 * ping behind the bytes); what is not proven is bounded, and past the bound nothing is sent.
 */
export interface UnprovenLimits {
  maxBytes: number
  proveEveryBytes: number
}

export class Unproven {
  readonly #limits: UnprovenLimits
  #bytes = 0
  #proving = false

  constructor(limits: UnprovenLimits) {
    this.#limits = limits
  }

  get bytes(): number {
    return this.#bytes
  }

  get full(): boolean {
    return this.#bytes >= this.#limits.maxBytes
  }

  /** `prove` resolves when everything written before it has arrived, and rejects when the link is lost. */
  add(bytes: number, prove: () => Promise<void>): void {
    this.#bytes += bytes
    if (this.#proving || this.#bytes < this.#limits.proveEveryBytes) return

    const proven = this.#bytes
    this.#proving = true
    prove().then(
      () => {
        this.#bytes -= proven
        this.#proving = false
      },
      () => undefined, // the link is lost, and this count with it: the next link begins with a new one
    )
  }
}
