/**
 * What stands before Engine.IO: every request to /socket.io/ is judged here, at once, before the library sees it.
 *
 * The library reads a request again after an `await` and throws at requests that no client of its own makes (a WebSocket
 * handshake that says `transport=polling` is one); under uWebSockets.js either would end the process. So what it does not
 * expect is refused first, and whatever it still throws stops in this file. The same goes for what attachApp() does not
 * pass on: a slow reader's connection must end, not lose messages.
 *
 * Origins are those of REST, on every request and not only on the first. Credentials are allowed, for a load balancer
 * may keep a polling client on its node by a cookie; nothing of ours rests on one.
 */
import type { HttpRequest, HttpResponse, TemplatedApp, WebSocketBehavior } from 'uWebSockets.js'
import type { Log } from '../../rooms/ports.ts'
import type { Gateway } from '../inbound/gateway.ts'
import type { EdgeApp } from './edge-app.ts'
import { type GuardHeaders, guarded } from './guard-headers.ts'
import { CORS_KEPT_S, CORS_REQUEST_HEADERS, type Origins } from './http-origins.ts'
import { BACKPRESSURE_BYTES_MAX, IDLE_S, LIFETIME_MIN } from './native.ts'
import { type Door, networkOf, retryAfter, STATUS_LINES, turnedByLeaving } from './socket-door.ts'
import { isHandshake } from './ws-handshake.ts'

export interface DoorWorld {
  gateway: Pick<Gateway, 'isOpen'>
  origins: Origins
  log: Pick<Log, 'error'>
  guard: GuardHeaders
  /** Who may open another socket. Without it everybody may. */
  door?: Door
}

/** What stays with a request that begins a connection. */
export interface Knocked {
  /** Where its socket is counted; undefined where nobody counts. */
  network?: string
}

/** As much of an app as Engine.IO and Socket.IO use. */
export type DoorApp = Pick<TemplatedApp, 'any' | 'ws' | 'publish'>

const METHODS = 'GET, POST, OPTIONS'
/** Some eighty are what a client sends; who polls is asked for no pace, so each request must cost little. */
const QUERY_CHARS_MAX = 1_024

export function behindDoor(app: EdgeApp, world: DoorWorld): DoorApp {
  const door = {
    any: (path: string, handle: (res: HttpResponse, req: HttpRequest) => void) => {
      app.any(path, (res, req) =>
        safely(world, res, () => {
          guarded(res, world.guard)
          if (mayEnter(res, req, world, 'polling')) handle(shielded(world, res), req)
        }),
      )
      return door
    },
    ws: <T>(path: string, behavior: WebSocketBehavior<T>) => {
      const { upgrade, open, message, close } = behavior
      app.ws<T>(path, {
        ...behavior,
        compression: 0,
        idleTimeout: IDLE_S,
        sendPingsAutomatically: false,
        maxLifetime: LIFETIME_MIN,
        maxBackpressure: BACKPRESSURE_BYTES_MAX,
        closeOnBackpressureLimit: 1,
        upgrade: (res, req, context) =>
          safely(world, res, () => {
            guarded(res, world.guard)
            if (mayEnter(res, req, world, 'websocket')) upgrade?.(shielded(world, res), req, context)
          }),
        open: (ws) => safely(world, undefined, () => open?.(ws)),
        message: (ws, bytes, isBinary) => safely(world, undefined, () => message?.(ws, bytes, isBinary)),
        close: (ws, code, reason) => safely(world, undefined, () => close?.(ws, code, reason)),
      })
      return door
    },
    publish: app.publish.bind(app),
  }
  return door as unknown as DoorApp
}

/** What a page may read of an answer. */
export function corsHeaders(origin: string): [string, string][] {
  return [
    ['access-control-allow-origin', origin],
    ['access-control-allow-credentials', 'true'],
    ['vary', 'origin'],
  ]
}

// --- who may enter -------------------------------------------------------------------------------------------------------

/** Engine.IO's own numbers, for its clients show them. */
const BAD_REQUEST = 3
const FORBIDDEN = 4

