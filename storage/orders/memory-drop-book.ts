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
import type { DropId, NodeId, OrderId, UserId } from '../../protocol/ids.ts'
import { formatLines, type Line } from '../../protocol/lines.ts'
import { laterPosition } from '../../protocol/position.ts'
import type { Debt } from '../../rooms/debts.ts'
import { isOver } from '../../rooms/drop.ts'
import type { DropBook, DueDrop, Entry, KeptOrder, RoomSeed, Taken, WriteOutcome } from '../../rooms/ports.ts'
import type { DropChange, PlanBook } from '../../rooms/replanning.ts'
import { type CancelAnswer, cancelOf, type RestockAnswer, type StockBook, TOTAL_MAX } from '../stock/stock-book.ts'
import { cancelOrders, change, MemoryDrop, type MemoryDropSpec, type OutboxMessage, owe, place } from './memory-drop.ts'

export type { MemoryDropSpec } from './memory-drop.ts'

export type BookCall = keyof DropBook | keyof StockBook | keyof PlanBook
/** When a call fails: before anything happened, or after everything did. */
export type Refusal = 'before' | 'after'

export class MemoryDropBook implements DropBook, StockBook, PlanBook {
  readonly #drops = new Map<DropId, MemoryDrop>()
  readonly #nowMs: () => number
  #refusal: (call: BookCall, drop: DropId | undefined) => Refusal | undefined = () => undefined

  /** `nowMs`: the clock of the database, which judges what is too soon. */
  constructor(specs: readonly MemoryDropSpec[] = [], nowMs: () => number = Date.now) {
    this.#nowMs = nowMs
    for (const spec of specs) this.add(spec)
  }

  add(spec: MemoryDropSpec): void {
    this.#drops.set(spec.drop, new MemoryDrop(spec))
  }

  /** Asked at each call whether it fails. Without an argument nothing does. */
  refuse(on: (call: BookCall, drop: DropId | undefined) => Refusal | undefined = () => undefined): void {
    this.#refusal = on
  }

