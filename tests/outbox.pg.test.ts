/** The outbox: everything committed is published at least once, by one node at a time, and again when the bus forgot. */
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest'
import { Fault } from '../protocol/faults.ts'
import type { DropId, OrderId, UserId } from '../protocol/ids.ts'
import { Inbox, type OrderEnd } from '../storage/inbox/inbox.ts'
import { Outbox, type OutboxRow } from '../storage/outbox/outbox.ts'
import { buyer } from './builders/people.ts'
import { postgresWorld } from './contracts/drop-book-postgres.ts'
import { at, order, phase } from './contracts/drop-book-world.ts'
import { type MigratedDatabase, migratedDatabase } from './setup/migrated-database.ts'

let database: MigratedDatabase
let outbox: Outbox
let drop: DropId
beforeAll(async () => {
  database = await migratedDatabase(inject('databaseUrl'))
  outbox = new Outbox(database.sql)
})
afterAll(() => database.close())

/** Three rows: a confirmed pair, a revoked one, and a phase. */
beforeEach(async () => {
  const { book, plan } = postgresWorld(database.sql)
  drop = (await plan({ stock: { shoe: 3 } })).drop
  await database.sql`delete from outbox`
  await book.write(drop, 1, [
    order(drop, 'ana', at(1, 1)),
    order(drop, 'ben', at(1, 2)),
    order(drop, 'cem', at(1, 3), { shoe: 2 }),
    phase('paused', at(1, 4)),
  ])
})

/** As a stream that has taken them, under the numbers that follow. */
let taken = 0
const taking = async (rows: OutboxRow[]) =>
  rows.map(() => {
    taken += 1
    return taken
  })

describe('Outbox', () => {
  it('[O2] hands out what was committed, oldest first, with all that a consumer needs', async () => {
    const told: OutboxRow[] = []

    const sent = await outbox.publishSome(10, (rows) => {
      told.push(...rows)
      return taking(rows)
    })

    expect(sent).toBe(3)

    expect(told.map((row) => row.kind)).toEqual(['order_confirmed', 'order_revoked', 'drop_phase'])
    expect(told[0]).toEqual({
      id: expect.any(Number),
      drop,
      kind: 'order_confirmed',
      body: [
        { orderId: order(drop, 'ana', at(1, 1)).orderId, buyer: buyer('ana'), key: 'k1' },
        { orderId: order(drop, 'ben', at(1, 2)).orderId, buyer: buyer('ben'), key: 'k1' },
      ],
      createdAtMs: expect.any(Number),
    })
    expect(told[1]?.body).toEqual([
      { orderId: order(drop, 'cem', at(1, 3)).orderId, buyer: buyer('cem'), key: 'k1', reason: 'total' },
    ])
    expect(told[2]?.body).toMatchObject({ phase: 'paused', epoch: 1, seq: 4, title: 'Things', event: null })
  })

  it('[O2] publishes at most what it is asked for, and then the rest', async () => {
    expect(await outbox.publishSome(2, taking)).toBe(2)
    expect(await outbox.unsent()).toBe(1)
    expect(await outbox.publishSome(2, taking)).toBe(1)
    expect(await outbox.publishSome(2, taking)).toBe(0)
  })

  it('[O3] counts nothing as sent when publishing fails', async () => {
    const failure = new Fault('unavailable', { dependency: 'nats' })

    await expect(outbox.publishSome(10, () => Promise.reject(failure))).rejects.toBe(failure)

    expect(await outbox.unsent()).toBe(3)
  })

  it('[O4] gives no row to two publishers at once', async () => {
    const ids: number[] = []
    const other = new Outbox(database.sql)

    const count = await outbox.publishSome(2, async (rows) => {
      ids.push(...rows.map((row) => row.id))
      const rest = async (others: OutboxRow[]) => {
        ids.push(...others.map((row) => row.id))
        return taking(others)
      }
      expect(await other.publishSome(10, rest)).toBe(1)
      return taking(rows)
    })

    expect(count).toBe(2)
    expect(new Set(ids).size).toBe(3)
    expect(await outbox.unsent()).toBe(0)
  })

  it('[O5] sends again what was sent since the bus lost its memory', async () => {
    await outbox.publishSome(10, taking)
    await database.sql`update outbox set sent_at = now() - interval '2 hours' where kind = 'order_revoked'`

    expect(await outbox.refill(Date.now() - 3_600_000, 0)).toBe(1)

    expect(await unsentKinds()).toEqual(['order_confirmed'])
  })

  it('[O6] knows the highest number in the stream, and sends again only what the stream has lost', async () => {
    await outbox.publishSome(1, taking)
    const kept = await outbox.knownSeq()
    expect(kept).toBe(taken)
    await outbox.publishSome(10, taking)
    expect(await outbox.knownSeq()).toBe(taken)

    expect(await outbox.refill(Date.now() - 3_600_000, kept)).toBe(1)
    expect(await outbox.refill(Date.now() - 3_600_000, kept)).toBe(0)

    expect(await outbox.knownSeq()).toBe(kept)
    expect(await unsentKinds()).toEqual(['order_revoked'])
  })

  it('[O7] does not send again what is in the inboxes, however often the stream is lost', async () => {
    const events: OutboxRow[] = []
    await outbox.publishSome(10, (rows) => {
      events.push(...rows)
      return taking(rows)
    })
    const [confirmed] = events
    await new Inbox(database.sql).add(endsOf(confirmed))

    expect(await outbox.refill(Date.now() - 3_600_000, 0)).toBe(1)
    expect(await unsentKinds()).toEqual(['order_revoked'])

    await outbox.publishSome(10, taking)
    await new Inbox(database.sql).add(endsOf(events[1]))
    expect(await outbox.refill(Date.now() - 3_600_000, 0)).toBe(0)
    expect(await outbox.knownSeq()).toBe(0)
  })

  it('[O7] looks through a long day in pages', async () => {
    await database.sql`delete from outbox`
    await database.sql`
      insert into outbox (drop_id, kind, body, sent_at, stream_seq)
      select ${drop}, 'order_confirmed', jsonb_build_array(jsonb_build_object('orderId', 'o' || n)),
        now() - (n % 7) * interval '1 minute', n
      from generate_series(1, 12000) n`
    await database.sql`
      insert into notifications (user_id, order_id, kind, drop_id)
      select ${drop}, 'o' || n, 'order_confirmed', ${drop} from generate_series(1, 12000) n where n % 3 > 0`

    const other = new Outbox(database.sql)
    const refills = [outbox, other].map((one) => one.refill(Date.now() - 3_600_000, 6_000))
    const counts = await Promise.all(refills)

    expect(counts.reduce((sum, count) => sum + count)).toBe(2_000)
    const left = database.sql`select count(*) as n from outbox where sent_at is null and stream_seq is null`
    expect((await left)[0]?.n).toBe(2_000)
  })
})

async function unsentKinds(): Promise<string[]> {
  const rows = await database.sql<{ kind: string }[]>`select kind from outbox where sent_at is null order by id`
  return rows.map((row) => row.kind)
}

/** As the inbox' writer reads them. */
function endsOf(event: OutboxRow | undefined): OrderEnd[] {
  const { kind = '', body } = event ?? {}
  return (body as { orderId: OrderId; buyer: UserId }[]).map(({ orderId, buyer }) => ({
    user: buyer,
    orderId,
    drop,
    kind,
  }))
}
