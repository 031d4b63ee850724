/**
 * Socket.IO on the node's own port, at /socket.io/, for who has its client already: the same gateway, sessions, bounds
 * and messages as the native socket's, spoken in events.
 *
 * Its own recovery stays off: it does nothing with the redis adapter, and cannot know what happened on another node. A
 * client comes back with its ticket and positions in `auth`, as over the native socket.
 */
import { createAdapter } from '@socket.io/redis-adapter'
import { Server, type Socket } from 'socket.io'
import type { RedisFanout } from '../../storage/redis-fanout.ts'
import type { Gateway } from '../inbound/gateway.ts'
import type { EdgeApp } from './edge-app.ts'
import { guardHeaders } from './guard-headers.ts'
import { Origins } from './http-origins.ts'
import type { Door } from './socket-door.ts'
import { behindDoor, corsHeaders, type DoorWorld, type Knocked } from './socketio-door.ts'
import { SocketIoPeer } from './socketio-peer.ts'
import type { Pollers } from './socketio-pollers.ts'
import { type SocketIoReach, SocketIoUsers } from './socketio-reach.ts'

export interface SocketIoWorld {
  gateway: Gateway
  pollers: Pollers
  log: DoorWorld['log']
  /** Web pages that may connect, besides those from this very host. */
  origins: readonly string[]
  /** Who may open another socket. Without it everybody may. */
  door?: Door
  /** Browsers are told to come by https only, from now on. */
  httpsOnly?: boolean
  /** To the other nodes' sockets; without it there are none. */
  fanout?: RedisFanout
}

export interface SocketIoLimits {
  /** To say CONNECT, and to change from polling to WebSocket. */
  shakeWithinMs: number
}

export const SOCKETIO_LIMITS: SocketIoLimits = { shakeWithinMs: 5_000 }

export interface RunningSocketIo {
  reach: SocketIoReach
  /** Before Redis is let go of, else the adapter's last words have nowhere to go. */
  close(): Promise<void>
}

const PATH = '/socket.io/'
/** Together what a welcome calls the heartbeat: a live link is not silent for longer. */
const PING_EVERY_MS = 20_000
const PONG_WITHIN_MS = 12_000
const PACKET_BYTES_MAX = 16 * 1024
const OTHERS_ANSWER_MS = 2_000

/** Call it before routes that match everything. One in a process: the library changes its adapter for all of them. */
export function serveSocketIo(app: EdgeApp, world: SocketIoWorld, limits = SOCKETIO_LIMITS): RunningSocketIo {
  const { gateway, pollers, log, fanout, door } = world
  const io = new Server({
    path: PATH,
    serveClient: false,
    transports: ['polling', 'websocket'],
    pingInterval: PING_EVERY_MS,
    pingTimeout: PONG_WITHIN_MS,
    connectTimeout: limits.shakeWithinMs,
    upgradeTimeout: limits.shakeWithinMs,
    maxHttpBufferSize: PACKET_BYTES_MAX,
    perMessageDeflate: false,
    httpCompression: false,
    allowEIO3: false,
    ...(fanout === undefined ? {} : { adapter: redisAdapter(fanout) }),
  })
  const origins = new Origins(world.origins)
  const guard = guardHeaders(world.httpsOnly === true)
  io.attachApp(behindDoor(app, { gateway, origins, log, guard, ...(door === undefined ? {} : { door }) }))
  if (door !== undefined) io.engine.on('connection', (connection: Connection) => count(connection, door))
  io.engine.on('headers', (headers: Record<string, string>, { headers: said }: { headers: Record<string, string> }) => {
    if (said.origin !== undefined) Object.assign(headers, Object.fromEntries(corsHeaders(said.origin)))
  })
  io.on('connection', (socket) => begin(socket))

  function begin(socket: Socket): void {
    const peer = new SocketIoPeer(socket, gateway, pollers)
    const { auth } = socket.handshake
    // Whoever lists sockets is given the whole handshake; a token is not for them.
    Object.assign(socket.handshake, { auth: {}, headers: {}, query: {}, url: PATH })
    // A client may send an event of this name, and so may the library: without a listener it would end the process.
    socket.on('error', () => undefined)
    socket.on('disconnect', () => safely(() => peer.end()))
    socket.onAny((event: unknown, ...args: unknown[]) => safely(() => peer.hear(event, args)))
    safely(() => peer.begin(auth))
  }

  /** What is thrown in here would be nobody's, and end the process. */
  function safely(call: () => void): void {
    try {
      call()
    } catch (cause) {
      log.error('socketio.failed', { cause: cause instanceof Error ? (cause.stack ?? cause.message) : String(cause) })
    }
  }

  return { reach: new SocketIoUsers(io, fanout), close: () => io.close() }
}

interface Connection {
  request: Knocked | null
  once(event: 'close', hear: () => void): void
}

/** From the handshake on, long before CONNECT. */
function count(connection: Connection, { keeper }: Door): void {
  const network = connection.request?.network
  if (network === undefined) return

  keeper.entered(network)
  connection.once('close', () => keeper.left(network))
}

/** How one Server hears of the sockets of the others. */
export function redisAdapter(fanout: RedisFanout): ReturnType<typeof createAdapter> {
  return createAdapter(fanout.pub, fanout.sub, { key: fanout.key, requestsTimeout: OTHERS_ANSWER_MS })
}
