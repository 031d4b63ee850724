/**
 * The last write of an owner that is gone, and the takeover that follows it, at the same moment: on a real Postgres, and a
 * ledger that has forgotten what is being written. Whoever comes first, both stores say the same of every unit afterwards.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it, vi } from 'vitest'
import type { DropId, NodeId } from '../protocol/ids.ts'
import { ORIGIN } from '../protocol/position.ts'
import type { Entry } from '../rooms/ports.ts'
import { takeOver } from '../rooms/takeover.ts'
import { MemoryLeases } from '../storage/leases/memory-leases.ts'
import { MemoryLedger } from '../storage/ledger/memory-ledger.ts'
import { PostgresDropBook } from '../storage/orders/postgres-drop-book.ts'
import { connectPostgres, type Postgres } from '../storage/postgres.ts'
import { HandClock } from './builders/hand-clock.ts'
import { ask } from './builders/people.ts'
import { planDrop } from './contracts/drop-book-postgres.ts'
import { NODE_A, NODE_B, words } from './contracts/drop-book-world.ts'
import { type MigratedDatabase, migratedDatabase } from './setup/migrated-database.ts'

const TOTAL = 10
const TTL_MS = 60_000

let database: MigratedDatabase
/** How long this machine takes to see that somebody waits must not decide. */
let patient: Postgres
beforeAll(async () => {
  database = await migratedDatabase(inject('databaseUrl'))
  patient = connectPostgres(database.url, { max: 4, name: 'late-owner', lockMs: 15_000, statementMs: 15_000 })
})
afterAll(async () => {
  await patient.close()
  await database.close()
})

let clock: HandClock
let leases: MemoryLeases
let ledger: MemoryLedger
let book: PostgresDropBook
beforeEach(() => {
  clock = new HandClock()
  leases = new MemoryLeases(clock.nowMs)
  ledger = new MemoryLedger(leases, clock.nowMs)
  book = new PostgresDropBook(patient.sql)
})

/** A takeover by a node that can ask nobody. */
async function takes(drop: DropId, node: NodeId): Promise<string> {
  const silence = { info: () => undefined, warn: () => undefined, error: () => undefined }
  const neighbours = { live: () => [node], knowsEveryone: true, surrender: async () => [], wake: async () => undefined }
  const world = { ledger, book, neighbours, clock, log: silence, node }
  const takeover = await takeOver(world, drop, { journal: [], position: ORIGIN, batch: 0 })
  return takeover.took === 'room' ? takeover.how : takeover.why
}

/** A drop whose owner has accepted an order, gone away before it was written, and whose ledger has forgotten it. */
async function forgotten(): Promise<{ drop: DropId; entries: Entry[] }> {
  const { drop } = await planDrop(database.sql, { stock: { shoe: TOTAL } })
  await leases.acquire(drop, NODE_A, TTL_MS)
  await takes(drop, NODE_A)
  const image = ledger.image()
  const fence = { epoch: 1, prevSeq: 0, prevBatch: 0, batch: 1 }
  expect(await ledger.order(drop, fence, [ask(drop, 'ana', { shoe: 1 })])).toMatchObject({ answer: 'ok', seq: 1 })
  const entries = await ledger.entries(drop, ORIGIN, 10)

  ledger.restore(image)
  await leases.release(drop, NODE_A)
  await leases.acquire(drop, NODE_B, TTL_MS)
  return { drop, entries }
}

/** Units that are sold by Postgres' word, and those that are not by the ledger's. */
async function units(drop: DropId): Promise<{ sold: number; left: number | undefined }> {
  const [item] = await database.sql<{ sold: number }[]>`select sold from drop_items where drop_id = ${drop}`
  return { sold: item?.sold ?? 0, left: (await ledger.read(drop))?.items[0]?.left }
}

/** A stranger holds the rows until all of these wait, one behind the other. */
async function whileHeld(
  rows: 'drops' | 'drop_items',
  drop: DropId,
  works: readonly (() => Promise<unknown>)[],
): Promise<unknown[]> {
  const begun: Promise<unknown>[] = []
  await database.sql.begin(async (sql) => {
    if (rows === 'drops') await sql`select from drops where id = ${drop} for no key update`
    else await sql`select from drop_items where drop_id = ${drop} for no key update`
    for (const work of works) {
      begun.push(work())
      await untilWaiting(begun.length)
    }
  })
  return Promise.all(begun)
}

function untilWaiting(count: number): Promise<void> {
  return vi.waitFor(
    async () => {
      const rows = await database.sql`
        select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
      expect(rows.length).toBe(count)
    },
    { timeout: 10_000, interval: 10 },
  )
}

describe('the last write of an owner that is gone', () => {
  it('[P29] is wholly seen by a takeover that waited for it: what Redis forgot is built anew', async () => {
    const { drop, entries } = await forgotten()
    const [written, took] = await whileHeld('drop_items', drop, [
      () => book.write(drop, 1, entries).then(words),
      () => takes(drop, NODE_B),
    ])

    expect([written, took]).toEqual([['confirmed'], 'rebuilt'])
    expect(await units(drop)).toEqual({ sold: 1, left: TOTAL - 1 })
  })

  it('[P29] is refused once an epoch was minted, however long before that it was sent', async () => {
    const { drop, entries } = await forgotten()
    const [took, written] = await whileHeld('drops', drop, [
      () => takes(drop, NODE_B),
      () => book.write(drop, 1, entries).then(words),
    ])

    expect([took, written]).toEqual(['adopted', ['fenced']])
    expect(await units(drop)).toEqual({ sold: 0, left: TOTAL })
  })

  it('[P29] leaves both stores of one mind in forty races that nobody holds up', async () => {
    const came = new Map<string, number>()
    for (let n = 0; n < 40; n += 1) {
      const { drop, entries } = await forgotten()
      const write = () => book.write(drop, 1, entries)
      const take = () => takes(drop, NODE_B)
      const first = n % 2 === 0 ? write() : undefined
      const took = take()
      const how = `${words(await (first ?? write()))} ${await took}`
      came.set(how, (came.get(how) ?? 0) + 1)
      const { sold, left } = await units(drop)
      expect(left, how).toBe(TOTAL - sold)
    }
    expect([...came.keys()].filter((how) => !['confirmed rebuilt', 'fenced adopted'].includes(how))).toEqual([])
  })
})
