/** What followers hear of a drop's stock: written beside what was sold, each once for a drop, and told like every event. */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import type { DropId } from '../protocol/ids.ts'
import { postgresWorld } from './contracts/drop-book-postgres.ts'
import { at, NODE_A, order, phase } from './contracts/drop-book-world.ts'
import { type MigratedDatabase, migratedDatabase } from './setup/migrated-database.ts'

let database: MigratedDatabase
beforeAll(async () => {
  database = await migratedDatabase(inject('databaseUrl'))
})
afterAll(() => database.close())

async function sale(stock: Record<string, number>, lowStockAt?: number) {
  const world = postgresWorld(database.sql)
  const { drop } = await world.plan({ stock, ...(lowStockAt === undefined ? {} : { lowStockAt }) })
  await world.book.take(drop, NODE_A)
  let seq = 0
  const sell = async (name: string, wants: Record<string, number>) => {
    seq += 1
    return world.book.write(drop, 1, [order(drop, name, at(1, seq), wants)])
  }
  return { ...world, drop, sell }
}
const kinds = async (drop: DropId): Promise<string[]> =>
  (
    await database.sql<{ kind: string }[]>`
      select kind from creator_events where drop_id = ${drop} and kind in ('low_stock', 'sold_out', 'restocked') order by id`
  ).map((row) => row.kind)

describe('the stock of a drop', () => {
  it('[Y18] is told to followers when it runs low, when all is sold, and when it is restocked, each once', async () => {
    const { drop, sell, restock } = await sale({ shoe: 5, hat: 2 }, 2)

    await sell('ana', { shoe: 2 })
    expect(await kinds(drop)).toEqual([])
    await sell('ben', { shoe: 2 })
    expect(await kinds(drop)).toEqual(['low_stock'])
    await sell('cem', { shoe: 1 })
    expect(await kinds(drop)).toEqual(['low_stock'])
    await sell('dan', { hat: 2 })
    expect(await kinds(drop)).toEqual(['low_stock', 'sold_out'])

    await restock(drop, 'op-1', 'shoe', 1)
    await restock(drop, 'op-1', 'shoe', 1)
    await sell('eva', { shoe: 1 })
    await restock(drop, 'op-2', 'shoe', 1)
    expect(await kinds(drop)).toEqual(['low_stock', 'sold_out', 'restocked'])

    const told = await database.sql<{ kind: string }[]>`
      select body ->> 'kind' as kind from outbox where drop_id = ${drop} and kind = 'creator_event' order by id`
    expect(told.map((row) => row.kind)).toEqual(['drop_scheduled', 'low_stock', 'sold_out', 'restocked'])
  })

  it('[Y18] says nothing of what was not sold after all', async () => {
    const { drop, sell } = await sale({ shoe: 2 }, 1)

    expect(await sell('ana', { shoe: 3 })).toMatchObject([{ outcome: 'revoked' }])

    expect(await kinds(drop)).toEqual([])
  })

  it('[Y18] is sold out also when the opening and the last order are written in one go', async () => {
    const { drop, book } = await sale({ shoe: 1 })

    await book.write(drop, 1, [phase('open', at(1, 1)), order(drop, 'ana', at(1, 2), { shoe: 1 })])

    expect(await kinds(drop)).toEqual(['sold_out'])
  })
})
