/**
 * A room runs one drop, on one node at a time.
 *
 * One reader takes letters from the mailbox to the till, which asks the ledger; there are never two questions open. The
 * room holds no stock of its own: it knows how far it has come (bearings.ts), and the ledger refuses it when it has not
 * come to the same place by the same call. So whatever happens to this process (a pause, a cut, a second owner), the
 * worst that a room can do is to be told no.
 *
 * How a room ends, and what its directory then does, is said in one word:
 *   fenced      a later epoch exists: whoever has it takes over with its journal, or is handed its orders
 *   lost        Redis no longer has what it had, or less or more than there is: take over anew, from the journal
 *   lease_lost  this node may no longer try: as `fenced`, but perhaps nobody else has it yet
 *   stopped     somebody asked it to stop
 */
import type { DropId } from '../protocol/ids.ts'
import type { Position } from '../protocol/position.ts'
import type { Phase } from '../protocol/verdicts.ts'
import { Bearings } from './bearings.ts'
import { Journal, type Noted } from './journal.ts'
import type { Letter } from './letters.ts'
import { LogTrimmer } from './log-trimmer.ts'
import { Mailbox, type MailboxLimits, type Posted, type Run } from './mailbox.ts'
import { NewsDesk } from './news-desk.ts'
import type { PackedLine, Page } from './packed-line.ts'
import type { BuyerPace, Clock, DropBook, Entry, Herald, Ledger, Log, RoomState } from './ports.ts'
import { Relay, type Written } from './relay.ts'
import { refuse } from './replies.ts'
import { RoomHours } from './room-hours.ts'
import { settle } from './settlement.ts'
import { Till, type TillEnd } from './till.ts'
import { UnwrittenWords } from './unwritten-words.ts'
import { Watchman } from './watchman.ts'

export type RoomEnd = TillEnd | 'stopped'

export interface RoomLimits extends MailboxLimits {
  /** Entries that Postgres has not written yet, at most. */
  journalMax: number
  /** Shortest time between two frames of counts. Ten a second look alive to people, and each costs every watcher. */
  newsIntervalMs: number
}

export const ROOM_LIMITS: RoomLimits = { capacity: 20_000, batchMax: 256, journalMax: 400_000, newsIntervalMs: 100 }

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
  unwritten: PackedLine<Noted>
  /** Those of them that are words about the phase. */
  words: readonly Entry[]
  /** Of an item: that few left is news. */
  lowStockAt?: number | null
}

export class Room {
  readonly drop: DropId
  readonly epoch: number
  /** Resolves once, when the reader has come to rest. */
  readonly ended: Promise<RoomEnd>
  readonly #world: RoomWorld
  readonly #mayRun: () => boolean
  readonly #mailbox: Mailbox
  readonly #bearings: Bearings
  readonly #journal: Journal
  readonly #relay: Relay
  readonly #desk: NewsDesk
  readonly #words: UnwrittenWords
  readonly #till: Till
  readonly #hours: RoomHours
  readonly #trimmer: LogTrimmer
  readonly #watchman: Watchman
  #end: RoomEnd | undefined

  /** `mayRun`: whether the lease still stands, asked before each batch. */
  constructor(start: RoomStart, world: RoomWorld, mayRun: () => boolean) {
    const { drop, state, lowStockAt = null } = start
    const { clock, limits, herald } = world
    this.drop = drop
    this.epoch = state.epoch
    this.#world = world
    this.#mayRun = mayRun
    this.#mailbox = new Mailbox(limits)
    this.#bearings = new Bearings(state)
    this.#journal = new Journal(limits.journalMax, start.unwritten)
    this.#relay = new Relay(this, this.#journal, world, {
      written: (batch) => this.#settle(batch),
      fenced: () => this.#finish('fenced'),
    })
    this.#desk = new NewsDesk(
      { drop, position: this.position, items: state.items, lowStockAt },
      { clock, intervalMs: limits.newsIntervalMs, send: (news) => herald.news(news) },
    )
    this.#words = new UnwrittenWords(start.words)
    this.#till = new Till(drop, state.phase, {
      ...{ ledger: world.ledger, clock, log: world.log, mayRun },
      ...{ bearings: this.#bearings, journal: this.#journal, words: this.#words, desk: this.#desk },
      isEnded: () => this.#end !== undefined,
      heard: () => {
        this.#watchman.heard()
        this.#relay.poke()
      },
      turned: (phase, opensAtMs) => this.#hours.turn(phase, opensAtMs),
    })
    this.#hours = new RoomHours(state, clock, (letter) => this.post(letter))
    this.#trimmer = new LogTrimmer(drop, world)
    this.#watchman = new Watchman(clock, () => this.#look())

    this.#desk.sync()
    this.#relay.poke()
    this.ended = this.#read()
  }

  get position(): Position {
    return this.#bearings.position
  }

  /** The call that brought it there. */
  get batch(): number {
    return this.#bearings.batch
  }

  get phase(): Phase {
    return this.#till.phase
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
  async stop(unread?: (letter: Letter) => void): Promise<Page<Noted>[]> {
    await this.shut(unread)
    const unwritten = this.#journal.pages()
    this.#relay.stop()
    return unwritten
  }

  async #read(): Promise<RoomEnd> {
    while (this.#end === undefined) {
      const run = await this.#mailbox.take()
      if (run === undefined) break

      const end = await this.#carryOut(run)
      if (end !== undefined) this.#finish(end)
    }
    return this.#end ?? 'stopped'
  }

  async #carryOut(run: Run): Promise<TillEnd | undefined> {
    if (this.#mayRun()) return run.kind === 'orders' ? this.#till.sell(run.letters) : this.#till.adjust(run.letter)

    for (const letter of run.kind === 'orders' ? run.letters : [run.letter]) refuse(letter)
    return 'lease_lost'
  }

  async #look(): Promise<void> {
    const end = await this.#till.look()
    if (end !== undefined) this.#finish(end)
  }

  #settle(batch: Written[]): void {
    settle(this.drop, batch, { ...this.#world, post: (letter) => this.post(letter) })
    for (const { noted, outcome } of batch) if (outcome.outcome !== 'stale') this.#words.written(noted.entry)
    const last = batch.at(-1)
    if (last !== undefined) this.#trimmer.written(last.noted.entry.position)
    // Postgres has fewer units than the ledger gave. Of which SKU, and how many of them, only a ledger built anew knows.
    if (batch.some(({ outcome }) => outcome.outcome === 'revoked' && outcome.reason === 'total')) this.#disown()
  }

  #disown(): void {
    this.#finish('lost')
    this.#bearings.disown()
  }

  #finish(end: RoomEnd, unread: (letter: Letter) => void = refuse): void {
    if (this.#end !== undefined) return

    this.#end = end
    this.#watchman.stop()
    this.#hours.stop()
    this.#desk.stop()
    this.#words.close()
    for (const letter of this.#mailbox.close()) unread(letter)
    if (end !== 'stopped') this.#world.log.warn('room.ended', { drop: this.drop, end, position: this.position })
  }
}
