/**
 * The laws of a drop's history (the numbers are those of the invariants in docs/reliability.md).
 *
 * Linear, but for sorting: order ids are unique and the ledger gives a total order, so nothing has to be searched for. What
 * the two stores say of each other (sums, the log, the outbox) is the audit's; here is what people were told. Whatever
 * moves stock or a phase by somebody's hand is judged in hand-laws.ts.
 */
import type { OrderId } from '../../protocol/ids.ts'
import { type Line, parseLines, unitsOf } from '../../protocol/lines.ts'
import { comparePositions, formatPosition } from '../../protocol/position.ts'
import { isExcused, type Span } from './double-faults.ts'
import { CLOCK_SLACK_MS, Facts, GOOD } from './facts.ts'
import { conserved, doings, pauses, restockedBefore, returned } from './hand-laws.ts'
import type { History } from './history.ts'

const REFUSED: readonly string[] = ['sold_out', 'limit_reached', 'early', 'paused', 'closed', 'invalid']

export interface Judgement {
  broken: string[]
  /** Accepted, but neither confirmed nor revoked in the end. */
  lost: OrderId[]
  revoked: OrderId[]
  /** Of both: those that a double fault explains. */
  excused: OrderId[]
}

/** `excuses`: when a double fault may have cost what was accepted (double-faults.ts). */
export function judge(history: History, excuses: readonly Span[]): Judgement {
  const facts = new Facts(history)
  const { broken: brokenPromises, ...fates } = promises(facts, excuses)
  // What a double fault has cost may come back under the same key, at another place.
  const gone = new Set([...fates.lost, ...fates.revoked])
  for (const [orderId, { repliedMs }] of facts.accepted) if (isExcused(repliedMs, excuses)) gone.add(orderId)
  const broken = [
    ...brokenPromises,
    ...invented(facts),
    ...keys(facts, gone),
    ...realTime(facts, gone),
    ...fences(facts),
    ...refusals(facts, excuses.length > 0),
    ...openHours(facts),
    ...pauses(facts),
    ...returned(facts, gone),
    ...doings(facts),
    ...conserved(facts, gone),
  ]
  return { broken: [...new Set(broken)], ...fates }
}

/** [I6] What was told `confirmed` is in Postgres. [I7] `accepted` is confirmed; revoked or lost only by a double fault. */
function promises({ history, rows, accepted }: Facts, excuses: readonly Span[]): Judgement {
  const broken: string[] = []
  for (const { orderId, what } of history.told) {
    const state = rows.get(orderId)?.state
    if (what === 'confirmed' && state !== 'confirmed' && state !== 'cancelled') {
      broken.push(`I6 ${orderId} was told confirmed and is ${state ?? 'nowhere'}`)
    }
  }
  const lost: OrderId[] = []
  const excused: OrderId[] = []
  const revoked = new Set([
    ...history.told.filter(({ what }) => what === 'revoked').map(({ orderId }) => orderId),
    ...history.rows.filter(({ state }) => state === 'revoked').map(({ orderId }) => orderId),
  ])
  for (const [orderId, { repliedMs }] of accepted) {
    const isThere = rows.has(orderId)
    if (isThere && !revoked.has(orderId)) continue
    if (!isThere && !revoked.has(orderId)) lost.push(orderId)

    if (isExcused(repliedMs, excuses)) excused.push(orderId)
    else broken.push(`I7 ${orderId}, accepted at ${repliedMs.toFixed(0)}, is ${isThere ? 'revoked' : 'nowhere'}`)
  }
  return { broken, lost, revoked: [...revoked], excused }
}

/** [I5] Every row was ordered by that buyer, under that key, with those lines, and stands once. */
function invented({ history, byOrder, rows }: Facts): string[] {
  const broken: string[] = []
  if (rows.size < history.rows.length) broken.push('I5 an order stands twice')
  for (const row of history.rows) {
    const tries = byOrder.get(row.orderId) ?? []
    const isAsked = tries.some((one) => one.buyer === row.buyer && one.key === row.key && one.lines === row.lines)
    if (!isAsked) broken.push(`I5 ${row.orderId} is not what anybody ordered`)
  }
  return broken
}

/** [I5] [I16] Once a key was accepted, it is that order: never accepted anew, refused, or another's lines. */
function keys({ byOrder, accepted }: Facts, gone: ReadonlySet<OrderId>): string[] {
  const broken: string[] = []
  for (const [orderId, first] of accepted) {
    for (const { verdict, lines, sentMs, repliedMs } of byOrder.get(orderId) ?? []) {
      if (lines !== first.lines && GOOD.includes(verdict)) broken.push(`I5 ${orderId} was ${verdict} with other lines`)
      if (lines === first.lines && verdict === 'mismatch') broken.push(`I5 ${orderId} mismatches itself`)
      if (sentMs <= first.repliedMs || gone.has(orderId)) continue

      if (verdict === 'accepted')
        broken.push(`I5 ${orderId} was accepted twice, the second time at ${repliedMs.toFixed(0)}`)
      if (REFUSED.includes(verdict)) broken.push(`I16 ${orderId} was told ${verdict} after ${first.verdict}`)
    }
  }
  return broken
}

