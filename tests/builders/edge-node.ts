/**
 * A real node's edge, both kinds of socket on one port of real uWebSockets.js, with stores that are objects. Its clock is
 * the machine's, its limits may be short. One at a time in a process: Socket.IO changes its adapter for all of them.
 */
import { deviceWorld as clock } from '../../client/world.ts'
import type { RollLimits } from '../../server/inbound/session-roll.ts'
import type { CertificateFiles } from '../../server/transports/certificate.ts'
import { RenewableApp } from '../../server/transports/edge-app.ts'
import type { Heartbeat } from '../../server/transports/heartbeat.ts'
import { nativeBroadcaster, serveNative } from '../../server/transports/native.ts'
import { allOf } from '../../server/transports/peer.ts'
import type { Door } from '../../server/transports/socket-door.ts'
import { SOCKETIO_LIMITS, type SocketIoLimits, serveSocketIo } from '../../server/transports/socketio.ts'
import { Pollers } from '../../server/transports/socketio-pollers.ts'
import type { RedisFanout } from '../../storage/redis-fanout.ts'
import { edge } from './edge.ts'
import { at, EdgeWorld } from './edge-world.ts'
import { failureLog } from './logs.ts'
import { buyer, dropOf } from './people.ts'

export const SHOES = dropOf('shoes')
export const ORIGIN = 'https://drops.example'

export type EdgeNode = Awaited<ReturnType<typeof edgeNode>>

export interface EdgeOptions {
  fanout?: RedisFanout
  door?: Door
  tls?: CertificateFiles
  httpsOnly?: boolean
  heartbeat?: Heartbeat
}

export async function edgeNode(
  limits: Partial<RollLimits & SocketIoLimits> = {},
  { fanout, door, tls, httpsOnly = false, heartbeat }: EdgeOptions = {},
) {
  const world = new EdgeWorld()
  world.addDrop(SHOES)
  const { log, failures } = failureLog()
  const app = new RenewableApp(tls)
  const pollers = new Pollers()
  const { hub, roll, tickets, gateway } = edge({
    ...{ clock, random: Math.random, log },
    broadcaster: allOf(nativeBroadcaster(app), pollers),
    pages: { byId: async () => world.pages.get(SHOES), phases: async () => new Map() },
    ledger: {
      read: async () => world.rooms.get(SHOES),
      known: async () => [{ isWhole: true, positions: [at(1, 1)] }],
    },
    orders: { mine: async () => new Map(), states: async () => new Map() },
    rollLimits: limits,
    cancellations: { cancel: (asked) => world.cancel(asked) },
    tokens: {
      verify: async (token) => {
        if (!token.startsWith('token-of-')) return token === 'old' ? 'expired' : 'invalid'
        return { user: buyer(token.slice(9)), role: 'fan', expiresAtMs: Date.now() + 900_000 }
      },
    },
    rooms: { order: async (drop, claim) => world.order(drop, claim) },
  })
  const origins = [ORIGIN]
  serveNative(app, {
    ...{ gateway, log, origins, httpsOnly },
    ...(door === undefined ? {} : { door }),
    ...(heartbeat === undefined ? {} : { heartbeat }),
  })
  const socketIo = serveSocketIo(
    app,
    {
      ...{ gateway, pollers, log, origins, httpsOnly },
      ...(fanout === undefined ? {} : { fanout }),
      ...(door === undefined ? {} : { door }),
    },
    { ...SOCKETIO_LIMITS, ...limits },
  )
  app.any('/*', (res) => {
    res.writeStatus('404 Not Found').end('no such page')
  })
  const { port } = await app.listen('127.0.0.1', 0)
  roll.start()
  return {
    ...{ world, hub, clock, roll, tickets, failures, port, app, pollers, reach: socketIo.reach },
    url: `${tls === undefined ? 'ws' : 'wss'}://127.0.0.1:${port}/ws`,
    origin: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    async stop() {
      roll.stop()
      hub.stop()
      await socketIo.close()
      app.close()
    },
  }
}
