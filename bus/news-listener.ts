/**
 * The hearing side of the herald: a node listens to a drop's news while somebody on it watches, and to settlements for
 * its sockets always. News of this node's own rooms is left out: the herald has handed it over already.
 */
import { type DropId, isDropId, isIdempotencyKey, isNodeId, isOrderId, isUserId, type NodeId } from '../protocol/ids.ts'
import { type Change, changeSchema } from '../protocol/messages/news.ts'
import type { RoomNews, Settled } from '../rooms/ports.ts'
import type { Subscription } from './bus.ts'
import { type HeraldWorld, SETTLED_MAX } from './bus-herald.ts'
import { fieldsOf, isTime, readBody, readList, readPosition } from './reading.ts'

/** A frame is conflated to a few counts per SKU; more than this is nobody's frame. */
const CHANGES_MAX = 1_000
const REASON_MAX = 200

export class NewsListener {
  readonly #world: HeraldWorld

  constructor(world: HeraldWorld) {
    this.#world = world
  }

  watch(drop: DropId, hear: (news: RoomNews) => void): Subscription {
    const { bus, subjects, node, log } = this.#world
    return bus.subscribe(subjects.news(drop), ({ subject, body }) => {
      const heard = readBody(subject, body, readNews, log)
      if (heard === undefined || heard.by === node || heard.news.drop !== drop) return

      hear(heard.news)
    })
  }
}

/** The ends of orders that this node's sockets placed with rooms elsewhere. */
export function listenSettled(world: HeraldWorld, hear: (settled: Settled[]) => void): Subscription {
  const { bus, subjects, node, log } = world
  return bus.subscribe(subjects.settled(node), ({ subject, body }) => {
    const rows = readBody(subject, body, (value) => readList(value, SETTLED_MAX, (row) => row ?? null), log)
    if (rows === undefined) return

    // One by one: a row that cannot be read must not keep the others from their buyers.
    const settled = rows.map(readSettled).filter((one) => one !== undefined)
    if (settled.length < rows.length) log.warn('bus.ignored', { subject, rows: rows.length - settled.length })
    if (settled.length > 0) hear(settled)
  })
}

function readNews(value: unknown): { by: NodeId; news: RoomNews } | undefined {
  const { by, drop, from, position, atMs, changes } = fieldsOf(value) ?? {}
  const start = readPlace(from)
  const end = readPlace(position)
  const known = readList(changes, CHANGES_MAX, readChange)
  if (!isNodeId(by) || !isDropId(drop) || start === undefined || end === undefined) return undefined
  if (!isTime(atMs) || known === undefined) return undefined

  return { by, news: { drop, from: start, position: end, atMs, changes: known } }
}

function readPlace(value: unknown) {
  const { epoch, seq } = fieldsOf(value) ?? {}
  return readPosition(epoch, seq)
}

/** The schema of the wire: these go on to the watchers as they are. */
function readChange(value: unknown): Change | undefined {
  return changeSchema.safeParse(value).data
}

function readSettled(value: unknown): Settled | undefined {
  if (!Array.isArray(value)) return undefined
  const [drop, buyer, key, orderId, state, reason] = value as unknown[]
  if (!isDropId(drop) || !isUserId(buyer) || !isIdempotencyKey(key) || !isOrderId(orderId)) return undefined
  if (state !== 'confirmed' && state !== 'revoked') return undefined
  if (reason === null) return { drop, buyer, key, orderId, state }
  if (typeof reason !== 'string' || reason.length > REASON_MAX) return undefined

  return { drop, buyer, key, orderId, state, reason }
}
