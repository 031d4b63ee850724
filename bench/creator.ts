/** A creator with a REST client: makes a product and a drop the way anybody would, over HTTP. */
import { call, type Rest } from '../cli/rest.ts'

export interface NewDrop {
  skus: string[]
  stockPerSku: number
  limitPerBuyer?: number
  opensAt: Date
}

const OPEN_WITHIN_MS = 10_000

export class Creator {
  readonly #rest: Rest

  constructor(rest: Rest) {
    this.#rest = rest
  }

  async createDrop({ skus, stockPerSku, limitPerBuyer, opensAt }: NewDrop): Promise<string> {
    const variants = skus.map((sku, at) => ({ sku, title: `Size ${36 + at}`, priceMinor: 12_900, currency: 'EUR' }))
    const product = await this.#post('/v1/products', { title: 'Storm runner', description: '', images: [], variants })
    const drop = await this.#post('/v1/drops', {
      productId: product.id,
      opensAt: opensAt.toISOString(),
      items: skus.map((sku) => ({ sku, stock: stockPerSku })),
      ...(limitPerBuyer === undefined ? {} : { limitPerBuyer }),
    })
    return drop.id
  }

  /** Answers when it can be bought from. */
  async openDrop(skus: string[], stockPerSku: number): Promise<string> {
    const drop = await this.createDrop({ skus, stockPerSku, opensAt: new Date() })
    const untilMs = performance.now() + OPEN_WITHIN_MS
    while (performance.now() < untilMs) {
      const { phase } = (await call(this.#rest, 'GET', `/v1/drops/${drop}`)) as { phase: string }
      if (phase === 'open') return drop
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    throw new Error('the drop did not open')
  }

  async #post(path: string, body: object): Promise<{ id: string }> {
    return (await call(this.#rest, 'POST', path, body)) as { id: string }
  }
}
