/**
 * The event stream in JetStream, spoken as what it is: questions with JSON in them.
 *
 * The stream is made on first use and made anew when it is gone, because a wiped JetStream is a fault that must heal by
 * itself: everything still unsent is in the outbox. That it is gone shows as silence rather than as "nobody", for the
 * nodes that listen to events live are subscribers too; so after every failure the stream is looked for again. It may also
 * come back shorter than it was: JetStream answers before its file is synced, and a power cut takes the rest.
 */
import { Fault } from '../protocol/faults.ts'
import type { EventStream } from './event-stream.ts'
import type { NatsBus } from './nats-bus.ts'
import { fieldsOf, isWhole } from './reading.ts'
import type { Subjects } from './subjects.ts'

export interface NatsEventStreamOptions {
  bus: NatsBus
  subjects: Subjects
  /** How long an event stays readable. */
  keepMs?: number
  /** For how long an id is remembered; longer than the outbox waits between two tries. */
  rememberIdsMs?: number
  /** The oldest events go first. */
  maxBytes?: number
  /** The highest number that any node was ever answered: a node that has just started has heard none. */
  knownSeq?: () => Promise<number>
}

const HOUR_MS = 3_600_000
const NS_PER_MS = 1_000_000
const STREAM_NOT_FOUND = 10059
/** The line ends and the name of the one header count as payload. */
const HEADER_BYTES = 64

type Answer = { failure: undefined; lastSeq: number } | { failure: string; code?: unknown }

export class NatsEventStream implements EventStream {
  readonly #options: Required<NatsEventStreamOptions>
  readonly #lostCalls: ((lastSeq: number) => void)[] = []
  /** The latest event that the stream has said to have. */
  #lastSeq = 0
  #there: Promise<void> | undefined

  constructor(options: NatsEventStreamOptions) {
    this.#options = {
      keepMs: 24 * HOUR_MS,
      rememberIdsMs: 120_000,
      maxBytes: 512 * 1024 * 1024,
      knownSeq: async () => 0,
      ...options,
    }
    options.bus.onState(() => {
      this.#there = undefined
    })
  }

  async append(subject: string, body: Uint8Array, id: string, waitMs: number): Promise<number> {
    const { bus } = this.#options
    if (bus.connected && body.length + id.length + HEADER_BYTES > bus.bodyMaxBytes) {
      throw new Fault('too_large', { subject, bytes: body.length })
    }

    const startMs = performance.now()
    await this.ensure(waitMs)

    const restMs = waitMs - (performance.now() - startMs)
    const asked = await bus.askOnce(subject, body, id, restMs)
    const answer: Answer = asked.heard === 'answer' ? readAnswer(asked.body) : { failure: asked.heard }
    if (answer.failure === undefined) {
      this.#lastSeq = Math.max(this.#lastSeq, answer.lastSeq)
      return answer.lastSeq
    }
    this.#there = undefined
    throw this.#unavailable(answer.failure)
  }

  onLost(call: (lastSeq: number) => void): void {
    this.#lostCalls.push(call)
  }

  /** Makes the stream if it is not there. Many appends at once share one look. */
  ensure(waitMs: number): Promise<void> {
    if (this.#there !== undefined) return this.#there

    const looking = this.#ensure(waitMs).catch((cause) => {
      if (this.#there === looking) this.#there = undefined
      throw cause
    })
    this.#there = looking
    return looking
  }

  async #ensure(waitMs: number): Promise<void> {
    const { subjects, keepMs, rememberIdsMs, maxBytes, knownSeq } = this.#options
    const configuration = {
      name: subjects.eventStream,
      subjects: [subjects.events],
      storage: 'file',
      retention: 'limits',
      discard: 'old',
      max_age: keepMs * NS_PER_MS,
      duplicate_window: rememberIdsMs * NS_PER_MS,
      max_bytes: maxBytes,
    }
    // An update of what is already so changes nothing, and it is the one question that tells "there" from "not there".
    const updated = await this.#request('UPDATE', configuration, waitMs)
    if (updated.failure === undefined) {
      if (updated.lastSeq < Math.max(this.#lastSeq, await knownSeq())) this.#lost(updated.lastSeq)
      return
    }
    if (updated.code !== STREAM_NOT_FOUND) throw this.#unavailable(updated.failure)

    const created = await this.#request('CREATE', configuration, waitMs)
    if (created.failure !== undefined) throw this.#unavailable(created.failure)
    this.#lost(0)
  }

  async #request(verb: 'CREATE' | 'UPDATE', configuration: object, waitMs: number): Promise<Answer> {
    const { bus, subjects } = this.#options
    const body = new TextEncoder().encode(JSON.stringify(configuration))
    const asked = await bus.ask(`$JS.API.STREAM.${verb}.${subjects.eventStream}`, body, waitMs)
    return asked.heard === 'answer' ? readAnswer(asked.body) : { failure: asked.heard }
  }

  #lost(lastSeq: number): void {
    this.#lastSeq = lastSeq
    for (const call of this.#lostCalls) call(lastSeq)
  }

  #unavailable(why: string): Fault {
    return new Fault('unavailable', { stream: this.#options.subjects.eventStream, why })
  }
}

function readAnswer(body: Uint8Array): Answer {
  const answer = readJson(body)
  const error = fieldsOf(answer?.error)
  if (error !== undefined) return { failure: String(error.description), code: error.err_code }

  // Of a stream: its state. Of an event: where it is now.
  const lastSeq = answer?.seq ?? fieldsOf(answer?.state)?.last_seq
  return isWhole(lastSeq) ? { failure: undefined, lastSeq } : { failure: 'an answer that JetStream does not give' }
}

function readJson(body: Uint8Array) {
  try {
    return fieldsOf(JSON.parse(new TextDecoder().decode(body)))
  } catch {
    return undefined // whatever answered, it was not JetStream
  }
}
