/**
 * The authority over live stock: Redis, one script call for everything that changes a drop.
 *
 * A script runs alone, so inside one call nothing can come between looking at the stock and taking from it; across calls
 * the fence (epoch, prevSeq and prevBatch) does the same for owners. The scripts decide; this file only carries arguments there and
 * answers back. MemoryLedger says the same in plain objects and is the measure of this one.
 */
import type { DropId, NodeId, OrderId } from '../../protocol/ids.ts'
import { OF_A_RESTOCK, unitsOf } from '../../protocol/lines.ts'
import { formatPosition, type Position } from '../../protocol/position.ts'
import type {
  AdjustAnswer,
  Adjustment,
  BatchAnswer,
  Claim,
  Copied,
  CopyAnswer,
  Entry,
  Fence,
  KeptOrder,
  Ledger,
  OpenAnswer,
  OrdersAsked,
  OrdersKnown,
  RoomSeed,
  RoomState,
  Standing,
} from '../../rooms/ports.ts'
import { type RedisConnection, readTimeMs } from '../redis.ts'
import { boundClaims, boundCopy, boundLoad, checkEpoch, checkOpId, checkSeed, readLines } from './bounds.ts'
import { type DropKeys, keysUnder } from './keys.ts'
import { readEntries, readEntry, writeEntry } from './log-entry.ts'
import { readRoomHash, writeRoomHash } from './room-hash.ts'
import {
  positionOf,
  readAdjustAnswer,
  readBatchAnswer,
  readCopyAnswer,
  readCopyHead,
  readOpenAnswer,
  writeCopyHead,
} from './script-answers.ts'
import { type LedgerScripts, readLedgerScripts } from './scripts.ts'

export class RedisLedger implements Ledger {
  readonly #redis: RedisConnection
  readonly #keysOf: (drop: DropId) => DropKeys
  readonly #scripts: LedgerScripts

  constructor(redis: RedisConnection, keyPrefix: string) {
    this.#redis = redis
    this.#keysOf = keysUnder(keyPrefix)
    this.#scripts = readLedgerScripts()
  }

  async order(drop: DropId, fence: Fence, claims: readonly Claim[]): Promise<BatchAnswer> {
    boundClaims(claims)
    const { room, answers, buyers, log } = this.#keysOf(drop)

    const args: (string | number)[] = [...fenceArgs(fence), promisedOf(claims)]
    for (const { orderId, buyer, key, lines } of claims) args.push(orderId, buyer, key, lines)
    const reply = await this.#redis.run(this.#scripts.orderBatch, [room, answers, buyers, log], args)

    return readBatchAnswer(reply, fence, claims.length)
  }

  async adjust(drop: DropId, fence: Fence, opId: string, adjustment: Adjustment): Promise<AdjustAnswer> {
    checkOpId(opId)
    const { room, buyers, ops, log } = this.#keysOf(drop)

    const args = [...fenceArgs(fence), opId, adjustment.kind, ...adjustmentArgs(adjustment)]
    const reply = await this.#redis.run(this.#scripts.roomAdjust, [room, buyers, ops, log], args)

    return readAdjustAnswer(reply)
  }

