/**
 * Carries outbox rows from Postgres to the event stream, at least once each and for as long as it takes.
 *
 * A row is marked sent in the same transaction that read it, after the stream has stored it. Whatever fails on the way
 * leaves the rows where they are, so there is one answer to every fault: wait a little longer, and again. Several nodes
 * may do this at once; each takes rows that no other one holds.
 *
 * It is woken when a drop has changed its phase on this node, for fans wait to hear of that, and looks by itself twice a
 * second for all else and for the rows of nodes that died. While it is busy more rows gather, so under load it takes
 * large steps by itself.
 */
import type { EventStream } from '../../bus/event-stream.ts'
import type { Subjects } from '../../bus/subjects.ts'
import { packBody } from '../../protocol/codec.ts'
import { Fault } from '../../protocol/faults.ts'
import { Nap } from '../../rooms/nap.ts'
import type { Clock, Log } from '../../rooms/ports.ts'

export interface OutboxRow {
  id: number
  drop: string
  kind: string
  body: unknown
  createdAtMs: number
}

/** The outbox as its publisher needs it. */
export interface Outbox {
  /**
   * Takes up to `max` unsent rows; when `publish` resolves, marks them sent with the numbers it answered, one for each.
   * Answers how many they were.
   */
  publishSome(max: number, publish: (rows: OutboxRow[]) => Promise<(number | undefined)[]>): Promise<number>
  /** Makes unsent what was sent since then, is above `lastSeq` in the stream and was not read by whoever must. */
  refill(sinceMs: number, lastSeq: number): Promise<number>
}

export interface OutboxPublisherWorld {
  outbox: Outbox
  stream: EventStream
  subjects: Subjects
  clock: Clock
  log: Log
}

const ROWS_MAX = 256
const WAVE_BYTES_MAX = 4 * 1024 * 1024
const APPEND_WITHIN_MS = 2_000
const LOOK_EVERY_MS = 500
const BACK_OFF_MIN_MS = 50
const BACK_OFF_MAX_MS = 2_000
/** As long as the stream keeps an event. */
const REFILL_MS = 24 * 3_600_000
/** Becomes part of a subject. */
const KIND = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/

export class OutboxPublisher {
  readonly #world: OutboxPublisherWorld
  readonly #nap: Nap
  #running: Promise<void> | undefined
  #stopping = false
  /** Set by a poke while a step is under way: its rows may have been committed after the step looked. */
  #poked = false
  /** Set when the stream lost events, until the outbox is refilled: the last number that it still has. */
  #lostAfter: number | undefined
  #published = 0
  #failuresInARow = 0

  constructor(world: OutboxPublisherWorld) {
    this.#world = world
    this.#nap = new Nap(world.clock)
    world.stream.onLost((lastSeq) => {
      this.#lostAfter = Math.min(this.#lostAfter ?? lastSeq, lastSeq)
    })
  }

  /** Rows that this node has sent, and how often it has failed since it last did: for the metrics. */
  get published(): number {
    return this.#published
  }

  get failuresInARow(): number {
    return this.#failuresInARow
  }

  start(): void {
    this.#running ??= this.#run()
  }

  /** Something was committed. While NATS or Postgres fail it changes nothing: the back-off is kept. */
  poke(): void {
    this.#poked = true
    if (this.#failuresInARow === 0) this.#nap.wake()
  }

  /** Lets the present step end, but waits no longer than `waitMs`; what is not marked sent is sent by the others. */
  async stop(waitMs: number): Promise<void> {
    this.#stopping = true
    this.#nap.end()
    const running = this.#running
    if (running === undefined) return

    await new Promise<void>((resolve) => {
      const timer = this.#world.clock.after(waitMs, resolve)
      void running.then(() => {
        timer.cancel()
        resolve()
      })
    })
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      this.#poked = false
      const sent = await this.#step()
      if (sent === 'failed') await this.#nap.take(this.#backOffMs())
      // Fewer than asked for: the outbox was empty a moment ago.
      else if (sent < ROWS_MAX && !this.#poked && this.#lostAfter === undefined) await this.#nap.take(LOOK_EVERY_MS)
    }
  }

  async #step(): Promise<number | 'failed'> {
    const { outbox, log } = this.#world
    try {
      if (this.#lostAfter !== undefined) await this.#refill(this.#lostAfter)
      const sent = await outbox.publishSome(ROWS_MAX, (rows) => this.#appendAll(rows))
      if (this.#failuresInARow > 0) log.info('outbox.again', { failures: this.#failuresInARow })
      this.#failuresInARow = 0
      this.#published += sent
      return sent
    } catch (cause) {
      if (this.#failuresInARow === 0) log.warn('outbox.failed', { cause: String(cause) })
      this.#failuresInARow += 1
      return 'failed'
    }
  }

  /** Events of the last day were in the stream and are not any more: only what nobody has read goes there again. */
  async #refill(lastSeq: number): Promise<void> {
    const { outbox, clock, log } = this.#world
    this.#lostAfter = undefined
    try {
      const rows = await outbox.refill(clock.nowMs() - REFILL_MS, lastSeq)
      if (rows > 0) log.warn('outbox.refilled', { rows, lastSeq })
    } catch (cause) {
      this.#lostAfter = Math.min(this.#lostAfter ?? lastSeq, lastSeq)
      throw cause
    }
  }

  /** Many at a time, for one connection keeps their order; but not more than a connection may have on its way. */
  async #appendAll(rows: readonly OutboxRow[]): Promise<(number | undefined)[]> {
    const seqs: (number | undefined)[] = []
    let wave: Promise<number | undefined>[] = []
    let bytes = 0
    for (const row of rows) {
      const event = packBody({ id: row.id, drop: row.drop, kind: row.kind, atMs: row.createdAtMs, body: row.body })
      if (bytes + event.length > WAVE_BYTES_MAX) {
        seqs.push(...(await Promise.all(wave)))
        wave = []
        bytes = 0
      }
      wave.push(this.#append(row, event))
      bytes += event.length
    }
    seqs.push(...(await Promise.all(wave)))
    return seqs
  }

  /** Undefined: it can never be sent. */
  async #append({ id, kind, createdAtMs }: OutboxRow, event: Uint8Array): Promise<number | undefined> {
    const { stream, subjects, log } = this.#world
    // A row that can never be sent must not keep the others from being sent; it stays readable in Postgres.
    if (!KIND.test(kind)) {
      log.error('outbox.unsendable', { id, kind })
      return undefined
    }

    try {
      // With the time: after a restore from a backup the ids begin again, and the stream would take new rows for old.
      const eventId = `${id}-${Math.round(createdAtMs)}`
      return await stream.append(subjects.event(kind), event, eventId, APPEND_WITHIN_MS)
    } catch (fault) {
      if (!(fault instanceof Fault) || fault.code !== 'too_large') throw fault
      log.error('outbox.unsendable', { id, kind, ...fault.facts })
      return undefined
    }
  }

  #backOffMs(): number {
    const mostMs = Math.min(BACK_OFF_MAX_MS, BACK_OFF_MIN_MS * 2 ** Math.min(this.#failuresInARow, 10))
    return BACK_OFF_MIN_MS + Math.random() * (mostMs - BACK_OFF_MIN_MS)
  }
}
