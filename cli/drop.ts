/** `livedrop drop …`: a creator's hand on a drop, over REST, and a look at it, over a live socket. */
import { defineCommand } from 'citty'
import { watchDrop } from './drop-watch.ts'
import { BadCall, orFail } from './outcome.ts'
import { call, type Rest } from './rest.ts'

const restArgs = {
  url: { type: 'string', description: 'A node', default: process.env.LIVEDROP_URL ?? 'http://127.0.0.1:8080' },
  token: { type: 'string', description: 'Access token of a creator; or LIVEDROP_TOKEN' },
} as const

const create = defineCommand({
  meta: { name: 'create', description: 'Make a product with one drop of it' },
  args: {
    ...restArgs,
    title: { type: 'string', description: 'What is sold', default: 'A limited thing' },
    sku: { type: 'string', description: 'Its SKU', default: 'ONE' },
    stock: { type: 'string', description: 'Units', default: '100' },
    price: { type: 'string', description: 'In minor units', default: '4900' },
    currency: { type: 'string', description: 'ISO 4217', default: 'EUR' },
    limit: { type: 'string', description: 'Units one buyer may have' },
    'opens-in': { type: 'string', description: 'Seconds until it opens', default: '10' },
  },
  run: ({ args }) =>
    orFail(async () => {
      const rest = restOf(args)
      const { sku, title, currency } = args
      const variants = [{ sku, title, priceMinor: whole('price', args.price), currency }]
      const product = await call(rest, 'POST', '/v1/products', { title, description: '', images: [], variants })
      const drop = await call(rest, 'POST', '/v1/drops', {
        productId: fieldOf(product, 'id'),
        opensAt: new Date(Date.now() + whole('opens-in', args['opens-in']) * 1_000).toISOString(),
        items: [{ sku, stock: whole('stock', args.stock) }],
        ...(args.limit === undefined ? {} : { limitPerBuyer: whole('limit', args.limit) }),
      })
      console.log(JSON.stringify(drop, null, 2))
    }),
})

const control = (action: 'open' | 'pause' | 'resume' | 'close') =>
  defineCommand({
    meta: { name: action, description: `${action[0]?.toUpperCase()}${action.slice(1)} a drop` },
    args: { drop: { type: 'positional', description: 'Id of the drop', required: true }, ...restArgs },
    run: ({ args }) =>
      orFail(async () => {
        const said = await call(restOf(args), 'POST', `/v1/drops/${encodeURIComponent(args.drop)}/${action}`)
        console.log(JSON.stringify(said))
      }),
  })

const watch = defineCommand({
  meta: { name: 'watch', description: 'Print what everyone who watches a drop hears, until it is over' },
  args: { drop: { type: 'positional', description: 'Id of the drop', required: true }, url: restArgs.url },
  run: ({ args }) => orFail(() => watchDrop(args.url, args.drop, console.log)),
})

export const dropCommand = defineCommand({
  meta: { name: 'drop', description: 'Create, control and watch drops' },
  subCommands: {
    create,
    open: control('open'),
    pause: control('pause'),
    resume: control('resume'),
    close: control('close'),
    watch,
  },
})

function restOf(args: { url: string; token?: string | undefined }): Rest {
  const token = args.token ?? process.env.LIVEDROP_TOKEN
  if (token === undefined) throw new BadCall('a creator signs with --token or LIVEDROP_TOKEN')
  return { url: args.url, token }
}

function whole(name: string, text: string): number {
  const figure = Number(text)
  if (Number.isInteger(figure) && figure >= 0) return figure
  throw new BadCall(`--${name} takes a whole number`)
}

function fieldOf(thing: unknown, name: string): unknown {
  return typeof thing === 'object' && thing !== null ? Reflect.get(thing, name) : undefined
}
