/**
 * Loads what Postgres knows of a drop into a ledger that was cleared: its operations, and its orders with their answers
 * and their buyers' units. Page by page: one call with all of it would hold up every other drop.
 *
 * Redis may forget in the middle of it, and nobody would notice: an empty place looks like one that was never filled. So
 * every call leaves a mark, an order that can be looked for afterwards. A call is atomic: if its mark is there, all of it
 * is.
 */
import type { DropId, IdempotencyKey, NodeId, OrderId, UserId } from '../protocol/ids.ts'
import type { LinesText } from '../protocol/lines.ts'
import { orderIdOf } from './order-id.ts'
import type { DropBook, KeptOrder, Ledger, OpenAnswer } from './ports.ts'

export interface LoadingWorld {
  ledger: Ledger
  book: DropBook
  node: NodeId
}

/** What has been loaded so far. */
export interface Loaded {
  drop: DropId
  epoch: number
  /** Every operation that is in the totals. */
  ops: Set<string>
  /** An order of every call, its own or made for it, and the mark of this rebuild. */
  marks: OrderId[]
}

const OPS_PAGE = 1_000
const ORDERS_PAGE = 500

/** A drop has as many operations as orders were ever given back. */
export async function loadOps(world: LoadingWorld, into: Loaded, opIds: readonly string[]): Promise<OpenAnswer> {
  const { drop, epoch, ops, marks } = into
  for (let at = 0; at < opIds.length; at += OPS_PAGE) {
    const page = opIds.slice(at, at + OPS_PAGE)
    const mark = markOf(drop, epoch, world.node, at + 1)
    const answer = await world.ledger.load(drop, epoch, world.node, [mark], page)
    if (answer.answer !== 'opened') return answer
    marks.push(mark.orderId)
    for (const opId of page) ops.add(opId)
  }
  return { answer: 'opened' }
}

/** After the operations: what an order holds depends on them. */
export async function loadOrders({ ledger, book, node }: LoadingWorld, into: Loaded): Promise<OpenAnswer> {
  const { drop, epoch, ops, marks } = into
  for (let afterId: OrderId | undefined; ; ) {
    const page = await book.keptOrders(drop, afterId, ORDERS_PAGE)
    const orders = page.length === 0 ? [markOf(drop, epoch, node)] : page.map((order) => asOfFence(order, ops))
    const answer = await ledger.load(drop, epoch, node, orders)
    const last = orders.at(-1)
    if (last !== undefined) marks.push(last.orderId)
    if (page.length === 0 || answer.answer !== 'opened') return answer
    afterId = last?.orderId
  }
}

/** An order that was given back since the totals were read: the room will be told, and takes it from its buyer then. */
function asOfFence(order: KeptOrder, ops: ReadonlySet<string>): KeptOrder {
  const { givenBackBy } = order
  return givenBackBy === undefined || ops.has(givenBackBy) ? order : { ...order, holdsUnits: true }
}

/** An order that nobody placed and no buyer can name. */
function markOf(drop: DropId, epoch: number, node: NodeId, place = 0): KeptOrder {
  const nobody = node as string as UserId
  const orderId = orderIdOf(drop, nobody, `rebuild-${epoch}-${place}` as IdempotencyKey)
  return { orderId, buyer: nobody, lines: '' as LinesText, position: { epoch, seq: 0 }, holdsUnits: false }
}
