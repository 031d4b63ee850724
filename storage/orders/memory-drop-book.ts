/**
 * The drop book in plain objects: the measure of the one in Postgres, and the one of the simulator.
 *
 * Everything happens in one turn of the event loop, which is what the lock of the drop's row is there for. One order is
 * judged after the other; Postgres takes them by hundreds and must come to the same rows.
 *
 * `refuse` is for faults: a call can fail before anything happened, or after everything did. The second is the one that
 * matters, since a caller who hears "unavailable" cannot tell them apart.
 */
import { Fault } from '../../protocol/faults.ts'
import type { CreatorId, DropId, IdempotencyKey, NodeId, OrderId, Sku, UserId } from '../../protocol/ids.ts'
import { type Line, type LinesText, parseLines } from '../../protocol/lines.ts'
import { comparePositions, laterPosition, ORIGIN, type Position } from '../../protocol/position.ts'
import type { Phase } from '../../protocol/verdicts.ts'
import type {
  DropBook,
  DueDrop,
  Entry,
  KeptOrder,
  OrderEntry,
  RoomSeed,
  Taken,
  WriteOutcome,
} from '../../rooms/ports.ts'
import { REVOKED } from './outcome-words.ts'

export interface MemoryDropSpec {
  drop: DropId
  creator: CreatorId
  phase?: Phase
  opensAtMs: number
  closesAtMs?: number | null
  limitPerBuyer?: number | null
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
  kind: 'order_confirmed' | 'order_revoked' | 'drop_phase'
  /** Of the order kinds. */
  orders: { orderId: OrderId; buyer: UserId; key: IdempotencyKey; reason?: RevokeReason }[]
  /** Of drop_phase. `event`: what followers hear of it, told once for a drop. */
  phase?: Phase
  event?: string | undefined
}

export type BookCall = keyof DropBook
/** When a call fails: before anything happened, or after everything did. */
export type Refusal = 'before' | 'after'
type RevokeReason = keyof typeof REVOKED

class BookDrop {
  readonly creator: CreatorId
  phase: Phase
  phaseAt = ORIGIN
  opensAtMs: number
  readonly closesAtMs: number | null
  readonly limitPerBuyer: number | null
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
  readonly events: string[] = []
  readonly outbox: OutboxMessage[] = []

  constructor(spec: MemoryDropSpec) {
    this.creator = spec.creator
    this.phase = spec.phase ?? 'scheduled'
    this.opensAtMs = spec.opensAtMs
    this.closesAtMs = spec.closesAtMs ?? null
    this.limitPerBuyer = spec.limitPerBuyer ?? null
    this.items = new Map(
      spec.items.map(({ sku, total, limit = null }) => [sku, { sku, total, sold: 0, limit }] as const),
    )
  }
}

export class MemoryDropBook implements DropBook {
  readonly #drops = new Map<DropId, BookDrop>()
  #refusal: (call: BookCall, drop: DropId | undefined) => Refusal | undefined = () => undefined

  constructor(specs: readonly MemoryDropSpec[] = []) {
    for (const spec of specs) this.add(spec)
  }

  add(spec: MemoryDropSpec): void {
    this.#drops.set(spec.drop, new BookDrop(spec))
  }

  /** Asked at each call whether it fails. Without an argument nothing does. */
  refuse(on: (call: BookCall, drop: DropId | undefined) => Refusal | undefined = () => undefined): void {
    this.#refusal = on
  }

  /** Stock goes up here first; the ledger hears of it afterwards, under the same opId. */
  restock(drop: DropId, opId: string, lines: readonly Line[]): void {
    const it = this.#drop(drop)
    if (it.ops.has(opId)) return

    it.ops.set(opId, false)
    for (const { sku, qty } of lines) {
      const item = it.items.get(sku)
      if (item !== undefined) item.total += qty
    }
  }

  /** What is written, for tests and audits. Live: it changes with the next call. */
  read(drop: DropId): Readonly<BookDrop> {
    return this.#drop(drop)
  }

