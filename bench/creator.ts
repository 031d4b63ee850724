/** A creator with a REST client: makes a product and a drop the way anybody would, over HTTP. */
import { call, type Rest } from '../cli/rest.ts'

export interface NewDrop {
  skus: string[]
  stockPerSku: number
  limitPerBuyer?: number
  opensAt: Date
}

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

  async #post(path: string, body: object): Promise<{ id: string }> {
    return (await call(this.#rest, 'POST', path, body)) as { id: string }
  }
}
