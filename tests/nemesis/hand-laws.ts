/**
 * The laws of what people do to a drop by hand: orders that are given back, restocks, pauses, the end.
 *
 * Each of them happens once however often it was asked for, whatever broke meanwhile (I15); units are conserved both ways
 * (I3), also while it happens and not only in the end (I1); and nothing is sold while the creator says so (I13). Double
 * faults excuse none of it: Postgres has it before the creator hears so.
 */
import type { OrderId, Sku } from '../../protocol/ids.ts'
import { parseLines } from '../../protocol/lines.ts'
import type { Span } from './double-faults.ts'
import { CLOCK_SLACK_MS, type Facts, GOOD } from './facts.ts'
import type { History } from './history.ts'

/** [I15] Told `cancelled` is cancelled, once, and only if its buyer asked. [I16] An order that was there is not unknown. */
export function returned({ history, rows, accepted }: Facts, gone: ReadonlySet<OrderId>): string[] {
  const broken: string[] = []
  const askedFor = new Set<OrderId>()
  const fresh = new Set<OrderId>()
  const isCancelled = (orderId: OrderId) => rows.get(orderId)?.state === 'cancelled'
  for (const { orderId, verdict, sentMs } of history.returns) {
    askedFor.add(orderId)
    if (GOOD.includes(verdict) && !isCancelled(orderId)) broken.push(`I15 ${orderId} was given back and stands`)
    if (verdict === 'accepted' && fresh.has(orderId)) broken.push(`I15 ${orderId} was given back twice`)
    if (verdict === 'accepted') fresh.add(orderId)
    const wasThere = (accepted.get(orderId)?.repliedMs ?? Number.POSITIVE_INFINITY) < sentMs && !gone.has(orderId)
    if (verdict === 'invalid' && wasThere) broken.push(`I16 ${orderId} was accepted, and unknown when given back`)
  }
  for (const { orderId, what } of history.told) {
    if (what === 'cancelled' && !isCancelled(orderId)) broken.push(`I15 ${orderId} was told cancelled and stands`)
  }
  for (const { orderId, state } of history.rows) {
    if (state === 'cancelled' && !askedFor.has(orderId)) broken.push(`I15 ${orderId} is cancelled, and nobody asked`)
  }
  return broken
}

/** [I15] What the creator asked for was done once and not refused. [I13] In the end the drop is as they left it. */
export function doings({ history }: Facts): string[] {
  const broken: string[] = []
  const end = history.doings.find(({ what }) => what === 'close')
  for (const { what, sentMs, repliedMs, said, fresh, detail } of history.doings) {
    if (fresh > 1) broken.push(`I15 a ${what} at ${sentMs.toFixed(0)} was done ${fresh} times`)
    const isOver = end !== undefined && end.sentMs <= repliedMs
    if (said === 'refused' && !isOver) broken.push(`I15 a ${what} at ${sentMs.toFixed(0)} was refused: ${detail}`)
  }
  const { stock } = history
  if (stock === undefined || history.doings.some(({ said }) => said === 'silence')) return broken

  const [last] = history.doings
    .filter(({ what, said }) => what !== 'restock' && said === 'done')
    .sort((a, b) => b.repliedMs - a.repliedMs)
  const left = end?.said === 'done' ? 'closed' : last?.what === 'pause' ? 'paused' : 'open'
  if (stock.phase !== left) broken.push(`I13 the drop is ${stock.phase} and was left ${left}`)
  return broken
}

/** [I13] Nothing that was sent in a pause, or after the end, is accepted in it; and nobody hears of one that is not. */
export function pauses(facts: Facts): string[] {
  const { history, accepted, rows } = facts
  const broken: string[] = []
  const closed = closures(history)
  for (const { what, surely } of closed) {
    for (const [orderId, { repliedMs }] of accepted) {
      const sentMs = facts.firstSentMs(orderId)
      if (sentMs <= surely.fromMs) continue
      const isTold = repliedMs < surely.toMs
      const isWritten = (rows.get(orderId)?.acceptedMs ?? Number.POSITIVE_INFINITY) < surely.toMs - CLOCK_SLACK_MS
      if (isTold || isWritten) broken.push(`I13 ${orderId}, sent at ${sentMs.toFixed(0)}, was accepted in a ${what}`)
    }
  }
  const words = { paused: 'pause', closed: 'close' } as const
  for (const { orderId, verdict, sentMs, repliedMs } of [...history.attempts, ...history.returns]) {
    if (verdict !== 'paused' && verdict !== 'closed') continue
    const wasSo = closed.some(
      ({ what, perhaps }) =>
        what === words[verdict] && perhaps.fromMs <= repliedMs && sentMs <= perhaps.toMs + CLOCK_SLACK_MS,
    )
    if (!wasSo) broken.push(`I13 ${orderId} was told ${verdict} when the drop was not`)
  }
  return broken
}