  async take(drop: DropId, node: NodeId): Promise<Taken | undefined> {
    return this.#answer('take', drop, () => {
      const it = this.#drops.get(drop)
      if (it === undefined) return undefined

      const previousOwner = it.owner
      it.epoch += 1
      it.owner = node
      return { epoch: it.epoch, previousOwner, watermark: it.watermark, creator: it.creator }
    })
  }

  async fence(drop: DropId, epoch: number): Promise<{ seed: RoomSeed; opIds: string[] } | undefined> {
    return this.#answer('fence', drop, () => {
      const it = this.#drops.get(drop)
      if (it === undefined || it.epoch !== epoch) return undefined

      it.minEpoch = epoch
      const items = [...it.items.values()].map(({ sku, total, sold, limit }) => ({ sku, left: total - sold, limit }))
      const { phase, opensAtMs, closesAtMs, limitPerBuyer } = it
      return { seed: { phase, opensAtMs, closesAtMs, limitPerBuyer, items }, opIds: [...it.ops.keys()].sort() }
    })
  }

  async keptOrders(drop: DropId, afterId: OrderId | undefined, max: number): Promise<KeptOrder[]> {
    return this.#answer('keptOrders', drop, () => {
      const orders = [...this.#drop(drop).orders.values()].sort((a, b) => (a.orderId < b.orderId ? -1 : 1))
      const from = afterId === undefined ? 0 : orders.findIndex((order) => order.orderId > afterId)
      if (from === -1) return []

      return orders.slice(from, from + max).map(({ orderId, buyer, lines, position, state }) => ({
        orderId,
        buyer,
        lines,
        position,
        holdsUnits: state === 'confirmed',
      }))
    })
  }

  async write(drop: DropId, entries: readonly Entry[]): Promise<WriteOutcome[]> {
    return this.#answer('write', drop, () => {
      const it = this.#drop(drop)
      const confirmed: OutboxMessage = { kind: 'order_confirmed', orders: [] }
      const revoked: OutboxMessage = { kind: 'order_revoked', orders: [] }

      const outcomes = entries.map((entry) => {
        it.watermark = laterPosition(it.watermark, entry.position)
        return entry.kind === 'order' ? place(it, entry, confirmed, revoked) : change(it, entry)
      })
      it.outbox.push(...[confirmed, revoked].filter((message) => message.orders.length > 0))
      return outcomes
    })
  }

  async due(untilMs: number, max: number): Promise<DueDrop[]> {
    return this.#answer('due', undefined, () =>
      [...this.#drops]
        .map(([drop, { phase, opensAtMs, closesAtMs }]) => ({ drop, phase, opensAtMs, closesAtMs }))
        .filter(
          ({ phase, opensAtMs }) =>
            phase === 'open' || phase === 'paused' || (phase === 'scheduled' && opensAtMs < untilMs),
        )
        .sort((a, b) => a.opensAtMs - b.opensAtMs)
        .slice(0, max),
    )
  }

  #answer<T>(call: BookCall, drop: DropId | undefined, work: () => T): T {
    const refusal = this.#refusal(call, drop)
    if (refusal === 'before') throw new Fault('unavailable', { dependency: 'postgres', call })

    const result = work()
    if (refusal === 'after') throw new Fault('unavailable', { dependency: 'postgres', call })
    return result
  }

  #drop(drop: DropId): BookDrop {
    const it = this.#drops.get(drop)
    if (it === undefined) throw new Fault('not_found', { drop })
    return it
  }
}

function place(it: BookDrop, entry: OrderEntry, confirmed: OutboxMessage, revoked: OutboxMessage): WriteOutcome {
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

/**
 * The room gives a refused order's units back under this opId. A ledger that is built anew from these totals must take
 * that as done, since the units were never counted here.
 */
const returnOf = (orderId: OrderId) => `revoke:${orderId}`

/** `total` before `limit`: units that never were must not go back into the stock (outcome-words.ts). */
function refusalOf(it: BookDrop, buyer: UserId, lines: readonly Line[]): 'total' | 'limit' | null {
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

function change(it: BookDrop, entry: Exclude<Entry, OrderEntry>): WriteOutcome {
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
