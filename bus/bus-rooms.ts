/**
 * Letters to a room on another node.
 *
 * Only a drop's owner listens on its subject, so "nobody" is known in one round trip and means "no owner": the caller
 * wakes the room. Silence means that the order may have been placed; the buyer hears `pending` and resends the same key.
 *
 * Orders for one drop that come in the same tick travel as one question and are answered as one: a node with ten
 * thousand phones sends a few questions a millisecond, not thousands. What waits is bounded over all drops; one more is
 * told `pending` at once, for it would only have waited longer to hear the same.
 */
import type { DropId } from '../protocol/ids.ts'
import type { ControlReply, ControlRequest, OrderReply, OrderRequest } from '../rooms/letters.ts'
import type { Log } from '../rooms/ports.ts'
import type { RemoteRooms } from '../rooms/router.ts'
import type { Bus } from './bus.ts'
import { LETTERS_MAX, readControlReply, readOrderReplies, writeControl, writeOrders } from './letter-bodies.ts'
import { readBody } from './reading.ts'
import type { Subjects } from './subjects.ts'

export interface BusRoomsLimits {
  /** Letters that wait for an answer, over all drops. */
  waitingMax: number
  /** What a buyer whose order has no answer is told to wait. */
  retryAfterMs: number
}

export interface BusRoomsWorld {
  bus: Bus
  subjects: Subjects
  log: Log
  limits: BusRoomsLimits
  /** Ends the gathering: what is asked for until then travels together. `setImmediate` unless a simulator says otherwise. */
  soon?: (call: () => void) => void
}

interface Waiting {
  request: OrderRequest
  waitMs: number
  resolve(reply: OrderReply | 'no_owner'): void
}

export class BusRooms implements RemoteRooms {
  readonly #world: BusRoomsWorld
  readonly #soon: (call: () => void) => void
  readonly #gathering = new Map<DropId, Waiting[]>()
  #waiting = 0

  constructor(world: BusRoomsWorld) {
    this.#world = world
    this.#soon = world.soon ?? setImmediate
  }

  /** Letters without an answer yet, for the metrics. */
  get waiting(): number {
    return this.#waiting
  }

  order(drop: DropId, request: OrderRequest, waitMs: number): Promise<OrderReply | 'no_owner'> {
    if (!this.#mayWait()) return Promise.resolve(this.#pending())

    this.#waiting += 1
    return new Promise((resolve) => {
      const gathered = this.#gatheringFor(drop)
      gathered.push({ request, waitMs, resolve })
      if (gathered.length === LETTERS_MAX) void this.#send(drop)
    })
  }

  async control(drop: DropId, request: ControlRequest, waitMs: number): Promise<ControlReply | 'no_owner'> {
    const { bus, subjects, log } = this.#world
    const pending = { done: 'pending', retryAfterMs: this.#world.limits.retryAfterMs } as const
    if (!this.#mayWait()) return pending

    this.#waiting += 1
    try {
      const asked = await bus.ask(subjects.letters(drop), writeControl(request), waitMs)
      if (asked.heard === 'nobody') return 'no_owner'
      if (asked.heard === 'silence') return pending

      return readBody(subjects.letters(drop), asked.body, readControlReply, log) ?? pending
    } finally {
      this.#waiting -= 1
    }
  }

  #mayWait(): boolean {
    return this.#waiting < this.#world.limits.waitingMax
  }

  #gatheringFor(drop: DropId): Waiting[] {
    const gathered = this.#gathering.get(drop)
    if (gathered !== undefined) return gathered

    const fresh: Waiting[] = []
    this.#gathering.set(drop, fresh)
    this.#soon(() => {
      // A full question has left already; the one that began after it has its own turn.
      if (this.#gathering.get(drop) === fresh) void this.#send(drop)
    })
    return fresh
  }

  async #send(drop: DropId): Promise<void> {
    const letters = this.#gathering.get(drop) ?? []
    this.#gathering.delete(drop)

    const replies = await this.#replies(drop, letters)
    this.#waiting -= letters.length
    for (const [at, letter] of letters.entries()) {
      letter.resolve(replies === 'no_owner' ? 'no_owner' : (replies?.[at] ?? this.#pending()))
    }
  }

  /** Undefined when it is not known what became of them. Never throws: somebody waits for each of the letters. */
  async #replies(drop: DropId, letters: readonly Waiting[]): Promise<OrderReply[] | 'no_owner' | undefined> {
    const { bus, subjects, log } = this.#world
    const subject = subjects.letters(drop)
    const waitMs = Math.max(...letters.map((letter) => letter.waitMs))
    try {
      const asked = await bus.ask(subject, writeOrders(letters.map((letter) => letter.request)), waitMs)
      if (asked.heard === 'nobody') return 'no_owner'
      if (asked.heard === 'silence') return undefined

      return readBody(subject, asked.body, (value) => readOrderReplies(value, letters.length), log)
    } catch (cause) {
      log.error('bus.letters_failed', { drop, letters: letters.length, cause: String(cause) })
      return undefined
    }
  }

  #pending(): OrderReply {
    return { verdict: 'pending', retryAfterMs: this.#world.limits.retryAfterMs }
  }
}
