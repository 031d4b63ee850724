/**
 * How a node leaves, in the one order that loses nothing and crashes nothing.
 *
 *   not ready any more -> no new sockets -> rooms written, leases given back, successors woken -> peers told to come back
 *   -> goodbye to the other nodes -> what is left of the outbox -> Socket.IO -> the app -> the stores
 *
 * The stores go last: whatever still ends on the way may need them, Socket.IO's adapter most of all.
 */
import type { Subscription } from '../bus/bus.ts'
import type { Members } from '../bus/members.ts'
import type { Agenda } from '../rooms/agenda.ts'
import type { Debts } from '../rooms/debts.ts'
import type { Directory } from '../rooms/directory.ts'
import type { Unwinding } from '../rooms/unwinding.ts'
import type { RedisClock } from '../storage/redis-clock.ts'
import type { Dependencies } from './dependencies.ts'
import type { Health } from './health.ts'
import type { SessionRoll } from './inbound/session-roll.ts'
import type { NodeLog } from './log.ts'
import type { Hub } from './outbound/hub.ts'
import type { OutboxPublisher } from './outbound/outbox-publisher.ts'
import type { Listener } from './transports/http-listener.ts'

export interface Parts {
  health: Health
  listener: Listener
  agenda: Agenda
  debts: Debts
  unwinding: Unwinding
  directory: Directory
  roll: SessionRoll
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

/** Until Postgres has what the rooms accepted; the log in Redis has the rest. */
const WRITE_WITHIN_MS = 5_000
const PUBLISH_WITHIN_MS = 2_000
/** Peers spread their return over this time. */
const COME_BACK_MS = 2_000

export async function stopInOrder(parts: Parts): Promise<void> {
  const { health, listener, agenda, debts, directory, roll, hub, members, ears, publisher, app, clock, stores, log } =
    parts
  log.info('node.leaving', { rooms: directory.size, sockets: roll.size })

  health.leave()
  listener.stop()
  await agenda.stop()
  await debts.stop()
  await parts.unwinding.stop()
  await directory.close(WRITE_WITHIN_MS)
  await roll.goaway(COME_BACK_MS)
  roll.stop()
  hub.stop()
  await members.stop()
  await Promise.all(ears.map((ear) => ear.stop()))
  await publisher.stop(PUBLISH_WITHIN_MS)
  await parts.socketIo?.close()
  app.close()
  clock.stop()
  await stores.close()
  log.info('node.left')
}
