/**
 * LiveDrop for apps.
 *
 *   const client = new Client({ transport: wsTransport('wss://live.example/ws'), getToken })
 *   const drop = client.watch(dropId)
 *   drop.on('changed', (state) => render(state, client.clock.now()))
 *   const answer = await client.order(dropId, [{ sku: 'S-1', qty: 1 }])
 *   if (answer.verdict === 'accepted') await answer.confirmed
 *
 * What an app may rely on: an order is one order however often the network breaks, and its promise always settles; a
 * drop's position never goes back; the connection comes back by itself unless it was told to stay away. This file only
 * introduces the parts to each other; docs/client-spec.md says what each of them must do.
 */

import type { Down } from '../protocol/down.ts'
import type { DropId } from '../protocol/ids.ts'
import type { Cancelled } from '../protocol/messages/cancel.ts'
import type { ErrorMessage } from '../protocol/messages/error.ts'
import type { Notice } from '../protocol/messages/notice.ts'
import type { Confirmed, Revoked } from '../protocol/messages/order.ts'
import type { Up } from '../protocol/up.ts'
import { type CancelAnswer, CancelDesk, type CancelledOrder } from './cancel-desk.ts'
import { Connection } from './connection.ts'
import type { ConnectionState } from './connection-state.ts'
import { Credentials, type GetToken } from './credentials.ts'
import { DropClock } from './drop-clock.ts'
import { DropWatch, watchId } from './drop-watch.ts'
import { Emitter } from './emitter.ts'
import { Heartbeat, PROBE_MS } from './heartbeat.ts'
import { browserHints } from './hints.ts'
import type { OrderAnswer, WantedLine } from './order-answer.ts'
import { OrderDesk, type OrderOptions, TIMEOUT_MS } from './order-desk.ts'
import { AUTH_ID, Renewal } from './renewal.ts'
import type { Transport } from './transport.ts'
import { deviceWorld, type Hint, type Hints, type World } from './world.ts'

export type { CancelAnswer, CancelledOrder } from './cancel-desk.ts'
export type { ConnectionState } from './connection-state.ts'
export { OWN_CODES } from './connection-state.ts'
export type { DropItem, DropState } from './drop-state.ts'
export type { DropEvents, DropFailure, DropWatch } from './drop-watch.ts'
export { type AppStateLike, browserHints, type NetInfoLike, nativeHints } from './hints.ts'
export type { Accepted, OrderAnswer, OrderEnd, Refused, WantedLine } from './order-answer.ts'
export type { OrderOptions } from './order-desk.ts'
export type { Link, LinkEars, Transport } from './transport.ts'
export type { Hint, Hints, Timer, World } from './world.ts'
export { json, type NativeWebSocket, type WireFormat, type WsOptions, wsTransport } from './ws-transport.ts'

export interface ClientOptions {
  transport: Transport
  /** Without it, and when it answers nothing, the client watches but cannot order. */
  getToken?: GetToken
  /** Tells of the network and of the app's visibility; a browser's own events if nothing is given. */
  hints?: Hints
  world?: World
}

export interface ClientEvents {
  connection: ConnectionState
  /** The end of any order of this user, also of one made elsewhere. */
  settled: Confirmed | Revoked | Cancelled
  /** What a creator whom this user follows has done; the inbox has it under the same id. */
  notice: Notice
  /** An error that belongs to no question: a bug of ours, or a server of another version. */
  problem: ErrorMessage
}

/** As many as a node lets one socket watch. */
export const WATCHED_MAX = 32

export class Client {
  readonly clock: DropClock
  readonly #world: World
  readonly #events = new Emitter<ClientEvents>()
  readonly #connection: Connection
  readonly #heartbeat: Heartbeat
  readonly #renewal: Renewal
  readonly #desk: OrderDesk
  readonly #cancels: CancelDesk
  readonly #watches = new Map<string, DropWatch>()
  /** Asked for on the link that is being opened. */
  readonly #behindHello = new Set<string>()
  readonly #hints: Hints
  #stopHints: (() => void) | undefined

