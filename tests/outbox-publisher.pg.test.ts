/** The publisher between a real Postgres and a real JetStream. */
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest'
import { NatsBus } from '../bus/nats-bus.ts'
import { NatsEventStream } from '../bus/nats-event-stream.ts'
import { subjects } from '../bus/subjects.ts'
import { deviceWorld as clock } from '../client/world.ts'
import { unpackBody } from '../protocol/codec.ts'
import { OutboxPublisher } from '../server/outbound/outbox-publisher.ts'
import { migrate } from '../storage/migrate.ts'
import { Outbox } from '../storage/outbox/outbox.ts'
import { connectPostgres, type Postgres } from '../storage/postgres.ts'
import { dropOf } from './builders/people.ts'
import { notedLog } from './contracts/bus-log.ts'
import { throughProxy } from './contracts/bus-worlds.ts'
import { type FreshDatabase, freshDatabase } from './setup/databases.ts'
import { uniquePrefix } from './setup/prefix.ts'

describe('the outbox publisher, between Postgres and JetStream', () => {
  const names = subjects(uniquePrefix())
  let database: FreshDatabase
  let postgres: Postgres
  let observer: NatsBus

  beforeAll(async () => {
    database = await freshDatabase(inject('databaseUrl'))
    postgres = connectPostgres(database.url, { max: 4, name: 'test' })
    await migrate(postgres.sql)
    observer = NatsBus.open({ url: inject('natsUrl'), name: 'observer', log: notedLog() })
    await observer.ready(5_000)
  })

  afterAll(async () => {
    await jetStream(`STREAM.DELETE.${names.eventStream}`)
    await observer.close()
    await postgres.close()
    await database.drop()
  })

  async function jetStream(verb: string): Promise<{ state?: { messages: number } }> {
    const asked = await observer.ask(`$JS.API.${verb}`, new Uint8Array(0), 5_000)
    return asked.heard === 'answer' ? JSON.parse(new TextDecoder().decode(asked.body)) : {}
  }

  const kept = async () => (await jetStream(`STREAM.INFO.${names.eventStream}`)).state?.messages

  it('[B35, B36] carries every committed row once, with two nodes at it and a bus that is cut in the middle', async () => {
    const heard = new Set<number>()
    observer.subscribe(names.events, ({ body }) => heard.add((unpackBody(body) as { id: number }).id))
    const { proxy, url } = await throughProxy(inject('natsUrl'))
    const buses = ['ana', 'ben'].map((name) => NatsBus.open({ url, name, log: notedLog(), redialMaxMs: 50 }))
    await Promise.all(buses.map((bus) => bus.ready(5_000)))
    const outbox = new Outbox(postgres.sql)
    const publishers = buses.map((bus) => {
      const stream = new NatsEventStream({ bus, subjects: names })
      return new OutboxPublisher({ outbox, stream, subjects: names, clock, log: notedLog() })
    })

    const add = (rows: number) =>
      postgres.sql`insert into outbox (drop_id, kind, body)
        select ${dropOf('shoe')}, 'order_confirmed', jsonb_build_array(jsonb_build_object('orderId', n))
        from generate_series(1, ${rows}) n`
    await add(1_000)
    for (const publisher of publishers) publisher.start()
    await vi.waitFor(() => expect(heard.size).toBeGreaterThan(200), 5_000)
    proxy.cut()
    await add(1_000)
    await vi.waitFor(() => expect(publishers.some((publisher) => publisher.failuresInARow > 0)).toBe(true), 5_000)
    proxy.mend()
    await vi.waitFor(async () => expect(await outbox.unsent()).toBe(0), 15_000)

    expect(await kept()).toBe(2_000)
    expect(heard.size).toBe(2_000)

    await Promise.all(publishers.map((publisher) => publisher.stop(5_000)))
    await Promise.all(buses.map((bus) => bus.close()))
    await proxy.close()
  })
})
