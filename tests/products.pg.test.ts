/** Browsing, changing and removing products, over REST on real Postgres. */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { apiRoutes } from '../server/api/routes.ts'
import { Accounts } from '../storage/accounts/accounts.ts'
import { Products } from '../storage/catalog/products.ts'
import { Drops } from '../storage/drops/drops.ts'
import { type Heard, httpNode } from './builders/http-node.ts'
import { restWorld } from './builders/rest-world.ts'
import { type MigratedDatabase, migratedDatabase } from './setup/migrated-database.ts'

const fake = restWorld()
let database: MigratedDatabase
let node: Awaited<ReturnType<typeof httpNode>>

beforeAll(async () => {
  database = await migratedDatabase(inject('databaseUrl'))
  const { sql } = database
  const world = { ...fake.world, accounts: new Accounts(sql), products: new Products(sql), drops: new Drops(sql) }
  node = await httpNode({ routes: apiRoutes(world), tokens: fake.tokens })
})
afterAll(async () => {
  node.close()
  await database.close()
})

let people = 0
async function seller() {
  people += 1
  const account = await new Accounts(database.sql).create({
    ...{ email: `${people}@example.com`, passwordHash: 'x', displayName: 'Cleo', role: 'creator' },
  })
  if (account === 'email_taken') throw new Error(account)
  const { token } = await fake.tokens.issue({ user: account.userId, role: 'creator' })
  const add = async (title: string): Promise<string> => {
    const body = { title, description: 'Warm.', variants: [variant('M'), variant('L')] }
    return (await node.call('POST', '/v1/products', { token, body })).body.id
  }
  return { id: account.userId, token, add }
}
const variant = (sku: string) => ({ sku, title: sku, priceMinor: 3900, currency: 'EUR' })

async function walk(query: string): Promise<Heard['body'][]> {
  const items: Heard['body'][] = []
  let cursor = ''
  for (;;) {
    const page = await node.call('GET', `/v1/products?limit=2&${query}${cursor}`)
    if (page.status !== 200) throw new Error(page.text)
    items.push(...page.body.items)
    if (page.body.nextCursor === null) return items
    cursor = `&cursor=${page.body.nextCursor}`
  }
}

describe('products', () => {
  it('[Y5] are browsed newest first, by creator, and by the beginning of a title, each once', async () => {
    const [cleo, dora] = [await seller(), await seller()]
    const made: string[] = []
    for (const title of ['Tour shirt', 'tour hat', 'Mug', 'TOUR SHIRT']) made.push(await cleo.add(title))
    const theirs = await dora.add('Tour poster')
    const ids = (items: Heard['body'][]) => items.map((item) => item.id)
    const titles = (items: Heard['body'][]) => items.map((item) => item.title.toLowerCase())

    expect(ids(await walk(''))).toEqual([theirs, ...[...made].reverse()])
    expect(ids(await walk(`creator=${cleo.id}`))).toEqual([...made].reverse())
    expect(titles(await walk('q=TOUR'))).toEqual(['tour hat', 'tour poster', 'tour shirt', 'tour shirt'])
    expect(titles(await walk(`q=tour&creator=${cleo.id}`))).toEqual(['tour hat', 'tour shirt', 'tour shirt'])
    expect(await walk('q=shirt')).toEqual([])
    const [hat] = await walk(`q=tour%20hat`)
    expect(hat).toMatchObject({ description: 'Warm.', variants: [variant('M'), variant('L')], archived: false })
  })

  it('[Y6] are changed by their creator, in what is sent and nothing else', async () => {
    const [cleo, dora] = [await seller(), await seller()]
    const path = `/v1/products/${await cleo.add('Scarf')}`
    const before = (await node.call('GET', path)).body

    const renamed = await node.call('PATCH', path, { token: cleo.token, body: { title: 'Long scarf' } })
    expect(renamed).toMatchObject({ status: 200, body: { ...before, title: 'Long scarf' } })
    const body = { variants: [variant('XL'), variant('M')], images: ['https://img.example.com/a.jpg'], description: '' }
    const changed = await node.call('PATCH', path, { token: cleo.token, body })

    expect(changed.body).toEqual({ ...before, title: 'Long scarf', ...body })
    expect((await node.call('GET', path)).body).toEqual(changed.body)
    expect((await node.call('PATCH', path, { token: dora.token, body })).body.code).toBe('forbidden')
    expect((await node.call('PATCH', path, { token: cleo.token, body: {} })).status).toBe(400)
    expect((await node.call('DELETE', path, { token: dora.token })).body.code).toBe('forbidden')
  })

  it('[Y7] are deleted while no drop was made of them', async () => {
    const cleo = await seller()
    const path = `/v1/products/${await cleo.add('Draft')}`

    expect((await node.call('DELETE', path, { token: cleo.token })).body.outcome).toBe('deleted')

    expect((await node.call('GET', path)).status).toBe(404)
    expect((await node.call('DELETE', path, { token: cleo.token })).status).toBe(404)
    expect((await node.call('PATCH', path, { token: cleo.token, body: { title: 'x' } })).status).toBe(404)
  })

  it('[Y7] are archived else: readable, in no list, unchangeable, and no drop is made of them', async () => {
    const cleo = await seller()
    const productId = await cleo.add('Sold once')
    const path = `/v1/products/${productId}`
    const plan = { productId, opensAt: '2030-05-01T18:00:00Z', items: [{ sku: 'M', stock: 5 }] }
    const schedule = () => node.call('POST', '/v1/drops', { token: cleo.token, body: plan })
    expect((await schedule()).status).toBe(201)

    for (const _ of [1, 2]) {
      const heard = await node.call('DELETE', path, { token: cleo.token })
      expect(heard).toMatchObject({ status: 200, body: { outcome: 'archived' } })
    }

    expect((await node.call('GET', path)).body).toMatchObject({ title: 'Sold once', archived: true })
    expect(await walk(`creator=${cleo.id}`)).toEqual([])
    expect(await walk('q=sold')).toEqual([])
    expect((await schedule()).body.errors[0].at).toBe('body.productId')
    expect((await node.call('PATCH', path, { token: cleo.token, body: { title: 'x' } })).body.code).toBe('conflict')
  })
})
