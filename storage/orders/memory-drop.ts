/**
 * One drop in the plain-object book, and the judgement of one entry: what `write_entries` must come to as well.
 */
import { Fault } from '../../protocol/faults.ts'
import type { CreatorId, DropId, IdempotencyKey, NodeId, OrderId, Sku, UserId } from '../../protocol/ids.ts'
import { type Line, type LinesText, parseLines } from '../../protocol/lines.ts'
import { comparePositions, ORIGIN, type Position } from '../../protocol/position.ts'
import type { Phase } from '../../protocol/verdicts.ts'
import type { Debt } from '../../rooms/debts.ts'
import type { Entry, OrderEntry, WriteOutcome } from '../../rooms/ports.ts'
import { cancelOf } from '../stock/stock-book.ts'
import { REVOKED } from './outcome-words.ts'

type RevokeReason = keyof typeof REVOKED

export interface MemoryDropSpec {
  drop: DropId
  creator: CreatorId
  phase?: Phase
  opensAtMs: number
  closesAtMs?: number | null
  limitPerBuyer?: number | null
  lowStockAt?: number | null
  items: { sku: Sku; total: number; limit?: number | null }[]
}

export interface BookItem {
  sku: Sku
  total: number
  sold: number
  limit: number | null
}

export interface BookOrder {
  orderId: OrderId
  buyer: UserId
  key: IdempotencyKey
  lines: LinesText
  position: Position
  state: 'confirmed' | 'revoked' | 'cancelled'
  reason: RevokeReason | null
}

export interface OutboxMessage {
  kind: 'order_confirmed' | 'order_revoked' | 'order_cancelled' | 'drop_phase'
  /** Of the order kinds. */
  orders: { orderId: OrderId; buyer: UserId; key: IdempotencyKey; reason?: RevokeReason }[]
  /** Of drop_phase. `event`: what followers hear of it, told once for a drop. */
  phase?: Phase
  event?: string | undefined
}

export class MemoryDrop {
  readonly creator: CreatorId
  phase: Phase
  phaseAt = ORIGIN
  opensAtMs: number
  closesAtMs: number | null
  limitPerBuyer: number | null
  lowStockAt: number | null
  readonly items: Map<Sku, BookItem>
  epoch = 0
  minEpoch = 0
  owner: NodeId | null = null
  watermark = ORIGIN
  readonly orders = new Map<OrderId, BookOrder>()
  /** Which order has a buyer's key. */
  readonly keys = new Map<string, OrderId>()
  /** Units by buyer and SKU. */
  readonly held = new Map<UserId, Map<Sku, number>>()
  /** What was done at most once; true when the ledger has it too. */
  readonly ops = new Map<string, boolean>()
  /** What the ledger is to do for those that were done here first. */
  readonly owed = new Map<string, Debt['adjustment']>()
  readonly events: string[] = []
  readonly outbox: OutboxMessage[] = []

  constructor(spec: MemoryDropSpec) {
    this.creator = spec.creator
    this.phase = spec.phase ?? 'scheduled'
    this.opensAtMs = spec.opensAtMs
    this.closesAtMs = spec.closesAtMs ?? null
    this.limitPerBuyer = spec.limitPerBuyer ?? null
    this.lowStockAt = spec.lowStockAt ?? null
    this.items = new Map(
      spec.items.map(({ sku, total, limit = null }) => [sku, { sku, total, sold: 0, limit }] as const),
    )
  }
}

