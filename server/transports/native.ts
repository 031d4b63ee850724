/**
 * The native transport: WebSockets on `GET /ws`, by uWebSockets.js.
 *
 * What uWebSockets.js does not forgive is kept in this file: a request may only be touched before the handler returns
 * (so the handshake is decided at once, and tokens are checked after the socket is open), a message's bytes are gone
 * when its handler returns, a closed socket throws at every verb, and an exception out of a handler ends the process.
 *
 * A slow reader: above 8 KiB unread it is spared the news (session-roll.ts), above 48 it is closed with 3008 while the
 * close frame still fits under the 64 KiB at which the library drops frames. If a burst passes both between two looks,
 * the library itself ends the connection without a code: a client that misses news without knowing it does not exist.
 */

import type { HttpRequest, HttpResponse, us_socket_context_t, WebSocket } from 'uWebSockets.js'
import { randomUUID } from 'node:crypto'
import { CLOSE_CODES, type CloseReason } from '../../protocol/close-codes.ts'
import { decodeFrame, encode, FRAME_BYTES_MAX, type Frame, withId } from '../../protocol/codec.ts'
import type { Down } from '../../protocol/down.ts'
import { Fault } from '../../protocol/faults.ts'
import type { RequestId } from '../../protocol/messages/request-id.ts'
import { BEARER_PREFIX, type Format, SUBPROTOCOLS, type Subprotocol } from '../../protocol/version.ts'
import type { Log } from '../../rooms/ports.ts'
import type { Gateway } from '../inbound/gateway.ts'
import type { Session } from '../inbound/session.ts'
import { ROLL_LIMITS } from '../inbound/session-roll.ts'
import { Turns } from '../turns.ts'
import type { EdgeApp } from './edge-app.ts'
import { guarded, guardHeaders } from './guard-headers.ts'
import type { Beating, Heartbeat } from './heartbeat.ts'
import { type Broadcaster, closeText, type Peer } from './peer.ts'
import { type Door, networkOf, retryAfter, STATUS_LINES, turnedByLeaving } from './socket-door.ts'
import { isHandshake } from './ws-handshake.ts'

export const BACKPRESSURE_BYTES_MAX = 64 * 1024
/** The library's own patience, which ends a socket without a word: longer than the heartbeat's and Engine.IO's. */
export const IDLE_S = 60
export const LIFETIME_MIN = 239
const TOKEN_CHARS_MAX = 4096
/** Answered in one turn of the loop (server/turns.ts): reading one costs a third of answering it. */
const HANDSHAKES_PER_TURN = 64

export interface NativeWorld {
  gateway: Gateway
  log: Log
  /** Origins that browsers may connect from. What sends no Origin is not a browser. */
  origins: readonly string[]
  /** Who may open another socket. Without it everybody may. */
  door?: Door
  /** Browsers are told to come by https only, from now on. */
  httpsOnly?: boolean
  /** Finds out who is gone. Without it nobody is pinged. */
  heartbeat?: Heartbeat
}

/** What the library carries with a socket. It copies an object's own fields only, so a peer stands in one. */
interface Carried {
  peer: NativePeer
}

/** Where a socket is counted while it is open. */
interface Inside {
  keeper: Door['keeper']
  network: string
}

/** SUBSCRIBE and SEND result of uWebSockets.js. */
const DROPPED = 2

