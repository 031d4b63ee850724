/**
 * Brings what became of orders from the event stream into their buyers' inboxes, one event after another.
 *
 * An event is done with when its rows are committed, and not before; one that cannot be written now comes again a little
 * later, and one that can never be read is logged and let go, so that it holds up nobody. Every node does this for a
 * share of the events; what two of them write twice is there once.
 *
 * It is patient: after each write it rests nineteen times as long as the write took. In a storm the same Postgres has
 * orders to commit, and nobody looks for a fresh order in the inbox in the second in which they placed it.
 */
import type { EventConsumer, Taken } from '../../bus/event-consumer.ts'
import { fieldsOf, readBody, readList } from '../../bus/reading.ts'
import { type DropId, isDropId, isOrderId, isUserId } from '../../protocol/ids.ts'
import { Nap } from '../../rooms/nap.ts'
import type { Clock, Log } from '../../rooms/ports.ts'
import type { Inbox, OrderEnd } from '../../storage/inbox/inbox.ts'

export interface InboxWriterWorld {
  consumer: EventConsumer
  inbox: Pick<Inbox, 'add'>
  clock: Clock
  log: Log
}

const TAKE_MS = 5_000
export const TRY_AGAIN_MS = 1_000
/** Rest for each millisecond of writing, and at most. */
const REST_RATIO = 19
const REST_MAX_MS = 1_000
/** An event is a batch of the room's at most. */
const ENDS_MAX = 1_000
const KINDS: ReadonlySet<unknown> = new Set(['order_confirmed', 'order_revoked', 'order_cancelled'])

type Ended = { kind: string; drop: DropId; ends: OrderEnd[] } | 'not_of_orders'

export class InboxWriter {
  readonly #world: InboxWriterWorld
  readonly #nap: Nap
  #stopping = false
  #writing: Promise<void> | undefined

  constructor(world: InboxWriterWorld) {
    this.#world = world
    this.#nap = new Nap(world.clock)
  }

  start(): void {
    void this.#run()
  }

  /** Ends what is being written; what was being asked for is answered to nobody, and comes again to another node. */
  async stop(): Promise<void> {
    this.#stopping = true
    this.#nap.end()
    await this.#writing
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      const taken = await this.#world.consumer.take(TAKE_MS)
      if (taken === 'nothing') continue
      if (taken === 'away') {
        await this.#nap.take(TRY_AGAIN_MS)
        continue
      }
      if (this.#stopping) return taken.again(0)

      const startedMs = this.#world.clock.monotonicMs()
      this.#writing = this.#write(taken)
      await this.#writing
      await this.#nap.take(Math.min(REST_MAX_MS, REST_RATIO * (this.#world.clock.monotonicMs() - startedMs)))
    }
  }

  /** Never rejects. */
  async #write(taken: Taken): Promise<void> {
    const { inbox, log } = this.#world
    const ended = readBody(taken.subject, taken.body, readEnded, log)
    if (ended === undefined || ended === 'not_of_orders') return taken.done()

    try {
      await inbox.add(ended.drop, ended.kind, ended.ends)
      taken.done()
    } catch (cause) {
      log.warn('inbox.not_written', { subject: taken.subject, cause: String(cause) })
      taken.again(TRY_AGAIN_MS)
      await this.#nap.take(TRY_AGAIN_MS)
    }
  }
}

function readEnded(value: unknown): Ended | undefined {
  const { drop, kind, body } = fieldsOf(value) ?? {}
  if (typeof kind !== 'string') return undefined
  if (!KINDS.has(kind)) return 'not_of_orders'

  const ends = readList(body, ENDS_MAX, readEnd)
  return isDropId(drop) && ends !== undefined ? { kind, drop, ends } : undefined
}

function readEnd(value: unknown): OrderEnd | undefined {
  const { orderId, buyer } = fieldsOf(value) ?? {}
  return isOrderId(orderId) && isUserId(buyer) ? { user: buyer, orderId } : undefined
}
