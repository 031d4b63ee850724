/**
 * The ledger in plain objects: the measure of RedisLedger, and the Redis of the simulator.
 *
 * It is written to be read beside the scripts, not to be fast. Every method decides and changes without an await in
 * between, which is what "a script runs alone" means here. `wipe`, `image` and `restore` are the ways in which a real
 * Redis loses what it said: all of it, or its last moments after a failover.
 */
import { isDeepStrictEqual } from 'node:util'
import { Fault } from '../../protocol/faults.ts'
import type { DropId, NodeId, OrderId, Sku } from '../../protocol/ids.ts'
import { type Line, OF_A_RESTOCK, parseLines, unitsOf } from '../../protocol/lines.ts'
import { comparePositions, type Position } from '../../protocol/position.ts'
import { isOlder } from '../../rooms/journal-copy.ts'
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
import { type LeasesImage, MemoryLeases } from '../leases/memory-leases.ts'
import { boundClaims, boundCopy, boundLoad, checkEpoch, checkOpId, checkSeed, readLines } from './bounds.ts'
import {
  append,
  type Book,
  count,
  emptyBook,
  judge,
  leftOf,
  refusal,
  shutWord,
  stockOf,
  takeBack,
} from './memory-book.ts'

export interface LedgerImage {
  books: ReadonlyMap<DropId, Book>
  leases: LeasesImage
}

export class MemoryLedger implements Ledger {
  readonly #leases: MemoryLeases
  readonly #nowMs: () => number
  #books = new Map<DropId, Book>()

  /** The leases must be on the same clock. */
  constructor(leases: MemoryLeases = new MemoryLeases(), nowMs: () => number = Date.now) {
    this.#leases = leases
    this.#nowMs = nowMs
  }

  async order(drop: DropId, fence: Fence, claims: readonly Claim[]): Promise<BatchAnswer> {
    boundClaims(claims)
    const book = this.#book(drop)
    const { room } = book
    if (room === undefined) return { answer: 'no_room' }
    const refused = refusal(room, fence)
    if (refused !== undefined) return refused

    const nowMs = this.#nowMs()
    const shut = shutWord(room, nowMs)
    const sold = new Set<Sku>()
    const results = claims.map((claim) => judge(book, room, claim, shut, nowMs, sold))
    if (room.seq > fence.prevSeq) room.batch = fence.batch
    const mentioned = new Set(claims.flatMap(({ lines }) => (parseLines(lines) ?? []).map(({ sku }) => sku)))
    const left = leftOf(
      room,
      [...mentioned].filter((sku) => sold.has(sku)),
    )

    return { answer: 'ok', seq: room.seq, nowMs, phase: room.phase, opensAtMs: room.opensAtMs, left, results }
  }

  async adjust(drop: DropId, fence: Fence, opId: string, adjustment: Adjustment): Promise<AdjustAnswer> {
    checkOpId(opId)
    const lines = linesOf(adjustment)
    const book = this.#book(drop)
    const { room } = book
    if (room === undefined) return { answer: 'no_room' }
    const refused = refusal(room, fence)
    if (refused !== undefined) return refused

    const nowMs = this.#nowMs()
    const released = adjustment.kind === 'release' ? `released|${adjustment.orderId}` : undefined
    const before = book.ops.get(opId) ?? (released && book.ops.get(released))
    if (before) return { answer: 'repeated', position: before, nowMs, phase: room.phase, opensAtMs: room.opensAtMs }

    if (adjustment.kind === 'phase') {
      const { from, to, early } = adjustment
      if (!from.includes(room.phase)) {
        return { answer: 'wrong_phase', phase: room.phase, nowMs, opensAtMs: room.opensAtMs }
      }
      const opening = room.phase === 'scheduled' && to === 'open'
      if (opening && !early && nowMs < room.opensAtMs) return { answer: 'early', opensAtMs: room.opensAtMs, nowMs }
      append(book, room, nowMs, { kind: 'phase', opId, phase: to })
      if (opening && early) room.opensAtMs = nowMs
      room.phase = to
    } else {
      const unknown = lines.find(({ sku }) => !room.stock.has(sku))
      if (unknown) throw new Fault('ledger_corrupt', { what: 'adjust', found: `unknown_sku ${unknown.sku}` })

      if (adjustment.kind === 'restock') append(book, room, nowMs, { kind: 'restock', opId, lines: adjustment.lines })
      else {
        const { orderId, buyer } = adjustment
        append(book, room, nowMs, { kind: 'release', opId, orderId, buyer, lines: adjustment.lines })
        takeBack(book, buyer, lines)
      }
      for (const { sku, qty } of lines) stockOf(room, sku).left += qty
    }

    room.batch = fence.batch
    const position = { epoch: room.epoch, seq: room.seq }
    book.ops.set(opId, position)
    if (released !== undefined) book.ops.set(released, position)
    const left = leftOf(
      room,
      lines.map(({ sku }) => sku),
    )
    return { answer: 'applied', position, nowMs, phase: room.phase, opensAtMs: room.opensAtMs, left }
  }