/** Registers `GET /ws`. Call it before routes that match everything. */
export function serveNative(app: EdgeApp, world: NativeWorld): void {
  const { gateway, log } = world
  const origins = new Set(world.origins)
  const turns = new Turns(HANDSHAKES_PER_TURN)
  const guard = guardHeaders(world.httpsOnly === true)

  app.ws<Carried>('/ws', {
    compression: 0,
    maxPayloadLength: FRAME_BYTES_MAX,
    maxBackpressure: BACKPRESSURE_BYTES_MAX,
    closeOnBackpressureLimit: 1,
    idleTimeout: IDLE_S,
    sendPingsAutomatically: false,
    maxLifetime: LIFETIME_MIN,

    upgrade: (res, req, context) => safely(log, () => shake(guarded(res, guard), req, context, origins, world, turns)),
    open: (ws) => safely(log, () => ws.getUserData().peer.begin(ws, gateway)),
    message: (ws, message, isBinary) =>
      safely(log, () => ws.getUserData().peer.hear(new Uint8Array(message), isBinary, gateway)),
    pong: (ws) => safely(log, () => ws.getUserData().peer.answered()),
    dropped: (ws) => safely(log, () => ws.getUserData().peer.overflow()),
    close: (ws) => safely(log, () => ws.getUserData().peer.end(gateway)),
  })
}

/** Broadcasts through the library's own topics: one copy of the frame for all who have joined. */
export function nativeBroadcaster(app: Pick<EdgeApp, 'publish'>): Broadcaster {
  return {
    broadcast: (topic, frame) => {
      app.publish(topic, frame, typeof frame !== 'string', false)
    },
  }
}

/** An exception that reaches the library ends the process, and every other socket with it. */
function safely(log: Log, call: () => void): void {
  try {
    call()
  } catch (cause) {
    log.error('native.failed', { cause: cause instanceof Error ? (cause.stack ?? cause.message) : String(cause) })
  }
}

// --- the handshake -------------------------------------------------------------------------------------------------------

function shake(
  res: HttpResponse,
  req: HttpRequest,
  context: us_socket_context_t,
  origins: ReadonlySet<string>,
  { gateway, door, heartbeat, log }: NativeWorld,
  turns: Turns,
) {
  const network = door === undefined ? '' : networkOf(res, req, door)
  const turned = door?.keeper.knock(network)
  if (turned !== undefined) return refuse(res, STATUS_LINES[turned.status], turned.why, turned.retryAfterMs)
  if (!isHandshake(req)) return refuse(res, '400 Bad Request', 'not a handshake of WebSocket 13')

  const origin = req.getHeader('origin')
  const key = req.getHeader('sec-websocket-key')
  const offered = req.getHeader('sec-websocket-protocol').split(',', 8)
  const wasTokenInUrl = req.getQuery('token') !== undefined || req.getQuery('access_token') !== undefined

  const protocols = offered.map((protocol) => protocol.trim())
  const protocol = protocols.find((name): name is Subprotocol => Object.hasOwn(SUBPROTOCOLS, name))
  const token = protocols.find((name) => name.startsWith(BEARER_PREFIX))?.slice(BEARER_PREFIX.length)
  if (origin !== '' && !origins.has(origin)) return refuse(res, '403 Forbidden', 'this origin may not connect')
  if (wasTokenInUrl) return refuse(res, '400 Bad Request', 'a token never travels in a URL')
  if (token !== undefined && token.length > TOKEN_CHARS_MAX) return refuse(res, '400 Bad Request', 'token too long')
  if (protocol === undefined) {
    return refuse(res, '400 Bad Request', `offer a sub-protocol: ${Object.keys(SUBPROTOCOLS).join(' or ')}`)
  }
  const leaving = turnedByLeaving(gateway)
  if (leaving !== undefined) return refuse(res, STATUS_LINES[leaving.status], leaving.why, leaving.retryAfterMs)

  // Only the first one is echoed: a browser refuses a server that echoes what looks like a second one.
  const inside = door === undefined ? undefined : { keeper: door.keeper, network }
  const peer = new NativePeer(SUBPROTOCOLS[protocol], token, inside, heartbeat)
  // Counted from here on: those who wait for their turn are as many as those who are in.
  peer.knocked()
  let isGone = false
  res.onAborted(() => {
    isGone = true
    peer.gone()
  })
  turns.take(1, () => {
    if (isGone) return
    safely(log, () => res.cork(() => res.upgrade({ peer } satisfies Carried, key, protocol, '', context)))
  })
}

