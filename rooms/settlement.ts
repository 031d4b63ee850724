/**
 * What follows from Postgres' word on a batch of entries.
 *
 * Confirmed orders are told to the node that carried them. A revoked order (Postgres refused what the ledger accepted:
 * only after a double fault) is told too, counted in the log as an alarm, and its units go back into the stock where
 * they belong there. A stale one, of an epoch before the last rebuild, is placed anew under its own key.
 */
import type { DropId, NodeId } from '../protocol/ids.ts'
import type { Noted } from './journal.ts'
import type { Letter } from './letters.ts'
import type { Clock, Herald, Log, Settled } from './ports.ts'
import type { Written } from './relay.ts'

export interface SettlementWorld {
  herald: Herald
  clock: Clock
  log: Log
  post(letter: Letter): void
  handOver(drop: DropId, noted: Noted[]): void
}

const RETURN_TTL_MS = 30_000

export function settle(drop: DropId, batch: readonly Written[], world: SettlementWorld): void {
  const byNode = new Map<NodeId, Settled[]>()
  const stale: Noted[] = []

  for (const { noted, outcome } of batch) {
    const { entry, via } = noted
    if (outcome.outcome === 'stale') stale.push(noted)
    if (entry.kind !== 'order' || outcome.outcome === 'stale' || outcome.outcome === 'applied') continue

    const { buyer, key, orderId } = entry
    const order = { drop, buyer, key, orderId }
    if (outcome.outcome !== 'revoked') tell(byNode, via, { ...order, state: 'confirmed' })
    else {
      world.log.error('order.revoked', { drop, orderId, reason: outcome.reason })
      tell(byNode, via, { ...order, state: 'revoked', reason: outcome.reason })
      if (outcome.returns) returnUnits(noted, world)
    }
  }
  for (const [node, settled] of byNode) world.herald.settled(node, settled)
  if (stale.length > 0) world.handOver(drop, stale)
}

function tell(byNode: Map<NodeId, Settled[]>, via: NodeId | undefined, settled: Settled): void {
  // Without a `via` the order was taken over from an earlier owner: the buyer hears it through the outbox.
  if (via === undefined) return

  const list = byNode.get(via)
  if (list === undefined) byNode.set(via, [settled])
  else list.push(settled)
}

function returnUnits(noted: Noted, world: SettlementWorld): void {
  const { entry } = noted
  if (entry.kind !== 'order') return

  const { orderId, buyer, lines } = entry
  world.post({
    kind: 'control',
    opId: `revoke:${orderId}`,
    adjustment: { kind: 'release', orderId, buyer, lines },
    deadlineMs: world.clock.nowMs() + RETURN_TTL_MS,
    answer: (reply) => {
      if (reply.done === 'pending') world.log.error('order.units_not_returned', { orderId })
    },
  })
}
