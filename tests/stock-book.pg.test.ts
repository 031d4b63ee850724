/** Stock by hand in Postgres. */
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest'
import { postgresWorld } from './contracts/drop-book-postgres.ts'
import { at, order } from './contracts/drop-book-world.ts'
import { stockBookContract } from './contracts/stock-book.ts'
import { type MigratedDatabase, migratedDatabase } from './setup/migrated-database.ts'

let database: MigratedDatabase
beforeAll(async () => {
  database = await migratedDatabase(inject('databaseUrl'))
})
afterAll(() => database.close())

stockBookContract('PostgresStockBook', async () => postgresWorld(database.sql))

describe('PostgresStockBook: at the very same time', () => {
  it('[E4] says once that it is cancelled now, when several waited for each other', async () => {
    const { sql } = database
    const { book, plan, stock, read } = postgresWorld(sql)
    const { drop } = await plan({ stock: { shoe: 5 } })
    const ana = order(drop, 'ana', at(1, 1), { shoe: 2 })
    await book.write(drop, 1, [ana])
    await Promise.all([1, 2, 3, 4].map(() => sql`select pg_sleep(0.05)`)) // so that there is a connection for each

    let asked: ReturnType<typeof stock.cancel>[] = []
    await sql.begin(async (tx) => {
      await tx`select from drops where id = ${drop} for no key update`
      asked = [1, 2].map(() => stock.cancel(ana.orderId, ana.buyer))
      await vi.waitFor(async () => {
        const [row] = await tx`select count(*)::int as waiting from pg_stat_activity
          where datname = current_database() and wait_event_type = 'Lock'`
        expect(row?.waiting).toBe(2)
      })
    })

    expect((await Promise.all(asked)).map((one) => one?.said).sort()).toEqual(['cancelled', 'now'])
    expect((await read(drop)).sold).toEqual({ shoe: 0 })
  })
})
