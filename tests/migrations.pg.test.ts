/** Migrations: once each, whoever runs them and however many at once. And the door they go through. */
import { readdirSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest'
import { migrate } from '../storage/migrate.ts'
import { answered, checkPostgresSettings, connectPostgres, type Postgres } from '../storage/postgres.ts'
import { readTls } from '../storage/postgres-line.ts'
import { buyer } from './builders/people.ts'
import { type FreshDatabase, freshDatabase } from './setup/databases.ts'

const STEPS = readdirSync(new URL('../storage/migrations', import.meta.url)).sort()

let database: FreshDatabase
beforeAll(async () => {
  database = await freshDatabase(inject('databaseUrl'))
})
afterAll(() => database.drop())

/** Runs with connections of its own, and closes them. */
async function connected<T>(work: (postgres: Postgres) => Promise<T>, options = {}): Promise<T> {
  const postgres = connectPostgres(database.url, { max: 2, name: 'livedrop-test', ...options })
  try {
    return await work(postgres)
  } finally {
    await postgres.close()
  }
}

describe('migrate', () => {
  it('[P18] takes each step once when several nodes start together', async () => {
    const steps = await Promise.all(Array.from({ length: 4 }, () => connected(({ sql }) => migrate(sql))))

    expect(steps.flat()).toEqual(STEPS)
  })

  it('[P18] finds nothing to do the second time, and says no step', async () => {
    const onStep = vi.fn()

    expect(await connected(({ sql }) => migrate(sql, { onStep }))).toEqual([])
    expect(onStep).not.toHaveBeenCalled()
  })

  it('[P18] gives up when another one holds the lock for too long', async () => {
    await connected(({ sql }) =>
      sql.begin(async (held) => {
        await held`select pg_advisory_xact_lock(${0x6c697665})`
        await expect(connected((other) => migrate(other.sql, { withinMs: 120 }))).rejects.toMatchObject({
          code: 'unavailable',
        })
      }),
    )

    expect(await connected(({ sql }) => migrate(sql))).toEqual([])
  })
})

describe('the door to Postgres', () => {
  it('[P19] reads int8 as a number, and refuses one that does not fit', async () => {
    await connected(async ({ sql }) => {
      expect(await sql`select 9007199254740991::int8 as n`).toEqual([{ n: 9007199254740991 }])
      await expect(sql`select 9007199254740993::int8 as n`).rejects.toThrow(RangeError)
    })
  })

  it('[P19] carries arrays both ways, whatever is in them', async () => {
    const texts = ['', 'NULL', 'a,b', '"quoted"', 'back\\slash', '{braces}', ' space ', 'ü', null]
    await connected(async ({ sql }) => {
      const [row] = await sql`select ${texts}::text[] as texts, ${[1, 9007199254740991]}::int8[] as numbers,
        ${[]}::int4[] as none, ${[buyer('ana')]}::uuid[] as ids, cardinality(${texts}::text[]) as count`

      expect(row).toEqual({ texts, numbers: [1, 9007199254740991], none: [], ids: [buyer('ana')], count: 9 })
    })
  })

  it.each([
    ['a statement that takes too long', { statementMs: 50 }, 'select pg_sleep(5)'],
    ['a connection that the server ends', {}, 'select pg_terminate_backend(pg_backend_pid())'],
  ])('[P15] makes one fault of %s', async (_what, options, text) => {
    await connected(async ({ sql }) => {
      await expect(answered(sql.unsafe(text))).rejects.toMatchObject({
        code: 'unavailable',
        facts: { dependency: 'postgres' },
      })
    }, options)
  })

  it('[P15] leaves a mistake of ours what it is', async () => {
    await connected(async ({ sql }) => {
      await expect(answered(sql.unsafe('select nonsense'))).rejects.toMatchObject({ code: '42703' })
    })
  })

  it('[P15] makes the same fault of a server that is not there, each time it is asked', async () => {
    const { sql, close } = connectPostgres('postgres://nobody@127.0.0.1:1/none', { max: 1, name: 'livedrop-test' })

    for (const _time of [1, 2, 3]) {
      await expect(answered(sql`select 1`)).rejects.toMatchObject({
        code: 'unavailable',
        facts: { code: 'ECONNREFUSED' },
      })
    }
    await close()
  })

  it('[P15] cuts a line that has gone silent, and works again on a new one', async () => {
    const proxy = await silentProxy(database.url)
    const { sql, close } = connectPostgres(proxy.url, { max: 1, name: 'livedrop-test', statementMs: 1_000 })
    await answered(sql`select 1`)

    proxy.silent = true
    await expect(answered(sql`select 2`)).rejects.toMatchObject({ code: 'unavailable', facts: { code: 'ETIMEDOUT' } })
    proxy.silent = false

    expect(await answered(sql`select 3 as n`)).toEqual([{ n: 3 }])
    await close()
    proxy.close()
  })

  it('[P15] stops waiting for a server that says nothing, though the answer may come later', async () => {
    await expect(answered(new Promise(() => undefined), 20)).rejects.toMatchObject({ code: 'unavailable' })
  })

  it('[P20] finds the settings with which a confirmed order could be lost', async () => {
    await connected(({ sql }) =>
      sql.begin(async (tx) => {
        await tx`set local synchronous_commit = off`

        const unsafe = await checkPostgresSettings(tx)
        expect(unsafe.map((one) => `${one.name} ${one.is}`)).toContain('synchronous_commit off')
      }),
    )
  })

  it('[P21] reads what a URL asks of TLS, and takes it out of the URL', () => {
    expect(readTls('postgres://h/d')).toEqual({ url: 'postgres://h/d', tls: undefined })
    expect(readTls('postgres://h/d?sslmode=require&x=1')).toEqual({
      url: 'postgres://h/d?x=1',
      tls: { rejectUnauthorized: false },
    })
    expect(readTls('postgres://h/d?sslmode=verify-full')).toEqual({
      url: 'postgres://h/d',
      tls: { rejectUnauthorized: true },
    })
  })

  it('[P21] does not go on in plain text when TLS was asked for and the server has none', async () => {
    const { sql, close } = connectPostgres(`${database.url}?sslmode=require`, { max: 1, name: 'livedrop-test' })

    await expect(answered(sql`select 1`)).rejects.toMatchObject({ code: 'unavailable' })
    await close()
  })
})

/** Carries bytes to the server and back until it is told to be silent: then it keeps the line and says nothing. */
async function silentProxy(url: string): Promise<{ url: string; silent: boolean; close(): void }> {
  const own = new URL(url)
  const target = { host: own.hostname, port: Number(own.port) }
  const sockets: Socket[] = []
  const server = createServer((client) => {
    const upstream = connect(target)
    sockets.push(client, upstream)
    client.on('data', (bytes) => upstream.write(bytes))
    upstream.on('data', (bytes) => proxy.silent || client.write(bytes))
    for (const socket of [client, upstream]) {
      socket.on('error', () => socket.destroy())
      socket.on('close', () => (socket === client ? upstream : client).destroy())
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))

  own.hostname = '127.0.0.1'
  own.port = String((server.address() as AddressInfo).port)
  const proxy = {
    url: own.href,
    silent: false,
    close() {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
  return proxy
}
