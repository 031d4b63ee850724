/** What can be read off the parts of a node at any moment, and is read when somebody scrapes. */
import type { BusRooms } from '../../bus/bus-rooms.ts'
import type { Directory } from '../../rooms/directory.ts'
import type { Health } from '../health.ts'
import type { SessionRoll } from '../inbound/session-roll.ts'
import type { LoopDelay } from '../loop-delay.ts'
import type { Hub } from '../outbound/hub.ts'
import type { OutboxPublisher } from '../outbound/outbox-publisher.ts'
import type { Http } from '../transports/http.ts'
import type { Meter } from './meter.ts'

export interface ReadParts {
  roll: Pick<SessionRoll, 'size'>
  directory: Pick<Directory, 'size'>
  hub: Pick<Hub, 'drops'>
  remote: Pick<BusRooms, 'waiting'>
  http: Pick<Http, 'inFlight'>
  loopDelay: Pick<LoopDelay, 'p99Ms'>
  publisher: Pick<OutboxPublisher, 'failuresInARow'>
  health: Pick<Health, 'readiness'>
}

export function addReadings(meter: Meter, parts: ReadParts): void {
  const { roll, directory, hub, remote, http, loopDelay, publisher, health } = parts
  meter.reading('livedrop_sockets', 'Sockets of both kinds that are open here.', () => roll.size)
  meter.reading('livedrop_rooms', 'Drops that run on this node.', () => directory.size)
  meter.reading('livedrop_watched_drops', 'Drops that somebody watches here.', () => hub.drops)
  meter.reading(
    'livedrop_letters_waiting',
    'Orders at rooms of other nodes without an answer yet.',
    () => remote.waiting,
  )
  meter.reading('livedrop_requests_in_flight', 'REST requests that are being answered.', () => http.inFlight)
  meter.reading(
    'livedrop_loop_delay_p99_seconds',
    'How late the loop was in the last two seconds; decides whether more may come in.',
    () => loopDelay.p99Ms / 1_000,
  )
  meter.reading(
    'livedrop_outbox_failures_in_a_row',
    'How often events could not be published since they last could.',
    () => publisher.failuresInARow,
  )
  meter.readings('livedrop_dependency_up', 'What /readyz says: 1 when it answers.', 'dependency', async () => {
    const { dependencies } = await health.readiness()
    return Object.fromEntries(Object.entries(dependencies).map(([name, { ok }]) => [name, Number(ok)]))
  })
}