  /** Stock goes up here first; the ledger hears of it afterwards, under the same opId. */
  async restock(drop: DropId, opId: string, lines: readonly Line[]): Promise<RestockAnswer | undefined> {
    return this.#answer('restock', drop, () => {
      const it = this.#drops.get(drop)
      if (it === undefined) return undefined

      const before = it.owed.get(opId)
      if (before !== undefined) return before.lines === formatLines(lines) ? 'repeated' : 'mismatch'
      if (isOver(it.phase)) return 'over'
      const items = lines.map(({ sku, qty }) => ({ item: it.items.get(sku), qty }))
      if (items.some(({ item }) => item === undefined)) return 'unknown_sku'
      if (items.some(({ item, qty }) => (item?.total ?? 0) + qty > TOTAL_MAX)) return 'too_many'

      it.ops.set(opId, false)
      it.owed.set(opId, { kind: 'restock', lines: formatLines(lines) })
      for (const { item, qty } of items) if (item !== undefined) item.total += qty
      return 'done'
    })
  }

  async cancel(orderId: OrderId, buyer: UserId): Promise<CancelAnswer | undefined> {
    return this.#answer('cancel', undefined, () => {
      for (const [drop, it] of this.#drops) {
        const order = it.orders.get(orderId)
        if (order === undefined) continue
        if (order.buyer !== buyer) return undefined

        const { key, lines, state } = order
        if (state !== 'confirmed') return { said: state, drop, key, lines }
        if (isOver(it.phase)) return { said: 'over', drop, key, lines }
        cancelOrders(it, [order])
        owe(it, order)
        return { said: 'now', drop, key, lines }
      }
      return undefined
    })
  }

  /** Of any age: there is no clock here. */
  async debts(_ageMs: number, max: number): Promise<Debt[]> {
    return this.#answer('debts', undefined, () =>
      [...this.#drops]
        .flatMap(([drop, { ops, owed }]) =>
          [...owed]
            .filter(([opId]) => ops.get(opId) === false)
            .map(([opId, adjustment]) => ({ drop, opId, adjustment })),
        )
        .slice(0, max),
    )
  }

  async replan(drop: DropId, epoch: number, change: DropChange, aheadMs: number): ReturnType<PlanBook['replan']> {
    return this.#answer('replan', drop, () => {
      const it = this.#drops.get(drop)
      if (it === undefined) return undefined
      if (it.epoch !== epoch) return 'elsewhere'
      if (it.phase !== 'scheduled') return 'not_scheduled'

      const { opensAtMs = it.opensAtMs, closesAtMs = it.closesAtMs, items = [] } = change
      if (Math.min(it.opensAtMs, opensAtMs) < this.#nowMs() + aheadMs) return 'too_soon'
      if (closesAtMs !== null && closesAtMs <= opensAtMs) return 'closes_first'
      if (items.some(({ sku }) => !it.items.has(sku))) return 'unknown_sku'

      Object.assign(it, { opensAtMs, closesAtMs })
      if (change.limitPerBuyer !== undefined) it.limitPerBuyer = change.limitPerBuyer
      if (change.lowStockAt !== undefined) it.lowStockAt = change.lowStockAt
      for (const { sku, stock, limitPerBuyer } of items) {
        const item = it.items.get(sku)
        if (item !== undefined && stock !== undefined) item.total = stock
        if (item !== undefined && limitPerBuyer !== undefined) item.limit = limitPerBuyer
      }
      return 'changed'
    })
  }

  async toUnwind(max: number): Promise<DropId[]> {
    return this.#answer('toUnwind', undefined, () =>
      [...this.#drops]
        .filter(
          ([, it]) => it.phase === 'cancelled' && [...it.orders.values()].some((one) => one.state === 'confirmed'),
        )
        .map(([drop]) => drop)
        .slice(0, max),
    )
  }

  async unwind(drop: DropId, max: number): Promise<number> {
    return this.#answer('unwind', drop, () => {
      const it = this.#drop(drop)
      if (it.phase !== 'cancelled') return 0

      const orders = [...it.orders.values()].filter((one) => one.state === 'confirmed').slice(0, max)
      cancelOrders(it, orders)
      return orders.length
    })
  }

  async paid(drop: DropId, opId: string): Promise<void> {
    this.#answer('paid', drop, () => this.#drop(drop).ops.set(opId, true))
  }

  /** What is written, for tests and audits. Live: it changes with the next call. */
  read(drop: DropId): Readonly<MemoryDrop> {
    return this.#drop(drop)
  }

  async take(drop: DropId, node: NodeId): Promise<Taken | undefined> {
    return this.#answer('take', drop, () => {
      const it = this.#drops.get(drop)
      if (it === undefined) return undefined

      const previousOwner = it.owner
      it.epoch += 1
      it.owner = node
      const { epoch, watermark, minEpoch, creator, lowStockAt } = it
      return { epoch, previousOwner, watermark, minEpoch, creator, lowStockAt }
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
        ...(state === 'cancelled' ? { givenBackBy: cancelOf(orderId) } : {}),
      }))
    })
  }

  async write(drop: DropId, epoch: number, entries: readonly Entry[]): Promise<WriteOutcome[] | 'fenced'> {
    return this.#answer('write', drop, () => {
      const it = this.#drop(drop)
      if (it.epoch > epoch) return 'fenced'

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
        .sort((a, b) => nextMs(a) - nextMs(b) || b.opensAtMs - a.opensAtMs)
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

  #drop(drop: DropId): MemoryDrop {
    const it = this.#drops.get(drop)
    if (it === undefined) throw new Fault('not_found', { drop })
    return it
  }
}

/** When it opens, or ends; of one without an end later than any time. */
function nextMs({ phase, opensAtMs, closesAtMs }: Omit<DueDrop, 'drop'>): number {
  return phase === 'scheduled' ? opensAtMs : (closesAtMs ?? Number.MAX_SAFE_INTEGER)
}
