/**
 * One simulated fan: a live socket that watches a drop, orders, and behaves as a phone should.
 *
 * A phone resends the SAME key when it was told `pending` or `early`, or when its socket was cut before the answer came;
 * and it asks for the outcome of an accepted order whose `confirmed` it may have missed. Latency is counted from the
 * moment in which the fan meant to order, not from the moment in which the frame left: a server that stalls is charged
 * for everybody who had to wait. It is not the client of apps (client/): hundreds of these share the cores with the node that
 * they measure, so it keeps only the promises that the storm counts.
 */
import type { Down } from '../protocol/down.ts'
import type { Verdict } from '../protocol/verdicts.ts'
import { LightSocket } from './light-socket.ts'

export interface FanWorld {
  urls: readonly string[]
  token: string
  drop: string
  /** What became of one order, told once each. */
  told(what: 'accepted' | 'confirmed' | 'revoked', orderId: string, sinceMeantMs: number): void
  refused(verdict: Verdict, sinceMeantMs: number): void
  /** Every answer that made the fan try again. */
  retried(why: 'pending' | 'early' | 'rate_limited' | 'cut'): void
  watching(): void
}

interface OpenOrder {
  key: string
  lines: { sku: string; qty: number }[]
  meantMs: number
  accepted: boolean
  done: () => void
}

const NEWS = Buffer.from('{"type":"news"')
const RECONNECT_MIN_MS = 100
const RECONNECT_MAX_MS = 1_500

export class Fan {
  readonly #world: FanWorld
  readonly #open = new Map<string, OpenOrder>()
  readonly #keyOfOrder = new Map<string, string>()
  #socket: LightSocket | undefined
  #turn: number
  #failures = 0
  #closed = false
  #watchedBefore = false

  constructor(world: FanWorld, turn: number) {
    this.#world = world
    this.#turn = turn
    this.#connect()
  }

  get waiting(): number {
    return this.#open.size
  }

  /** Resolves with the answer that ends the order: accepted and settled, or refused. */
  order(key: string, lines: { sku: string; qty: number }[], meantMs: number): Promise<void> {
    return new Promise((done) => {
      const order: OpenOrder = { key, lines, meantMs, accepted: false, done }
      this.#open.set(key, order)
      this.#send(order)
    })
  }

  /** Asks what became of every order that is still open. */
  askOutcomes(): void {
    const keys = [...this.#open.keys()].slice(0, 64)
    if (keys.length > 0) this.#say({ type: 'outcomes', id: 'outcomes', drop: this.#world.drop, keys })
  }

  close(): void {
    this.#closed = true
    this.#socket?.close(1000)
  }

  #connect(): void {
    const url = this.#world.urls[this.#turn % this.#world.urls.length] ?? ''
    this.#socket = new LightSocket(url, 'livedrop.v1.json', {
      open: () => this.#say({ type: 'hello', token: this.#world.token }),
      text: (bytes) => this.#hear(bytes),
      close: () => this.#cut(),
    })
  }

  #cut(): void {
    if (this.#closed) return

    this.#turn += 1
    this.#failures += 1
    this.#world.retried('cut')
    const ceilingMs = Math.min(RECONNECT_MAX_MS, RECONNECT_MIN_MS * 2 ** this.#failures)
    setTimeout(() => this.#closed || this.#connect(), Math.random() * ceilingMs)
  }

  #hear(data: Buffer): void {
    // Counted by nobody here; what it says is compared by the tests of the hub.
    if (data.subarray(0, NEWS.length).equals(NEWS)) return

    const frame = JSON.parse(data.toString()) as Down | Down[]
    for (const message of Array.isArray(frame) ? frame : [frame]) this.#heed(message)
  }

  #heed(message: Down): void {
    if (message.type === 'welcome') this.#say({ type: 'watch', id: 'watch', drop: this.#world.drop })
    if (message.type === 'snapshot') this.#resume()
    if (message.type === 'receipt') this.#receipt(message)
    if (message.type === 'outcome') this.#outcome(message)
    if (message.type === 'confirmed' || message.type === 'revoked') {
      this.#settled(message.key, message.type, message.orderId)
    }
  }

  /** The socket is up and watching. Whatever was open when the last one was cut is sent again, under the same key. */
  #resume(): void {
    this.#failures = 0
    if (!this.#watchedBefore) this.#world.watching()
    this.#watchedBefore = true
    for (const order of this.#open.values()) if (!order.accepted) this.#send(order)
    this.askOutcomes()
  }

  #receipt(receipt: Extract<Down, { type: 'receipt' }>): void {
    const order = receipt.key === undefined ? undefined : this.#open.get(receipt.key)
    if (order === undefined) return

    const { verdict } = receipt
    if (verdict === 'accepted' || verdict === 'duplicate') {
      if (!order.accepted && receipt.orderId !== undefined) this.#accepted(order, receipt.orderId)
      return
    }
    if (verdict === 'pending' || verdict === 'early' || verdict === 'rate_limited') {
      this.#world.retried(verdict)
      const afterMs = (receipt.retryAfterMs ?? 200) * (verdict === 'early' ? 1 : 0.5 + Math.random())
      setTimeout(() => this.#open.has(order.key) && !order.accepted && this.#send(order), afterMs)
      return
    }
    this.#world.refused(verdict, performance.now() - order.meantMs)
    this.#end(order)
  }

  #accepted(order: OpenOrder, orderId: string): void {
    order.accepted = true
    this.#keyOfOrder.set(orderId, order.key)
    this.#world.told('accepted', orderId, performance.now() - order.meantMs)
  }

  #settled(key: string, state: 'confirmed' | 'revoked', orderId: string): void {
    const order = this.#open.get(key)
    if (order === undefined) return

    if (!order.accepted) this.#accepted(order, orderId)
    this.#world.told(state, orderId, performance.now() - order.meantMs)
    this.#end(order)
  }

  #outcome(outcome: Extract<Down, { type: 'outcome' }>): void {
    const { key, state, orderId } = outcome
    if ((state === 'confirmed' || state === 'revoked') && orderId !== undefined) this.#settled(key, state, orderId)
  }

  #end(order: OpenOrder): void {
    this.#open.delete(order.key)
    order.done()
  }

  #send(order: OpenOrder): void {
    const { key, lines } = order
    this.#say({ type: 'order', id: key, drop: this.#world.drop, key, lines })
  }

  /** A message that cannot be sent now is not kept: resume() says what must be said. */
  #say(message: object): void {
    if (this.#socket?.isOpen) this.#socket.send(JSON.stringify(message))
  }
}
