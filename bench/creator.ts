/** A creator with a REST client: makes a product and a drop the way anybody would, over HTTP. */
export interface NewDrop {
  skus: string[]
  stockPerSku: number
  limitPerBuyer?: number
  opensAt: Date
}

export class Creator {
  readonly #url: string
  readonly #token: string

  constructor(url: string, token: string) {
    this.#url = url
    this.#token = token
  }

  async createDrop({ skus, stockPerSku, limitPerBuyer, opensAt }: NewDrop): Promise<string> {
    const variants = skus.map((sku, at) => ({ sku, title: `Size ${36 + at}`, priceMinor: 12_900, currency: 'EUR' }))
    const product = await this.post('/v1/products', { title: 'Storm runner', description: '', images: [], variants })
    const drop = await this.post('/v1/drops', {
      productId: idOf(product, 'productId'),
      opensAt: opensAt.toISOString(),
      items: skus.map((sku) => ({ sku, stock: stockPerSku })),
      ...(limitPerBuyer === undefined ? {} : { limitPerBuyer }),
    })
    return idOf(drop, 'drop')
  }

  async post(path: string, body: object): Promise<unknown> {
    const answer = await fetch(this.#url + path, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: `Bearer ${this.#token}`,
        'idempotency-key': crypto.randomUUID(),
      },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(10_000),
    })
    const said = await answer.text()
    if (!answer.ok) throw new Error(`POST ${path} answered ${answer.status}: ${said}`)
    return JSON.parse(said)
  }
}

function idOf(thing: unknown, name: string): string {
  const id: unknown = typeof thing === 'object' && thing !== null ? Reflect.get(thing, name) : undefined
  if (typeof id === 'string') return id
  throw new Error(`no ${name} in ${JSON.stringify(thing)}`)
}
