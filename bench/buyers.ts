/**
 * A few fans who go on ordering, at a steady rate, while something else is done to the node.
 *
 * Open model: an order is meant at its moment whether or not the last one was answered.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { Fan } from './fan.ts'
import { newHistogram, percentiles, recordMs } from './histogram.ts'

type Lines = { sku: string; qty: number }[]

export interface BuyersFigures {
  accepted: number
  receiptP50Ms: number
  receiptP99Ms: number
  longestGapMs: number
}

export class Buyers {
  readonly #fans: Fan[]
  readonly #run = randomUUID()
  #receipts = newHistogram()
  #accepted = 0
  #ordered = 0
  #lastMs = performance.now()
  #longestGapMs = 0
  readonly #linesOf: () => Lines
  #watching = 0
  #confirmed = 0
  #enough = false

  /** `linesOf`: what the next one buys; one M if nothing is said. */
  constructor({
    url,
    drop,
    tokens,
    linesOf,
  }: {
    url: string
    drop: string
    tokens: readonly string[]
    linesOf?: () => Lines
  }) {
    this.#linesOf = linesOf ?? (() => [{ sku: 'M', qty: 1 }])
    this.#fans = tokens.map(
      (token) =>
        new Fan(
          {
            ...{ urls: [url], token, drop },
            told: (what, _, sinceMeantMs) => {
              if (what === 'accepted') this.#told(sinceMeantMs)
              if (what === 'confirmed') this.#confirmed += 1
            },
            refused: () => undefined,
            retried: () => undefined,
            watching: () => {
              this.#watching += 1
            },
          },
          0,
        ),
    )
  }

  /** Answers when the time is over, or somebody said enough. */
  async order(perSecond: number, forMs: number): Promise<void> {
    while (this.#watching < this.#fans.length) await pause(10)

    this.#enough = false
    const startMs = performance.now()
    for (let n = 0; !this.#enough; n += 1) {
      const meantMs = startMs + (n / perSecond) * 1000
      if (meantMs - startMs > forMs) return
      await pause(Math.max(0, meantMs - performance.now()))
      this.#ordered += 1
      const fan = this.#fans[this.#ordered % this.#fans.length]
      void fan?.order(`${this.#run}-${this.#ordered}`, this.#linesOf(), meantMs)
    }
  }

  enough(): void {
    this.#enough = true
  }

  /** Figures count from now on. */
  forget(): void {
    this.#receipts = newHistogram()
    this.#accepted = 0
    this.#longestGapMs = 0
    this.#lastMs = performance.now()
  }

  /** Of all times: orders, and how many of them are known to be confirmed. */
  get outcomes(): { ordered: number; confirmed: number } {
    return { ordered: this.#ordered, confirmed: this.#confirmed }
  }

  figures(): BuyersFigures {
    const { p50Ms, p99Ms } = percentiles(this.#receipts)
    return { accepted: this.#accepted, receiptP50Ms: p50Ms, receiptP99Ms: p99Ms, longestGapMs: this.#longestGapMs }
  }

  close(): void {
    for (const fan of this.#fans) fan.close()
  }

  #told(sinceMeantMs: number): void {
    this.#accepted += 1
    recordMs(this.#receipts, sinceMeantMs)
    this.#longestGapMs = Math.max(this.#longestGapMs, performance.now() - this.#lastMs)
    this.#lastMs = performance.now()
  }
}