  constructor({ transport, getToken, hints = browserHints, world = deviceWorld }: ClientOptions) {
    const say = (message: Up) => this.#connection.say(message)
    const credentials = new Credentials(getToken)
    this.#world = world
    this.#hints = hints
    this.clock = new DropClock(world)
    this.#renewal = new Renewal(world, credentials, say)
    this.#desk = new OrderDesk(world, say, () => this.#renewal.renew())
    this.#cancels = new CancelDesk(world, say)
    this.#heartbeat = new Heartbeat(world, say, () => this.#connection.silent())
    this.#connection = new Connection(world, transport, credentials, {
      changed: (state) => this.#changed(state),
      behindHello: () => this.#questions(),
      heard: (message) => this.#heard(message),
    })
  }

  get connection(): ConnectionState {
    return this.#connection.state
  }

  on<Name extends keyof ClientEvents>(name: Name, listener: (what: ClientEvents[Name]) => void): () => void {
    return this.#events.on(name, listener)
  }

  /** watch() and order() do it too; call it again after `closed`. */
  connect(): this {
    this.#stopHints ??= this.#hints((hint) => this.#hint(hint))
    this.#connection.start()
    return this
  }

  /** For good: open orders settle as `pending`, unconfirmed ones as `unknown`. */
  close(): void {
    this.#stopHints?.()
    this.#stopHints = undefined
    this.#connection.close()
  }

  /** The same object for the same drop, until stop() was called as often as watch(). */
  watch(drop: string): DropWatch {
    const known = this.#watches.get(drop)
    if (known !== undefined) return known.hold()
    if (this.#watches.size >= WATCHED_MAX) throw new RangeError(`a client watches at most ${WATCHED_MAX} drops`)

    const watch = new DropWatch(
      drop,
      this.#world,
      (message) => void this.#connection.say(message),
      () => this.#unwatch(drop),
    )
    this.#watches.set(drop, watch.hold())
    if (this.#connection.state.name === 'idle') this.connect()
    else this.#connection.say(watch.question())
    return watch
  }

  /** What watch() answered, as long as it is not stopped. Asks for nothing. */
  watched(drop: string): DropWatch | undefined {
    return this.#watches.get(drop)
  }

  /** Settles always, and never rejects: with the drop's verdict, or with `pending` when the time is up. */
  order(drop: string, lines: readonly WantedLine[], options: OrderOptions = {}): Promise<OrderAnswer> {
    if (this.#connection.state.name === 'idle') this.connect()
    const answer = this.#desk.place(drop, lines, options)
    if (this.#connection.state.name === 'closed') this.#desk.close()
    return answer
  }

  /** Gives an order back. Settles always, and never rejects; `settled` follows with `cancelled`. */
  cancel(order: CancelledOrder, { timeoutMs = TIMEOUT_MS }: { timeoutMs?: number } = {}): Promise<CancelAnswer> {
    if (this.#connection.state.name === 'idle') this.connect()
    const answer = this.#cancels.cancel(order, timeoutMs)
    if (this.#connection.state.name === 'closed') this.#cancels.close()
    return answer
  }

  // --- the connection ------------------------------------------------------------------------------------------------------

  #questions(): Up[] {
    this.#behindHello.clear()
    for (const drop of this.#watches.keys()) this.#behindHello.add(drop)
    return [...this.#watches.values()].map((watch) => watch.question())
  }

  #changed(state: ConnectionState): void {
    if (state.name === 'online') {
      this.#heartbeat.start()
      for (const [drop, watch] of this.#watches) {
        if (!this.#behindHello.has(drop)) this.#connection.say(watch.question())
      }
      this.#desk.online()
      this.#cancels.online()
    } else {
      this.#heartbeat.stop()
      this.#renewal.over(false)
      if (state.name === 'closed') {
        this.#desk.close()
        this.#cancels.close()
      }
    }
    this.#events.emit('connection', state)
  }

  #hint(hint: Hint): void {
    this.#connection.hint(hint)
    if (this.#connection.state.name === 'online' && hint !== 'hidden') this.#heartbeat.probe(PROBE_MS)
  }

  #unwatch(drop: string): void {
    this.#watches.delete(drop)
    this.#connection.say({ type: 'unwatch', id: `u${drop}`, drop: drop as DropId })
  }

  // --- what the server says ------------------------------------------------------------------------------------------------

  #heard(message: Down) {
    this.#heartbeat.heard()
    switch (message.type) {
      case 'welcome':
        return this.clock.startAgain(message.serverTimeMs)
      case 'clock':
        return this.clock.sample(message)
      case 'snapshot': {
        const watch = this.#watches.get(message.drop)
        return watch === undefined ? this.#unwatch(message.drop) : watch.snapshot(message)
      }
      case 'news':
        return this.#watches.get(message.drop)?.news(message)
      case 'receipt':
        return typeof message.id === 'string' ? this.#cancels.receipt(message) : this.#desk.receipt(message)
      case 'outcome':
        return this.#desk.outcome(message)
      case 'confirmed':
      case 'revoked':
      case 'cancelled':
        this.#desk.settled(message)
        return this.#events.emit('settled', message)
      case 'notice':
        return this.#events.emit('notice', message)
      case 'auth_expiring':
        return void this.#renewal.renew()
      case 'auth':
        return this.#renewal.renewed(message)
      case 'error':
        return this.#error(message)
    }
  }

  #error(error: ErrorMessage) {
    const { id } = error
    if (id === AUTH_ID) return this.#renewal.over(false)
    if (typeof id === 'number') return this.#desk.error(error)
    if (id === undefined) return this.#events.emit('problem', error)

    this.#cancels.error(error)
    for (const [drop, watch] of this.#watches) if (id === watchId(drop)) watch.refused(error)
  }
}
