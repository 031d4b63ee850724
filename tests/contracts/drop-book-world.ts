/**
 * What the tests of a drop book need around it: drops by name, entries that are short to write, and a look at what is
 * written that says the same of both implementations.
 */
import type { CreatorId, DropId, NodeId, OrderId } from '../../protocol/ids.ts'
import type { Position } from '../../protocol/position.ts'
import type { Phase } from '../../protocol/verdicts.ts'
import type { DropBook, Entry, KeptOrder, OrderEntry, WriteOutcome } from '../../rooms/ports.ts'
import type { PlanBook } from '../../rooms/replanning.ts'
import type { StockBook } from '../../storage/stock/stock-book.ts'
import { ask, lines } from '../builders/people.ts'

export interface DropPlan {
  /** Units by SKU. */
  stock?: Record<string, number>
  /** Per SKU and buyer. */
  limits?: Record<string, number>
  /** Per buyer over all SKUs. */
  limit?: number
  lowStockAt?: number
  phase?: Phase
  opensAtMs?: number
  closesAtMs?: number
}

/** What is written of a drop, in a form that two implementations can be compared in. */
export interface Written {
  phase: Phase
  opensAtMs: number
  closesAtMs: number | null
  watermark: Position
  total: Record<string, number>
  sold: Record<string, number>
  /** 'confirmed', 'revoked limit' … by order id. */
  orders: Record<string, string>
  /** Units by `buyer sku`. */
  held: Record<string, number>
  events: string[]
  /** Each told transition, `kind orderId reason` or `drop_phase phase event`, sorted. */
  told: string[]
  /** `opId` or `opId applied`, sorted. */
  ops: string[]
}

export interface DropBookWorld {
  book: DropBook
  stock: StockBook
  plans: PlanBook
  /** A new drop: open, ten shoes, no limits, unless the plan says otherwise. */
  plan(plan?: DropPlan): Promise<{ drop: DropId; creator: CreatorId }>
  /** As the creator's restock does it: Postgres first. */
  restock(drop: DropId, opId: string, sku: string, qty: number): Promise<void>
  read(drop: DropId): Promise<Written>
}

export const NODE_A = 'node-a-1' as NodeId
export const NODE_B = 'node-b-1' as NodeId

export const at = (epoch: number, seq: number): Position => ({ epoch, seq })

/** `order(drop, 'ana', at(1, 1), { shoe: 2 })` */
export function order(
  drop: DropId,
  name: string,
  position: Position,
  wants: Record<string, number> = { shoe: 1 },
  key = 'k1',
): OrderEntry {
  return { kind: 'order', position, atMs: 1_800_000_000_000 + position.seq, ...ask(drop, name, wants, key) }
}

export function phase(to: Phase, position: Position, opId = `phase ${to}`): Entry {
  return { kind: 'phase', opId, phase: to, position, atMs: 1_800_000_000_000 + position.seq }
}

export function restocked(opId: string, position: Position, wants: Record<string, number>): Entry {
  return { kind: 'restock', opId, lines: lines(wants), position, atMs: 1_800_000_000_000 + position.seq }
}

export function words(outcomes: readonly WriteOutcome[] | 'fenced'): string[] {
  if (outcomes === 'fenced') return ['fenced']

  return outcomes.map((one) => (one.outcome === 'revoked' ? `revoked ${one.reason}` : one.outcome))
}

/** All pages, and how many there were. */
export async function allKept(
  book: DropBook,
  drop: DropId,
  max: number,
): Promise<{ kept: KeptOrder[]; pages: number }> {
  const kept: KeptOrder[] = []
  let pages = 0
  for (let after: OrderId | undefined; ; pages += 1) {
    const page = await book.keptOrders(drop, after, max)
    kept.push(...page)
    after = page.at(-1)?.orderId
    if (after === undefined) return { kept, pages }
  }
}
