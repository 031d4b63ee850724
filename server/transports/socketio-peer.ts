/**
 * One Socket.IO socket as a peer: messages are events of the same names.
 *
 * Socket.IO has no close codes. The last thing a peer hears is `goaway` or `error` with the `closeCode`; then, if it may
 * come back, the connection just ends, after which a stock client connects again by itself, and if it must stay away it
 * is disconnected by the server, after which a stock client does not.
 */
import { randomUUID } from 'node:crypto'
import type { Socket } from 'socket.io'
import { CLOSE_CODES, type CloseReason, comesBack } from '../../protocol/close-codes.ts'
import type { Frame } from '../../protocol/codec.ts'
import type { Down } from '../../protocol/down.ts'
import { Fault, type FaultCode } from '../../protocol/faults.ts'
import type { RequestId } from '../../protocol/messages/request-id.ts'
import { encodeEvent, hearEvent, readEvent, withEventId } from '../../protocol/socketio-packet.ts'
import type { Gateway } from '../inbound/gateway.ts'
import type { Session } from '../inbound/session.ts'
import { ROLL_LIMITS } from '../inbound/session-roll.ts'
import { errorMessage } from '../outbound/refusal.ts'
import type { Peer } from './peer.ts'
import { type Ack, SocketIoAcks } from './socketio-acks.ts'
import { SocketIoLink } from './socketio-link.ts'
import type { Pollers } from './socketio-pollers.ts'
import { userRoom } from './socketio-reach.ts'

/** What the error that comes before the end is called. */
const LAST_ERROR: Partial<Record<CloseReason, FaultCode>> = {
  bad_request: 'bad_request',
  banned: 'forbidden',
  connection_limit: 'rate_limited',
}

export class SocketIoPeer implements Peer {
  readonly id = randomUUID()
  readonly format = 'socketio'
  readonly #socket: Socket
  readonly #gateway: Gateway
  readonly #link: SocketIoLink
  readonly #acks = new SocketIoAcks()
  #session: Session | undefined
  #closed = false
  #saidGoaway = false

  constructor(socket: Socket, gateway: Gateway, pollers: Pollers) {
    this.#socket = socket
    this.#gateway = gateway
    this.#link = new SocketIoLink(socket, pollers, this)
  }

  // --- what the library says

  /** CONNECT is the greeting, and its `auth` the hello. */
  begin(auth: unknown): void {
    const session = this.#gateway.opened(this, undefined)
    this.#session = session
    const hello = hearEvent('hello', auth ?? {})
    if ('fault' in hello) {
      this.send(errorMessage(hello.fault))
      this.close('bad_request')
    } else this.#gateway.hear(session, { messages: [hello] })
  }

  hear(event: unknown, args: readonly unknown[]): void {
    if (this.#session === undefined || this.#closed) return

    const last = args.at(-1)
    const isAsking = typeof last === 'function'
    const [payload = {}] = isAsking ? args.slice(0, -1) : args
    if (isAsking) this.#hearAsking(this.#session, event, payload, last as Ack)
    else this.#gateway.hear(this.#session, { messages: [hearEvent(event, payload)] })
  }

  #hearAsking(session: Session, event: unknown, payload: unknown, call: Ack) {
    const heard = hearEvent(event, payload, 0)
    const given = 'fault' in heard ? heard.id : 'id' in heard.message ? heard.message.id : undefined
    const id = isNamed(payload) ? given : undefined
    if ('fault' in heard) return call(errorMessage(heard.fault, id))
    if (this.#acks.full) return call(errorMessage(new Fault('overloaded'), id))

    const message = this.#acks.expect(heard.message, id, call)
    if (message !== undefined) return this.#gateway.hear(session, { messages: [{ message }] })
    call(errorMessage(new Fault('conflict', {}, { message: 'already greeted' })))
  }

  /** The library lets go of it, for whatever reason; may come twice. */
  end(): void {
    this.#closed = true
    this.#link.end()
    if (this.#session !== undefined) this.#gateway.closed(this.#session)
  }

  // --- the port

  get open(): boolean {
    return !this.#closed && this.#link.open
  }

  get bufferedBytes(): number {
    return this.#closed ? 0 : this.#link.unreadBytes
  }

  send(message: Down): void {
    if (!this.open) return
    if (message.type === 'welcome') this.#signedIn(message.user)
    if (message.type === 'goaway') this.#goaway(CLOSE_CODES.shutdown, message.retryAfterMs)
    else if (!this.#acks.take(message)) this.#link.write(encodeEvent(message))
    this.#lookAtBudget()
  }

  sendFrame(frame: Frame, id?: RequestId): void {
    if (!this.open || typeof frame !== 'string') return

    if (id !== undefined && this.#acks.waitsFor(id)) this.#acks.take({ ...readEvent(frame), id } as Down)
    else this.#link.write(id === undefined ? frame : withEventId(frame, id))
    this.#lookAtBudget()
  }

  together(call: () => void): void {
    if (this.open) this.#link.together(call)
  }

  join(topic: string): void {
    if (this.open) this.#link.join(topic)
  }

  leave(topic: string): void {
    if (this.open) this.#link.leave(topic)
  }

  close(reason: CloseReason, retryAfterMs = 0): void {
    if (!this.open) return

    const closeCode = CLOSE_CODES[reason]
    this.#closed = true
    if (comesBack(closeCode)) {
      if (!this.#saidGoaway) this.#goaway(closeCode, Math.round(retryAfterMs))
      this.#link.end()
    } else {
      const code = LAST_ERROR[reason] ?? 'unauthorized'
      const message = reason.replaceAll('_', ' ')
      this.#link.write(encodeEvent({ type: 'error', code, message, retryable: false, closeCode }))
      this.#socket.disconnect(true)
    }
    this.end()
  }

  #goaway(closeCode: number, retryAfterMs: number): void {
    this.#saidGoaway = true
    this.#link.write(encodeEvent({ type: 'goaway', retryAfterMs, closeCode }))
  }

  #lookAtBudget(): void {
    if (this.bufferedBytes > ROLL_LIMITS.unreadBytesMax) this.close('slow')
  }

  /** So that all sockets of one user are found, on whatever node they are. */
  #signedIn(user: string | undefined): void {
    this.#socket.data = { session: this.id, user, transport: this.#link.transport }
    if (user !== undefined) void this.#socket.join(userRoom(user))
  }
}

function isNamed(payload: unknown): boolean {
  return typeof payload === 'object' && payload !== null && Object.hasOwn(payload, 'id')
}
