/** Stock by hand in Postgres. */
import { afterAll, beforeAll, inject } from 'vitest'
import { postgresWorld } from './contracts/drop-book-postgres.ts'
import { stockBookContract } from './contracts/stock-book.ts'
import { type MigratedDatabase, migratedDatabase } from './setup/migrated-database.ts'

let database: MigratedDatabase
beforeAll(async () => {
  database = await migratedDatabase(inject('databaseUrl'))
})
afterAll(() => database.close())

stockBookContract('PostgresStockBook', async () => postgresWorld(database.sql))
