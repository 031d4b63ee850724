/**
 * The rules that a run must not have broken (the numbers are those of the invariants in docs/reliability.md).
 *
 * Linear in the length of the history: order ids are unique and the ledger gives a total order, so nothing has to be
 * searched for.
 */
import { type Line, parseLines } from '../../protocol/lines.ts'
import { comparePositions, formatPosition } from '../../protocol/position.ts'
import type { RoomState } from '../../rooms/ports.ts'
import type { MemoryDrop } from '../../storage/orders/memory-drop.ts'
import { START_MS } from '../builders/hand-clock.ts'
import type { Executed, History, Send } from './history.ts'
import type { Plan } from './plan.ts'

export interface End {
  book: Readonly<MemoryDrop>
  room: RoomState | undefined
  /** Rooms for the drop, over all nodes. */
  rooms: number
  endMs: number
}

const REFUSED = ['sold_out', 'limit_reached', 'early', 'paused', 'closed', 'invalid']
const MINE = ['accepted', 'duplicate']

export function check(plan: Plan, history: History, end: End): string[] {
  const found = [
    ...history.broken,
    ...stock(history, end),
    ...promises(plan, history, end),
    ...epochs(history),
    ...logOrder(history, end),
    ...openHours(history),
    ...lives(plan, history, end),
    ...keys(plan, history),
    ...newsChain(history),
  ]
  if (history.quietAfterMs !== undefined) found.push(...phases(plan, history))
  if (history.forgotMs.length === 0 && history.revoked.length === 0) found.push(...soldOut(history, end))
  return [...new Set(found)]
}

const linesOf = (text: string): Line[] => parseLines(text) ?? []
const wordOf = (send: Send): string => send.reply?.verdict ?? 'silence'

/** [I3] At rest Redis has exactly what Postgres has not sold. */
function stock(history: History, { book, room }: End): string[] {
  if (room === undefined || history.quietAfterMs === undefined) return []

  return room.items.flatMap(({ sku, left }) => {
    const item = book.items.get(sku)
    const expected = (item?.total ?? 0) - (item?.sold ?? 0)
    return left === expected ? [] : [`I3 ${sku}: ${left} left in Redis, ${expected} in Postgres`]
  })
}

/** [I7] Accepted is confirmed, or revoked; and revoked only if two things failed together. */
function promises(plan: Plan, history: History, { book }: End): string[] {
  const revoked = new Map(history.revoked.map((one) => [one.orderId, one.reason]))
  const found = plan.double
    ? []
    : history.revoked.map((one) => `I7 ${one.orderId} was revoked (${one.reason}) without a double fault`)

  for (const send of history.sends) {
    if (!MINE.includes(wordOf(send))) continue
    const row = book.orders.get(send.orderId)
    if (row?.state === 'confirmed' || (plan.double && (revoked.has(send.orderId) || row?.state === 'revoked'))) continue
    // The node that accepted it died with it: in a double fault there may be nobody left to say revoked.
    if (plan.double && row === undefined && history.quietAfterMs !== undefined) continue
    if (history.quietAfterMs !== undefined || row !== undefined) {
      found.push(`I7 ${send.orderId} was told ${wordOf(send)} and is ${row?.state ?? 'nowhere'}`)
    }
  }
  return found
}

/** [I9] Epochs only rise. */
function epochs({ epochs: given }: History): string[] {
  return given.flatMap((epoch, at) =>
    at > 0 && epoch <= (given[at - 1] ?? 0) ? [`I9 epoch ${epoch} after ${given[at - 1]}`] : [],
  )
}

/** [I8] [I10] The ledger's changes come in the order of their positions, without a gap, and Postgres has each of them. */
function logOrder(history: History, { book }: End): string[] {
  const found: string[] = []
  let before: Executed | undefined
  for (const executed of history.executed) {
    const forgot = history.forgotMs.some((atMs) => {
      return before !== undefined && START_MS + atMs >= before.atMs && START_MS + atMs <= executed.atMs + 1
    })
    if (before !== undefined && !forgot && comparePositions(before.position, executed.position) >= 0) {
      found.push(`I8 ${formatPosition(executed.position)} after ${formatPosition(before.position)}`)
    }
    before = executed
  }
  for (const [at, entry] of history.log.entries()) {
    const last = history.log[at - 1]
    const expected = last !== undefined && last.position.epoch === entry.position.epoch ? last.position.seq + 1 : 1
    if (entry.position.seq !== expected) found.push(`I10 ${formatPosition(entry.position)} does not follow`)
    if (history.quietAfterMs !== undefined && entry.kind === 'order' && !book.orders.has(entry.orderId)) {
      found.push(`I10 ${entry.orderId} is in the log and not in Postgres`)
    }
  }
  return found
}

/** [I13] Nothing is accepted but while the drop is open, by Redis TIME; a promise that is handed over was, before. */
function openHours({ executed }: History): string[] {
  const accepted = new Set<string>()
  return executed.flatMap(({ orderId, promised, atMs, phase, opensAtMs, closesAtMs }) => {
    if (promised) return accepted.has(orderId) ? [] : [`I13 ${orderId} was promised by nobody`]
    accepted.add(orderId)
    const isOpen = phase === 'open' && atMs >= opensAtMs && (closesAtMs === null || atMs < closesAtMs)
    return isOpen ? [] : [`I13 ${orderId} accepted while ${phase} at ${atMs - START_MS}`]
  })
}

