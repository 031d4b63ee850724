/** Orders as their buyers read them. */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import type { DropId } from '../protocol/ids.ts'
import { MINE_MAX, type OrderCursor, OrderReader, type OrderRecord } from '../storage/orders/order-reader.ts'
import { readStatement } from '../storage/postgres.ts'
import { ask, buyer } from './builders/people.ts'
import { postgresWorld } from './contracts/drop-book-postgres.ts'
import { at, order } from './contracts/drop-book-world.ts'
import { type MigratedDatabase, migratedDatabase } from './setup/migrated-database.ts'

let database: MigratedDatabase
let reader: OrderReader
let first: DropId
let second: DropId
/** Ana has six orders in two drops, one of them revoked; ben has one. */
beforeAll(async () => {
  database = await migratedDatabase(inject('databaseUrl'))
  reader = new OrderReader(database.sql)
  const { book, plan } = postgresWorld(database.sql)
  first = (await plan({ stock: { shoe: 10, hat: 10 }, limits: { hat: 1 } })).drop
  second = (await plan()).drop

  await book.write(first, 1, [
    order(first, 'ana', at(1, 1), { shoe: 1, hat: 1 }, 'k1'),
    order(first, 'ana', at(1, 2), { hat: 1 }, 'k2'),
    order(first, 'ana', at(1, 3), { shoe: 1 }, 'k3'),
    order(first, 'ben', at(1, 4)),
  ])
  await book.write(
    second,
    1,
    [1, 2, 3].map((n) => order(second, 'ana', at(1, n), { shoe: 1 }, `k${n}`)),
  )
})
afterAll(() => database.close())

async function pages(question: Partial<Parameters<OrderReader['list']>[1]>): Promise<OrderRecord[][]> {
  const all: OrderRecord[][] = []
  for (let after: OrderCursor | undefined; ; ) {
    const page = await reader.list(buyer('ana'), { limit: 2, ...question, ...(after ? { after } : {}) })
    if (page.length === 0) return all
    all.push(page)
    after = page.at(-1)
  }
}

describe('OrderReader', () => {
  it('[OO8] answers with the latest of somebody who has many', async () => {
    const { book, plan } = postgresWorld(database.sql)
    const { drop } = await plan({ stock: { shoe: 100 } })
    const many = Array.from({ length: MINE_MAX + 8 }, (_, n) =>
      order(drop, 'zoe', at(1, n + 1), { shoe: 1 }, `k${n + 1}`),
    )
    await book.write(drop, 1, [...many, order(drop, 'yan', at(1, 90))])

    const mine = await reader.mine(drop, [buyer('zoe'), buyer('yan'), buyer('zoe')])

    expect(mine.get(buyer('zoe'))?.map(({ key }) => key)).toEqual(many.slice(8).map(({ key }) => key))
    expect(mine.get(buyer('yan'))).toHaveLength(1)
  })

  it('[P25] answers a whole crowd with their own orders of a drop, in one question', async () => {
    const mine = await reader.mine(first, [buyer('ana'), buyer('ben'), buyer('nobody')])

    expect(mine.get(buyer('ben'))).toEqual([
      { key: 'k1', orderId: ask(first, 'ben').orderId, state: 'confirmed', lines: [{ sku: 'shoe', qty: 1 }] },
    ])
    expect(mine.get(buyer('ana'))?.map(({ key, state, lines }) => ({ key, state, lines }))).toEqual([
      {
        key: 'k1',
        state: 'confirmed',
        lines: [
          { sku: 'hat', qty: 1 },
          { sku: 'shoe', qty: 1 },
        ],
      },
      { key: 'k2', state: 'revoked', lines: [{ sku: 'hat', qty: 1 }] },
      { key: 'k3', state: 'confirmed', lines: [{ sku: 'shoe', qty: 1 }] },
    ])
    expect(mine.get(buyer('nobody'))).toEqual([])
    expect(await reader.mine(first, [])).toEqual(new Map())
  })

  it('[P25] says what became of orders by id, and nothing of unknown ones', async () => {
    const [ana, nobody] = [ask(first, 'ana', {}, 'k2').orderId, ask(first, 'nobody').orderId]

    expect(await reader.states([ana, nobody])).toEqual(
      new Map([[ana, { state: 'revoked', buyer: buyer('ana'), key: 'k2' }]]),
    )
    expect(await reader.states([])).toEqual(new Map())
  })

  it("[P26] lists a buyer's orders newest first, each once over all pages, also those of one millisecond", async () => {
    const found = await pages({})

    expect(found.map((page) => page.length)).toEqual([2, 2, 2])
    const rows = found.flat()
    expect(new Set(rows.map((row) => row.orderId)).size).toBe(6)
    const times = rows.map((row) => row.acceptedAtMs)
    expect(times).toEqual([...times].sort((a, b) => b - a))
    expect(new Set(times).size).toBe(3)
    expect(rows.every((row) => row.buyer === buyer('ana'))).toBe(true)
  })

  it('[P26] lists by drop and by state', async () => {
    expect((await pages({ drop: second })).flat()).toHaveLength(3)
    const [revoked] = (await pages({ state: 'revoked' })).flat()
    expect(revoked).toMatchObject({
      drop: first,
      key: 'k2',
      reason: 'limit',
      acceptedAtMs: 1_800_000_000_002,
      confirmedAtMs: null,
      lines: [{ sku: 'hat', qty: 1, priceMinor: 1_000, currency: 'EUR' }],
    })
  })

  it('[P27] shows an order to the one whose it is, and to nobody else', async () => {
    const { orderId } = ask(first, 'ben')

    expect(await reader.byId(orderId, buyer('ben'))).toMatchObject({ orderId, state: 'confirmed', drop: first })
    expect(await reader.byId(orderId, buyer('ana'))).toBeUndefined()
    expect(await reader.byId(ask(first, 'nobody').orderId, buyer('ana'))).toBeUndefined()
  })

  it('[P26] reads a page deep in a long history as quickly as the first', async () => {
    const who = buyer('eva')
    await database.sql`
      insert into orders (id, drop_id, buyer_id, key, state, epoch, seq, accepted_at)
      select lpad(translate(n::text, '0123456789', 'abcdefghij'), 26, 'a'), ${first}, ${who}, 'k' || n, 'confirmed', 1, n,
        to_timestamp(n) from generate_series(1, 20000) n`
    await database.sql`analyze orders`

    const list = ['orders.sql', 'orders-of-buyer.sql']
      .map((file) => readStatement(`../storage/orders/sql/${file}`, import.meta.url))
      .join('')
    const plan = await database.sql.begin(async (sql) => {
      await sql`set local plan_cache_mode = force_generic_plan`
      await sql.unsafe(`prepare page as ${list}`)
      return sql.unsafe(`explain (analyze, format json)
        execute page ('${who}', null, null, 20, '1970-01-01T01:00:00Z', 'a')`)
    })

    const text = JSON.stringify(plan)
    expect(text).toContain('orders_of_buyer')
    expect(text).not.toContain('Seq Scan')
    expect(text).not.toMatch(/"Rows Removed by Filter":[1-9]/)
  })
})
