/**
 * The callbacks that a Socket.IO client waits for: `emit('order', {…}, (receipt) => …)`.
 *
 * The gateway knows ids, not callbacks, so a message with a callback goes through it under an id that no client can
 * choose, and the answer that comes back under it goes to the callback instead of out as an event. `clock` has no id and
 * is known by the time that it echoes. An answer of several messages (`outcomes`) is one list.
 */
import type { Down } from '../../protocol/down.ts'
import type { RequestId } from '../../protocol/messages/request-id.ts'
import type { Up } from '../../protocol/up.ts'

interface Answer {
  type: Down['type']
  id?: RequestId
}
export type Ack = (answer: unknown) => void

interface Waiting {
  call: Ack
  /** What the client called it, if it did. */
  id: RequestId | undefined
  /** A list that is being gathered; undefined where one message is the whole answer. */
  list: Answer[] | undefined
}

export const ACKS_MAX = 256

export class SocketIoAcks {
  readonly #waiting = new Map<RequestId, Waiting>()
  readonly #clocks = new Map<number, Ack>()
  #last = 0

  get full(): boolean {
    return this.#waiting.size + this.#clocks.size >= ACKS_MAX
  }

  /** The same message, under the id by which its answer is known; undefined for one that has no answer of its own. */
  expect(message: Up, id: RequestId | undefined, call: Ack): Up | undefined {
    if (message.type === 'hello') return undefined
    if (message.type === 'clock') {
      this.#clocks.set(message.t0, call)
      return message
    }
    // Clients count from zero upwards (protocol/messages/request-id.ts).
    this.#last -= 1
    this.#waiting.set(this.#last, { call, id, list: message.type === 'outcomes' ? [] : undefined })
    return { ...message, id: this.#last }
  }

  /** True when a callback has taken it. */
  take(message: Down): boolean {
    if (message.type === 'clock') {
      const call = this.#clocks.get(message.t0)
      this.#clocks.delete(message.t0)
      call?.(message)
      return call !== undefined
    }
    if (!('id' in message) || message.id === undefined) return false

    const { id: key, ...answer } = message
    const waiting = this.#waiting.get(key)
    if (waiting === undefined) return false

    this.#answer(key, waiting, waiting.id === undefined ? answer : { ...answer, id: waiting.id })
    return true
  }

  waitsFor(id: RequestId): boolean {
    return this.#waiting.has(id)
  }

  #answer(key: RequestId, { call, list }: Waiting, answer: Answer) {
    if (list === undefined || answer.type === 'error') {
      this.#waiting.delete(key)
      return call(answer)
    }
    // All of them are sent in one breath.
    list.push(answer)
    if (list.length > 1) return
    queueMicrotask(() => {
      this.#waiting.delete(key)
      call(list)
    })
  }
}