/** [I13] What the creator was told is in force: nothing is accepted in a pause, or after the end. */
function phases(plan: Plan, history: History): string[] {
  const found: string[] = []
  const opening = history.controls.filter(({ what }) => what === 'resume' || what === 'open')
  for (const { what, repliedMs, reply } of history.controls) {
    if (reply.done !== 'applied' || !['pause', 'close', 'cancel'].includes(what)) continue
    const until =
      what === 'pause'
        ? Math.min(
            ...plan.controls.filter((c) => c.what === 'resume' || c.what === 'open').map((c) => c.atMs),
            ...opening.map((o) => o.sentMs),
          )
        : Number.POSITIVE_INFINITY
    for (const send of history.sends) {
      if (wordOf(send) === 'accepted' && send.sentMs > repliedMs && send.repliedMs < until) {
        found.push(`I13 ${send.orderId} accepted after ${what} was applied`)
      }
    }
  }
  return found
}

/** [I14] One start and one end, and no drop that forgets to open or to close. */
function lives(plan: Plan, history: History, { book, room, rooms, endMs }: End): string[] {
  const found: string[] = []
  for (const event of ['drop_started', 'drop_closed']) {
    if (book.outbox.filter((message) => message.event === event).length > 1) found.push(`I14 ${event} twice`)
  }
  if (history.quietAfterMs === undefined) return [...found, `I20 not quiet: ${history.unrest.join('; ')}`]

  const isOver = book.phase === 'closed' || book.phase === 'cancelled'
  if (book.phase === 'scheduled') found.push('I14 never opened')
  if (plan.closesAfterMs !== null && plan.closesAfterMs < endMs && !isOver) found.push('I14 never closed')
  if (room !== undefined && room.phase !== book.phase)
    found.push(`I14 ${room.phase} in Redis, ${book.phase} in Postgres`)
  if (rooms > 1) found.push(`I8 ${rooms} rooms at rest`)
  return found
}

/** [I5] [I12] [I16] What each key was told, and the order of answers in real time. */
function keys(plan: Plan, history: History): string[] {
  const found: string[] = []
  const revoked = new Set(history.revoked.map((one) => one.orderId))
  const accepted = new Map<string, Send>()
  for (const send of [...history.sends].sort((a, b) => a.repliedMs - b.repliedMs)) {
    const word = wordOf(send)
    const first = accepted.get(send.orderId)
    if (first === undefined) {
      if (MINE.includes(word)) accepted.set(send.orderId, send)
      continue
    }
    if (send.sentMs < first.repliedMs || revoked.has(send.orderId)) continue
    if (REFUSED.includes(word) && !plan.double)
      found.push(`I16 ${send.orderId} was told ${word} after ${wordOf(first)}`)
    if (word === 'accepted' && !plan.double) found.push(`I5 ${send.orderId} was accepted twice`)
    if (MINE.includes(word) && first.lines !== send.lines && !plan.double)
      found.push(`I5 ${send.orderId} was ${word} with other lines`)
    if (word === 'mismatch' && first.lines === send.lines) found.push(`I5 ${send.orderId} mismatches itself`)
  }

  const inOrder = history.sends
    .flatMap((send) =>
      send.reply?.verdict === 'accepted' && send.reply.position !== undefined
        ? [{ send, position: send.reply.position }]
        : [],
    )
    .sort((a, b) => comparePositions(a.position, b.position))
  let latestSentMs = Number.NEGATIVE_INFINITY
  for (const { send, position } of inOrder) {
    if (send.repliedMs < latestSentMs)
      found.push(`I12 ${send.orderId} at ${formatPosition(position)} is out of real time`)
    latestSentMs = Math.max(latestSentMs, send.sentMs)
  }
  return found
}

/** [I12] Sold out was true at some moment of the call; and [I16] nobody is refused whose order was there before. */
function soldOut(history: History, { book }: End): string[] {
  const found: string[] = []
  const firstSentMs = new Map<string, number>()
  for (const send of history.sends) {
    firstSentMs.set(send.orderId, Math.min(firstSentMs.get(send.orderId) ?? send.sentMs, send.sentMs))
  }
  const executedMs = new Map(history.executed.map((one) => [one.orderId, one.atMs - START_MS + 1] as const).reverse())
  const restocked = history.controls.some((one) => one.what === 'restock')
  for (const send of history.sends) {
    const word = wordOf(send)
    if (REFUSED.includes(word) && (executedMs.get(send.orderId) ?? Number.POSITIVE_INFINITY) < send.sentMs) {
      found.push(`I16 ${send.orderId} was told ${word} and existed`)
    }
    if (word !== 'sold_out' || restocked) continue
    const isTrue = linesOf(send.lines).some(({ sku, qty }) => {
      let left = book.items.get(sku)?.total ?? 0
      for (const order of book.orders.values()) {
        if (order.state !== 'confirmed' || (firstSentMs.get(order.orderId) ?? 0) > send.repliedMs) continue
        left -= linesOf(order.lines).find((line) => line.sku === sku)?.qty ?? 0
      }
      return left < qty
    })
    if (!isTrue) found.push(`I12 ${send.orderId} was told sold_out with enough left`)
  }
  return found
}

/** [I17] Each frame of news of one room begins where the one before it ended. */
function newsChain(history: History): string[] {
  const last = new Map<string, (typeof history.news)[number]['news']>()
  const found: string[] = []
  for (const { node, news } of history.news) {
    const room = `${node} ${news.position.epoch}`
    const before = last.get(room)
    if (before !== undefined && comparePositions(before.position, news.from) !== 0)
      found.push(`I17 ${node}: a frame from ${formatPosition(news.from)} after ${formatPosition(before.position)}`)
    if (comparePositions(news.from, news.position) > 0) found.push(`I17 ${node}: a frame that goes back`)
    last.set(room, news)
  }
  return found
}
