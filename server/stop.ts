/**
 * How a node leaves, in the one order that loses nothing and crashes nothing.
 *
 *   not ready any more, no new sockets, no new rooms -> rooms passed on -> peers sent away, a few at a time -> nobody is
 *   listened to, what is being answered is answered -> goodbye to the other nodes -> what is left of the outbox ->
 *   Socket.IO -> the app -> the stores
 *
 * Until the last peer has been sent away this node works for those who are still here, over rooms that run elsewhere by
 * then, and its port answers: a load balancer can ask `/readyz` and hear no, and a request that it had already sent on is
 * answered, not refused. The stores go last: whatever still ends on the way may need them, Socket.IO's adapter most of all.
 */
import type { Subscription } from '../bus/bus.ts'
import type { Members } from '../bus/members.ts'
import type { Agenda } from '../rooms/agenda.ts'
import type { Debts } from '../rooms/debts.ts'
import type { Directory } from '../rooms/directory.ts'
import { pause } from '../rooms/nap.ts'
import type { Reach } from '../rooms/reach.ts'
import type { Unwinding } from '../rooms/unwinding.ts'
import type { RedisClock } from '../storage/redis-clock.ts'
import type { Dependencies } from './dependencies.ts'
import type { Health } from './health.ts'
import type { SessionRoll } from './inbound/session-roll.ts'
import type { NodeLog } from './log.ts'
import type { Hub } from './outbound/hub.ts'
import type { OutboxPublisher } from './outbound/outbox-publisher.ts'
import type { Reconciler } from './reconciler.ts'
import type { Heartbeat } from './transports/heartbeat.ts'
import type { Http } from './transports/http.ts'
import type { Listener } from './transports/http-listener.ts'

export interface Parts {
  health: Health
  listener: Listener
  http: Pick<Http, 'inFlight'>
  agenda: Agenda
  debts: Debts
  unwinding: Unwinding
  reconciler: Reconciler
  directory: Directory
  reach: Reach
  roll: SessionRoll
  heartbeat: Heartbeat
  hub: Hub
  members: Members
  ears: readonly Subscription[]
  publisher: OutboxPublisher
  app: { close(): void }
  socketIo: { close(): Promise<void> } | undefined
  clock: RedisClock
  stores: Dependencies
  log: NodeLog
}

/** Shares of the grace time that the slow parts may take; the rest is for everything else. */
const ROOMS_SHARE = 0.25
const PEERS_SHARE = 0.5
const ANSWERS_SHARE = 0.1
const PUBLISH_SHARE = 0.1
const LOOK_MS = 20

export async function stopInOrder(parts: Parts, graceMs: number): Promise<void> {
  const { health, listener, agenda, debts, directory, roll, hub, members, ears, publisher, app, clock, stores, log } =
    parts
  log.info('node.leaving', { rooms: directory.size, sockets: roll.size })

  health.leave()
  roll.shut()
  members.withdraw()
  await Promise.all([
    parts.reach.withdraw(),
    directory.close(graceMs * ROOMS_SHARE),
    ...[agenda, debts, parts.unwinding, parts.reconciler].map((worker) => worker.stop()),
  ])
  await roll.goaway(graceMs * PEERS_SHARE)
  listener.stop()
  await answered(parts, graceMs * ANSWERS_SHARE)
  roll.stop()
  parts.heartbeat.stop()
  hub.stop()
  parts.reach.stop()
  await members.stop()
  await Promise.all(ears.map((ear) => ear.stop()))
  await publisher.stop(graceMs * PUBLISH_SHARE)
  await parts.socketIo?.close()
  app.close()
  clock.stop()
  await stores.close()
  log.info('node.left')
}

/** Waits for the requests that are being answered; those that come on the way, on old connections, may be cut. */
async function answered({ http, clock }: Pick<Parts, 'http' | 'clock'>, withinMs: number): Promise<void> {
  const untilMs = clock.monotonicMs() + withinMs
  while (http.inFlight > 0 && clock.monotonicMs() < untilMs) {
    await pause(clock, LOOK_MS)
  }
}
