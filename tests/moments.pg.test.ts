/** An order that is cancelled in the very moment in which it is confirmed. */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { postgresWorld } from './contracts/drop-book-postgres.ts'
import { at, order } from './contracts/drop-book-world.ts'
import { type MigratedDatabase, migratedDatabase } from './setup/migrated-database.ts'

let database: MigratedDatabase
beforeAll(async () => {
  database = await migratedDatabase(inject('databaseUrl'))
})
afterAll(() => database.close())

describe('a cancellation in the moment of the COMMIT', () => {
  it('[LL12] finds no order yet or gives its units back, and never half of it', async () => {
    const { book, plan, stock, read } = postgresWorld(database.sql)
    const { drop } = await plan({ stock: { shoe: 100 } })
    const said: string[] = []
    for (let seq = 1; seq <= 40; seq += 1) {
      const entry = order(drop, `buyer ${seq}`, at(1, seq), { shoe: 2 })
      const { orderId, buyer } = entry

      const [first, second] = await Promise.all([
        stock.cancel(orderId, buyer),
        book.write(drop, 1, [entry]).then(() => stock.cancel(orderId, buyer)),
      ])

      const words = [first?.said ?? 'unknown', second?.said ?? 'unknown']
      expect(['unknown now', 'now cancelled', 'cancelled now']).toContain(words.join(' '))
      said.push(words.join(' '))
      if (seq % 2 === 0) await book.write(drop, 1, [entry])
    }

    const written = await read(drop)
    expect(said).toHaveLength(40)
    expect(written.sold).toEqual({ shoe: 0 })
    expect(new Set(Object.values(written.orders))).toEqual(new Set(['cancelled']))
    expect(written.told.filter((told) => told.startsWith('order_cancelled'))).toHaveLength(40)
  })
})