  async adopt(drop: DropId, epoch: number, owner: NodeId, seen?: Standing): Promise<OpenAnswer> {
    checkEpoch(epoch)
    const book = this.#book(drop)
    const { room, copy } = book
    if (room !== undefined && room.epoch >= epoch) return { answer: 'fenced', epoch: room.epoch }
    if (this.#leases.holderNow(drop) !== owner) return { answer: 'no_lease' }
    if (room === undefined || copy !== undefined) return { answer: 'no_room' }
    if (seen !== undefined && hasLess(room, seen)) return { answer: 'no_room' }

    book.copying = undefined
    room.epoch = epoch
    room.seq = 0
    room.batch = 0
    return { answer: 'opened' }
  }

  async clear(drop: DropId, epoch: number, owner: NodeId): Promise<OpenAnswer> {
    checkEpoch(epoch)
    const { room, log, lastLogged, copy, copying } = this.#book(drop)
    if (room !== undefined && room.epoch >= epoch) return { answer: 'fenced', epoch: room.epoch }
    if (this.#leases.holderNow(drop) !== owner) return { answer: 'no_lease' }

    this.#books.set(drop, { ...emptyBook(), log, lastLogged, copy, copying })
    return { answer: 'opened' }
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
    const book = this.#book(drop)
    if (book.room !== undefined) return { answer: 'fenced', epoch: book.room.epoch }
    if (this.#leases.holderNow(drop) !== owner) return { answer: 'no_lease' }

    for (const opId of opIds) book.ops.set(opId, { epoch, seq: 0 })
    for (const { orderId, position, lines, buyer, holdsUnits } of orders) {
      if (book.answers.has(orderId)) continue
      book.answers.set(orderId, { position, lines })
      if (!holdsUnits) continue
      const parsed = readLines(lines)
      count(book, buyer, unitsOf(parsed))
      for (const { sku, qty } of parsed) count(book, `${buyer}|${sku}`, qty)
    }
    return { answer: 'opened' }
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
    const book = this.#book(drop)
    if (book.room !== undefined && book.room.epoch >= epoch) return { answer: 'fenced', epoch: book.room.epoch }
    if (this.#leases.holderNow(drop) !== owner) return { answer: 'no_lease' }
    if (!isDeepStrictEqual(book.copy?.of, read)) return { answer: 'forgotten' }
    if (!marks.every((mark) => book.answers.has(mark))) return { answer: 'forgotten' }

    const { phase, opensAtMs, closesAtMs, limitPerBuyer, items } = seed
    const stock = new Map(items.map(({ sku, left, limit }) => [sku, { left, limit }]))
    book.room = { epoch, seq: 0, batch: 0, phase, opensAtMs, closesAtMs, limitPerBuyer, stock }
    Object.assign(book, { copy: undefined, copying: undefined })
    return { answer: 'opened' }
  }

  async copy(drop: DropId, of: Copied, page: number, entries: readonly Entry[]): Promise<CopyAnswer> {
    checkEpoch(of.position.epoch)
    boundCopy(entries)
    const book = this.#book(drop)
    const { room } = book
    if (room !== undefined && room.epoch > of.position.epoch) return { answer: 'fenced', epoch: room.epoch }
    if (book.copy !== undefined && !isOlder(book.copy.of, of)) return { answer: 'copied' }

    const before = page === 0 ? { of, pages: [] } : book.copying
    if (before === undefined || !isDeepStrictEqual(before.of, of) || before.pages.length !== page) {
      return { answer: 'forgotten' }
    }
    book.copying = { of, pages: structuredClone([...before.pages, [...entries]]) }
    if (book.copying.pages.length < of.pages) return { answer: 'goes_on' }

    Object.assign(book, { copy: book.copying, copying: undefined })
    return { answer: 'copied' }
  }

  async copied(drop: DropId): Promise<Copied | undefined> {
    return structuredClone(this.#book(drop).copy?.of)
  }

  async copiedPage(drop: DropId, page: number): Promise<Entry[] | undefined> {
    return structuredClone(this.#book(drop).copy?.pages[page])
  }

  async read(drop: DropId): Promise<RoomState | undefined> {
    const { room } = this.#book(drop)
    if (room === undefined) return undefined

    const { stock, ...rest } = room
    const items = [...stock].map(([sku, { left, limit }]) => ({ sku, left, limit }))
    return { ...rest, items: items.sort((a, b) => (a.sku < b.sku ? -1 : 1)), nowMs: this.#nowMs() }
  }

  async positions(drop: DropId, orderIds: readonly OrderId[]): Promise<(Position | undefined)[]> {
    const { answers } = this.#book(drop)
    return orderIds.map((orderId) => answers.get(orderId)?.position)
  }

  known(asked: readonly OrdersAsked[]): Promise<OrdersKnown[]> {
    return Promise.all(
      asked.map(async ({ drop, orderIds }) => {
        const { room, copy, copying } = this.#book(drop)
        const isWhole = room !== undefined && copy === undefined && copying === undefined
        return { isWhole, positions: await this.positions(drop, orderIds) }
      }),
    )
  }

  async entries(drop: DropId, after: Position, max: number): Promise<Entry[]> {
    const later = this.#book(drop).log.filter(({ position }) => comparePositions(position, after) > 0)
    return structuredClone(later.slice(0, max))
  }

  async trim(drop: DropId, before: Position): Promise<void> {
    const book = this.#book(drop)
    book.log = book.log.filter(({ position }) => comparePositions(position, before) >= 0)
  }

  /** Everything is gone, leases too: FLUSHALL, or a disk that was empty after a restart. */
  wipe(): void {
    this.#books.clear()
    this.#leases.wipe()
  }

  /** What a replica had a moment ago … */
  image(): LedgerImage {
    return { books: structuredClone(this.#books), leases: this.#leases.image() }
  }

  /** … and is promoted with: everything said since was said in vain. */
  restore(image: LedgerImage): void {
    this.#books = structuredClone(new Map(image.books))
    this.#leases.restore(image.leases)
  }

  #book(drop: DropId): Book {
    const known = this.#books.get(drop)
    if (known !== undefined) return known

    const book = emptyBook()
    this.#books.set(drop, book)
    return book
  }
}

function hasLess(room: Standing, seen: Standing): boolean {
  if (room.epoch !== seen.epoch) return room.epoch < seen.epoch
  return room.seq < seen.seq || room.batch < seen.batch
}

function linesOf(adjustment: Adjustment): Line[] {
  if (adjustment.kind === 'phase') return []
  return readLines(adjustment.lines, adjustment.kind === 'restock' ? OF_A_RESTOCK : undefined)
}
