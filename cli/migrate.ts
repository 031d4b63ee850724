/** `livedrop migrate`: brings the database to the newest schema. Safe to run from several places at once. */
import { defineCommand } from 'citty'
import { migrate } from '../storage/migrate.ts'
import { connectPostgres } from '../storage/postgres.ts'
import { orFail } from './outcome.ts'
import { dataArg, databaseUrlOf } from './settings.ts'

export const migrateCommand = defineCommand({
  meta: { name: 'migrate', description: 'Bring the database to the newest schema' },
  args: { data: dataArg },
  run: ({ args }) =>
    orFail(async () => {
      const postgres = connectPostgres(databaseUrlOf(args.data), { max: 1, name: 'livedrop-migrate' })
      try {
        const steps = await migrate(postgres.sql)
        console.log(steps.length === 0 ? 'the schema is the newest' : `done: ${steps.join(', ')}`)
      } finally {
        await postgres.close()
      }
    }),
})
