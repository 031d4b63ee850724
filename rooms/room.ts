/**
 * A room runs one drop, on one node at a time.
 *
 * One reader takes letters from the mailbox and asks the ledger; it never has two questions open. The room holds no
 * stock of its own: it knows the position it has reached (epoch, seq) and which of its calls got it there, and the ledger
 * refuses it when it has not come to the same place by the same call. So whatever happens to this process (a pause, a cut, a second owner), the worst that a room
 * can do is to be told no.
 *
 * How a room ends, and what its directory then does, is said in one word:
 *   fenced      a later owner exists: its journal is handed over
 *   lost        Redis no longer has what it had, or less or more than there is: take over anew, from the journal
 *   lease_lost  this node may no longer try: as `fenced`, but perhaps nobody else has it yet
 *   stopped     somebody asked it to stop
 */
import { Fault } from '../protocol/faults.ts'
import type { DropId } from '../protocol/ids.ts'
import { comparePositions, type Position } from '../protocol/position.ts'
import type { Phase } from '../protocol/verdicts.ts'
import { pending, replyTo } from './drop.ts'
import { Journal, type Noted } from './journal.ts'
import type { ControlLetter, ControlReply, Letter, OrderLetter } from './letters.ts'
import { LogTrimmer } from './log-trimmer.ts'
import { Mailbox, type MailboxLimits, type Posted } from './mailbox.ts'
import { NewsDesk } from './news-desk.ts'
import type {
  AdjustAnswer,
  BatchAnswer,
  BuyerPace,
  Clock,
  DropBook,
  Entry,
  Fence,
  Herald,
  Ledger,
  Log,
  RoomState,
} from './ports.ts'
import { Relay, type Written } from './relay.ts'
import { RoomHours } from './room-hours.ts'
import { settle } from './settlement.ts'
import { Watchman } from './watchman.ts'

export type RoomEnd = 'fenced' | 'lost' | 'lease_lost' | 'stopped'

export interface RoomLimits extends MailboxLimits {
  /** Entries that Postgres has not written yet, at most. */
  journalMax: number
  /** Shortest time between two frames of counts. Ten a second look alive to people, and each costs every watcher. */
  newsIntervalMs: number
}

export const ROOM_LIMITS: RoomLimits = { capacity: 20_000, batchMax: 256, journalMax: 200_000, newsIntervalMs: 100 }

export interface RoomWorld {
  ledger: Ledger
  book: DropBook
  herald: Herald
  clock: Clock
  log: Log
  limits: RoomLimits
  /** Shared by all rooms of the node. Without it everybody may always. */
  pace?: BuyerPace | undefined
  /** Places accepted orders anew that this room may not write. */
  handOver(drop: DropId, noted: Noted[]): void
}

export interface RoomStart {
  drop: DropId
  state: RoomState
  /** Entries that Postgres may not have, oldest first. */
  unwritten: Entry[]
  /** Of an item: that few left is news. */
  lowStockAt?: number | null
}

/** No call has this number, so a ledger that must be built anew is never taken for whole. */
const NEVER = Number.MAX_SAFE_INTEGER
const READ_BACK_MIN_MS = 20
const READ_BACK_MAX_MS = 250

export class Room {
  readonly drop: DropId
  readonly epoch: number
  /** Resolves once, when the reader has come to rest. */
  readonly ended: Promise<RoomEnd>
  readonly #world: RoomWorld
  readonly #mailbox: Mailbox
  readonly #journal: Journal
  readonly #relay: Relay
  readonly #desk: NewsDesk
  readonly #hours: RoomHours
  readonly #trimmer: LogTrimmer
  readonly #watchman: Watchman
  readonly #mayRun: () => boolean
  #seq: number
  /** The call that wrote last, as the ledger must have it. */
  #batch: number
  /** How many calls were made. */
  #calls: number
  #phase: Phase
  #end: RoomEnd | undefined