function refuse(res: HttpResponse, status: string, why: string, retryAfterMs?: number): void {
  res.cork(() => {
    res.writeStatus(status)
    if (status.startsWith('400')) res.writeHeader('Sec-WebSocket-Version', '13')
    if (retryAfterMs !== undefined) res.writeHeader('Retry-After', retryAfter(retryAfterMs))
    res.writeHeader('Content-Type', 'text/plain; charset=utf-8')
    res.end(`${why}\n`)
  })
}

// --- one socket ----------------------------------------------------------------------------------------------------------

class NativePeer implements Peer, Beating {
  readonly id = randomUUID()
  readonly format: Format
  quietLooks = 0
  #token: string | undefined
  /** Undefined before the socket is open and for ever after it is closed. */
  #ws: WebSocket<Carried> | undefined
  #session: Session | undefined
  readonly #inside: Inside | undefined
  readonly #heartbeat: Heartbeat | undefined

  constructor(format: Format, token: string | undefined, inside: Inside | undefined, heartbeat: Heartbeat | undefined) {
    this.format = format
    this.#token = token
    this.#inside = inside
    this.#heartbeat = heartbeat
  }

  // --- what the library says

  /** Its handshake is good and will be answered. */
  knocked(): void {
    this.#inside?.keeper.entered(this.#inside.network)
  }

  /** Closed, or gone before its handshake was answered. */
  gone(): void {
    this.#inside?.keeper.left(this.#inside.network)
  }

  begin(ws: WebSocket<Carried>, gateway: Gateway): void {
    const token = this.#token
    this.#token = undefined
    this.#ws = ws
    this.#heartbeat?.add(this)
    this.#session = gateway.opened(this, token)
  }

  hear(bytes: Uint8Array, isBinary: boolean, gateway: Gateway) {
    if (this.#session === undefined || this.#ws === undefined) return
    this.quietLooks = 0
    if (isBinary !== (this.format === 'msgpack')) {
      const fault = new Fault('bad_frame', {}, { message: `${this.format} was agreed on` })
      return gateway.hear(this.#session, { fault })
    }

    gateway.hear(this.#session, decodeFrame(bytes, this.format))
  }

  answered(): void {
    this.quietLooks = 0
  }

  /**
   * A broadcast did not fit, so the library is about to end the socket. It says so while it walks over its subscribers:
   * ending the socket in here would free what it walks over, and the process would die of it.
   */
  overflow(): void {
    setImmediate(() => this.close('slow'))
  }

  end(gateway: Gateway): void {
    this.#ws = undefined
    this.#heartbeat?.remove(this)
    this.gone()
    if (this.#session !== undefined) gateway.closed(this.#session)
  }

  // --- what the heartbeat says

  ping(): void {
    this.#ws?.ping()
  }

  lost(): void {
    this.close('no_pong')
  }

  // --- the port

  get open(): boolean {
    return this.#ws !== undefined
  }

  get bufferedBytes(): number {
    return this.#ws?.getBufferedAmount() ?? 0
  }

  send(message: Down): void {
    if (this.#ws !== undefined) this.sendFrame(encode(message, this.format))
  }

  sendFrame(encoded: Frame, id?: RequestId): void {
    const ws = this.#ws
    if (ws === undefined) return

    const frame = id === undefined ? encoded : withId(encoded, id)
    const result = ws.send(frame, typeof frame !== 'string', false)
    if (result === 1) return
    if (result === DROPPED || ws.getBufferedAmount() > ROLL_LIMITS.unreadBytesMax) this.close('slow')
  }

  together(call: () => void): void {
    this.#ws?.cork(call)
  }

  join(topic: string): void {
    this.#ws?.subscribe(topic)
  }

  leave(topic: string): void {
    this.#ws?.unsubscribe(topic)
  }

  /** The library calls the close handler from within end(), so the socket is let go of first. */
  close(reason: CloseReason, retryAfterMs?: number): void {
    const ws = this.#ws
    this.#ws = undefined
    ws?.end(CLOSE_CODES[reason], closeText(retryAfterMs))
  }
}