function mayEnter(res: HttpResponse, req: HttpRequest, world: DoorWorld, transport: 'polling' | 'websocket'): boolean {
  const method = req.getMethod().toUpperCase()
  const origin = req.getHeader('origin')
  const asked = req.getQuery() ?? ''

  if (origin !== '' && !world.origins.allows(origin, req.getHeader('host'))) {
    return refuse(res, '', '403 Forbidden', FORBIDDEN, 'this origin may not connect')
  }
  if (method === 'OPTIONS') return preflight(res, origin)
  if (asked.length > QUERY_CHARS_MAX) return refuse(res, origin, '414 URI Too Long', BAD_REQUEST, 'too long a query')
  if (method !== 'GET' && method !== 'POST') {
    return refuse(res, origin, '405 Method Not Allowed', BAD_REQUEST, `understood here: ${METHODS}`)
  }
  const query = new URLSearchParams(asked)
  if (query.has('token') || query.has('access_token')) {
    return refuse(res, origin, '400 Bad Request', BAD_REQUEST, 'a token never travels in a URL')
  }
  for (const name of ['transport', 'EIO', 'sid']) {
    if (query.getAll(name).length > 1) return refuse(res, origin, '400 Bad Request', BAD_REQUEST, `${name} comes twice`)
  }
  if (query.get('transport') !== transport) {
    return refuse(res, origin, '400 Bad Request', BAD_REQUEST, `transport here: ${transport}`)
  }
  if (transport === 'websocket' && !isHandshake(req)) {
    return refuse(res, origin, '400 Bad Request', BAD_REQUEST, 'not a handshake of WebSocket 13')
  }
  return query.has('sid') || mayBegin(res, req, world)
}

/** Only what begins a connection is a knock: a poller asks again and again. */
function mayBegin(res: HttpResponse, req: HttpRequest & Knocked, { gateway, door }: DoorWorld): boolean {
  const network = door === undefined ? undefined : networkOf(res, req, door)
  const turned = (network === undefined ? undefined : door?.keeper.knock(network)) ?? turnedByLeaving(gateway)
  if (turned !== undefined) {
    const { status, why, retryAfterMs } = turned
    return refuse(res, req.getHeader('origin'), STATUS_LINES[status], FORBIDDEN, why, retryAfterMs)
  }
  if (network !== undefined) req.network = network
  return true
}

function refuse(
  res: HttpResponse,
  origin: string,
  status: string,
  code: number,
  message: string,
  retryAfterMs?: number,
): false {
  res.cork(() => {
    res.writeStatus(status)
    if (retryAfterMs !== undefined) res.writeHeader('retry-after', retryAfter(retryAfterMs))
    if (origin !== '') for (const [name, value] of corsHeaders(origin)) res.writeHeader(name, value)
    res.writeHeader('content-type', 'application/json')
    res.writeHeader('cache-control', 'no-store')
    res.end(JSON.stringify({ code, message }))
  })
  return false
}

function preflight(res: HttpResponse, origin: string): false {
  res.cork(() => {
    res.writeStatus('204 No Content')
    if (origin !== '') for (const [name, value] of corsHeaders(origin)) res.writeHeader(name, value)
    res.writeHeader('access-control-allow-methods', METHODS)
    res.writeHeader('access-control-allow-headers', CORS_REQUEST_HEADERS)
    res.writeHeader('access-control-max-age', String(CORS_KEPT_S))
    res.endWithoutBody()
  })
  return false
}

// --- what is thrown stops here -------------------------------------------------------------------------------------------

/** A response whose own callbacks are as safe as the handler they are registered in. */
function shielded(world: DoorWorld, res: HttpResponse): HttpResponse {
  const onData = res.onData.bind(res)
  const onAborted = res.onAborted.bind(res)
  res.onData = (hear) => onData((bytes, isLast) => safely(world, res, () => hear(bytes, isLast)))
  res.onAborted = (hear) => onAborted(() => safely(world, undefined, hear))
  return res
}

function safely({ log }: Pick<DoorWorld, 'log'>, res: HttpResponse | undefined, call: () => void): void {
  try {
    call()
  } catch (cause) {
    log.error('socketio.failed', { cause: cause instanceof Error ? (cause.stack ?? cause.message) : String(cause) })
    hangUp(res)
  }
}

function hangUp(res: HttpResponse | undefined): void {
  try {
    res?.close()
  } catch {
    // answered already: nobody waits for it
  }
}
