/** REST on real Postgres: what a creator and a fan do in a day, and that hostile text is text to it. */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import type { DropId, OrderId, UserId } from '../protocol/ids.ts'
import type { LinesText } from '../protocol/lines.ts'
import { DropPages } from '../server/api/drop-pages.ts'
import { apiRoutes } from '../server/api/routes.ts'
import { Accounts } from '../storage/accounts/accounts.ts'
import { SignIns } from '../storage/accounts/sign-ins.ts'
import { Products } from '../storage/catalog/products.ts'
import { Drops } from '../storage/drops/drops.ts'
import { OrderReader } from '../storage/orders/order-reader.ts'
import { PostgresDropBook } from '../storage/orders/postgres-drop-book.ts'
import { HandClock } from './builders/hand-clock.ts'
import { httpNode } from './builders/http-node.ts'
import { away, restWorld } from './builders/rest-world.ts'
import { type MigratedDatabase, migratedDatabase } from './setup/migrated-database.ts'

let database: MigratedDatabase
let node: Awaited<ReturnType<typeof httpNode>>
let book: PostgresDropBook
const fake = restWorld()

beforeAll(async () => {
  database = await migratedDatabase(inject('databaseUrl'))
  const { sql } = database
  book = new PostgresDropBook(sql)
  const routes = apiRoutes({
    ...fake.world,
    accounts: new Accounts(sql),
    signIns: new SignIns(sql, Date.now),
    products: new Products(sql),
    drops: new Drops(sql),
    dropPages: new DropPages({
      drops: new Drops(sql),
      ledger: { read: async (drop) => fake.answers.ledger(drop) },
      clock: new HandClock(),
      log: { warn: () => undefined },
    }),
    orders: new OrderReader(sql),
  })
  node = await httpNode({ routes, tokens: fake.tokens })
})
afterAll(async () => {
  node.close()
  await database.close()
})

let people = 0
async function register(role: 'fan' | 'creator'): Promise<{ token: string; user: UserId }> {
  people += 1
  const body = { email: `p${people}@example.com`, password: 'correct horse', displayName: `P ${people}`, role }
  const made = await node.call('POST', '/v1/auth/register', { body })
  return { token: made.body.token, user: made.body.user.id }
}

const variants = [{ sku: 'SHIRT-M', title: 'M', priceMinor: 3900, currency: 'EUR' }]

async function scheduled(token: string) {
  const product = await node.call('POST', '/v1/products', { token, body: { title: 'Tour shirt', variants } })
  const items = [{ sku: 'SHIRT-M', stock: 5, limitPerBuyer: 2, priceMinor: 3500 }]
  const body = { productId: product.body.id, opensAt: '2030-05-01T20:00:00+02:00', items }
  return node.call('POST', '/v1/drops', { token, body })
}

