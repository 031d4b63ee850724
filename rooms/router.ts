/**
 * The way to a drop's room, wherever it runs.
 *
 * Here if this node owns it; else over the bus to whoever does; and when nobody does, the room is woken first, on the
 * node that the drop prefers. Whatever goes wrong on the way, the answer is a value: `pending`, resend the same key.
 */
import type { DropId, NodeId } from '../protocol/ids.ts'
import type { Directory, Woken } from './directory.ts'
import type { ControlReply, ControlRequest, Letter, OrderReply, OrderRequest } from './letters.ts'
import type { Posted } from './mailbox.ts'
import type { Adjustment, Claim, Clock, Neighbours } from './ports.ts'
import { pending, RETRY_AFTER_MS } from './replies.ts'
import { SingleFlight } from './single-flight.ts'

/** What the edge asks of the rooms. */
export interface Rooms {
  /** Answers within `waitMs`; never throws. */
  order(drop: DropId, claim: Claim, waitMs: number): Promise<OrderReply>
  /** Answers within `waitMs`; never throws. `opId` makes a resend harmless. */
  control(drop: DropId, opId: string, adjustment: Adjustment, waitMs: number): Promise<ControlReply>
  /** A letter that its room did not read before it left goes after it, and is answered within its own time. */
  forward(drop: DropId, letter: Letter): void
}

/** Letters to rooms on other nodes. `no_owner`: nobody listens for this drop, known at once. Never throws. */
export interface RemoteRooms {
  order(drop: DropId, request: OrderRequest, waitMs: number): Promise<OrderReply | 'no_owner'>
  control(drop: DropId, request: ControlRequest, waitMs: number): Promise<ControlReply | 'no_owner'>
}

export interface RouterWorld {
  directory: Pick<Directory, 'room' | 'wake'>
  remote: RemoteRooms
  neighbours: Pick<Neighbours, 'wake'>
  /** Live nodes in the order in which this drop prefers them. */
  preferred(drop: DropId): readonly NodeId[]
  clock: Clock
  node: NodeId
}

const WAKE_WAIT_MS = 1_500

/** One kind of question, said once: how it is asked here, how elsewhere, and what is said when nobody answers. */
interface Way<Reply> {
  here(answer: (reply: Reply) => void): Letter
  elsewhere(waitMs: number): Promise<Reply | 'no_owner'>
  pending: Reply
  unknownDrop: Reply
}

export class Router implements Rooms {
  readonly #world: RouterWorld
  readonly #wakes = new SingleFlight<DropId, Woken>()

  constructor(world: RouterWorld) {
    this.#world = world
  }

  order(drop: DropId, claim: Claim, waitMs: number): Promise<OrderReply> {
    const { clock, node } = this.#world
    return this.#sendOrder(drop, { kind: 'order', claim, via: node, deadlineMs: clock.nowMs() + waitMs }, waitMs)
  }

  control(drop: DropId, opId: string, adjustment: Adjustment, waitMs: number): Promise<ControlReply> {
    const deadlineMs = this.#world.clock.nowMs() + waitMs
    return this.#sendControl(drop, { kind: 'control', opId, adjustment, deadlineMs }, waitMs)
  }

  forward(drop: DropId, letter: Letter): void {
    const restMs = Math.max(0, letter.deadlineMs - this.#world.clock.nowMs())
    if (letter.kind === 'order') {
      const { answer, ...request } = letter
      void this.#sendOrder(drop, request, restMs).then(answer)
    } else {
      const { answer, ...request } = letter
      void this.#sendControl(drop, request, restMs).then(answer)
    }
  }

  #sendOrder(drop: DropId, request: OrderRequest, waitMs: number): Promise<OrderReply> {
    return this.#send(drop, waitMs, {
      here: (answer) => ({ ...request, answer }),
      elsewhere: (restMs) => this.#world.remote.order(drop, request, restMs),
      pending: pending(),
      unknownDrop: { verdict: 'invalid' },
    })
  }

  #sendControl(drop: DropId, request: ControlRequest, waitMs: number): Promise<ControlReply> {
    const wait: ControlReply = { done: 'pending', retryAfterMs: RETRY_AFTER_MS }

    return this.#send<ControlReply>(drop, waitMs, {
      here: (answer) => ({ ...request, answer }),
      elsewhere: (restMs) => this.#world.remote.control(drop, request, restMs),
      pending: wait,
      unknownDrop: wait,
    })
  }

  #send<Reply>(drop: DropId, waitMs: number, way: Way<Reply>): Promise<Reply> {
    const room = this.#world.directory.room(drop)
    if (room !== undefined) return this.#post(room, waitMs, way)

    // To find or wake a room may take longer than this caller can wait: a takeover waits for stores and other nodes.
    return new Promise((resolve) => {
      const timer = this.#world.clock.after(waitMs, () => resolve(way.pending))
      void this.#find(drop, waitMs, way).then((reply) => {
        timer.cancel()
        resolve(reply)
      })
    })
  }

  async #find<Reply>(drop: DropId, waitMs: number, way: Way<Reply>): Promise<Reply> {
    const { clock, directory } = this.#world
    const untilMs = clock.monotonicMs() + waitMs

    const reply = await way.elsewhere(waitMs)
    if (reply !== 'no_owner') return reply

    const woken = await this.#wake(drop)
    if (woken === 'unknown') return way.unknownDrop

    const restMs = untilMs - clock.monotonicMs()
    if (restMs <= 0) return way.pending

    const here = directory.room(drop)
    if (here !== undefined) return this.#post(here, restMs, way)

    const second = await way.elsewhere(restMs)
    return second === 'no_owner' ? way.pending : second
  }

  #post<Reply>(room: { post(letter: Letter): Posted }, waitMs: number, way: Way<Reply>): Promise<Reply> {
    return new Promise((resolve) => {
      const timer = this.#world.clock.after(waitMs, () => resolve(way.pending))
      const posted = room.post(
        way.here((reply) => {
          timer.cancel()
          resolve(reply)
        }),
      )
      if (posted === 'accepted') return

      timer.cancel()
      resolve(way.pending)
    })
  }

  /** A thousand orders for a drop without an owner wake it once. */
  #wake(drop: DropId): Promise<Woken> {
    return this.#wakes.join(drop, () => this.#wakePreferred(drop))
  }

  async #wakePreferred(drop: DropId): Promise<Woken> {
    const [first] = this.#world.preferred(drop)
    if (first === undefined || first === this.#world.node) return this.#world.directory.wake(drop)

    await this.#world.neighbours.wake(first, drop, WAKE_WAIT_MS)
    // It has tried. If it could not (it may be the very node that died), the lease is free and this node tries.
    return this.#world.directory.wake(drop)
  }
}
