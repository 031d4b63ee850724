/**
 * One buyer with a phone: orders when it meant to, and sends the SAME key again, with jitter, after `pending`, silence and
 * cuts; gives some orders back, once they are confirmed or before that, and asks for that again too.
 *
 * It writes down every sending with its answer, by one clock, and says nothing about right or wrong.
 */
import type { Down } from '../../protocol/down.ts'
import type { DropId, OrderId, UserId } from '../../protocol/ids.ts'
import { formatLines, type Line } from '../../protocol/lines.ts'
import { orderIdOf } from '../../rooms/order-id.ts'
import type { Attempt, History } from './history.ts'
import { jitterMs, Phone, type PhoneWorld } from './phone.ts'
import type { Want } from './plan.ts'

export interface BuyerWorld extends PhoneWorld {
  histories: readonly Pick<History, 'attempts' | 'returns' | 'told'>[]
}

interface OpenOrder {
  want: Want
  drop: DropId
  history: BuyerWorld['histories'][number]
  orderId: OrderId
  /** `returning`: it was confirmed, or at least accepted, and is given back. */
  state: 'sending' | 'accepted' | 'returning' | 'over'
  last: Attempt | undefined
  /** Not sent again before this moment. */
  waitsUntilMs: number
  /** Times that it was not answered, or with `pending`. */
  failures: number
}

type Receipt = Extract<Down, { type: 'receipt' }>

const RECEIPT_WITHIN_MS = 1_500
const RETRY_JITTER_MS = 250
const PAUSED_JITTER_MS = 600
const ASK_EVERY_MS = 700
const KEYS_AT_ONCE = 64

export class Buyer {
  readonly id: UserId
  readonly phone: Phone
  readonly #world: BuyerWorld
  readonly #orders = new Map<OrderId, OpenOrder>()
  readonly #attempts = new Map<string, Attempt>()
  #sendings = 0
  #askedMs = 0

  constructor(world: BuyerWorld, who: { id: UserId; token: string }, turn: number) {
    this.#world = world
    this.id = who.id
    this.phone = new Phone(world, who.token, turn, {
      isIn: () => this.#isIn(),
      hear: (message) => this.#heed(message),
    })
  }

  /** Orders without their end, for people. */
  get waiting(): string[] {
    return this.#owed().map(({ orderId, state, last }) => `${orderId} ${state}, last told ${last?.verdict}`)
  }

  order(want: Want): void {
    const drop = this.#world.drops[want.drop]
    const history = this.#world.histories[want.drop]
    if (drop === undefined || history === undefined) throw new RangeError(`no drop ${want.drop}`)

    const orderId = orderIdOf(drop, this.id, want.key)
    const open: OpenOrder = {
      ...{ want, drop, history, orderId },
      ...{ state: 'sending', last: undefined, waitsUntilMs: 0, failures: 0 },
    }
    this.#orders.set(orderId, open)
    this.#send(open)
  }

  /** What time brings: sends again what has no answer, asks for outcomes, gives up a socket that is silent. */
  look(): void {
    const owed = this.#owed()
    this.phone.look(!this.phone.isIn || owed.some(({ last }) => last?.verdict === 'silence'))
    if (!this.phone.isIn) return

    const nowMs = this.#world.nowMs()
    for (const open of owed) if (open.state !== 'accepted' && nowMs >= open.waitsUntilMs) this.#send(open)
    if (nowMs - this.#askedMs > ASK_EVERY_MS) {
      this.#askedMs = nowMs
      for (const drop of this.#world.drops) this.#ask(drop, owed)
    }
  }

  close(): void {
    this.phone.close()
  }

  #owed(): OpenOrder[] {
    return [...this.#orders.values()].filter(({ state }) => state !== 'over')
  }

  /** What was on its way when the last socket ended is sent again at once. */
  #isIn(): void {
    for (const open of this.#orders.values()) if (open.last?.verdict === 'silence') open.waitsUntilMs = 0
    this.look()
  }

  #ask(drop: DropId, owed: readonly OpenOrder[]): void {
    const accepted = owed.filter((open) => open.drop === drop && open.state === 'accepted')
    const keys = accepted.slice(0, KEYS_AT_ONCE).map(({ want }) => want.key)
    if (keys.length > 0) this.phone.say({ type: 'outcomes', id: 'outcomes', drop, keys })
  }

