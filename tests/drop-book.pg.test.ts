/**
 * The drop book in Postgres: the contract, the same rows as the plain-object book for any sequence of batches, and what
 * only a database can do wrong: locks, lost connections, and reading beside a writer.
 */
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest'
import type { DropId } from '../protocol/ids.ts'
import type { Entry } from '../rooms/ports.ts'
import { PostgresDropBook } from '../storage/orders/postgres-drop-book.ts'
import { connectPostgres } from '../storage/postgres.ts'
import { keyOf } from './builders/people.ts'
import { dropBookContract } from './contracts/drop-book.ts'
import { memoryWorld } from './contracts/drop-book-memory.ts'
import { postgresWorld } from './contracts/drop-book-postgres.ts'
import { at, NODE_A, order, phase, words } from './contracts/drop-book-world.ts'
import { type MigratedDatabase, migratedDatabase } from './setup/migrated-database.ts'

let database: MigratedDatabase
beforeAll(async () => {
  database = await migratedDatabase(inject('databaseUrl'))
})
afterAll(() => database.close())

dropBookContract('PostgresDropBook', async () => postgresWorld(database.sql))

describe('PostgresDropBook: a change of phase', () => {
  it('[B41] is said as soon as it is committed, and orders alone are not', async () => {
    const { drop } = await postgresWorld(database.sql).plan({ stock: { shoe: 3 } })
    let said = 0
    const book = new PostgresDropBook(database.sql, () => {
      said += 1
    })
    await book.take(drop, NODE_A)

    await book.write(drop, 1, [order(drop, 'ana', at(1, 1))])
    expect(said).toBe(0)
    await book.write(drop, 1, [phase('open', at(1, 2))])
    expect(said).toBe(1)
  })
})

describe('PostgresDropBook: the same as the plain-object book', () => {
  const step = fc.oneof(
    {
      weight: 12,
      arbitrary: fc.record({
        kind: fc.constant('order' as const),
        name: fc.constantFrom('ana', 'ben', 'cem'),
        key: fc.constantFrom('k1', 'k2', 'k3', 'k4'),
        shoe: fc.integer({ min: 0, max: 2 }),
        hat: fc.integer({ min: 0, max: 2 }),
        late: fc.boolean(),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('phase' as const),
        to: fc.constantFrom('open' as const, 'paused' as const, 'closed' as const),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('impostor' as const), name: fc.constantFrom('ana', 'ben') }),
    },
  )
  const plan = fc.record({
    stock: fc.record({ shoe: fc.integer({ min: 1, max: 8 }), hat: fc.integer({ min: 0, max: 5 }) }),
    limit: fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined }),
    limits: fc.record({ shoe: fc.integer({ min: 1, max: 3 }) }, { requiredKeys: [] }),
  })
  const batches = fc.array(
    fc.record({ entries: fc.array(step, { minLength: 1, maxLength: 12 }), fence: fc.boolean(), again: fc.boolean() }),
    { minLength: 1, maxLength: 5 },
  )

  it('[P14] comes to the same outcomes and rows for any sequence of batches', { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(plan, batches, async (asked, sequence) => {
        const { limit, ...rest } = asked
        const drops = {
          ...rest,
          limits: { ...rest.limits } as Record<string, number>,
          ...(limit === undefined ? {} : { limit }),
        }
        const [measure, real] = [memoryWorld(), postgresWorld(database.sql)]
        const [inMemory, inPostgres] = [(await measure.plan(drops)).drop, (await real.plan(drops)).drop]

        let [epoch, seq] = [1, 0]
        await Promise.all([measure.book.take(inMemory, NODE_A), real.book.take(inPostgres, NODE_A)])
        for (const { entries, fence, again } of sequence) {
          if (fence) {
            await Promise.all([measure.book.take(inMemory, NODE_A), real.book.take(inPostgres, NODE_A)])
            ;[epoch, seq] = [epoch + 1, 0]
            const [a, b] = [await measure.book.fence(inMemory, epoch), await real.book.fence(inPostgres, epoch)]
            expect(namedAlike(b, inPostgres)).toEqual(namedAlike(a, inMemory))
          }
          const batch = (drop: DropId): Entry[] =>
            entries.map((one, n) => {
              const position = at(one.kind === 'order' && one.late ? epoch - 1 : epoch, seq + n + 1)
              if (one.kind === 'phase') return phase(one.to, position, `${one.to} ${epoch} ${seq + n}`)
              if (one.kind === 'impostor')
                return { ...order(drop, one.name, position, { shoe: 1 }, 'forged'), key: keyOf('k1') }
              const wants = { ...(one.shoe > 0 ? { shoe: one.shoe } : {}), ...(one.hat > 0 ? { hat: one.hat } : {}) }
              return order(drop, one.name, position, Object.keys(wants).length === 0 ? { shoe: 1 } : wants, one.key)
            })
          for (let times = again ? 2 : 1; times > 0; times -= 1) {
            const expected = words(await measure.book.write(inMemory, epoch, batch(inMemory)))
            expect(words(await real.book.write(inPostgres, epoch, batch(inPostgres)))).toEqual(expected)
          }
          seq += entries.length
          expect(namedAlike(await real.read(inPostgres), inPostgres)).toEqual(
            namedAlike(await measure.read(inMemory), inMemory),
          )
        }
      }),
      { numRuns: 120 },
    )
  })
})

