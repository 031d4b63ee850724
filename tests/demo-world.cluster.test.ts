/** The demo world on a real node: what is in it, that it is put there once, and that its drops add up. */
import { randomBytes } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DEMO_PICTURES, type DemoPlace, demoWorld } from '../cli/demo/seed.ts'
import { CREATORS, DROPS } from '../cli/demo/world.ts'
import { call } from '../cli/rest.ts'
import { Tokens } from '../server/inbound/tokens.ts'
import { removeDataFolder, temporaryDataFolder } from '../stack/data-folder.ts'
import { type LocalCluster, startCluster } from '../stack/local-cluster.ts'

const dataDir = temporaryDataFolder()
let cluster: LocalCluster
let place: DemoPlace

beforeAll(async () => {
  const secret = randomBytes(32).toString('hex')
  cluster = await startCluster({
    dataDir,
    nodes: 2,
    fresh: true,
    env: { LIVEDROP_JWT_SECRET: secret, LIVEDROP_PICTURES: DEMO_PICTURES },
  })
  place = {
    ...{ url: cluster.nodes[0]?.url ?? '', databaseUrl: cluster.stack.databaseUrl },
    ...{ tokens: new Tokens(secret), tokenTtlMs: 600_000 },
  }
}, 60_000)
afterAll(async () => {
  await cluster.stop()
  removeDataFolder(dataDir)
})

interface Listed {
  id: string
  phase: string
  title: string
  items: { left: number; stock: number }[]
  followers: number
  displayName: string
  images: string[]
}
const read = async (path: string) => (await call({ url: place.url, token: '' }, 'GET', path)) as Listed
const list = async (path: string): Promise<Listed[]> =>
  ((await call({ url: place.url, token: '' }, 'GET', `${path}?limit=100`)) as { items: Listed[] }).items

describe('the demo world', () => {
  it('[K12] has creators with followers, products with pictures, and drops that were, are and will be', {
    timeout: 60_000,
  }, async () => {
    const first = await demoWorld(place)
    const [found, products, drops] = [await list('/v1/creators'), await list('/v1/products'), await list('/v1/drops')]
    const creators = await Promise.all(found.map(({ id }) => read(`/v1/creators/${id}`)))

    expect(new Map(creators.map(({ displayName, followers }) => [displayName, followers]))).toEqual(
      new Map(CREATORS.map(({ displayName, followers }) => [displayName, followers])),
    )
    const pictures = readdirSync(new URL('../cli/demo/pictures/', import.meta.url))
    expect(products.flatMap(({ images }) => images.map((image) => image.split('/').at(-1))).sort()).toEqual(pictures)
    for (const image of products.flatMap(({ images }) => images)) {
      const { status, headers } = await fetch(image)
      expect([image, status, headers.get('content-type')]).toEqual([image, 200, 'image/svg+xml'])
    }
    expect(drops.map(({ phase }) => phase).sort()).toEqual([
      'closed',
      'closed',
      'open',
      'open',
      'scheduled',
      'scheduled',
    ])
    for (const { items } of drops) for (const { left, stock } of items) expect(left).toBeLessThanOrEqual(stock)
    const mugs = drops.find(({ title }) => title === 'Moon mug')
    expect(mugs?.items.map(({ left }) => left)).toEqual([0, 0])

    expect((await demoWorld(place)).drop).toBe(first.drop)
    expect(await list('/v1/drops')).toHaveLength(DROPS.length)

    await call({ url: place.url, token: first.creatorToken }, 'POST', `/v1/drops/${first.drop}/close`)
    const later = await demoWorld(place)
    expect(later.drop).not.toBe(first.drop)
    const order = { lines: [{ sku: later.sku, qty: 1 }] }
    const heard = await call({ url: place.url, token: later.fanToken }, 'POST', `/v1/drops/${later.drop}/orders`, order)
    expect(heard).toMatchObject({ verdict: 'accepted' })
  })
})
