import { describe, expect, inject, it, vi } from 'vitest'
import { NatsBus } from '../bus/nats-bus.ts'
import { NatsEventConsumer } from '../bus/nats-event-consumer.ts'
import { NatsEventStream } from '../bus/nats-event-stream.ts'
import { type Subjects, subjects } from '../bus/subjects.ts'
import { eventStreamContract } from './contracts/bus-event-stream.ts'
import { notedLog } from './contracts/bus-log.ts'
import { throughProxy } from './contracts/bus-worlds.ts'
import { uniquePrefix } from './setup/prefix.ts'

const prefix = uniquePrefix()

eventStreamContract('the JetStream event stream', jetStreamWorld, () => prefix)

async function jetStreamWorld(names: Subjects) {
  const { proxy, url } = await throughProxy(inject('natsUrl'))
  const bus = NatsBus.open({ url, name: 'test', log: notedLog(), redialMaxMs: 50 })
  const observer = NatsBus.open({ url: inject('natsUrl'), name: 'observer', log: notedLog() })
  await Promise.all([bus.ready(5_000), observer.ready(5_000)])
  const api = (verb: string, body: object = {}) => jetStream(observer, `${verb}.${names.eventStream}`, body)

  return {
    stream: new NatsEventStream({ bus, subjects: names, maxBytes: 1024 * 1024 }),
    bus: observer,
    kept: async () => {
      const { state } = await api('STREAM.INFO')
      const { first_seq: first, last_seq: last } = state as { first_seq: number; last_seq: number }
      const kept: string[] = []
      for (let seq = first; seq <= last; seq += 1) {
        const { message } = await api('STREAM.MSG.GET', { seq })
        kept.push(Buffer.from((message as { data: string }).data, 'base64').toString())
      }
      return kept
    },
    wipe: async () => void (await api('STREAM.DELETE')),
    cut: async () => {
      proxy.cut()
      await vi.waitFor(() => expect(bus.connected).toBe(false))
    },
    mend: async () => {
      proxy.mend()
      expect(await bus.ready(5_000)).toBe(true)
    },
    bodyMaxBytes: bus.bodyMaxBytes,
    end: async () => {
      await api('STREAM.DELETE')
      await Promise.all([bus.close(), observer.close()])
      await proxy.close()
    },
  }
}

async function jetStream(bus: NatsBus, verb: string, body: object): Promise<Record<string, unknown>> {
  const asked = await bus.ask(`$JS.API.${verb}`, new TextEncoder().encode(JSON.stringify(body)), 5_000)
  if (asked.heard !== 'answer') throw new Error(`JetStream: ${asked.heard}`)
  return JSON.parse(new TextDecoder().decode(asked.body)) as Record<string, unknown>
}