/** Order ids differ, as they are computed from the drop: each becomes the name that both drops know it by. */
function namedAlike(value: unknown, drop: DropId): unknown {
  let text = JSON.stringify(value, (_key, inner) =>
    inner && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort())
      : inner,
  )
  for (const name of ['ana', 'ben', 'cem']) {
    for (const key of ['k1', 'k2', 'k3', 'k4', 'forged'])
      text = text?.replaceAll(order(drop, name, at(1, 1), {}, key).orderId, `${name}-${key}`)
  }
  const parsed = JSON.parse(text ?? 'null')
  if (parsed && typeof parsed === 'object') for (const list of ['told', 'ops', 'opIds']) parsed[list]?.sort()
  if (parsed?.orders) parsed.orders = Object.fromEntries(Object.entries(parsed.orders).sort())
  return parsed
}

describe('PostgresDropBook: beside other work', () => {
  it('[P10] sees what a writer at work sells, when it fences', async () => {
    // A patient connection: how long this machine takes to see the wait must not decide.
    const patient = connectPostgres(database.url, {
      max: 2,
      name: 'livedrop-test',
      lockMs: 15_000,
      statementMs: 15_000,
    })
    const { book, plan } = postgresWorld(patient.sql)
    const { drop } = await plan({ stock: { shoe: 5 } })
    await book.take(drop, NODE_A)

    const [locked, release] = [signal(), signal()]
    const writer = database.sql.begin(async (sql) => {
      await sql`select from drops where id = ${drop} for no key update`
      locked.give()
      await release.given
      await sql`update drop_items set sold = sold + 2 where drop_id = ${drop}`
    })
    await locked.given
    const fencing = book.fence(drop, 1)
    await untilWaiting()
    release.give()
    await writer

    expect((await fencing)?.seed.items).toEqual([{ sku: 'shoe', left: 3, limit: null }])
    await patient.close()
  })

  it('[P15] gives up on a lock that a stranger holds, in bounded time, and writes once it is free', async () => {
    const { book, plan, read } = postgresWorld(database.sql)
    const { drop } = await plan()
    const batch = [order(drop, 'ana', at(1, 1))]

    const begun = performance.now()
    await database.sql.begin(async (sql) => {
      await sql`select from drops where id = ${drop} for update`
      await expect(book.write(drop, 1, batch)).rejects.toMatchObject({ code: 'unavailable', facts: { code: '55P03' } })
    })
    expect(performance.now() - begun).toBeLessThan(4_000)

    expect(words(await book.write(drop, 1, batch))).toEqual(['confirmed'])
    expect((await read(drop)).sold).toEqual({ shoe: 1 })
  })

  it('[P2] tells the truth when the connection is cut in the middle of a batch', async () => {
    const fragile = connectPostgres(database.url, { max: 2, name: 'fragile' })
    const { book } = postgresWorld(fragile.sql)
    const { plan, read } = postgresWorld(database.sql)
    const { drop } = await plan({ stock: { shoe: 1_000 } })
    const batch = Array.from({ length: 400 }, (_, n) => order(drop, `fan ${n}`, at(1, n + 1)))

    const [written] = await Promise.allSettled([
      book.write(drop, 1, batch),
      database.sql`select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and application_name = 'fragile'`,
    ])
    if (written.status === 'rejected') expect(written.reason).toMatchObject({ code: 'unavailable' })

    const again = await vi.waitFor(() => book.write(drop, 1, batch), { timeout: 5_000, interval: 20 })
    await fragile.close()
    expect(['confirmed', 'duplicate']).toContain(words(again)[0])
    expect(new Set(words(again)).size).toBe(1)
    expect((await read(drop)).sold).toEqual({ shoe: 400 })
  })

  it('[P16] refuses more than 512 entries in one batch', async () => {
    const { book, plan } = postgresWorld(database.sql)
    const { drop } = await plan({ stock: { shoe: 1_000 } })
    const batch = Array.from({ length: 513 }, (_, n) => order(drop, `fan ${n}`, at(1, n + 1)))

    await expect(book.write(drop, 1, batch)).rejects.toThrow(RangeError)
    expect(words(await book.write(drop, 1, batch.slice(0, 512)))).toEqual(Array(512).fill('confirmed'))
  })

  it('[P6] sells exactly the total when a crowd of batches comes from two writers at once', async () => {
    const { book, plan, read } = postgresWorld(database.sql)
    const { drop } = await plan({ stock: { shoe: 100 } })
    const other = connectPostgres(database.url, { max: 2, name: 'livedrop-test-other' })
    const sweeper = new PostgresDropBook(other.sql)
    const batch = (n: number) =>
      Array.from({ length: 30 }, (_, i) => order(drop, `fan ${n * 20 + i}`, at(1, n * 20 + i + 1)))

    await Promise.all(Array.from({ length: 8 }, (_, n) => (n % 2 === 0 ? book : sweeper).write(drop, 1, batch(n))))
    await other.close()

    const written = await read(drop)
    expect(written.sold).toEqual({ shoe: 100 })
    expect(Object.values(written.orders).filter((state) => state === 'confirmed')).toHaveLength(100)
    expect(written.told).toHaveLength(Object.keys(written.orders).length)
  })
})

function signal(): { given: Promise<void>; give: () => void } {
  let give: () => void = () => undefined
  const given = new Promise<void>((resolve) => {
    give = resolve
  })
  return { given, give }
}

/** Somebody waits for a lock. */
function untilWaiting(): Promise<void> {
  return vi.waitFor(
    async () => {
      const rows = await database.sql`
        select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
      expect(rows.length).toBeGreaterThan(0)
    },
    { timeout: 6_000, interval: 20 },
  )
}