describe('REST on Postgres', () => {
  it('[R16] an account is found again, whatever the capitals, and its address is taken', async () => {
    const body = { email: 'Ana@Example.com', password: 'correct horse', displayName: 'Ana', role: 'fan' }

    const made = await node.call('POST', '/v1/auth/register', { body })
    const login = await node.call('POST', '/v1/auth/login', {
      body: { email: 'aNA@example.COM', password: body.password },
    })
    const again = await node.call('POST', '/v1/auth/register', { body: { ...body, email: 'ANA@example.com' } })

    expect(login.body.user).toEqual(made.body.user)
    expect((await node.call('GET', '/v1/me', { token: login.body.token })).body).toEqual(made.body.user)
    expect(again).toMatchObject({ status: 409, body: { code: 'conflict' } })
  })

  it('[R19, R20] a drop is read as it was scheduled, with or without a ledger', async () => {
    const { token } = await register('creator')
    const made = await scheduled(token)
    expect(made).toMatchObject({
      status: 201,
      body: { opensAt: '2030-05-01T18:00:00.000Z', items: [{ stock: 5, left: 5, priceMinor: 3500, limitPerBuyer: 2 }] },
    })

    fake.answers.ledger = away
    const read = await node.call('GET', `/v1/drops/${made.body.id}`)
    fake.answers.ledger = () => undefined

    expect(read.body).toEqual(made.body)
  })

  it('[R26, R27] an order that is written is its buyer’s, in the list and by its id, and nobody else’s', async () => {
    const creator = await register('creator')
    const [fan, other] = [await register('fan'), await register('fan')]
    const drop = (await scheduled(creator.token)).body.id as DropId
    const placed: OrderId[] = []
    for (const key of ['k1', 'k2']) {
      const body = { lines: [{ sku: 'SHIRT-M', qty: 1 }] }
      const heard = await node.call('POST', `/v1/drops/${drop}/orders`, { token: fan.token, key, body })
      placed.push(heard.body.orderId)
    }
    await book.write(
      drop,
      0,
      placed.map((orderId, at) => ({
        ...{ kind: 'order', position: { epoch: 0, seq: at + 1 }, atMs: Date.UTC(2030, 4, 1) + at },
        ...{ orderId, buyer: fan.user, key: `k${at + 1}` as never, lines: 'SHIRT-M:1' as LinesText },
      })),
    )

    const first = await node.call('GET', '/v1/orders?limit=1', { token: fan.token })
    const second = await node.call('GET', `/v1/orders?limit=1&cursor=${first.body.nextCursor}`, { token: fan.token })
    const theirs = await node.call('GET', `/v1/orders/${placed[0]}`, { token: other.token })

    expect([first.body.items[0].id, second.body.items[0].id]).toEqual([placed[1], placed[0]])
    expect(second.body.nextCursor).toBeNull()
    expect(first.body.items[0]).toMatchObject({
      state: 'confirmed',
      placedAt: '2030-05-01T00:00:00.001Z',
      lines: [{ sku: 'SHIRT-M', qty: 1, priceMinor: 3500, currency: 'EUR' }],
    })
    expect(theirs.status).toBe(404)
    expect((await node.call('GET', '/v1/orders', { token: other.token })).body).toEqual({ items: [], nextCursor: null })
    expect((await node.call('GET', `/v1/drops/${drop}`)).body.items[0].left).toBe(3)
  })

  it('[R27] a forged cursor begins the list elsewhere and breaks nothing', async () => {
    const { token } = await register('fan')
    for (const atMs of [0, 0.5, 1e-9, Date.UTC(2100, 0, 1), Date.UTC(2100, 0, 1) + 1, 8.64e15]) {
      const cursor = Buffer.from(JSON.stringify({ acceptedAtMs: atMs, orderId: 'a'.repeat(26) })).toString('base64url')
      const heard = await node.call('GET', `/v1/orders?cursor=${cursor}`, { token })
      expect([atMs, heard.status]).toEqual([atMs, atMs > Date.UTC(2100, 0, 1) ? 400 : 200])
    }
  })

  it.each([
    "1'; drop table products; --",
    '$1 $$ $tag$ \\ \\x00 \\u0000 %s ?',
    '"}],"x":[{',
    '<script>alert(1)</script>',
    '👗 Größe „M“ 東京 مرحبا',
    '{a,b,\'c\',"d"}',
    'NULL',
  ])('[R28] %j is a title, a description and a name like any other', async (text) => {
    const { token } = await register('creator')
    const body = {
      title: text,
      description: `${text}\n\t${text}`,
      images: [],
      variants: [{ ...variants[0], title: text }],
    }

    const made = await node.call('POST', '/v1/products', { token, body })
    const read = await node.call('GET', `/v1/products/${made.body.id}`)

    expect(read.body).toMatchObject(body)
  })

  it('[R28] the largest numbers that are allowed are kept exactly', async () => {
    const { token } = await register('creator')
    const most = [{ sku: 'A', title: 'A', priceMinor: 1_000_000_000, currency: 'JPY' }]
    const product = await node.call('POST', '/v1/products', { token, body: { title: 'Most', variants: most } })
    const items = [{ sku: 'A', stock: 10_000_000, limitPerBuyer: 1_000_000 }]
    const body = { productId: product.body.id, opensAt: '2099-12-31T23:59:59.999Z', limitPerBuyer: 1_000_000 }

    const made = await node.call('POST', '/v1/drops', { token, body: { ...body, lowStockAt: 10_000_000, items } })

    expect(made.body).toMatchObject({
      ...{ opensAt: '2099-12-31T23:59:59.999Z', limitPerBuyer: 1_000_000, lowStockAt: 10_000_000 },
      items: [{ stock: 10_000_000, priceMinor: 1_000_000_000, limitPerBuyer: 1_000_000 }],
    })
  })

  it('[R28] nothing of all this failed behind the answers', () => {
    expect(node.failures).toEqual([])
  })
})