  /** `mayRun`: whether the lease still stands, asked before each batch. */
  constructor(start: RoomStart, world: RoomWorld, mayRun: () => boolean) {
    const { drop, state } = start
    this.drop = drop
    this.epoch = state.epoch
    this.#seq = state.seq
    this.#batch = state.batch
    this.#calls = state.batch
    this.#phase = state.phase
    this.#world = world
    this.#mayRun = mayRun
    this.#mailbox = new Mailbox(world.limits)
    this.#journal = new Journal(world.limits.journalMax, start.unwritten)
    this.#relay = new Relay(drop, this.#journal, world, (batch) => this.#settle(batch))
    this.#desk = new NewsDesk(
      { drop, position: this.position, items: state.items, lowStockAt: start.lowStockAt ?? null },
      { clock: world.clock, intervalMs: world.limits.newsIntervalMs, send: (news) => world.herald.news(news) },
    )
    this.#hours = new RoomHours(state, world.clock, (letter) => this.post(letter))
    this.#trimmer = new LogTrimmer(drop, world)
    this.#watchman = new Watchman(world.clock, () => this.#look())

    this.#desk.sync()
    this.#relay.poke()
    this.ended = this.#read()
  }

  get position(): Position {
    return { epoch: this.epoch, seq: this.#seq }
  }

  /** The call that brought it there. */
  get batch(): number {
    return this.#batch
  }

  get phase(): Phase {
    return this.#phase
  }

  /** Whether nothing is waiting: no letter, no entry that Postgres lacks. */
  get quiet(): boolean {
    return this.#mailbox.unread === 0 && this.#journal.size === 0
  }

  /**
   * Who orders too often hears it here, where all of a buyer's sockets and nodes meet, and before the line that others
   * wait in. An accepted order that is handed over counts too: its sender waits and tries again.
   */
  post(letter: Letter): Posted {
    const waitMs = letter.kind === 'order' ? (this.#world.pace?.take(letter.claim.buyer) ?? 0) : 0
    if (waitMs === 0 || letter.kind !== 'order') return this.#mailbox.post(letter)

    letter.answer({ verdict: 'rate_limited', retryAfterMs: Math.ceil(waitMs) })
    return 'accepted'
  }

  /** Reads no more. What is with the ledger is finished first; what is unread is given to `unread`, `pending` by default. */
  async shut(unread: (letter: Letter) => void = refuse): Promise<void> {
    this.#finish('stopped', unread)
    await this.ended
  }

  /**
   * Shuts, and gives up what is not known to be written. A batch on its way to Postgres is among that and is not waited
   * for: its answer may take seconds, and writing it twice is free.
   */
  async stop(unread?: (letter: Letter) => void): Promise<Noted[]> {
    await this.shut(unread)
    const unwritten = this.#journal.all()
    this.#relay.stop()
    return unwritten
  }

  async #read(): Promise<RoomEnd> {
    while (this.#end === undefined) {
      const run = await this.#mailbox.take()
      if (run === undefined) break

      if (!this.#mayRun()) {
        this.#refuse(run.kind === 'orders' ? run.letters : [run.letter])
        this.#finish('lease_lost')
      } else if (run.kind === 'orders') await this.#sell(run.letters)
      else await this.#adjust(run.letter)
    }
    return this.#end ?? 'stopped'
  }

  async #sell(taken: OrderLetter[]): Promise<void> {
    const letters = this.#inTime(taken)
    if (letters.length === 0) return
    if (this.#journal.full) return this.#refuse(letters)

    const fence = this.#fence()
    let answer: BatchAnswer
    try {
      const claims = letters.map((letter) => letter.claim)
      answer = await this.#world.ledger.order(this.drop, fence, claims)
    } catch (cause) {
      this.#refuse(letters)
      // The log is ahead of its room: a part of Redis went back in time. Only a new epoch gets past that.
      if (cause instanceof Fault && cause.code === 'ledger_corrupt') return this.#finish('lost')
      return this.#readBack(cause)
    }
    if (answer.answer !== 'ok') {
      this.#refuse(letters)
      return this.#refusedBy(answer)
    }

    if (answer.seq > this.#seq) this.#batch = fence.batch
    this.#seq = answer.seq
    this.#watchman.heard()
    for (const [at, letter] of letters.entries()) {
      const result = answer.results[at]
      if (result === undefined) continue
      if (result.verdict === 'accepted') {
        const { orderId, buyer, key, lines } = letter.claim
        const what = { kind: 'order', orderId, buyer, key, lines } as const
        this.#journal.note({ ...what, position: result.position, atMs: answer.nowMs }, letter.via)
      }
      letter.answer(replyTo(result, answer))
    }
    this.#relay.poke()
    this.#desk.counted(this.position, answer.left)
  }

  async #adjust(letter: ControlLetter): Promise<void> {
    if (this.#inTime([letter]).length === 0) return

    const fence = this.#fence()
    let answer: AdjustAnswer
    try {
      answer = await this.#world.ledger.adjust(this.drop, fence, letter.opId, letter.adjustment)
    } catch (cause) {
      this.#refuse([letter])
      return this.#readBack(cause)
    }
    if (answer.answer === 'fenced' || answer.answer === 'no_room' || answer.answer === 'out_of_sequence') {
      this.#refuse([letter])
      return this.#refusedBy(answer)
    }
    if (answer.answer === 'applied') {
      this.#batch = fence.batch
      this.#applied(letter, answer)
    }
    letter.answer(controlReply(answer, this.#phase))
  }

  #applied(letter: ControlLetter, answer: Extract<AdjustAnswer, { answer: 'applied' }>): void {
    const { position, nowMs, phase } = answer
    const { opId, adjustment } = letter
    this.#seq = position.seq
    if (adjustment.kind === 'restock') this.#desk.restocked(position, answer.left)
    else this.#desk.counted(position, answer.left)
    this.#journal.note(
      adjustment.kind === 'phase'
        ? { kind: 'phase', opId, phase, position, atMs: nowMs }
        : adjustment.kind === 'restock'
          ? { kind: 'restock', opId, lines: adjustment.lines, position, atMs: nowMs }
          : { ...adjustment, opId, position, atMs: nowMs },
    )
    if (phase !== this.#phase) this.#turn(phase, answer.opensAtMs)
    this.#relay.poke()
  }

  #turn(phase: Phase, opensAtMs: number): void {
    this.#phase = phase
    this.#hours.turn(phase, opensAtMs)
    this.#desk.phase(this.position, phase)
  }

  /** A reply was lost, so the ledger may or may not have done it: read where it stands before anything else. */
  async #readBack(cause: unknown): Promise<void> {
    this.#world.log.warn('room.reply_lost', { drop: this.drop, position: this.position, cause })

    for (let waitMs = READ_BACK_MIN_MS; this.#end === undefined; waitMs = Math.min(waitMs * 2, READ_BACK_MAX_MS)) {
      if (!this.#mayRun()) return this.#finish('lease_lost')
      try {
        return await this.#catchUp()
      } catch {
        // Still away. Buyers who wait in the mailbox meet their deadline there and hear `pending`.
        await new Promise<void>((resolve) => this.#world.clock.after(waitMs, resolve))
      }
    }
  }

  async #catchUp(): Promise<void> {
    const state = await this.#world.ledger.read(this.drop)
    if (state === undefined) return this.#finish('lost')
    if (state.epoch > this.epoch) return this.#finish('fenced')
    if (isBehind(state, this)) return this.#finish('lost')

    const missing = state.seq - this.#seq
    const missed = missing === 0 ? [] : await this.#world.ledger.entries(this.drop, this.position, missing)
    if (missed.length < missing) return this.#finish('lost')

    for (const entry of missed) this.#journal.note(entry)
    this.#seq = state.seq
    this.#batch = state.batch
    this.#desk.counted(
      this.position,
      state.items.map((item) => ({ sku: item.sku, left: item.left })),
    )
    if (state.phase !== this.#phase) this.#turn(state.phase, state.opensAtMs)
    this.#relay.poke()
  }

  /** Whether the ledger still has what this room has seen. Only reads; a question that fails is asked again later. */
  async #look(): Promise<void> {
    const known = { position: this.position, batch: this.#batch }
    try {
      const state = await this.#world.ledger.read(this.drop)
      if (state !== undefined && state.epoch > this.epoch) return this.#finish('fenced')
      if (state === undefined || isBehind(state, known)) this.#finish('lost')
    } catch (cause) {
      this.#world.log.warn('room.not_seen', { drop: this.drop, cause })
    }
  }

  #refusedBy(answer: Exclude<BatchAnswer, { answer: 'ok' }>): Promise<void> | void {
    // A lower epoch than mine is no later owner: Redis went back in time.
    if (answer.answer === 'fenced') return this.#finish(answer.epoch > this.epoch ? 'fenced' : 'lost')
    if (answer.answer === 'no_room') return this.#finish('lost')
    // Not what I know: Redis went back in time, and perhaps on from there. Later: a call of mine was carried out late.
    return answer.batch < this.#batch ? this.#finish('lost') : this.#readBack('out_of_sequence')
  }

  #settle(batch: Written[]): void {
    settle(this.drop, batch, { ...this.#world, post: (letter) => this.post(letter) })
    const last = batch.at(-1)
    if (last !== undefined) this.#trimmer.written(last.noted.entry.position)
    // Postgres has fewer units than the ledger gave. Of which SKU, and how many of them, only a ledger built anew knows.
    if (batch.some(({ outcome }) => outcome.outcome === 'revoked' && outcome.reason === 'total')) this.#disown()
  }

  #disown(): void {
    this.#finish('lost')
    this.#batch = NEVER
  }

  #fence(): Fence {
    this.#calls += 1
    return { epoch: this.epoch, prevSeq: this.#seq, prevBatch: this.#batch, batch: this.#calls }
  }

  /** Refuses those past their deadline: their senders were told `pending` and have gone. */
  #inTime<L extends Letter>(letters: L[]): L[] {
    const nowMs = this.#world.clock.nowMs()
    const late = letters.filter((letter) => letter.deadlineMs < nowMs)
    if (late.length === 0) return letters

    this.#refuse(late)
    return letters.filter((letter) => letter.deadlineMs >= nowMs)
  }

  #refuse(letters: readonly Letter[]): void {
    for (const letter of letters) refuse(letter)
  }

  #finish(end: RoomEnd, unread: (letter: Letter) => void = refuse): void {
    if (this.#end !== undefined) return

    this.#end = end
    this.#watchman.stop()
    this.#hours.stop()
    this.#desk.stop()
    for (const letter of this.#mailbox.close()) unread(letter)
    if (end !== 'stopped') this.#world.log.warn('room.ended', { drop: this.drop, end, position: this.position })
  }
}

/** Redis has not what somebody knows: it went back in time, even where the old place was reached again by other calls. */
export function isBehind(found: Position & { batch: number }, known: { position: Position; batch: number }): boolean {
  if (comparePositions(found, known.position) < 0) return true
  return found.epoch === known.position.epoch && found.batch < known.batch
}

/** `pending` to whoever sent it: the drop has said nothing. */
export function refuse(letter: Letter): void {
  if (letter.kind === 'order') letter.answer(pending())
  else letter.answer({ done: 'pending', retryAfterMs: pending().retryAfterMs ?? 0 })
}

type Said = Exclude<AdjustAnswer, { answer: 'fenced' | 'no_room' | 'out_of_sequence' }>

function controlReply(answer: Said, phase: Phase): ControlReply {
  if (answer.answer === 'early') return { done: 'early', opensAtMs: answer.opensAtMs, nowMs: answer.nowMs }
  if (answer.answer === 'wrong_phase') return { done: 'wrong_phase', phase: answer.phase }

  return { done: answer.answer, phase, position: answer.position }
}
