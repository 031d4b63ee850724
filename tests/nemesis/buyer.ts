/**
 * One buyer with a phone: watches the drop, orders when it meant to, and sends the SAME key again, with jitter, after
 * `pending`, after silence and after a cut. A socket that says nothing for too long is given up for one to another node.
 *
 * It writes down every sending with its answer, by one clock, and says nothing about right or wrong.
 */
import { LightSocket } from '../../bench/light-socket.ts'
import type { Down } from '../../protocol/down.ts'
import type { DropId, IdempotencyKey, OrderId, UserId } from '../../protocol/ids.ts'
import { formatLines, type Line } from '../../protocol/lines.ts'
import { orderIdOf } from '../../rooms/order-id.ts'
import type { Attempt, History } from './history.ts'
import type { Want } from './plan.ts'
import { Sightings } from './sightings.ts'

export interface BuyerWorld {
  urls: readonly string[]
  drop: DropId
  history: Pick<History, 'attempts' | 'told'>
  nowMs(): number
}

interface OpenOrder {
  want: Want
  orderId: OrderId
  state: 'sending' | 'accepted' | 'over'
  last: Attempt | undefined
  /** Not sent again before this moment. */
  waitsUntilMs: number
  /** Times that it was not answered, or with `pending`. */
  failures: number
}

const SILENT_MS = 2_000
const RECEIPT_WITHIN_MS = 1_500
/** Jitter that doubles, as docs/client-spec.md asks: without it a slow fleet is kept slow by those who ask again. */
const RETRY_JITTER_MS = 250
const RECONNECT_JITTER_MS = 500
const JITTER_MAX_MS = 3_000
const ASK_EVERY_MS = 700
const KEYS_AT_ONCE = 64

export class Buyer {
  readonly id: UserId
  readonly sightings = new Sightings()
  readonly #world: BuyerWorld
  readonly #token: string
  readonly #orders = new Map<IdempotencyKey, OpenOrder>()
  readonly #attempts = new Map<string, Attempt>()
  #socket: LightSocket | undefined
  #turn: number
  #sendings = 0
  #heardMs = 0
  #askedMs = 0
  #connectAtMs = 0
  #isIn = false
  #failures = 0

  constructor(world: BuyerWorld, who: { id: UserId; token: string }, turn: number) {
    this.#world = world
    this.id = who.id
    this.#token = who.token
    this.#turn = turn
    this.#connect()
  }

  get isIn(): boolean {
    return this.#isIn
  }

