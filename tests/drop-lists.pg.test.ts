/** Lists of drops and of a drop's orders, over REST on real Postgres. */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import type { CreatorId, DropId } from '../protocol/ids.ts'
import { apiRoutes } from '../server/api/routes.ts'
import { Drops } from '../storage/drops/drops.ts'
import { OrderReader } from '../storage/orders/order-reader.ts'
import { PostgresDropBook } from '../storage/orders/postgres-drop-book.ts'
import { PostgresStockBook } from '../storage/stock/stock-book.ts'
import { httpNode } from './builders/http-node.ts'
import { ask, buyer } from './builders/people.ts'
import { restWorld } from './builders/rest-world.ts'
import { planDrop } from './contracts/drop-book-postgres.ts'
import { at, order } from './contracts/drop-book-world.ts'
import { type MigratedDatabase, migratedDatabase } from './setup/migrated-database.ts'

let database: MigratedDatabase
let node: Awaited<ReturnType<typeof httpNode>>
const fake = restWorld()
const HOUR_MS = 3_600_000
const at0 = Date.UTC(2030, 0, 1)

beforeAll(async () => {
  database = await migratedDatabase(inject('databaseUrl'))
  const { sql } = database
  const routes = apiRoutes({ ...fake.world, drops: new Drops(sql), orders: new OrderReader(sql) })
  node = await httpNode({ routes, tokens: fake.tokens })
})
afterAll(async () => {
  node.close()
  await database.close()
})

async function tokenOf(creator: CreatorId): Promise<string> {
  return (await fake.tokens.issue({ user: creator as string as never, role: 'creator' })).token
}

/** Every page of a list, walked by its cursors. */
async function walk(path: string, token?: string): Promise<{ id: string }[][]> {
  const pages: { id: string }[][] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const more: string = cursor === '' ? '' : `&cursor=${cursor}`
    const heard = await node.call('GET', `${path}${more}`, token === undefined ? {} : { token })
    expect(heard.status).toBe(200)
    pages.push(heard.body.items)
    cursor = heard.body.nextCursor
  }
  return pages
}

describe('the list of drops', () => {
  it('[E10] goes by the opening, each drop once, of a creator, in a phase, from a time', async () => {
    const made: DropId[] = []
    // The third and fourth open at the same moment.
    for (const hours of [3, 1, 2, 2, 5]) {
      made.push((await planDrop(database.sql, { phase: 'scheduled', opensAtMs: at0 + hours * HOUR_MS })).drop)
    }
    const [third, first, twoA, twoB, fifth] = made
    const { drop: running, creator } = await planDrop(database.sql, { phase: 'open', opensAtMs: at0 })
    const ids = async (query: string) => (await walk(`/v1/drops?${query}`)).flat().map((drop) => drop.id)

    const pages = await walk('/v1/drops?phase=scheduled&limit=2')
    expect(pages.map((page) => page.length)).toEqual([2, 2, 1])
    expect(pages.flat().map((drop) => drop.id)).toEqual([first, ...[twoA, twoB].sort(), third, fifth])
    expect(await ids('from=2030-01-01T03:00:00Z')).toEqual([third, fifth])
    expect(await ids(`creator=${creator}`)).toEqual([running])
    expect(await ids(`creator=${creator}&phase=scheduled`)).toEqual([])
    expect(await ids('limit=1')).toEqual([running, first, ...[twoA, twoB].sort(), third, fifth])
    const [one] = (await node.call('GET', `/v1/drops?creator=${creator}`)).body.items
    expect(one).toMatchObject({ live: false, items: [{ sku: 'shoe', stock: 10, left: 10 }] })
  })

  it('[E10] takes no cursor of another list, and a phase and a time only', async () => {
    const cursor = Buffer.from('["x","y"]').toString('base64url')
    for (const query of [`cursor=${cursor}`, 'phase=sold', 'from=yesterday', 'creator=me', 'limit=0', 'limit=101']) {
      expect([query, (await node.call('GET', `/v1/drops?${query}`)).status]).toEqual([query, 400])
    }
  })
})