/** [I12] If one order was answered before another was sent, it has the earlier position. One sweep. */
function realTime({ history }: Facts, gone: ReadonlySet<OrderId>): string[] {
  const inOrder = history.attempts
    .flatMap((attempt) => {
      const { verdict, position, orderId } = attempt
      return verdict === 'accepted' && position !== undefined && !gone.has(orderId) ? [{ ...attempt, position }] : []
    })
    .sort((a, b) => comparePositions(a.position, b.position))

  const broken: string[] = []
  let latestSentMs = Number.NEGATIVE_INFINITY
  for (const [at, { orderId, position, sentMs, repliedMs }] of inOrder.entries()) {
    const before = inOrder[at - 1]
    if (before !== undefined && comparePositions(before.position, position) === 0) {
      broken.push(`I12 ${orderId} and ${before.orderId} both stand at ${formatPosition(position)}`)
    }
    if (repliedMs < latestSentMs) broken.push(`I12 ${orderId} at ${formatPosition(position)} is out of real time`)
    latestSentMs = Math.max(latestSentMs, sentMs)
  }
  return broken
}

/** [I8] Nothing of an epoch was accepted after the first of the next one. Seq 0 is what a rebuild wrote of older ones. */
function fences({ history }: Facts): string[] {
  const placed = history.rows
    .filter(({ position }) => position.seq > 0)
    .sort((a, b) => comparePositions(a.position, b.position))
  return placed.flatMap((row, at) => {
    const before = placed[at - 1]
    if (before === undefined || row.acceptedMs >= before.acceptedMs) return []
    const places = `${formatPosition(row.position)} was accepted before ${formatPosition(before.position)}`
    return [`I8 ${places}`]
  })
}

/**
 * [I12] `sold_out` and `limit_reached` were true at some moment of the call: counting every order that may have been there
 * by its end, and only the restocks that were there before it, there was too little left. [I16] And nobody is refused whose order had been there before they asked.
 */
function refusals(facts: Facts, mayForget: boolean): string[] {
  const { history, rows, accepted, byOrder } = facts
  const everTaken = new Map<OrderId, { lines: Line[]; buyer: string; sentMs: number }>()
  // Where accepted orders may be forgotten, one whose receipt never came may have held units for a while.
  for (const orderId of new Set([...rows.keys(), ...(mayForget ? byOrder : accepted).keys()])) {
    const one = rows.get(orderId) ?? accepted.get(orderId) ?? byOrder.get(orderId)?.[0]
    if (one === undefined) continue
    const lines = parseLines(one.lines) ?? []
    everTaken.set(orderId, { lines, buyer: one.buyer, sentMs: facts.firstSentMs(orderId) })
  }
  const taken = [...everTaken.values()].sort((a, b) => a.sentMs - b.sentMs)
  const refused = history.attempts
    .filter(({ verdict }) => REFUSED.includes(verdict))
    .sort((a, b) => a.repliedMs - b.repliedMs)

  const broken: string[] = []
  const units = new Map<string, number>()
  const add = (name: string, qty: number) => units.set(name, (units.get(name) ?? 0) + qty)
  let next = 0
  for (const { orderId, buyer, verdict, lines: text, sentMs, repliedMs } of refused) {
    for (let one = taken[next]; one !== undefined && one.sentMs <= repliedMs; one = taken[next]) {
      for (const { sku, qty } of one.lines) add(sku, qty)
      add(one.buyer, unitsOf(one.lines))
      next += 1
    }
    const lines = parseLines(text) ?? []
    const acceptedMs = rows.get(orderId)?.acceptedMs ?? Number.POSITIVE_INFINITY
    if (acceptedMs + CLOCK_SLACK_MS < sentMs) broken.push(`I16 ${orderId} was told ${verdict} and existed`)
    if (verdict === 'invalid') broken.push(`I16 ${orderId} was told invalid, which it was not`)
    // What was given back may have come into the stock late: it counts as taken.
    const isShort = lines.some(({ sku, qty }) => restockedBefore(history, sku, sentMs) - (units.get(sku) ?? 0) < qty)
    if (verdict === 'sold_out' && !isShort) broken.push(`I12 ${orderId} was told sold_out with enough left`)
    const limit = history.limitPerBuyer ?? Number.POSITIVE_INFINITY
    if (verdict === 'limit_reached' && (units.get(buyer) ?? 0) + unitsOf(lines) <= limit) {
      broken.push(`I12 ${orderId} was told limit_reached below the limit`)
    }
  }
  return broken
}

/** [I13] Nothing is accepted before the drop opens, and nobody is told `early` after it has. */
function openHours({ history, accepted }: Facts): string[] {
  const { opensAtMs, attempts, rows } = history
  const early = rows.filter(({ acceptedMs }) => acceptedMs < opensAtMs - 1)
  const told = [...accepted.values()].filter(({ repliedMs }) => repliedMs < opensAtMs - CLOCK_SLACK_MS)
  const late = attempts.filter(({ verdict, sentMs }) => verdict === 'early' && sentMs > opensAtMs + CLOCK_SLACK_MS)
  return [
    ...early.map(({ orderId }) => `I13 ${orderId} was accepted before the drop was open`),
    ...told.map(({ orderId }) => `I13 ${orderId} was told accepted before the drop was open`),
    ...late.map(({ orderId }) => `I13 ${orderId} was told early when the drop was open`),
  ]
}
