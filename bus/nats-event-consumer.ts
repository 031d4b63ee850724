/**
 * A durable consumer of the event stream, spoken as what it is: questions with JSON in them.
 *
 * All nodes pull from the one durable, an event at a time, so they share the work and none of them has to be chosen. It
 * is made on first use and made anew when it is gone; after the stream was wiped it begins at the beginning, which is
 * right, for the stream is then refilled from the outbox and who reads it knows what it has seen.
 */
import type { EventConsumer, Taken } from './event-consumer.ts'
import type { NatsBus } from './nats-bus.ts'
import type { NatsEventStream } from './nats-event-stream.ts'
import { fieldsOf } from './reading.ts'
import type { Subjects } from './subjects.ts'

export interface NatsEventConsumerOptions {
  bus: NatsBus
  subjects: Subjects
  /** Made if it is not there: a consumer needs one. */
  stream: Pick<NatsEventStream, 'ensure'>
  /** Of this purpose; no dots. */
  durable: string
  /** An event that nobody is done with after this long comes again. */
  ackWithinMs?: number
}

const NS_PER_MS = 1_000_000
const CREATE_WITHIN_MS = 2_000
/** Over the server's own limit, so that its answer normally comes first. */
const SILENCE_MS = 1_000
/** Events in work at once, over all nodes. */
const IN_WORK_MAX = 64

const bytes = (text: string) => new TextEncoder().encode(text)

export class NatsEventConsumer implements EventConsumer {
  readonly #options: Required<NatsEventConsumerOptions>
  #there = false

  constructor(options: NatsEventConsumerOptions) {
    this.#options = { ackWithinMs: 30_000, ...options }
  }

  async take(waitMs: number): Promise<Taken | 'nothing' | 'away'> {
    const { bus, subjects, durable } = this.#options
    this.#there ||= await this.#create()
    if (!this.#there) return 'away'

    const subject = `$JS.API.CONSUMER.MSG.NEXT.${subjects.eventStream}.${durable}`
    const question = bytes(JSON.stringify({ batch: 1, expires: waitMs * NS_PER_MS }))
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
    const configuration = {
      stream_name: subjects.eventStream,
      config: {
        durable_name: durable,
        deliver_policy: 'all',
        ack_policy: 'explicit',
        ack_wait: ackWithinMs * NS_PER_MS,
        max_ack_pending: IN_WORK_MAX,
      },
    }
    const subject = `$JS.API.CONSUMER.DURABLE.CREATE.${subjects.eventStream}.${durable}`
    const asked = await bus.ask(subject, bytes(JSON.stringify(configuration)), CREATE_WITHIN_MS)
    return asked.heard === 'answer' && !saysError(asked.body)
  }
}

function saysError(body: Uint8Array): boolean {
  try {
    return fieldsOf(JSON.parse(new TextDecoder().decode(body)))?.error !== undefined
  } catch {
    return true // whatever answered, it was not JetStream
  }
}
