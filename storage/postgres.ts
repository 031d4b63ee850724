/**
 * The one door to Postgres.
 *
 * Everything asked of it comes back in a bounded time, as rows or as a fault: the server ends a statement that takes too
 * long or waits too long for a lock, and `answered` stops waiting for a server that says nothing at all. Giving up is
 * never undoing: a statement nobody waits for any more may still be carried out, so whoever writes must be able to ask
 * twice. That is why a lost connection, a time-out and a lock that did not come are one and the same fault to a caller.
 *
 * int8 becomes a number: positions, counts and prices stay far below 2^53, and a BigInt would end every sum in a
 * TypeError. One that does not fit is refused instead of rounded.
 */
import { readFileSync } from 'node:fs'
import postgres from 'postgres'
import { Fault } from '../protocol/faults.ts'
import { arrayTypes } from './postgres-arrays.ts'
import { openLine, readTls } from './postgres-line.ts'
import { withSafeTransactions } from './postgres-transactions.ts'

export type Sql = postgres.Sql<{ bigint: number }>
export type Transaction = postgres.TransactionSql<{ bigint: number }>

export interface Postgres {
  sql: Sql
  /** Waits for what is running, a few seconds at most. */
  close(): Promise<void>
}

export interface PostgresOptions {
  /** Connections at most. */
  max: number
  /** Shown as application_name in pg_stat_activity. */
  name: string
  statementMs?: number
  lockMs?: number
}

const STATEMENT_MS = 5_000
const LOCK_MS = 1_000
const CONNECT_MS = 3_000
const CLOSE_MS = 2_000
/** Over the server's own limit, so that the server's more exact answer normally comes first. */
const SILENCE_MS = 2_000
/** Held open around a publish to the bus, never for longer. */
const IDLE_IN_TRANSACTION_MS = 30_000
const RECONNECT_MS = 50

export function connectPostgres(url: string, options: PostgresOptions): Postgres {
  const statementMs = options.statementMs ?? STATEMENT_MS
  const { url: bare, tls } = readTls(url)
  const settings = {
    max: options.max,
    ssl: false,
    connect_timeout: CONNECT_MS / 1000,
    // The library's own grows to 20 s, and all of it would be added to an outage that is over. Who asks, retries slower.
    backoff: () => RECONNECT_MS / 1000,
    // At most one statement waits behind another on a connection: one that waits for a lock must not hold up a line.
    max_pipeline: 1,
    // See postgres-arrays.ts. Without it the library's `reserve` never answers on a new connection: use `begin`.
    fetch_types: false,
    types: { ...arrayTypes, bigint: { to: 20, from: [20], serialize: String, parse: readSafeInteger } },
    connection: {
      application_name: options.name,
      statement_timeout: statementMs,
      lock_timeout: options.lockMs ?? LOCK_MS,
      idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
    },
    onnotice: () => undefined,
    socket: openLine({ connectMs: CONNECT_MS, silenceMs: statementMs + SILENCE_MS, tls }),
  }
  const sql = withSafeTransactions(postgres(bare, settings) as unknown as Sql)
  return { sql, close: () => sql.end({ timeout: CLOSE_MS / 1000 }) }
}

/** Rows, or a `Fault` of this project, within the time given. Every statement of storage/ is asked through here. */
export async function answered<T>(asked: PromiseLike<T>, withinMs = STATEMENT_MS + SILENCE_MS): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const silence = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Fault('unavailable', { dependency: 'postgres', withinMs })), withinMs)
  })
  try {
    return await Promise.race([asked, silence])
  } catch (error) {
    throw asFault(error)
  } finally {
    clearTimeout(timer)
  }
}

/** SQLSTATE classes and codes that say something of the server or the moment and nothing of the statement. */
const UNAVAILABLE_CLASSES = new Set([
  '08', // connection
  '28', // not let in
  '40', // rolled back in favour of another: deadlock, serialization
  '53', // out of memory, disk or connections
  '57', // ended by a person, a time limit or a shutdown
  '58', // the server's disk
])
const UNAVAILABLE_CODES = new Set([
  '25006', // read-only: what was the primary is now a standby
  '25P03', // idle in a transaction for too long
  '3D000', // no such database (yet)
  '55P03', // the lock did not come in time
  ...['CONNECTION_CLOSED', 'CONNECTION_DESTROYED', 'CONNECTION_ENDED', 'CONNECT_TIMEOUT'],
  ...['ECONNREFUSED', 'ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH'],
  ...['ENOTFOUND', 'EAI_AGAIN'],
])

/** What write_entries raises (migrations/0002-write-entries.sql). */
const NO_DROP = 'LD404'

/** The only place that decides which errors mean "ask again"; any other is a mistake of ours and stays what it is. */
export function asFault(error: unknown): unknown {
  if (error instanceof Fault || !(error instanceof Error)) return error

  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined
  if (code === undefined) return error
  if (code === NO_DROP) return new Fault('not_found', {}, { cause: error })
  if (!UNAVAILABLE_CODES.has(code) && !(code.length === 5 && UNAVAILABLE_CLASSES.has(code.slice(0, 2)))) return error

  return new Fault('unavailable', { dependency: 'postgres', code }, { cause: error })
}

export interface UnsafeSetting {
  name: string
  is: string
  /** What would be lost, for the person who reads it. */
  why: string
}

const SAFE_SETTINGS: readonly { name: string; safe: (is: string) => boolean; why: string }[] = [
  { name: 'fsync', safe: (is) => is === 'on', why: 'a power cut can destroy the whole database' },
  { name: 'synchronous_commit', safe: (is) => is !== 'off', why: 'a crash loses orders that were confirmed' },
  { name: 'full_page_writes', safe: (is) => is === 'on', why: 'a power cut can leave half-written pages' },
]

/** Those of the server's settings with which a confirmed order could be lost. */
export async function checkPostgresSettings(sql: Sql | Transaction): Promise<UnsafeSetting[]> {
  const names = SAFE_SETTINGS.map((setting) => setting.name)
  const rows = await answered(
    sql<{ name: string; setting: string }[]>`select name, setting from pg_settings where name = any(${names})`,
  )
  const is = new Map(rows.map((row) => [row.name, row.setting]))

  return SAFE_SETTINGS.flatMap(({ name, safe, why }) => {
    const value = is.get(name) ?? 'unknown'
    return safe(value) ? [] : [{ name, is: value, why }]
  })
}

/** A statement that is kept in a file of its own: `readStatement('./x.sql', import.meta.url)`. */
export function readStatement(file: string, beside: string): string {
  return readFileSync(new URL(file, beside), 'utf8')
}

function readSafeInteger(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value)) throw new RangeError(`int8 out of the safe range: ${text}`)
  return value
}
