/**
 * Where the letters of other nodes come in: while a room runs here, this node listens on its drop's subject.
 *
 * That listening is what makes this node the owner in the eyes of the others, so it begins when the room is open and
 * ends before the lease is given up. A question is answered once all of its letters are: the answer is one message.
 */
import type { DropId } from '../protocol/ids.ts'
import type { Postbox } from '../rooms/directory.ts'
import type { ControlReply, Letter, OrderReply, OrderRequest } from '../rooms/letters.ts'
import type { Posted } from '../rooms/mailbox.ts'
import type { Log } from '../rooms/ports.ts'
import type { Bus, Delivery } from './bus.ts'
import { readQuestion, writeControlReply, writeOrderReplies } from './letter-bodies.ts'
import { readBody } from './reading.ts'
import type { Subjects } from './subjects.ts'

/** The part of a room that the bus needs. */
export interface LetterBox {
  post(letter: Letter): Posted
}

export interface PostboxWorld {
  bus: Bus
  subjects: Subjects
  log: Log
  /** Told to who could not be let in. */
  retryAfterMs: number
}

export class BusPostbox implements Postbox {
  readonly #world: PostboxWorld

  constructor(world: PostboxWorld) {
    this.#world = world
  }

  open(drop: DropId, room: LetterBox): { close(): void } {
    const { bus, subjects, log, retryAfterMs } = this.#world
    const subscription = bus.subscribe(subjects.letters(drop), (delivery) => {
      const question = readBody(delivery.subject, delivery.body, readQuestion, log)
      if (question?.kind === 'orders') this.#placeOrders(question.orders, room, delivery)
      if (question?.kind !== 'control') return

      const answer = once((reply: ControlReply) => delivery.respond(writeControlReply(reply)))
      const posted = room.post({ ...question.control, answer })
      if (posted !== 'accepted') answer({ done: 'pending', retryAfterMs })
    })
    // Not waited for: a letter that comes before the server knows finds a closed mailbox, and hears so at once.
    return { close: () => void subscription.stop() }
  }

  #placeOrders(orders: readonly (OrderRequest | undefined)[], room: LetterBox, delivery: Delivery): void {
    const replies: OrderReply[] = []
    let open = orders.length
    for (const [at, order] of orders.entries()) {
      const answer = once((reply: OrderReply) => {
        replies[at] = reply
        open -= 1
        if (open === 0) delivery.respond(writeOrderReplies(replies))
      })
      if (order === undefined) {
        answer({ verdict: 'invalid' })
        continue
      }
      const posted = room.post({ ...order, answer })
      if (posted !== 'accepted') answer({ verdict: 'pending', retryAfterMs: this.#world.retryAfterMs })
    }
  }
}

/** A letter that is answered twice must not count for its neighbour. */
function once<Reply>(call: (reply: Reply) => void): (reply: Reply) => void {
  let answered = false
  return (reply) => {
    if (answered) return
    answered = true
    call(reply)
  }
}
