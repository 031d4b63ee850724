/**
 * Brings what became of orders from the event stream into their buyers' inboxes.
 *
 * An event is done with when its rows are committed, and not before; one that cannot be written now comes again a little
 * later, and one that can never be read is logged and let go, so that it holds up nobody. Every node does this for a
 * share of the events; what two of them write twice is there once.
 *
 * It is patient: after each write it rests nineteen times as long as the write took. In a storm the same Postgres has
 * orders to commit, and nobody looks for a fresh order in the inbox in the second in which they placed it. So that it
 * does not fall behind for good, a write takes what has gathered meanwhile: up to twice as many events as the one before.
 * After a write that failed it begins with single events again, so that one that can never be written holds up no other.
 */
import type { EventConsumer, Taken } from '../../bus/event-consumer.ts'
import { fieldsOf, readBody, readList } from '../../bus/reading.ts'
import { isDropId, isOrderId, isUserId } from '../../protocol/ids.ts'
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
/** In one write. The stream lets all nodes together have a few times as many in work. */
const EVENTS_MAX = 16
const KINDS: ReadonlySet<unknown> = new Set(['order_confirmed', 'order_revoked', 'order_cancelled'])

export class InboxWriter {
  readonly #world: InboxWriterWorld
  readonly #nap: Nap
  #stopping = false
  #writing: Promise<void> | undefined
  #atOnce = 1

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
      const gathered = [taken, ...(await this.#gather())]
      if (this.#stopping) return gathered.forEach((one) => void one.again(0))

      const startedMs = this.#world.clock.monotonicMs()
      this.#writing = this.#write(gathered)
      await this.#writing
      await this.#nap.take(Math.min(REST_MAX_MS, REST_RATIO * (this.#world.clock.monotonicMs() - startedMs)))
    }
  }

  /** What else is there now, besides the first. */
  async #gather(): Promise<Taken[]> {
    const gathered: Taken[] = []
    while (gathered.length < this.#atOnce - 1) {
      const taken = await this.#world.consumer.take(0)
      if (taken === 'nothing' || taken === 'away') break
      gathered.push(taken)
    }
    return gathered
  }

  /** Never rejects. */
  async #write(gathered: readonly Taken[]): Promise<void> {
    const { inbox, log } = this.#world
    const read = gathered.map((taken) => ({ taken, ends: readBody(taken.subject, taken.body, readEnds, log) ?? [] }))
    const ends = read.flatMap((one) => one.ends)
    try {
      if (ends.length > 0) await inbox.add(ends)
      for (const { taken } of read) taken.done()
      this.#atOnce = Math.min(EVENTS_MAX, this.#atOnce * 2)
    } catch (cause) {
      log.warn('inbox.not_written', { events: gathered.length, cause: String(cause) })
      for (const { taken } of read) taken.again(TRY_AGAIN_MS)
      this.#atOnce = 1
      await this.#nap.take(TRY_AGAIN_MS)
    }
  }
}

/** None where an event is not of orders. */
function readEnds(value: unknown): OrderEnd[] | undefined {
  const { drop, kind, body } = fieldsOf(value) ?? {}
  if (typeof kind !== 'string') return undefined
  if (!KINDS.has(kind)) return []
  if (!isDropId(drop)) return undefined

  return readList(body, ENDS_MAX, (one) => {
    const { orderId, buyer } = fieldsOf(one) ?? {}
    return isOrderId(orderId) && isUserId(buyer) ? { user: buyer, orderId, drop, kind } : undefined
  })
}
