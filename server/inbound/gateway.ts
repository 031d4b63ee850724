/**
 * The gateway: from a message and the session it came in to what happens.
 *
 * It keeps no state of its own but bounds: a session may have so many questions in flight, and who sends more is told so
 * at once. What has a story of its own stands beside it: the greeting, a new token, orders (gateway-*.ts).
 */
import type { Decoded } from '../../protocol/codec.ts'
import type { Down } from '../../protocol/down.ts'
import { Fault } from '../../protocol/faults.ts'
import type { Auth } from '../../protocol/messages/auth.ts'
import type { Hello } from '../../protocol/messages/hello.ts'
import type { Outcomes as OutcomesAsked } from '../../protocol/messages/outcomes.ts'
import type { RequestId } from '../../protocol/messages/request-id.ts'
import type { Watch } from '../../protocol/messages/watch.ts'
import type { Up } from '../../protocol/up.ts'
import type { Heard } from '../../protocol/up-reader.ts'
import type { Hub } from '../outbound/hub.ts'
import { errorMessage } from '../outbound/refusal.ts'
import type { Peer } from '../transports/peer.ts'
import { Greeting, type GreetingWorld } from './gateway-greeting.ts'
import { Orders, type OrdersWorld, receiptOf, receiptOfCancel } from './gateway-orders.ts'
import { Renewal } from './gateway-renewal.ts'
import { MessagePace } from './message-pace.ts'
import type { Outcomes } from './outcomes.ts'
import { Session } from './session.ts'
import type { SessionRoll } from './session-roll.ts'

export interface GatewayWorld extends GreetingWorld, OrdersWorld {
  hub: Hub
  outcomes: Outcomes
  roll: SessionRoll
}

export const ASKS_IN_FLIGHT_MAX = 64
export const WATCHED_MAX = 32
/** Messages behind a hello that waits for its welcome. */
export const UNGREETED_MAX = 64
export const BAD_FRAMES_MAX = 3

/** For who was told to slow down and did not. */
const TOO_OFTEN_AWAY_MS = 5_000

export class Gateway {
  readonly #world: GatewayWorld
  readonly #greeting: Greeting
  readonly #renewal: Renewal
  readonly #orders: Orders