  async adopt(drop: DropId, epoch: number, owner: NodeId, seen = NOTHING_SEEN): Promise<OpenAnswer> {
    checkEpoch(epoch)
    const { room, copy, copying, lease } = this.#keysOf(drop)

    const keys = [room, copy, copying, lease]
    const args = [epoch, owner, seen.epoch, seen.seq, seen.batch]
    return readOpenAnswer(await this.#redis.run(this.#scripts.roomAdopt, keys, args))
  }

  async clear(drop: DropId, epoch: number, owner: NodeId): Promise<OpenAnswer> {
    checkEpoch(epoch)
    const { room, answers, buyers, ops, lease } = this.#keysOf(drop)

    const keys = [room, answers, buyers, ops, lease]
    return readOpenAnswer(await this.#redis.run(this.#scripts.roomClear, keys, [epoch, owner]))
  }

  async load(
    drop: DropId,
    epoch: number,
    owner: NodeId,
    orders: readonly KeptOrder[],
    opIds: readonly string[] = [],
  ): Promise<OpenAnswer> {
    checkEpoch(epoch)
    boundLoad(orders, opIds)
    const { room, answers, buyers, ops, lease } = this.#keysOf(drop)

    const args: (string | number)[] = [epoch, owner, opIds.length, ...opIds]
    for (const order of orders) {
      const counters = order.holdsUnits ? countersOf(order) : []
      args.push(order.orderId, `${formatPosition(order.position)}|${order.lines}`, counters.length / 2, ...counters)
    }
    return readOpenAnswer(await this.#redis.run(this.#scripts.roomLoad, [room, answers, buyers, ops, lease], args))
  }

  async rebuild(
    drop: DropId,
    epoch: number,
    owner: NodeId,
    seed: RoomSeed,
    marks: readonly OrderId[] = [],
    read?: Copied,
  ): Promise<OpenAnswer> {
    checkEpoch(epoch)
    checkSeed(seed)
    const { room, answers, copy, copying, lease } = this.#keysOf(drop)

    const keys = [room, answers, copy, copying, lease]
    const head = read === undefined ? '' : writeCopyHead(read)
    const args = [epoch, owner, head, marks.length, ...marks, ...writeRoomHash(seed)]
    return readOpenAnswer(await this.#redis.run(this.#scripts.roomRebuild, keys, args))
  }

  async copy(drop: DropId, of: Copied, page: number, entries: readonly Entry[]): Promise<CopyAnswer> {
    const { position, batch, pages } = of
    checkEpoch(position.epoch)
    boundCopy(entries)
    const { room, copy, copying } = this.#keysOf(drop)

    const args = [position.epoch, position.seq, batch, pages, page, JSON.stringify(entries.map(writeEntry))]
    try {
      return readCopyAnswer(await this.#redis.run(this.#scripts.roomCopy, [room, copy, copying], args))
    } catch (cause) {
      // It may be that Redis is full, and then of this too.
      await Promise.allSettled([this.#redis.call((redis) => redis.unlink(copying))])
      throw cause
    }
  }

  async copied(drop: DropId): Promise<Copied | undefined> {
    const { copy } = this.#keysOf(drop)
    const head = await this.#redis.call((redis) => redis.lindex(copy, 0))

    return head === null ? undefined : readCopyHead(head)
  }

  async copiedPage(drop: DropId, page: number): Promise<Entry[] | undefined> {
    const { copy } = this.#keysOf(drop)
    // The head comes first.
    const found = await this.#redis.call((redis) => redis.lindex(copy, page + 1))

    return found === null ? undefined : readEntries(found)
  }

  async read(drop: DropId): Promise<RoomState | undefined> {
    const { room } = this.#keysOf(drop)
    const [hash, timeMs] = await this.#redis.call((redis) => Promise.all([redis.hgetall(room), readTimeMs(redis)]))

    return readRoomHash(hash, Math.floor(timeMs))
  }

  async positions(drop: DropId, orderIds: readonly OrderId[]): Promise<(Position | undefined)[]> {
    if (orderIds.length === 0) return []
    const { answers } = this.#keysOf(drop)
    const found = await this.#redis.call((redis) => redis.hmget(answers, ...orderIds))

    return found.map(positionIn)
  }

  async known(asked: readonly OrdersAsked[]): Promise<OrdersKnown[]> {
    const somewhere = asked.filter(({ orderIds }) => orderIds.length > 0)
    const keys = asked.map(({ drop }) => this.#keysOf(drop))
    const [rooms, copies, found] = await this.#redis.call((redis) => {
      const answers = somewhere.map(({ drop, orderIds }) => redis.hmget(this.#keysOf(drop).answers, ...orderIds))
      return Promise.all([
        Promise.all(keys.map(({ room }) => redis.exists(room))),
        Promise.all(keys.map(({ copy, copying }) => redis.exists(copy, copying))),
        Promise.all(answers),
      ])
    })
    return asked.map((one, at) => {
      const positions = found[somewhere.indexOf(one)]?.map(positionIn) ?? []
      return { isWhole: rooms[at] === 1 && copies[at] === 0, positions }
    })
  }

  async entries(drop: DropId, after: Position, max: number): Promise<Entry[]> {
    const { log } = this.#keysOf(drop)
    const from = `(${formatPosition(after)}`
    const found = await this.#redis.call((redis) => redis.xrange(log, from, '+', 'COUNT', max))

    return found.map(readEntry)
  }

  async trim(drop: DropId, before: Position): Promise<void> {
    const { log } = this.#keysOf(drop)

    await this.#redis.call((redis) => redis.xtrim(log, 'MINID', '=', formatPosition(before)))
  }
}

const positionIn = (answer: string | null): Position | undefined =>
  answer === null ? undefined : positionOf(answer.slice(0, answer.indexOf('|')))

const fenceArgs = ({ epoch, prevSeq, prevBatch, batch }: Fence) => [epoch, prevSeq, prevBatch, batch]

/** Less than any room has. */
const NOTHING_SEEN: Standing = { epoch: 0, seq: 0, batch: 0 }

/** The places of those claims, from 1, as Lua counts. Nearly always none. */
function promisedOf(claims: readonly Claim[]): string {
  let places = ''
  for (const [at, { promised }] of claims.entries()) if (promised === true) places += `${at + 1},`
  return places
}

function adjustmentArgs(adjustment: Adjustment): string[] {
  switch (adjustment.kind) {
    case 'phase':
      return [adjustment.to, adjustment.early === true ? 'yes' : 'no', ...adjustment.from]
    case 'restock':
      readLines(adjustment.lines, OF_A_RESTOCK)
      return [adjustment.lines]
    case 'release':
      readLines(adjustment.lines)
      return [adjustment.orderId, adjustment.buyer, adjustment.lines]
  }
}

/** Under every SKU, limited or not: while answers are loaded, the room and its limits do not exist yet. */
function countersOf({ buyer, lines: text }: KeptOrder): (string | number)[] {
  const lines = readLines(text)
  return [buyer, unitsOf(lines), ...lines.flatMap(({ sku, qty }) => [`${buyer}|${sku}`, qty])]
}
