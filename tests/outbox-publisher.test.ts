import { afterEach, describe, expect, it, vi } from 'vitest'
import { MemoryBus } from '../bus/memory-bus.ts'
import { MemoryEventStream } from '../bus/memory-event-stream.ts'
import { MemoryNetwork } from '../bus/memory-network.ts'
import { subjects } from '../bus/subjects.ts'
import { unpackBody } from '../protocol/codec.ts'
import { Fault } from '../protocol/faults.ts'
import { type Outbox, OutboxPublisher, type OutboxRow } from '../server/outbound/outbox-publisher.ts'
import { HandClock, START_MS, settled } from './builders/hand-clock.ts'
import { dropOf } from './builders/people.ts'
import { notedLog } from './contracts/bus-log.ts'

/** The outbox as a list, with the promises of the real one: a row is marked only if `publish` resolves. */
class ListedOutbox implements Outbox {
  rows: (OutboxRow & { sentAtMs: number | undefined; seq?: number | undefined })[] = []
  looks = 0
  broken = false
  readonly #clock: HandClock

  constructor(clock: HandClock) {
    this.#clock = clock
  }

  add(count: number, kind = 'order_confirmed'): void {
    for (let more = 0; more < count; more += 1) {
      const id = this.rows.length + 1
      this.rows.push({ id, drop: dropOf('shoe'), kind, body: { id }, createdAtMs: START_MS + id, sentAtMs: undefined })
    }
  }

  unsent(): number {
    return this.rows.filter((row) => row.sentAtMs === undefined).length
  }

