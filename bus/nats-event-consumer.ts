/**
 * A durable consumer of the event stream, spoken as what it is: questions with JSON in them.
 *
 * All nodes pull from the one durable, an event at a time, so they share the work and none of them has to be chosen. It
 * is made on first use and made anew when it is gone; after the stream was wiped it begins at the beginning, which is
 * right, for the stream is then refilled from the outbox and who reads it knows what it has seen.
 *
 * When the stream has lost its end, as by a power cut, the consumer may remember to have read further than the stream now
 * goes, and would pass over everything that is put there again. It is then made anew from where the stream was cut.
 */
import type { EventConsumer, Taken } from './event-consumer.ts'
import type { NatsBus } from './nats-bus.ts'
import type { NatsEventStream } from './nats-event-stream.ts'
import { fieldsOf, isWhole } from './reading.ts'
import type { Subjects } from './subjects.ts'

export interface NatsEventConsumerOptions {
  bus: NatsBus
  subjects: Subjects
  /** Made if it is not there: a consumer needs one. */
  stream: Pick<NatsEventStream, 'ensure' | 'onLost'>
  /** Of this purpose; no dots. */
  durable: string
  /** An event that nobody is done with after this long comes again. */
  ackWithinMs?: number
}

const NS_PER_MS = 1_000_000
const CREATE_WITHIN_MS = 2_000
/** Over the server's own limit, so that its answer normally comes first. */
const SILENCE_MS = 1_000
/** Events in work at once, over all nodes; those whose end was lost with a link are among them until they come again. */
const IN_WORK_MAX = 256

const bytes = (text: string) => new TextEncoder().encode(text)

export class NatsEventConsumer implements EventConsumer {
  readonly #options: Required<NatsEventConsumerOptions>
  #there = false
  /** Set when the stream has lost its end, until the consumer is made anew. */
  #lostAfter: number | undefined

  constructor(options: NatsEventConsumerOptions) {
    this.#options = { ackWithinMs: 10_000, ...options }
    options.stream.onLost((lastSeq) => {
      this.#lostAfter = Math.min(this.#lostAfter ?? lastSeq, lastSeq)
      this.#there = false
    })
  }

  async take(waitMs: number): Promise<Taken | 'nothing' | 'away'> {
    const { bus, subjects, durable } = this.#options
    this.#there ||= await this.#create()
    if (!this.#there) return 'away'

    const subject = `$JS.API.CONSUMER.MSG.NEXT.${subjects.eventStream}.${durable}`
    const patience = waitMs === 0 ? { no_wait: true } : { expires: waitMs * NS_PER_MS }
    const question = bytes(JSON.stringify({ batch: 1, ...patience }))
    const pulled = await bus.pull(subject, question, waitMs + SILENCE_MS)
    if (pulled.heard !== 'answer') {
      this.#there = false
      return 'away'
    }
    const { delivery } = pulled
    // No event of ours is empty: this is the server saying that there is none, or that the consumer has gone.
    if (delivery.body.length === 0) return 'nothing'

    return {
      subject: delivery.subject,
      body: delivery.body,
      done: () => delivery.respond(bytes('+ACK')),
      again: (afterMs) => delivery.respond(bytes(`-NAK ${JSON.stringify({ delay: afterMs * NS_PER_MS })}`)),
    }
  }

  async #create(): Promise<boolean> {
    const { bus, subjects, stream, durable, ackWithinMs } = this.#options
    try {
      await stream.ensure(CREATE_WITHIN_MS)
    } catch {
      return false // the stream says so itself, and is asked again
    }
    const lostAfter = this.#lostAfter
    const start = lostAfter === undefined ? await this.#begun() : await this.#forget(lostAfter)
    if (start === 'away') return false

    const configuration = {
      stream_name: subjects.eventStream,
      config: {
        durable_name: durable,
        ...(start === 'first'
          ? { deliver_policy: 'all' }
          : { deliver_policy: 'by_start_sequence', opt_start_seq: start }),
        ack_policy: 'explicit',
        ack_wait: ackWithinMs * NS_PER_MS,
        max_ack_pending: IN_WORK_MAX,
      },
    }
    const subject = `$JS.API.CONSUMER.DURABLE.CREATE.${subjects.eventStream}.${durable}`
    const asked = await bus.ask(subject, bytes(JSON.stringify(configuration)), CREATE_WITHIN_MS)
    const isMade = asked.heard === 'answer' && readAnswer(asked.body)?.error === undefined
    if (isMade && this.#lostAfter === lostAfter) this.#lostAfter = undefined
    return isMade
  }

  /** Where the consumer began that is there, perhaps made by another node: JetStream takes it only as it is. */
  async #begun(): Promise<number | 'first' | 'away'> {
    const { bus, subjects, durable } = this.#options
    const asked = await bus.ask(`$JS.API.CONSUMER.INFO.${subjects.eventStream}.${durable}`, bytes(''), CREATE_WITHIN_MS)
    if (asked.heard !== 'answer') return 'away'

    const start = fieldsOf(readAnswer(asked.body)?.config)?.opt_start_seq
    return isWhole(start) && start > 0 ? start : 'first'
  }

  /** Ends the consumer. Answers where to begin anew: behind what is done with, and not behind where the stream was cut. */
  async #forget(lostAfter: number): Promise<number | 'away'> {
    const { bus, subjects, durable } = this.#options
    const path = `${subjects.eventStream}.${durable}`
    const asked = await bus.ask(`$JS.API.CONSUMER.INFO.${path}`, bytes(''), CREATE_WITHIN_MS)
    if (asked.heard !== 'answer') return 'away'

    const done = fieldsOf(readAnswer(asked.body)?.ack_floor)?.stream_seq
    const deleted = await bus.ask(`$JS.API.CONSUMER.DELETE.${path}`, bytes(''), CREATE_WITHIN_MS)
    if (deleted.heard !== 'answer') return 'away'

    return 1 + Math.min(lostAfter, isWhole(done) ? done : 0)
  }
}

/** What is no JSON was not said by JetStream, and is an error too. */
function readAnswer(body: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    return fieldsOf(JSON.parse(new TextDecoder().decode(body)))
  } catch {
    return { error: 'not JetStream' }
  }
}
