/**
 * Brings a database up to date: the .sql files of migrations/, in the order of their names, each once.
 *
 * Nodes start together, so they migrate together: a lock lets one go first, and the others then find nothing to do. It is
 * asked for again and again instead of waited for, as a waiting statement would run into the time limit of statements.
 * A file and the note that it was done are one message to the server, hence one transaction: there is no half of either.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Umzug, type UmzugStorage } from 'umzug'
import { Fault } from '../protocol/faults.ts'
import { answered, readStatement, type Sql } from './postgres.ts'

export interface MigrateOptions {
  /** Called before each step that is really taken. */
  onStep?: (name: string) => void
  /** How long another one who migrates is waited for. */
  withinMs?: number
}

/** The steps of LiveDrop among all advisory locks of a database: "live" in ASCII. */
const LOCK = 0x6c697665
const LOOK_AGAIN_MS = 50

/** Answers the names of the steps that this call took. */
export async function migrate(sql: Sql, options: MigrateOptions = {}): Promise<string[]> {
  const { onStep = () => undefined, withinMs = 60_000 } = options
  const held = await answered(sql.reserve())
  try {
    await lock(held, withinMs)
    await answered(held`
      create table if not exists migrations (name text primary key, applied_at timestamptz not null default now())`)

    const umzug = new Umzug({
      migrations: {
        glob: ['[0-9]*.sql', { cwd: fileURLToPath(new URL('./migrations/', import.meta.url)) }],
        resolve: ({ name, context }) => ({
          name,
          up: async () => {
            onStep(name)
            await take(context.sql, name)
          },
        }),
      },
      // An object, because umzug would call a function to get its context, and `sql` is one.
      context: { sql: held as Sql },
      storage: NOTES,
      logger: undefined,
    })
    return (await umzug.up()).map((step) => step.name)
  } catch (error) {
    // umzug wraps what was thrown; the cause is what says which server or statement it was.
    throw error instanceof Error && error.cause instanceof Fault ? error.cause : error
  } finally {
    await answered(held`select pg_advisory_unlock(${LOCK})`).catch(() => undefined) // a lost connection has let go already
    held.release()
  }
}

async function lock(held: Sql, withinMs: number): Promise<void> {
  const deadline = performance.now() + withinMs
  while (performance.now() < deadline) {
    const [row] = await answered(held<{ mine: boolean }[]>`select pg_try_advisory_lock(${LOCK}) as mine`)
    if (row?.mine) return
    await pause(LOOK_AGAIN_MS)
  }
  throw new Fault('unavailable', { dependency: 'postgres', waitedFor: 'another migration', withinMs })
}

async function take(sql: Sql, name: string): Promise<void> {
  const text = readStatement(`./migrations/${name}`, import.meta.url)
  await answered(sql.unsafe(`${text};\ninsert into migrations (name) values ('${name}');`).simple())
}

const NOTES: UmzugStorage<{ sql: Sql }> = {
  /** `take` has written it, together with the step. */
  logMigration: async () => undefined,
  unlogMigration: async () => {
    throw new Error('there is no way back from a migration: write the next one')
  },
  executed: async ({ context }) => {
    const rows = await answered(context.sql<{ name: string }[]>`select name from migrations order by name`)
    return rows.map((row) => row.name)
  },
}