  async publishSome(max: number, publish: (rows: OutboxRow[]) => Promise<(number | undefined)[]>): Promise<number> {
    this.looks += 1
    if (this.broken) throw new Fault('unavailable', { what: 'Postgres' })
    const rows = this.rows.filter((row) => row.sentAtMs === undefined).slice(0, max)
    const seqs = rows.length > 0 ? await publish(rows) : []
    for (const [at, row] of rows.entries()) Object.assign(row, { sentAtMs: this.#clock.nowMs(), seq: seqs[at] })
    return rows.length
  }

  async refill(sinceMs: number, lastSeq: number): Promise<number> {
    if (this.broken) throw new Fault('unavailable', { what: 'Postgres' })
    const rows = this.rows.filter((row) => (row.sentAtMs ?? 0) >= sinceMs && (row.seq ?? 0) > lastSeq)
    for (const row of rows) row.sentAtMs = undefined
    return rows.length
  }
}

describe('the outbox publisher', () => {
  let stopping: OutboxPublisher | undefined
  afterEach(async () => {
    await stopping?.stop(0)
  })

  function world() {
    const clock = new HandClock()
    const bus = new MemoryBus(new MemoryNetwork({ after: (ms, call) => clock.after(ms, call) }), notedLog())
    const stream = new MemoryEventStream(bus)
    const outbox = new ListedOutbox(clock)
    const log = notedLog()
    const publisher = new OutboxPublisher({ outbox, stream, subjects: subjects('test'), clock, log })
    stopping = publisher
    return { clock, stream, outbox, log, publisher }
  }

  it('[B35] carries every row into the stream, oldest first, under its own id', async () => {
    const { stream, outbox, publisher } = world()
    outbox.add(1_000)
    publisher.start()
    await settled()

    expect(outbox.unsent()).toBe(0)
    expect(stream.kept).toHaveLength(1_000)
    expect(stream.kept[0]?.subject).toBe('test.events.order_confirmed')
    expect(unpackBody(stream.kept[41]?.body ?? new Uint8Array(0))).toEqual({
      id: 42,
      drop: dropOf('shoe'),
      kind: 'order_confirmed',
      atMs: START_MS + 42,
      body: { id: 42 },
    })
    expect(new Set(stream.kept.map((event) => event.id)).size).toBe(1_000)
  })

  it('[B35] goes at once when it is poked, and looks by itself twice a second', async () => {
    const { clock, outbox, publisher } = world()
    publisher.start()
    await settled()

    outbox.add(1)
    publisher.poke()
    await settled()
    expect(outbox.unsent()).toBe(0)

    outbox.add(1)
    await clock.advance(499)
    expect(outbox.unsent()).toBe(1)
    await clock.advance(1)
    expect(outbox.unsent()).toBe(0)
  })

  it('[B35] does not sleep over a row that was committed while it was busy', async () => {
    const { outbox, publisher } = world()
    const look = outbox.publishSome.bind(outbox)
    outbox.publishSome = async (max, publish) => {
      const sent = await look(max, publish)
      if (outbox.looks === 1) {
        outbox.add(1)
        publisher.poke()
      }
      return sent
    }

    publisher.start()
    await settled()

    expect(outbox.unsent()).toBe(0)
  })

  it.each(['the stream', 'Postgres'])('[B36] loses nothing while %s fails, and asks ever more rarely', async (what) => {
    const { clock, stream, outbox, log, publisher } = world()
    stream.reachable = what !== 'the stream'
    outbox.broken = what === 'Postgres'
    outbox.add(3)
    publisher.start()
    for (let count = 0; count < 300; count += 1) {
      publisher.poke()
      await clock.advance(200)
    }

    expect(outbox.looks).toBeGreaterThan(25)
    expect(outbox.looks).toBeLessThan(120)
    expect(publisher.failuresInARow).toBe(outbox.looks)
    expect(log.events).toEqual(['outbox.failed'])

    stream.reachable = true
    outbox.broken = false
    await clock.advance(2_000)
    expect(outbox.unsent()).toBe(0)
    expect(publisher.failuresInARow).toBe(0)
    expect(stream.kept).toHaveLength(3)
  })

  it('[B36] tries all rows of a step again when one of them failed, and the stream takes each once', async () => {
    const { clock, stream, outbox, publisher } = world()
    const append = stream.append.bind(stream)
    let appends = 0
    stream.append = async (subject, body, id) => {
      appends += 1
      if (appends === 2) throw new Fault('unavailable')
      return append(subject, body, id)
    }
    outbox.add(3)

    publisher.start()
    await clock.advance(2_000)

    expect(appends).toBe(6)
    expect(stream.kept.map((event) => event.id).sort()).toEqual([1, 2, 3].map((id) => `${id}-${START_MS + id}`))
  })

  it('[B35] has no more on its way at a time than a connection may', async () => {
    const { stream, outbox, publisher } = world()
    let now = 0
    let most = 0
    stream.append = async (_subject, body) => {
      now += body.length
      most = Math.max(most, now)
      await settled()
      now -= body.length
      return 1
    }
    outbox.add(100)
    for (const row of outbox.rows) row.body = 'x'.repeat(500_000)

    publisher.start()
    await vi.waitFor(() => expect(outbox.unsent()).toBe(0))

    expect(most).toBeGreaterThan(2_000_000)
    expect(most).toBeLessThan(5_000_000)
  })

  it('[B37] fills the stream again with the last day when it was lost', async () => {
    const { clock, stream, outbox, log, publisher } = world()
    outbox.add(2)
    publisher.start()
    await clock.advance(30 * 3_600_000)
    outbox.add(3)
    await clock.advance(3_600_000)
    expect(outbox.unsent()).toBe(0)

    stream.wipe()
    outbox.add(1)
    await clock.advance(1_000)

    expect(stream.kept.map((event) => Number(event.id.split('-')[0])).sort()).toEqual([3, 4, 5, 6])
    expect(log.events).toContain('outbox.refilled')
  })

  it('[B37] fills the stream with no more than it has lost', async () => {
    const { clock, stream, outbox, publisher } = world()
    outbox.add(5)
    publisher.start()
    await clock.advance(1_000)
    expect(outbox.unsent()).toBe(0)

    // As after a power cut: the stream is there, and its end is not.
    const appends: string[] = []
    const append = stream.append.bind(stream)
    stream.append = (subject, body, id) => {
      appends.push(id)
      return append(subject, body, id)
    }
    stream.losesAllAfter(3)
    outbox.add(1)
    await clock.advance(1_000)

    expect(stream.kept).toHaveLength(6)
    expect(new Set(appends).size).toBe(3)
  })

  it('[B37] does not forget to fill the stream when Postgres fails in that moment', async () => {
    const { clock, stream, outbox, publisher } = world()
    outbox.add(3)
    publisher.start()
    await clock.advance(1_000)
    const refill = outbox.refill.bind(outbox)
    let refills = 0
    outbox.refill = async (sinceMs, lastSeq) => {
      refills += 1
      if (refills < 3) throw new Fault('unavailable')
      return refill(sinceMs, lastSeq)
    }

    stream.wipe()
    outbox.add(1)
    await clock.advance(5_000)

    expect(stream.kept).toHaveLength(4)
  })

  it('[B38] lets no row that can never be sent stand in the way of the others', async () => {
    const { stream, outbox, log, publisher } = world()
    outbox.add(1)
    publisher.start()
    await settled()
    outbox.add(1)
    const large = outbox.rows.at(-1)
    if (large !== undefined) large.body = 'x'.repeat(2 * 1024 * 1024)
    outbox.add(1, 'a.>')
    outbox.add(1, 'a b')
    outbox.add(1)

    publisher.poke()
    await settled()

    expect(outbox.unsent()).toBe(0)
    expect(stream.kept.map((event) => event.id)).toEqual([`1-${START_MS + 1}`, `5-${START_MS + 5}`])
    expect(log.events.filter((event) => event === 'outbox.unsendable')).toHaveLength(3)
  })

  it('[B39] ends after the step that is under way, and waits no longer than it was told', async () => {
    const { clock, stream, outbox, publisher } = world()
    let release = () => undefined as undefined
    stream.append = () =>
      new Promise((resolve) => {
        release = () => void resolve(1)
      })
    outbox.add(1)
    publisher.start()
    await settled()

    const stuck = publisher.stop(1_000)
    await clock.advance(999)
    await expect(Promise.race([stuck, settled().then(() => 'waits')])).resolves.toBe('waits')
    await clock.advance(1)
    await stuck

    release()
    await publisher.stop(1_000)
    expect(outbox.unsent()).toBe(0)
    const looks = outbox.looks
    outbox.add(1)
    publisher.poke()
    await clock.advance(10_000)
    expect(outbox.looks).toBe(looks)
  })
})
