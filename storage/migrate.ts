/**
 * Brings a database up to date: the .sql files of migrations/, in the order of their names, each once.
 *
 * Nodes start together, so they migrate together: a lock lets one go first, and the others then find nothing to do. It is
 * asked for again and again instead of waited for, as a waiting statement would run into the time limit of statements.
 * All steps and the notes that they were done are one transaction: whatever goes wrong, there is no half of it.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { MigrationError, Umzug, type UmzugStorage } from 'umzug'
import { Fault } from '../protocol/faults.ts'
import { answered, asFault, readStatement, type Sql, type Transaction } from './postgres.ts'

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
  return answered(
    sql.begin(async (tx) => {
      await lock(tx, withinMs)
      // Asked before, for a node's own role may make no table, and need not when there is nothing to do.
      const [known] = await tx<{ there: boolean }[]>`select to_regclass('migrations') is not null as there`
      if (known?.there !== true) {
        await tx`create table migrations (name text primary key, applied_at timestamptz not null default now())`
      }
      return (await stepsOf(tx, onStep).up()).map((step) => step.name)
    }),
    withinMs * 2,
  ).catch((error) => {
    // umzug wraps what a step threw; the cause says which server or statement it was.
    throw error instanceof MigrationError ? asFault(error.cause) : error
  })
}

async function lock(tx: Transaction, withinMs: number): Promise<void> {
  const deadline = performance.now() + withinMs
  while (performance.now() < deadline) {
    const [row] = await tx<{ mine: boolean }[]>`select pg_try_advisory_xact_lock(${LOCK}) as mine`
    if (row?.mine) return
    await pause(LOOK_AGAIN_MS)
  }
  throw new Fault('unavailable', { dependency: 'postgres', waitedFor: 'another migration', withinMs })
}

function stepsOf(tx: Transaction, onStep: (name: string) => void): Umzug<{ sql: Transaction }> {
  return new Umzug({
    migrations: {
      glob: ['[0-9]*.sql', { cwd: fileURLToPath(new URL('./migrations/', import.meta.url)) }],
      resolve: ({ name, context }) => ({
        name,
        up: async () => {
          onStep(name)
          await context.sql.unsafe(readStatement(`./migrations/${name}`, import.meta.url)).simple()
        },
      }),
    },
    // An object, because umzug would call a function to get its context, and `sql` is one.
    context: { sql: tx },
    storage: NOTES,
    logger: undefined,
  })
}

const NOTES: UmzugStorage<{ sql: Transaction }> = {
  logMigration: async ({ name, context }) => {
    await context.sql`insert into migrations (name) values (${name})`
  },
  unlogMigration: async () => {
    throw new Error('there is no way back from a migration: write the next one')
  },
  executed: async ({ context }) => {
    const rows = await context.sql<{ name: string }[]>`select name from migrations order by name`
    return rows.map((row) => row.name)
  },
}