/**
 * [I15] The units of an item are those it began with and each restock once. [I3] What is left of them are those that no
 * confirmed order has. [I1] And at no moment were more handed out than had come in by then.
 */
export function conserved({ history, rows, accepted }: Facts, gone: ReadonlySet<OrderId>): string[] {
  const broken: string[] = []
  const held = new Map<Sku, number>()
  for (const { state, lines } of history.rows) {
    for (const { sku, qty } of state === 'confirmed' ? (parseLines(lines) ?? []) : []) add(held, sku, qty)
  }
  // A restock that was refused may have been begun.
  const isKnown = history.doings.every(({ what, said }) => what !== 'restock' || said === 'done')
  for (const { sku, total, left } of history.stock?.items ?? []) {
    const meant = restockedBefore(history, sku, Number.POSITIVE_INFINITY)
    if (isKnown && total !== meant) broken.push(`I15 there are ${total} ${sku}, and ${meant} were put there`)
    const rest = total - (held.get(sku) ?? 0)
    if (left !== rest) broken.push(`I3 ${left} ${sku} are left, and ${rest} are nobody's`)
  }

  // Each as late as an order can have taken them, as early as they can have come in.
  const moves: { atMs: number; sku: Sku; qty: number }[] = history.items.map(({ sku, total }) => {
    return { atMs: Number.NEGATIVE_INFINITY, sku, qty: total }
  })
  for (const { what, lines, sentMs } of history.doings) {
    for (const { sku, qty } of what === 'restock' ? lines : []) moves.push({ atMs: sentMs, sku, qty })
  }
  const back = new Set<OrderId>()
  for (const { orderId, sentMs, lines } of history.returns) {
    if (back.has(orderId) || rows.get(orderId)?.state !== 'cancelled') continue
    back.add(orderId)
    for (const { sku, qty } of parseLines(lines) ?? []) moves.push({ atMs: sentMs, sku, qty })
  }
  for (const [orderId, { repliedMs, lines }] of accepted) {
    if (gone.has(orderId)) continue
    for (const { sku, qty } of parseLines(lines) ?? []) moves.push({ atMs: repliedMs, sku, qty: -qty })
  }
  const there = new Map<Sku, number>()
  const short = new Set<Sku>()
  for (const { sku, qty } of moves.sort((a, b) => a.atMs - b.atMs || b.qty - a.qty)) {
    add(there, sku, qty)
    if ((there.get(sku) ?? 0) < 0) short.add(sku)
  }
  for (const sku of short) broken.push(`I1 more ${sku} were handed out than had come in by then`)
  return broken
}

/** Units of an item that surely had come in, sold or not, before somebody asked at `sentMs`. */
export function restockedBefore({ items, doings }: History, sku: Sku, sentMs: number): number {
  const came = doings.filter(({ what, said, repliedMs }) => what === 'restock' && said === 'done' && repliedMs < sentMs)
  const restocked = came.flatMap(({ lines }) => lines).filter((line) => line.sku === sku)
  return restocked.reduce((sum, { qty }) => sum + qty, items.find((item) => item.sku === sku)?.total ?? 0)
}

interface Closure {
  what: 'pause' | 'close'
  /** From its answer to the moment at which it was to be over. */
  surely: Span
  /** From the moment at which it was asked for to the answer that it is over. */
  perhaps: Span
}

/** Pauses are one after the other (creator-hand.ts), each followed by its own resuming. */
function closures({ doings }: History): Closure[] {
  const inOrder = [...doings].sort((a, b) => a.sentMs - b.sentMs)
  return inOrder.flatMap((doing, at): Closure[] => {
    const { what, said, sentMs, repliedMs } = doing
    if ((what !== 'pause' && what !== 'close') || said === 'refused') return []
    const over = inOrder.slice(at + 1).find((one) => what === 'pause' && one.what === 'resume')
    const never = Number.POSITIVE_INFINITY
    const toMs = over?.said === 'done' ? over.repliedMs : never
    return [{ what, surely: { fromMs: repliedMs, toMs: over?.sentMs ?? never }, perhaps: { fromMs: sentMs, toMs } }]
  })
}

function add(units: Map<Sku, number>, sku: Sku, qty: number): void {
  units.set(sku, (units.get(sku) ?? 0) + qty)
}