export function place(
  it: MemoryDrop,
  entry: OrderEntry,
  confirmed: OutboxMessage,
  revoked: OutboxMessage,
): WriteOutcome {
  const { orderId, buyer, key, position } = entry
  const lines = parseLines(entry.lines)
  if (lines === undefined) throw new Fault('ledger_corrupt', { orderId, lines: entry.lines })

  const there = it.orders.get(orderId)
  if (there !== undefined) return there.reason === null ? { outcome: 'duplicate' } : REVOKED[there.reason]
  if (position.epoch < it.minEpoch) return { outcome: 'stale' }

  const keyOf = `${buyer} ${key}`
  if (it.keys.has(keyOf)) {
    if (!it.ops.has(returnOf(orderId))) revoked.orders.push({ orderId, buyer, key, reason: 'key' })
    it.ops.set(returnOf(orderId), it.ops.get(returnOf(orderId)) ?? false)
    return REVOKED.key
  }

  const reason = refusalOf(it, buyer, lines)
  const state = reason === null ? 'confirmed' : 'revoked'
  it.orders.set(orderId, { orderId, buyer, key, lines: entry.lines, position, state, reason })
  it.keys.set(keyOf, orderId)
  if (reason !== null) {
    if (REVOKED[reason].returns) it.ops.set(returnOf(orderId), false)
    revoked.orders.push({ orderId, buyer, key, reason })
    return REVOKED[reason]
  }

  const held = it.held.get(buyer) ?? new Map<Sku, number>()
  it.held.set(buyer, held)
  for (const { sku, qty } of lines) {
    const item = it.items.get(sku)
    if (item !== undefined) item.sold += qty
    held.set(sku, (held.get(sku) ?? 0) + qty)
  }
  confirmed.orders.push({ orderId, buyer, key })
  return { outcome: 'confirmed' }
}

/** Their units are nobody's from now on. */
export function cancelOrders(it: MemoryDrop, orders: readonly BookOrder[]): void {
  if (orders.length === 0) return

  for (const order of orders) {
    const held = it.held.get(order.buyer)
    order.state = 'cancelled'
    for (const { sku, qty } of parseLines(order.lines) ?? []) {
      const item = it.items.get(sku)
      if (item !== undefined) item.sold -= qty
      held?.set(sku, (held.get(sku) ?? 0) - qty)
    }
  }
  const told = orders.map(({ orderId, buyer, key }) => ({ orderId, buyer, key }))
  it.outbox.push({ kind: 'order_cancelled', orders: told })
}

/** The ledger owes the order's units a place in the stock. */
export function owe(it: MemoryDrop, { orderId, buyer, lines }: BookOrder): void {
  it.ops.set(cancelOf(orderId), false)
  it.owed.set(cancelOf(orderId), { kind: 'release', orderId, buyer, lines })
}

/**
 * The room gives a refused order's units back under this opId. A ledger that is built anew from these totals must take
 * that as done, since the units were never counted here.
 */
const returnOf = (orderId: OrderId) => `revoke:${orderId}`

/** `total` before `limit`: units that never were must not go back into the stock (outcome-words.ts). */
function refusalOf(it: MemoryDrop, buyer: UserId, lines: readonly Line[]): 'total' | 'limit' | null {
  const held = it.held.get(buyer)
  let units = [...(held?.values() ?? [])].reduce((sum, qty) => sum + qty, 0)
  let overLimit = false

  for (const { sku, qty } of lines) {
    const item = it.items.get(sku)
    if (item === undefined || item.sold + qty > item.total) return 'total'

    if (item.limit !== null && (held?.get(sku) ?? 0) + qty > item.limit) overLimit = true
    units += qty
  }
  if (it.limitPerBuyer !== null && units > it.limitPerBuyer) overLimit = true
  return overLimit ? 'limit' : null
}

const EVENTS: Partial<Record<Phase, string>> = {
  open: 'drop_started',
  closed: 'drop_closed',
  cancelled: 'drop_cancelled',
}

export function change(it: MemoryDrop, entry: Exclude<Entry, OrderEntry>): WriteOutcome {
  if (it.ops.get(entry.opId) === true) return { outcome: 'duplicate' }
  if (entry.position.epoch < it.minEpoch) return { outcome: 'stale' }

  it.ops.set(entry.opId, true)
  if (entry.kind !== 'phase') return { outcome: 'applied' }

  if (comparePositions(entry.position, it.phaseAt) > 0) {
    it.phase = entry.phase
    it.phaseAt = entry.position
    // Opened by hand before its time: from now on that was its time.
    if (entry.phase === 'open') it.opensAtMs = Math.min(it.opensAtMs, entry.atMs)
  }
  const named = EVENTS[entry.phase]
  const event = named !== undefined && it.events.includes(named) ? undefined : named
  if (event !== undefined) it.events.push(event)
  it.outbox.push({ kind: 'drop_phase', orders: [], phase: entry.phase, event })
  return { outcome: 'applied' }
}