  #heed(message: Down): void {
    if (message.type === 'receipt') this.#receipt(message)
    if (message.type === 'confirmed' || message.type === 'revoked' || message.type === 'cancelled') {
      this.#settled(message.orderId, message.type)
    }
    if (message.type === 'outcome' && message.orderId !== undefined) {
      const { orderId, state } = message
      if (state === 'confirmed' || state === 'revoked' || state === 'cancelled') this.#settled(orderId, state)
    }
    if (message.type === 'outcome' && message.state === 'unknown') {
      // Accepted once, and now nobody knows of it: the same key is good for another try.
      const open = this.#orders.get(orderIdOf(message.drop, this.id, message.key))
      if (open?.state === 'accepted') open.state = 'sending'
    }
  }

  #receipt(receipt: Receipt): void {
    const id = String(receipt.id)
    const attempt = this.#attempts.get(id)
    const open = attempt && this.#orders.get(attempt.orderId)
    if (attempt === undefined || open === undefined) return

    this.#attempts.delete(id)
    const { verdict, position } = receipt
    Object.assign(attempt, { verdict, position, repliedMs: this.#world.nowMs() })
    const isReturn = id.startsWith(RETURN)
    if (open.state === (isReturn ? 'returning' : 'sending')) this.#answered(open, receipt, isReturn)
  }

  #answered(open: OpenOrder, { verdict, retryAfterMs }: Receipt, isReturn: boolean): void {
    const good = verdict === 'accepted' || verdict === 'duplicate'
    if (good && !isReturn) this.#accepted(open)
    else if (verdict === 'pending' || verdict === 'early' || verdict === 'rate_limited' || verdict === 'paused') {
      const baseMs = verdict === 'paused' ? PAUSED_JITTER_MS : RETRY_JITTER_MS
      const waitMs = (retryAfterMs ?? 200) + (verdict === 'early' ? 0 : jitterMs(baseMs, open.failures))
      open.waitsUntilMs = this.#world.nowMs() + waitMs
    } else open.state = 'over'
  }

  #accepted(open: OpenOrder): void {
    open.state = 'accepted'
    const { besides, lines } = open.want
    if (besides === 'same_again') this.#sendLines(open, lines)
    if (besides === 'other_lines') {
      const others = lines.map(({ sku, qty }) => ({ sku, qty: qty + 1 }))
      this.#sendLines(open, others)
    }
    if (besides === 'return_at_once') this.#giveBack(open)
  }

  #settled(orderId: OrderId, what: 'confirmed' | 'revoked' | 'cancelled'): void {
    const open = this.#orders.get(orderId)
    if (open === undefined) return

    open.history.told.push({ orderId, what, atMs: this.#world.nowMs() })
    if (open.state === 'returning' && what === 'confirmed') return
    if (open.state === 'accepted' && what === 'confirmed' && open.want.besides === 'return') this.#giveBack(open)
    else open.state = 'over'
  }

  #giveBack(open: OpenOrder): void {
    Object.assign(open, { state: 'returning', failures: 0 })
    this.#send(open)
  }

  #send(open: OpenOrder): void {
    if (open.state === 'returning') {
      const { orderId, drop, want } = open
      const message = { type: 'cancel', orderId, drop, key: want.key }
      this.#post(open, open.history.returns, want.lines, RETURN, message)
    } else this.#sendLines(open, open.want.lines)
  }

  #sendLines(open: OpenOrder, lines: Line[]): void {
    const message = { type: 'order', drop: open.drop, key: open.want.key, lines }
    this.#post(open, open.history.attempts, lines, ORDER, message)
  }

  #post(open: OpenOrder, list: Attempt[], lines: readonly Line[], kind: string, message: object): void {
    this.#sendings += 1
    const id = `${kind}${this.#sendings}`
    const sentMs = this.#world.nowMs()
    if (!this.phone.isIn || !this.phone.say({ ...message, id })) return

    const { orderId, want } = open
    const attempt: Attempt = {
      ...{ orderId, buyer: this.id, key: want.key, lines: formatLines(lines), via: this.phone.via },
      ...{ sentMs, repliedMs: Number.POSITIVE_INFINITY, verdict: 'silence' },
    }
    open.last = attempt
    open.failures += 1
    // Unless an answer says otherwise.
    open.waitsUntilMs = sentMs + RECEIPT_WITHIN_MS + jitterMs(RETRY_JITTER_MS, open.failures)
    this.#attempts.set(id, attempt)
    list.push(attempt)
  }
}

const ORDER = 'o'
const RETURN = 'r'
