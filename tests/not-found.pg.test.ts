/** What is not theirs and what is not there cost the same: the same statements with the same words, in the same order. */
import { afterAll, beforeAll, expect, inject, it } from 'vitest'
import type { DropId, OrderId, UserId } from '../protocol/ids.ts'
import { orderRoutes } from '../server/api/orders.ts'
import { Cancellations } from '../server/inbound/cancellations.ts'
import { OrderReader } from '../storage/orders/order-reader.ts'
import type { Sql } from '../storage/postgres.ts'
import { PostgresStockBook } from '../storage/stock/stock-book.ts'
import { httpNode } from './builders/http-node.ts'
import { ask, buyer } from './builders/people.ts'
import { restWorld } from './builders/rest-world.ts'
import { postgresWorld } from './contracts/drop-book-postgres.ts'
import { at, order } from './contracts/drop-book-world.ts'
import { type MigratedDatabase, migratedDatabase } from './setup/migrated-database.ts'

const UNKNOWN = 'a'.repeat(26) as OrderId
const said: string[] = []
let database: MigratedDatabase
let drop: DropId
let node: Awaited<ReturnType<typeof httpNode>>
let strangers: string

beforeAll(async () => {
  database = await migratedDatabase(inject('databaseUrl'))
  const { book, plan } = postgresWorld(database.sql)
  drop = (await plan()).drop
  await book.write(drop, 1, [order(drop, 'ana', at(1, 1))])

  const sql = heard(database.sql)
  const { world, tokens } = restWorld()
  const cancellations = new Cancellations({
    ...{ stock: new PostgresStockBook(sql), outcomes: { of: async () => [] }, rooms: world.rooms },
    secondLookMs: 1,
  })
  const routes = orderRoutes({ ...world, orders: new OrderReader(sql), cancellations, secondLookMs: 1 })
  node = await httpNode({ routes, tokens })
  strangers = (await tokens.issue({ user: buyer('eve') as UserId, role: 'fan' })).token
})
afterAll(async () => {
  node.close()
  await database.close()
})

/** The same, and its statements in `said`. */
function heard(sql: Sql): Sql {
  return new Proxy(sql, {
    apply(target, _, [words, ...values]: [TemplateStringsArray, ...never[]]) {
      said.push(words.join('?'))
      return target(words, ...values)
    },
    get(target, name) {
      if (name !== 'unsafe') return Reflect.get(target, name)
      return (text: string, values: never[]) => {
        said.push(text)
        return target.unsafe(text, values)
      }
    },
  })
}

it.each([
  ['reading', 'GET', ''],
  ['giving back', 'POST', '/cancel'],
])('[KK14] %s an order that is not theirs asks what it asks of none', async (_, method, path) => {
  const asks = async (id: OrderId) => {
    said.length = 0
    const { status, body } = await node.call(method, `/v1/orders/${id}${path}`, { token: strangers })
    return { status, code: body.code, detail: body.detail, said: [...said] }
  }

  const theirs = await asks(ask(drop, 'ana').orderId)
  const nobodys = await asks(UNKNOWN)

  expect(theirs).toEqual(nobodys)
  expect(theirs).toMatchObject({ status: 404, code: 'not_found' })
  expect(theirs.said).toHaveLength(2)
})
