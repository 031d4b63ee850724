/** Fans who order from one drop all the time, some of them in the very last milliseconds, and note what they were told. */
import { Fan } from '../../bench/fan.ts'
import type { Ground } from '../../bench/ground.ts'

/** Order ids, by what their fans heard of them. */
export type Told = Record<'accepted' | 'confirmed' | 'revoked', Set<string>>

const FANS = 50
const TICK_MS = 20
const ASK_EVERY_MS = 500
/** Far more than anybody orders, however long the storm is. */
const STOCK = 1_000_000
const SKUS = ['SIZE-40', 'SIZE-41']

export class Crowd {
  readonly drop: string
  readonly told: Told = { accepted: new Set(), confirmed: new Set(), revoked: new Set() }
  readonly #fans: Fan[]
  #watching = 0
  #ordered = 0
  #storming: NodeJS.Timeout | undefined
  #asking: NodeJS.Timeout | undefined

  private constructor(drop: string, urls: readonly string[], tokens: readonly string[]) {
    this.drop = drop
    const world = {
      ...{ urls, drop },
      told: (what: keyof Told, orderId: string) => void this.told[what].add(orderId),
      refused: () => undefined,
      retried: () => undefined,
      watching: () => {
        this.#watching += 1
      },
    }
    this.#fans = tokens.map((token, at) => new Fan({ ...world, token }, at))
  }

  static async gather(ground: Ground): Promise<Crowd> {
    const opensAt = new Date(Date.now() + 1_000)
    const drop = await ground.creator.createDrop({ skus: SKUS, stockPerSku: STOCK, opensAt })
    return new Crowd(drop, ground.socketUrls, await ground.fanTokens(FANS))
  }

  get isThere(): boolean {
    return this.#watching === FANS
  }

  /** Orders without their end. */
  get waiting(): number {
    return this.#fans.reduce((sum, fan) => sum + fan.waiting, 0)
  }

  storm(ordersPerSecond: number): void {
    const startedMs = performance.now()
    this.#storming = setInterval(() => {
      while (this.#ordered < ((performance.now() - startedMs) / 1_000) * ordersPerSecond) {
        this.#ordered += 1
        const lines = [{ sku: SKUS[this.#ordered % SKUS.length] ?? '', qty: 1 }]
        void this.#fans[this.#ordered % FANS]?.order(`order-${this.#ordered}`, lines, performance.now())
      }
    }, TICK_MS)
  }

  /** No new orders; what is open is still followed to its end: a word that was lost with a store is asked for. */
  calm(): void {
    clearInterval(this.#storming)
    this.#asking ??= setInterval(() => this.#fans.forEach((fan) => void fan.askOutcomes()), ASK_EVERY_MS)
  }

  leave(): void {
    clearInterval(this.#storming)
    clearInterval(this.#asking)
    for (const fan of this.#fans) fan.close()
  }
}