  constructor(world: GatewayWorld) {
    this.#world = world
    this.#greeting = new Greeting(world, {
      resume: (session, hello) => this.#resume(session, hello),
      hear: (session, message) => this.#hearMessage(session, message),
    })
    this.#renewal = new Renewal(world)
    this.#orders = new Orders(world)
  }

  /** Whether a socket may come in: not while this node is leaving. */
  get isOpen(): boolean {
    return !this.#world.roll.isShut
  }

  /** Those who have said who they are and wait for their welcome. */
  get greeting(): number {
    return this.#greeting.waiting
  }

  /** A socket is open. `token`: from its handshake, if there was one; then no hello is needed. */
  opened(peer: Peer, token: string | undefined): Session {
    const { clock, roll, limits } = this.#world
    const paced = limits?.messages === undefined ? undefined : new MessagePace(limits.messages)
    const session = new Session(peer, clock.monotonicMs(), paced)
    if (roll.isShut) {
      session.standing = { state: 'closing' }
      peer.close('shutdown', roll.comeBackMs())
      return session
    }
    roll.add(session)
    if (token !== undefined) this.#greeting.handshake(session, token)
    return session
  }

  /** A socket is closed, by whomever; may be called twice. */
  closed(session: Session): void {
    const { standing } = session
    session.standing = { state: 'closing' }
    this.#world.roll.remove(session)
    this.#world.hub.left(session, standing.state === 'signed_in' ? standing.identity.user : undefined)
  }

  hear(session: Session, decoded: Decoded) {
    if ('fault' in decoded) return this.#hearNoise(session, decoded.fault)

    const nowMs = session.pace === undefined ? 0 : this.#world.clock.monotonicMs()
    for (const heard of decoded.messages) {
      if (session.standing.state === 'closing') return

      const wait = session.pace?.take(nowMs) ?? 0
      if (wait === 'leave') return session.peer.close('too_often', TOO_OFTEN_AWAY_MS)
      if (wait > 0) session.peer.send(tooOften(heard, Math.ceil(wait)))
      else if ('fault' in heard) session.peer.send(errorMessage(heard.fault, heard.id))
      else this.#hearMessage(session, heard.message)
    }
  }

  /** One bad frame may be a bug; the third is somebody who does not speak this protocol. */
  #hearNoise(session: Session, fault: Fault): void {
    if (session.standing.state === 'closing') return

    session.badFrames += 1
    session.peer.send(errorMessage(fault))
    if (session.badFrames >= BAD_FRAMES_MAX) session.peer.close('bad_request')
  }

  #hearMessage(session: Session, message: Up) {
    const { standing } = session
    if (standing.state === 'closing') return
    if (standing.state === 'greeting') {
      if (!standing.isHeard)
        return message.type === 'hello' ? this.#greeting.first(session, message) : this.#tooEarly(session, message)
      if (standing.waiting.length >= UNGREETED_MAX) return session.peer.close('bad_request')

      standing.waiting.push(message)
      return
    }
    try {
      this.#obey(session, message)
    } catch (cause) {
      this.#failed(session, message, cause)
    }
  }

  #failed(session: Session, message: Up, cause: unknown): void {
    this.#world.log.error('gateway.failed', { type: message.type, cause: String(cause) })
    session.peer.send(errorMessage(cause, 'id' in message ? message.id : undefined))
  }

  #tooEarly(session: Session, message: Exclude<Up, Hello>) {
    if (message.type === 'order') return session.peer.send(receiptOf(message, { verdict: 'unauthorized' }))

    const fault = new Fault('unauthorized', {}, { message: 'hello comes first' })
    session.peer.send(errorMessage(fault, 'id' in message ? message.id : undefined))
  }

  #obey(session: Session, message: Up) {
    switch (message.type) {
      case 'order':
        return this.#orders.place(session, message)
      case 'cancel':
        return this.#orders.giveBack(session, message)
      case 'watch':
        return this.#watch(session, message)
      case 'unwatch':
        this.#world.hub.unwatch(session, message.drop)
        return session.peer.send({ type: 'ok', id: message.id })
      case 'outcomes':
        return void this.#outcomes(session, message)
      case 'clock': {
        const t1 = this.#world.clock.nowMs()
        return session.peer.send({ type: 'clock', t0: message.t0, t1, t2: this.#world.clock.nowMs() })
      }
      case 'auth':
        return this.#auth(session, message)
      case 'hello':
        return this.#greeting.again(session, message)
    }
  }

  #auth(session: Session, message: Auth) {
    if (session.asksInFlight >= ASKS_IN_FLIGHT_MAX) return this.#refuse(session, message.id, 'overloaded')

    this.#renewal.renew(session, message).catch((cause: unknown) => this.#failed(session, message, cause))
  }

  // --- drops ------------------------------------------------------------------------------------------------------------

  #resume(session: Session, { resume }: Hello) {
    if (resume === undefined) return

    for (const { drop, position } of resume.drops) this.#watch(session, { drop, position })
    if (resume.open.length === 0) return

    const user = session.userAt(this.#world.clock.nowMs())
    const drops = [...new Set(resume.drops.map(({ drop }) => drop))]
    if (user === undefined) return this.#refuse(session, undefined, 'unauthorized', 'not signed in')
    if (drops.length === 0)
      return this.#refuse(session, undefined, 'bad_request', 'resume.drops: name the drops of open')

    // Each drop is as much to ask as a question of its own would be.
    if (session.asksInFlight + drops.length > ASKS_IN_FLIGHT_MAX) return this.#refuse(session, undefined, 'overloaded')

    void this.#tell(session, undefined, this.#world.outcomes.among(user, drops, resume.open), drops.length)
  }

  #watch(session: Session, { id, drop, position }: Pick<Watch, 'drop' | 'position'> & { id?: RequestId }) {
    if (!session.watches(drop) && session.watched.length >= WATCHED_MAX) {
      return this.#refuse(session, id, 'conflict', `a socket watches at most ${WATCHED_MAX} drops`)
    }
    if (session.asksInFlight >= ASKS_IN_FLIGHT_MAX) return this.#refuse(session, id, 'overloaded')

    this.#world.hub.watch(session, id, drop, position)
  }

  async #outcomes(session: Session, { id, drop, keys }: OutcomesAsked): Promise<void> {
    const user = session.userAt(this.#world.clock.nowMs())
    if (user === undefined) return this.#refuse(session, id, 'unauthorized', 'not signed in')
    if (session.asksInFlight >= ASKS_IN_FLIGHT_MAX) return this.#refuse(session, id, 'overloaded')

    await this.#tell(session, id, this.#world.outcomes.of(user, drop, keys))
  }

  /** Sends the messages that a question is answered with, each under the question's id. It counts as `cost` questions. */
  async #tell(
    session: Session,
    id: RequestId | undefined,
    answers: Promise<(Down & { id?: RequestId })[]>,
    cost = 1,
  ): Promise<void> {
    session.asksInFlight += cost
    try {
      const messages = await answers
      session.peer.together(() => {
        for (const message of messages) session.peer.send(id === undefined ? message : { ...message, id })
      })
    } catch (cause) {
      this.#world.log.warn('gateway.not_answered', { cause: String(cause) })
      session.peer.send(errorMessage(cause, id))
    } finally {
      session.asksInFlight -= cost
    }
  }

  #refuse(
    session: Session,
    id: RequestId | undefined,
    code: 'unauthorized' | 'bad_request' | 'conflict' | 'overloaded',
    message?: string,
  ): void {
    session.peer.send(errorMessage(new Fault(code, {}, message === undefined ? {} : { message }), id))
  }
}

/** A message that was not looked at, whatever it was; but an order is answered as an order. */
function tooOften(heard: Heard, retryAfterMs: number): Down {
  const id = 'fault' in heard ? heard.id : undefined
  const error: Down = { ...errorMessage(new Fault('rate_limited'), id), retryAfterMs }
  if ('fault' in heard) return error

  const { message } = heard
  if (message.type === 'order') return receiptOf(message, { verdict: 'rate_limited', retryAfterMs })
  if (message.type === 'cancel') return receiptOfCancel(message, { verdict: 'rate_limited', retryAfterMs })
  return 'id' in message && message.id !== undefined ? { ...error, id: message.id } : error
}
