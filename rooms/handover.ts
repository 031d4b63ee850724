/**
 * Hands accepted orders that this node may no longer write to whoever runs the drop now: as ordinary orders, with the
 * same id and key.
 *
 * If the new owner adopted the room, its ledger answers `duplicate` and all is well. If it built the room anew without
 * our memory, the order is accepted again, from the stock that is there, also in a drop that is paused or over by now: it
 * is a promise that was made while the drop sold. Only when the units are gone does the buyer lose what they were
 * promised: that is `revoked`, and an alarm.
 */
import type { DropId, NodeId } from '../protocol/ids.ts'
import type { Verdict } from '../protocol/verdicts.ts'
import type { Noted } from './journal.ts'
import { pause } from './nap.ts'
import type { Page } from './packed-line.ts'
import type { Clock, Herald, Log } from './ports.ts'
import type { Rooms } from './router.ts'

const WAIT_MS = 3_000
const RETRY_MS = 300
const AT_ONCE = 64
/** Not the drop's last word. */
const WAITS: readonly Verdict[] = ['pending', 'rate_limited']

export interface HandoverWorld {
  rooms: Rooms
  herald: Herald
  clock: Clock
  log: Log
  node: NodeId
  /** False once this node is going away: then the log and the buyer's own retry must do. */
  goesOn(): boolean
}

/** Resolves when every order has its answer. */
export async function handOver(drop: DropId, noted: readonly Page<Noted>[], world: HandoverWorld): Promise<void> {
  let placed = 0
  for (const page of noted) {
    const orders = page().filter(({ entry }) => entry.kind === 'order')
    if (placed === 0 && orders.length > 0) world.log.warn('handover', { drop, pages: noted.length })

    for (let at = 0; at < orders.length; at += AT_ONCE) {
      await Promise.all(orders.slice(at, at + AT_ONCE).map((one) => placeAnew(drop, one, world)))
    }
    placed += orders.length
  }
  if (placed > 0) world.log.info('handover.done', { drop, orders: placed })
}

async function placeAnew(drop: DropId, { entry, via }: Noted, world: HandoverWorld): Promise<void> {
  if (entry.kind !== 'order') return

  const { orderId, buyer, key, lines } = entry
  while (world.goesOn()) {
    const reply = await world.rooms.order(drop, { orderId, buyer, key, lines, promised: true }, WAIT_MS)
    if (reply.verdict === 'accepted' || reply.verdict === 'duplicate') return

    if (!WAITS.includes(reply.verdict)) {
      world.log.error('order.revoked', { drop, orderId, reason: reply.verdict })
      const settled = { drop, buyer, key, orderId, state: 'revoked', reason: reply.verdict } as const
      return world.herald.settled(via ?? world.node, [settled])
    }
    await pause(world.clock, RETRY_MS)
  }
}