describe('the stream in JetStream', () => {
  it('[B34] says that events are lost when it comes back with fewer than it had, as after a power cut', async () => {
    const names = subjects(uniquePrefix())
    const { bus: observer, stream, kept, cut, mend, end } = await jetStreamWorld(names)
    let losses = 0
    stream.onLost(() => {
      losses += 1
    })
    for (const id of ['1', '2']) await stream.append(names.event('x'), new Uint8Array(1), id, 2_000)
    expect(losses).toBe(1)

    await cut()
    const { config } = await jetStream(observer, `STREAM.INFO.${names.eventStream}`, {})
    await jetStream(observer, `STREAM.DELETE.${names.eventStream}`, {})
    await jetStream(observer, `STREAM.CREATE.${names.eventStream}`, config as object)
    await mend()
    await stream.append(names.event('x'), new Uint8Array(1), '3', 2_000)

    expect(losses).toBe(2)
    expect(await kept()).toHaveLength(1)
    await end()
  })

  it('[B34] says so also to a node that has just started, by what all nodes together were answered', async () => {
    const names = subjects(uniquePrefix())
    const { stream, end } = await jetStreamWorld(names)
    for (const id of ['1', '2']) await stream.append(names.event('x'), new Uint8Array(1), id, 2_000)
    const bus = NatsBus.open({ url: inject('natsUrl'), name: 'test', log: notedLog() })
    await bus.ready(5_000)
    const lost: number[] = []
    const started = async (knownSeq: number) => {
      const later = new NatsEventStream({ bus, subjects: names, knownSeq: async () => knownSeq })
      later.onLost((lastSeq) => lost.push(lastSeq))
      await later.ensure(5_000)
    }

    await started(2)
    expect(lost).toEqual([])
    await started(7)
    expect(lost).toEqual([2])

    await bus.close()
    await end()
  })

  it('[B42, EE12] is read again from where it was cut, also by a consumer that remembers to be further, and then by all', async () => {
    const names = subjects(uniquePrefix())
    const { stream, end } = await jetStreamWorld(names)
    for (const id of ['1', '2', '3']) await stream.append(names.event('x'), new TextEncoder().encode(id), id, 2_000)
    const bus = NatsBus.open({ url: inject('natsUrl'), name: 'test', log: notedLog() })
    await bus.ready(5_000)
    const cuts: ((lastSeq: number) => void)[] = []
    const same = {
      ensure: () => stream.ensure(2_000),
      onLost: (call: (lastSeq: number) => void) => void cuts.push(call),
    }
    const reader = () => new NatsEventConsumer({ bus, subjects: names, stream: same, durable: 'reader' })
    const read = async (consumer: NatsEventConsumer) => {
      const taken = await consumer.take(2_000)
      if (typeof taken === 'string') return taken
      taken.done()
      return new TextDecoder().decode(taken.body)
    }

    const one = reader()
    expect([await read(one), await read(one), await read(one)]).toEqual(['1', '2', '3'])
    for (const cutAt of cuts) cutAt(1)
    expect(await read(one)).toEqual('2')
    // Another node's, or this one's after a cut: it finds a consumer that did not begin where one begins that is new.
    expect(await read(reader())).toEqual('3')

    await bus.close()
    await end()
  })

  it('[FF13] is read on when the link was lost while somebody waited for the next event', async () => {
    const names = subjects(uniquePrefix())
    const { proxy, url } = await throughProxy(inject('natsUrl'))
    const { stream, end } = await jetStreamWorld(names)
    const bus = NatsBus.open({ url, name: 'test', log: notedLog(), redialMaxMs: 50 })
    await bus.ready(5_000)
    const consumer = new NatsEventConsumer({ bus, subjects: names, stream, durable: 'reader' })
    const first = consumer.take(2_000)
    await stream.append(names.event('x'), new TextEncoder().encode('1'), '1', 2_000)
    expect(await first).toMatchObject({ subject: names.event('x') })

    const waiting = consumer.take(1_000)
    proxy.cut()
    await vi.waitFor(() => expect(bus.connected).toBe(false))
    proxy.mend()
    await bus.ready(5_000)

    expect(await waiting).toBe('away')
    await stream.append(names.event('x'), new TextEncoder().encode('2'), '2', 2_000)
    await vi.waitFor(async () => expect(await consumer.take(2_000)).toMatchObject({ subject: names.event('x') }), 5_000)
    await bus.close()
    await proxy.close()
    await end()
  })

  it('[B32] is a file, keeps a day, remembers ids for two minutes, and lets the oldest go first', async () => {
    const names = subjects(uniquePrefix())
    const bus = NatsBus.open({ url: inject('natsUrl'), name: 'test', log: notedLog() })
    await bus.ready(5_000)

    await new NatsEventStream({ bus, subjects: names }).ensure(5_000)

    const { config } = await jetStream(bus, `STREAM.INFO.${names.eventStream}`, {})
    await jetStream(bus, `STREAM.DELETE.${names.eventStream}`, {})
    await bus.close()
    expect(config).toMatchObject({
      subjects: [names.events],
      storage: 'file',
      max_age: 24 * 3_600 * 1e9,
      duplicate_window: 120 * 1e9,
      discard: 'old',
    })
  })
})