  /** Orders without their end. */
  get waiting(): number {
    let waiting = 0
    for (const { state } of this.#orders.values()) if (state !== 'over') waiting += 1
    return waiting
  }

  order(want: Want): void {
    const orderId = orderIdOf(this.#world.drop, this.id, want.key)
    const open: OpenOrder = { want, orderId, state: 'sending', last: undefined, waitsUntilMs: 0, failures: 0 }
    this.#orders.set(want.key, open)
    this.#send(open, want.lines)
  }

  /** What time brings: sends again what has no answer, asks for outcomes, gives up a socket that is silent. */
  look(): void {
    const nowMs = this.#world.nowMs()
    if (this.#socket === undefined) {
      if (nowMs >= this.#connectAtMs) this.#connect()
      return
    }
    const owed = [...this.#orders.values()].filter(({ state }) => state !== 'over')
    const isAsking = owed.some(({ last }) => last?.verdict === 'silence')
    if ((!this.#isIn || isAsking) && nowMs - this.#heardMs > SILENT_MS) this.cut()
    if (!this.#isIn) return

    for (const open of owed) {
      if (open.state === 'sending' && nowMs >= open.waitsUntilMs) this.#send(open, open.want.lines)
    }
    const accepted = owed.filter(({ state }) => state === 'accepted').map(({ want }) => want.key)
    if (accepted.length > 0 && nowMs - this.#askedMs > ASK_EVERY_MS) {
      this.#askedMs = nowMs
      this.#say({ type: 'outcomes', id: 'outcomes', drop: this.#world.drop, keys: accepted.slice(0, KEYS_AT_ONCE) })
    }
  }

  /** The connection is gone; another one, to the next node, comes after a random while. */
  cut(): void {
    this.#socket?.cut()
    this.#socket = undefined
    this.#isIn = false
    this.sightings.cut()
    this.#turn += 1
    this.#failures += 1
    this.#connectAtMs = this.#world.nowMs() + jitterMs(RECONNECT_JITTER_MS, this.#failures - 1)
  }

  close(): void {
    this.#socket?.cut()
    this.#socket = undefined
    this.#connectAtMs = Number.POSITIVE_INFINITY
  }

  #connect(): void {
    const url = this.#world.urls[this.#turn % this.#world.urls.length] ?? ''
    this.#heardMs = this.#world.nowMs()
    const socket: LightSocket = new LightSocket(url, 'livedrop.v1.json', {
      open: () => this.#socket === socket && this.#say({ type: 'hello', token: this.#token }),
      text: (bytes) => this.#socket === socket && this.#hear(bytes),
      close: () => this.#socket === socket && this.cut(),
    })
    this.#socket = socket
  }

  #hear(bytes: Buffer): void {
    this.#heardMs = this.#world.nowMs()
    const frame = JSON.parse(bytes.toString()) as Down | Down[]
    for (const message of Array.isArray(frame) ? frame : [frame]) this.#heed(message)
  }

  #heed(message: Down): void {
    if (message.type === 'welcome') this.#say({ type: 'watch', id: 'watch', drop: this.#world.drop })
    if (message.type === 'snapshot') {
      this.sightings.snapshot(message.position, message.items)
      this.#isIn = true
      this.#failures = 0
      // What was on its way when the last socket ended is sent again at once.
      for (const open of this.#orders.values()) if (open.last?.verdict === 'silence') open.waitsUntilMs = 0
      this.look()
    }
    if (message.type === 'news') {
      const counts = message.changes.flatMap((change) => (change.kind === 'left' ? [change] : []))
      this.sightings.news(message.position, counts)
    }
    if (message.type === 'receipt') this.#receipt(message)
    if (message.type === 'confirmed' || message.type === 'revoked') {
      this.#settled(message.key, message.orderId, message.type)
    }
    if (message.type === 'outcome') this.#outcome(message)
  }

  #outcome({ key, orderId, state }: Extract<Down, { type: 'outcome' }>): void {
    if (state === 'confirmed' || state === 'revoked') this.#settled(key, orderId, state)
    // Accepted once, and now nobody knows of it: the same key is good for another try.
    const open = this.#orders.get(key)
    if (state === 'unknown' && open?.state === 'accepted') open.state = 'sending'
  }

  #receipt(receipt: Extract<Down, { type: 'receipt' }>): void {
    const attempt = this.#attempts.get(String(receipt.id))
    const open = attempt && this.#orders.get(attempt.key)
    if (attempt === undefined || open === undefined || attempt.verdict !== 'silence') return

    this.#attempts.delete(String(receipt.id))
    const { verdict, position, retryAfterMs } = receipt
    Object.assign(attempt, { verdict, position, repliedMs: this.#world.nowMs() })
    if (open.state !== 'sending') return

    if (verdict === 'accepted' || verdict === 'duplicate') this.#accepted(open)
    else if (verdict === 'pending' || verdict === 'early' || verdict === 'rate_limited') {
      const waitMs = (retryAfterMs ?? 200) + (verdict === 'early' ? 0 : jitterMs(RETRY_JITTER_MS, open.failures))
      open.waitsUntilMs = this.#world.nowMs() + waitMs
    } else open.state = 'over'
  }

  #accepted(open: OpenOrder): void {
    open.state = 'accepted'
    const { then, lines } = open.want
    if (then === 'same_again') this.#send(open, lines)
    if (then === 'other_lines')
      this.#send(
        open,
        lines.map(({ sku, qty }) => ({ sku, qty: qty + 1 })),
      )
  }

  #settled(key: IdempotencyKey, orderId: OrderId | undefined, what: 'confirmed' | 'revoked'): void {
    const open = this.#orders.get(key)
    if (orderId !== undefined) this.#world.history.told.push({ orderId, what, atMs: this.#world.nowMs() })
    if (open !== undefined) open.state = 'over'
  }

  #send(open: OpenOrder, lines: Line[]): void {
    if (!this.#isIn || this.#socket?.isOpen !== true) return

    const { orderId, want } = open
    this.#sendings += 1
    const id = `${want.key}.${this.#sendings}`
    const attempt: Attempt = {
      ...{ orderId, buyer: this.id, key: want.key, lines: formatLines(lines), sentMs: this.#world.nowMs() },
      ...{ repliedMs: Number.POSITIVE_INFINITY, verdict: 'silence' },
    }
    open.last = attempt
    open.failures += 1
    // Unless an answer says otherwise.
    open.waitsUntilMs = attempt.sentMs + RECEIPT_WITHIN_MS + jitterMs(RETRY_JITTER_MS, open.failures)
    this.#attempts.set(id, attempt)
    this.#world.history.attempts.push(attempt)
    this.#say({ type: 'order', id, drop: this.#world.drop, key: want.key, lines })
  }

  #say(message: object): void {
    if (this.#socket?.isOpen === true) this.#socket.send(JSON.stringify(message))
  }
}

function jitterMs(baseMs: number, failures: number): number {
  return Math.random() * Math.min(JITTER_MAX_MS, baseMs * 2 ** Math.min(failures, 10))
}
