/** From the event stream into the inboxes, on real NATS and Postgres: through restarts, a wiped stream and an outage. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it, vi } from 'vitest'
import { NatsBus } from '../bus/nats-bus.ts'
import { NatsEventConsumer } from '../bus/nats-event-consumer.ts'
import { NatsEventStream } from '../bus/nats-event-stream.ts'
import { type Subjects, subjects } from '../bus/subjects.ts'
import { deviceWorld } from '../client/world.ts'
import { packBody } from '../protocol/codec.ts'
import type { DropId } from '../protocol/ids.ts'
import type { Clock } from '../rooms/ports.ts'
import { InboxWriter } from '../server/outbound/inbox-writer.ts'
import { Inbox } from '../storage/inbox/inbox.ts'
import { ask, uuidOf } from './builders/people.ts'
import { notedLog } from './contracts/bus-log.ts'
import { type MigratedDatabase, migratedDatabase } from './setup/migrated-database.ts'
import { uniquePrefix } from './setup/prefix.ts'

/** Impatient: nothing waits longer than 20 ms for its next try. */
const clock: Clock = { ...deviceWorld, after: (ms, call) => deviceWorld.after(Math.min(ms, 20), call) }
const log = notedLog()
let database: MigratedDatabase
let bus: NatsBus
let names: Subjects
let stream: NatsEventStream
let inbox: Inbox
let drop: DropId
let tests = 0
const running: InboxWriter[] = []

beforeAll(async () => {
  database = await migratedDatabase(inject('databaseUrl'))
  inbox = new Inbox(database.sql)
  bus = NatsBus.open({ url: inject('natsUrl'), name: 'test', log })
  await bus.ready(5_000)
})
beforeEach(() => {
  tests += 1
  names = subjects(uniquePrefix())
  stream = new NatsEventStream({ bus, subjects: names })
  drop = uuidOf(`drop ${tests}`) as DropId
})
afterEach(async () => {
  await Promise.all(running.splice(0).map((writer) => writer.stop()))
  await bus.ask(`$JS.API.STREAM.DELETE.${names.eventStream}`, new Uint8Array(), 5_000)
})
afterAll(async () => {
  await bus.close()
  await database.close()
})

const consumer = (ackWithinMs = 30_000) =>
  new NatsEventConsumer({ bus, subjects: names, stream, durable: 'inbox', ackWithinMs })

function start(add: Inbox['add'] = (...one) => inbox.add(...one)): InboxWriter {
  const writer = new InboxWriter({ consumer: consumer(), inbox: { add }, clock, log })
  writer.start()
  running.push(writer)
  return writer
}

/** As the outbox publisher sends it; `id` is the row's. */
function confirmed(id: string, ...buyers: string[]): Promise<number> {
  const body = buyers.map((name) => {
    const { orderId, buyer, key } = ask(drop, name)
    return { orderId, buyer, key }
  })
  const event = packBody({ id, drop, kind: 'order_confirmed', atMs: 1, body })
  return stream.append(names.event('order_confirmed'), event, id, 2_000)
}

const rows = async () =>
  (await database.sql`select user_id from notifications where drop_id = ${drop}`).map((row) => row.user_id).sort()
/** Events that somebody took and is not done with. */
async function inWork(): Promise<unknown> {
  const asked = await bus.ask(`$JS.API.CONSUMER.INFO.${names.eventStream}.inbox`, new Uint8Array(), 5_000)
  return asked.heard === 'answer' && JSON.parse(new TextDecoder().decode(asked.body)).num_ack_pending
}
const becomes = (...buyers: string[]) =>
  vi.waitFor(async () => expect(await rows()).toEqual(buyers.map((name) => ask(drop, name).buyer).sort()), 10_000)

describe('the inbox writer', () => {
  it('[Y13] writes what was there before it came and what comes later, and goes on where the last one was', async () => {
    await confirmed('1', 'ana', 'ben')
    const first = start()
    await becomes('ana', 'ben')
    await first.stop()
    await confirmed('2', 'cem')
    const calls: number[] = []

    start((...one) => {
      calls.push(one[0].length)
      return inbox.add(...one)
    })

    await becomes('ana', 'ben', 'cem')
    expect(calls).toEqual([1])
    await vi.waitFor(async () => expect(await inWork()).toBe(0))
  })

  it('[Y13] shares the events with the writers of other nodes, and repeats change nothing', async () => {
    for (const _ of [1, 2, 3]) start()
    for (let n = 0; n < 20; n += 1) await confirmed(`${n}`, `fan ${n}`)
    await confirmed('again', 'fan 0', 'fan 1', 'fan 20')

    await becomes(...Array.from({ length: 21 }, (_, n) => `fan ${n}`))
  })

  it('[Y16] leaves an event that cannot be written now to be written later, and lets go of what none can read', async () => {
    let failures = 2
    for (const bad of ['x', { kind: 'order_confirmed', drop, body: [{}] }, { kind: 'order_confirmed', body: [] }]) {
      await stream.append(names.event('order_confirmed'), packBody(bad), JSON.stringify(bad), 2_000)
    }
    await stream.append(names.event('drop_phase'), packBody({ kind: 'drop_phase', drop, body: {} }), 'p', 2_000)
    await confirmed('1', 'ana')

    start((...one) => {
      failures -= 1
      return failures >= 0 ? Promise.reject(new Error('away')) : inbox.add(...one)
    })

    await becomes('ana')
    expect(log.events.filter((event) => event === 'inbox.not_written')).toHaveLength(2)
    expect(await consumer().take(100)).toBe('nothing')
  })

  it('[Y16] goes on after the stream was wiped and is refilled', async () => {
    start()
    await confirmed('1', 'ana')
    await becomes('ana')

    await bus.ask(`$JS.API.STREAM.DELETE.${names.eventStream}`, new Uint8Array(), 5_000)
    await vi.waitFor(() => confirmed('1', 'ana'), 10_000)
    await confirmed('2', 'ben')

    await becomes('ana', 'ben')
  })

  it('[EE10] writes together what has gathered, and never more than some of it', async () => {
    const names = Array.from({ length: 40 }, (_, n) => `fan ${n}`)
    for (const [n, name] of names.entries()) await confirmed(`${n}`, name)
    const writes: number[] = []

    start((ends) => {
      writes.push(ends.length)
      return inbox.add(ends)
    })

    await becomes(...names)
    expect(writes).toEqual([1, 2, 4, 8, 16, 9])
    await vi.waitFor(async () => expect(await inWork()).toBe(0))
  })

  it('[EE10] lets an event that can never be written hold up no other', async () => {
    const poison = ask(drop, 'fan 3').orderId
    const names = Array.from({ length: 12 }, (_, n) => `fan ${n}`)
    for (const [n, name] of names.entries()) await confirmed(`${n}`, name)

    start((ends) => {
      return ends.some(({ orderId }) => orderId === poison) ? Promise.reject(new Error('never')) : inbox.add(ends)
    })

    await becomes(...names.filter((name) => name !== 'fan 3'))
  })
})
