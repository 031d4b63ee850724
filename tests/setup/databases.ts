/**
 * An empty database for one test file, on the Postgres that all of them share.
 */
import postgres from 'postgres'
import { uniquePrefix } from './prefix.ts'

export type FreshDatabase = {
  url: string
  /** Ends whatever is still connected to it. */
  drop(): Promise<void>
}

export async function freshDatabase(databaseUrl: string): Promise<FreshDatabase> {
  const name = `livedrop_${uniquePrefix()}`
  await asAdmin(databaseUrl, (sql) => sql.unsafe(`create database ${name}`))

  const url = new URL(databaseUrl)
  url.pathname = `/${name}`
  return {
    url: url.href,
    drop: () => asAdmin(databaseUrl, (sql) => sql.unsafe(`drop database if exists ${name} with (force)`)),
  }
}

async function asAdmin(url: string, work: (sql: postgres.Sql) => Promise<unknown>): Promise<void> {
  const sql = postgres(url, { max: 1, connect_timeout: 10, onnotice: () => undefined })
  try {
    await work(sql)
  } finally {
    await sql.end({ timeout: 5 })
  }
}
