/**
 * One order, from the tap to its end, over any number of attempts under one key.
 *
 * An accepted receipt of any attempt settles it. A refusal settles it only when no earlier attempt can still be carried
 * out: an order that was cut off on its way may arrive after the refusal of its resend, and a buyer who was told "sold
 * out" must not find an order later. A node gives an order up after 3 s, so an older silence counts as none.
 */
import type { Order, Receipt } from '../protocol/messages/order.ts'
import type { OrderState } from '../protocol/verdicts.ts'
import type { OrderAnswer, OrderEnd, Refused } from './order-answer.ts'
import type { Timer, World } from './world.ts'

/** A node answers within 3 s, if only `pending`. */
const ANSWER_MS = 5_000
const CARRIED_OUT_WITHIN_MS = 4_000
const CONFIRM_MS = 5_000
/** The drop opens on the millisecond; asking more often than this helps nobody. */
const EARLY_MIN_MS = 10
const RETRY_MIN_MS = 200
const RETRY_SPAN_MAX_MS = 5_000

export interface OrderMouth {
  /** Answers whether it left. */
  say(message: Order): boolean
  askOutcome(order: OpenOrder): void
  /** A new token for this link. */
  renew(): Promise<unknown>
  /** It needs nothing more. */
  over(order: OpenOrder): void
  nextId(): number
}

export class OpenOrder {
  readonly order: Omit<Order, 'id'>
  readonly answer: Promise<OrderAnswer>
  readonly #world: World
  readonly #mouth: OrderMouth
  readonly #unanswered = new Map<unknown, number>()
  readonly #deadline: Timer
  readonly #deadlineMs: number
  #settle: (answer: OrderAnswer) => void = () => undefined
  #end: (end: OrderEnd) => void = () => undefined
  #timer: Timer | undefined
  #stage: 'asking' | 'accepted' | 'over' = 'asking'
  #tries = 0
  #hasRenewed = false

  constructor(order: Omit<Order, 'id'>, timeoutMs: number, world: World, mouth: OrderMouth) {
    this.order = order
    this.#world = world
    this.#mouth = mouth
    this.answer = new Promise((resolve) => {
      this.#settle = resolve
    })
    this.#deadlineMs = world.monotonicMs() + timeoutMs
    this.#deadline = world.after(timeoutMs, () => this.close())
  }

  get isAccepted(): boolean {
    return this.#stage === 'accepted'
  }

  /** There is a new link, or the order is new. */
  carryOn(): void {
    this.#ask()
  }

  receipt(receipt: Receipt) {
    const { verdict, orderId, retryAfterMs } = receipt
    this.#unanswered.delete(receipt.id)
    if (verdict === 'accepted' || verdict === 'duplicate') {
      if (orderId !== undefined) this.accepted(orderId, receipt.state ?? 'accepted', receipt)
      return
    }
    if (verdict === 'pending' || verdict === 'rate_limited') return this.#later(retryAfterMs)
    if (verdict === 'early' && retryAfterMs !== undefined && this.#fits(retryAfterMs))
      return this.#in(Math.max(retryAfterMs, EARLY_MIN_MS))
    if (verdict === 'unauthorized' && !this.#hasRenewed) return this.#renew()

    this.#refuse({ verdict, ...(receipt.left && { left: receipt.left }), ...(retryAfterMs && { retryAfterMs }) })
  }

  /** Not understood, or not taken for now. */
  error(id: unknown, retryable: boolean, retryAfterMs: number | undefined) {
    if (!this.#unanswered.delete(id)) return
    if (retryable) this.#later(retryAfterMs)
    else this.#refuse({ verdict: 'invalid' })
  }

  accepted(orderId: string, state: OrderState, receipt?: Receipt) {
    if (this.#stage === 'asking') {
      this.#stage = 'accepted'
      this.#deadline.cancel()
      const confirmed = new Promise<OrderEnd>((resolve) => {
        this.#end = resolve
      })
      const { key } = this.order
      this.#settle({
        verdict: 'accepted',
        key,
        orderId,
        confirmed,
        ...(receipt?.position && { position: receipt.position }),
      })
      this.#tries = 0
    }
    if (state !== 'accepted') return this.#finish(() => this.#end(state))

    this.outcomeAsked()
  }

  /** It is asked again, less and less often, until something is heard. */
  outcomeAsked(): void {
    const spanMs = CONFIRM_MS * 2 ** Math.min(this.#tries, 4)
    this.#wait(spanMs * (1 + this.#world.random()), () => this.#mouth.askOutcome(this))
    this.#tries += 1
  }

  /** Nobody has it: the same key again. After `accepted` that takes two failures at once. */
  unknown(): void {
    if (this.#stage !== 'over') this.#ask()
  }

  /** The time is up, or the client is closed. */
  close(): void {
    const { key } = this.order
    const sent = this.#tries > 0
    if (this.#stage === 'asking') this.#finish(() => this.#settle({ verdict: 'pending', key, sent }))
    else this.#finish(() => this.#end('unknown'))
  }

  #ask() {
    const id = this.#mouth.nextId()
    if (!this.#mouth.say({ ...this.order, id })) return this.#timer?.cancel() // carryOn() follows the next welcome

    this.#tries += 1
    this.#unanswered.set(id, this.#world.monotonicMs())
    this.#in(ANSWER_MS)
  }

  #refuse(refusal: Pick<Refused, 'verdict' | 'left' | 'retryAfterMs'>) {
    // Accepted, then unknown, then refused: it is lost, and the buyer must hear it.
    if (this.#stage === 'accepted') return this.#finish(() => this.#end('revoked'))

    const nowMs = this.#world.monotonicMs()
    const deadMs = Math.max(0, ...this.#unanswered.values()) + CARRIED_OUT_WITHIN_MS
    if (this.#unanswered.size > 0 && deadMs > nowMs && refusal.verdict !== 'mismatch') {
      this.#unanswered.clear()
      return this.#in(deadMs - nowMs)
    }
    this.#finish(() => this.#settle({ ...refusal, key: this.order.key, sent: true }))
  }

  #renew(): void {
    this.#hasRenewed = true
    this.#timer?.cancel()
    // Asked again in any case: if there is no new token the answer is final, and if the link has gone nothing is lost.
    void this.#mouth.renew().then(() => this.#stage !== 'over' && this.#ask())
  }

  #fits(ms: number): boolean {
    return this.#world.monotonicMs() + ms < this.#deadlineMs
  }

  #later(askedMs: number | undefined): void {
    const spanMs = Math.min(RETRY_SPAN_MAX_MS, RETRY_MIN_MS * 2 ** Math.min(this.#tries, 8))
    this.#in(Math.max(askedMs ?? 0, RETRY_MIN_MS) + this.#world.random() * spanMs)
  }

  #in(ms: number): void {
    this.#wait(ms, () => this.#ask())
  }

  #wait(ms: number, call: () => void): void {
    this.#timer?.cancel()
    if (this.#stage !== 'over') this.#timer = this.#world.after(ms, call)
  }

  #finish(say: () => void): void {
    if (this.#stage === 'over') return

    this.#stage = 'over'
    this.#deadline.cancel()
    this.#timer?.cancel()
    say()
    this.#mouth.over(this)
  }
}