describe('the orders of a drop', () => {
  async function sold() {
    const { drop, creator } = await planDrop(database.sql, { stock: { shoe: 50, hat: 50 } })
    const names = ['ana', 'ben', 'cem', 'dia', 'eli']
    const orders = [
      ...names.map((name, n) => order(drop, name, at(1, n + 1), { shoe: 1, hat: 2 })),
      order(drop, 'ana', at(1, 6), { shoe: 1 }, 'k2'),
    ]
    await new PostgresDropBook(database.sql).write(drop, 1, orders)
    await new PostgresStockBook(database.sql).cancel(ask(drop, 'ben').orderId, buyer('ben'))
    return { drop, creator, token: await tokenOf(creator), orders }
  }

  it('[E11] are its creator’s and an admin’s to see, each once, those of a buyer together', async () => {
    const { drop, token, orders } = await sold()
    const path = `/v1/drops/${drop}/orders`
    const [other, fan, admin] = [await fake.person('creator'), await fake.person(), await fake.person('admin')]

    const pages = await walk(`${path}?limit=4`, token)
    const all = pages.flat() as unknown as { id: string; buyer: string; state: string }[]

    expect(pages.map((page) => page.length)).toEqual([4, 2])
    expect(all.map((one) => one.id).sort()).toEqual(orders.map((one) => one.orderId).sort())
    expect(all.map((one) => one.buyer)).toEqual(orders.map((one) => one.buyer as string).sort())
    const cancelled = (await walk(`${path}?state=cancelled`, token)).flat()
    expect(cancelled.map((one) => one.id)).toEqual([ask(drop, 'ben').orderId])
    expect((await node.call('GET', path, { token: other.token })).status).toBe(403)
    expect((await node.call('GET', path, { token: fan.token })).status).toBe(403)
    expect((await node.call('GET', path)).status).toBe(401)
    expect((await node.call('GET', path, { token: admin.token })).status).toBe(200)
  })

  it('[E11] are rows of CSV for whoever asks for that, a row for each line', async () => {
    const { drop, token } = await sold()
    const headers = { accept: 'text/csv' }

    const heard = await node.call('GET', `/v1/drops/${drop}/orders?state=confirmed`, { token, headers })

    expect(heard.headers.get('content-type')).toBe('text/csv; charset=utf-8')
    expect(heard.headers.get('content-disposition')).toBe(`attachment; filename="orders-${drop}.csv"`)
    const [head, ...rows] = heard.text.trimEnd().split('\r\n')
    expect(head).toBe('orderId,buyer,state,placedAt,confirmedAt,sku,qty,priceMinor,currency')
    expect(rows).toHaveLength(4 * 2 + 1)
    expect(rows).toContainEqual(
      expect.stringMatching(
        new RegExp(`^${ask(drop, 'ana').orderId},${buyer('ana')},confirmed,2027-[^,]+Z,[^,]+Z,hat,2,1000,EUR$`),
      ),
    )
  })

  it('[P26] are walked by an index, and so are drops', async () => {
    const { sql } = database
    const planOf = (query: string, parameters: unknown[]) =>
      sql.begin(async (tx) => {
        await tx`set local enable_seqscan = off`
        const rows = await tx.unsafe<{ 'QUERY PLAN': string }[]>(`explain ${query}`, parameters as never[])
        return rows.map((row) => row['QUERY PLAN']).join('\n')
      })
    const { readStatement } = await import('../storage/postgres.ts')
    const read = (...files: string[]) =>
      files.map((file) => readStatement(`../storage/${file}.sql`, import.meta.url)).join('')
    const list = read('drops/sql/drops', 'drops/sql/drops-by-opening')
    const listOfDrop = read('orders/sql/orders', 'orders/sql/orders-of-drop')
    const some = ask('x' as DropId, 'ana').buyer

    expect(await planOf(list, [new Date(0), null, null, new Date(0), null, 20])).toMatch(/drops_\w*by_opening/)
    expect(await planOf(list, [new Date(0), some, null, new Date(0), some, 20])).toContain(
      'drops_of_creator_by_opening',
    )
    expect(await planOf(list, [new Date(0), null, 'open', new Date(0), null, 20])).toContain(
      'drops_in_phase_by_opening',
    )
    expect(await planOf(listOfDrop, [some, null, some, '', 20])).toContain('orders_key')
  })
})
