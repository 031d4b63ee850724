/** A database of this test file's own with the whole schema in it. */
import { migrate } from '../../storage/migrate.ts'
import { connectPostgres, type Sql } from '../../storage/postgres.ts'
import { freshDatabase } from './databases.ts'

export interface MigratedDatabase {
  sql: Sql
  url: string
  close(): Promise<void>
}

export async function migratedDatabase(databaseUrl: string, max = 8): Promise<MigratedDatabase> {
  const database = await freshDatabase(databaseUrl)
  const { sql, close } = connectPostgres(database.url, { max, name: 'livedrop-test' })
  await migrate(sql)
  return {
    sql,
    url: database.url,
    async close() {
      await close()
      await database.drop()
    },
  }
}
