/**
 * The till of a room: the only hand that asks its ledger to change something.
 *
 * One call is open at a time, and it says what the till knows (bearings.ts); whatever is answered goes into the journal,
 * to the news desk and back to whoever asked, in that order: nobody hears `accepted` before it is remembered here. A
 * reply that is lost may have been carried out, so the till reads where the ledger stands before it asks anything else.
 *
 * What is carried out answers nothing. Else the answer is the word for why this room must end.
 */
import { Fault } from '../protocol/faults.ts'
import type { DropId } from '../protocol/ids.ts'
import type { Phase } from '../protocol/verdicts.ts'
import type { Bearings, Deposed } from './bearings.ts'
import type { Journal } from './journal.ts'
import type { ControlLetter, Letter, OrderLetter } from './letters.ts'
import { pause } from './nap.ts'
import type { NewsDesk } from './news-desk.ts'
import type { AdjustAnswer, BatchAnswer, Clock, Entry, Ledger, Log, Refused, RoomState } from './ports.ts'
import { controlReplyTo, refuse, replyTo } from './replies.ts'
import type { UnwrittenWords } from './unwritten-words.ts'

export type TillEnd = Deposed | 'lease_lost'

export interface TillWorld {
  ledger: Ledger
  clock: Clock
  log: Log
  bearings: Bearings
  journal: Journal
  words: UnwrittenWords
  desk: NewsDesk
  /** Whether the lease still stands. */
  mayRun(): boolean
  /** Whether somebody has ended the room meanwhile. */
  isEnded(): boolean
  /** The ledger has said where it stands, and there may be something new in the journal. */
  heard(): void
  turned(phase: Phase, opensAtMs: number): void
}

type Ok = Extract<BatchAnswer, { answer: 'ok' }>
type Applied = Extract<AdjustAnswer, { answer: 'applied' }>

const READ_BACK_MIN_MS = 20
const READ_BACK_MAX_MS = 250

export class Till {
  readonly #drop: DropId
  readonly #world: TillWorld
  #phase: Phase

  constructor(drop: DropId, phase: Phase, world: TillWorld) {
    this.#drop = drop
    this.#phase = phase
    this.#world = world
  }

  get phase(): Phase {
    return this.#phase
  }

  async sell(taken: OrderLetter[]): Promise<TillEnd | undefined> {
    const { ledger, bearings, journal } = this.#world
    const letters = this.#inTime(taken)
    if (letters.length === 0) return undefined
    if (journal.full) return refuseAll(letters)

    const fence = bearings.fence()
    let answer: BatchAnswer
    try {
      const claims = letters.map((letter) => letter.claim)
      answer = await ledger.order(this.#drop, fence, claims)
    } catch (cause) {
      refuseAll(letters)
      // The log is ahead of its room: a part of Redis went back in time. Only a new epoch gets past that.
      if (cause instanceof Fault && cause.code === 'ledger_corrupt') return 'lost'
      return this.#readBack(cause)
    }
    if (answer.answer !== 'ok') {
      refuseAll(letters)
      return this.#refused(answer)
    }
    bearings.came(fence, answer.seq)
    this.#sold(letters, answer)
    return undefined
  }

  async adjust(letter: ControlLetter): Promise<TillEnd | undefined> {
    const { ledger, bearings, words } = this.#world
    if (this.#inTime([letter]).length === 0) return undefined

    const fence = bearings.fence()
    let answer: AdjustAnswer
    try {
      answer = await ledger.adjust(this.#drop, fence, letter.opId, letter.adjustment)
    } catch (cause) {
      refuse(letter)
      return this.#readBack(cause)
    }
    if (answer.answer === 'fenced' || answer.answer === 'no_room' || answer.answer === 'out_of_sequence') {
      refuse(letter)
      return this.#refused(answer)
    }
    if (answer.answer === 'applied') {
      bearings.came(fence, answer.position.seq)
      this.#applied(letter, answer)
    }
    words.tell(letter, controlReplyTo(answer, this.#phase))
    return undefined
  }

  /** Whether the ledger still has what this room has seen. Only reads; a question that fails is asked again later. */
  async look(): Promise<Deposed | undefined> {
    const { ledger, bearings, log } = this.#world
    try {
      const found = await bearings.look(ledger, this.#drop)
      return typeof found === 'string' ? found : undefined
    } catch (cause) {
      log.warn('room.not_seen', { drop: this.#drop, cause })
      return undefined
    }
  }

  #sold(letters: readonly OrderLetter[], answer: Ok): void {
    const { bearings, journal, desk } = this.#world
    for (const [at, letter] of letters.entries()) {
      const result = answer.results[at]
      if (result === undefined) continue
      if (result.verdict === 'accepted') {
        const { orderId, buyer, key, lines } = letter.claim
        const what = { kind: 'order', orderId, buyer, key, lines } as const
        journal.note({ ...what, position: result.position, atMs: answer.nowMs }, letter.via)
      }
      letter.answer(replyTo(result, answer))
    }
    desk.counted(bearings.position, answer.left)
    this.#world.heard()
  }

  #applied(letter: ControlLetter, answer: Applied): void {
    const { desk, journal, words } = this.#world
    const { position, phase } = answer
    const entry = entryOf(letter, answer)
    if (letter.adjustment.kind === 'restock') desk.restocked(position, answer.left)
    else desk.counted(position, answer.left)
    journal.note(entry)
    words.noted(entry)
    if (phase !== this.#phase) this.#turn(phase, answer.opensAtMs)
    this.#world.heard()
  }

  #turn(phase: Phase, opensAtMs: number): void {
    const { bearings, desk } = this.#world
    this.#phase = phase
    this.#world.turned(phase, opensAtMs)
    desk.phase(bearings.position, phase)
  }

  async #refused(answer: Refused): Promise<TillEnd | undefined> {
    const judged = this.#world.bearings.judge(answer)
    return judged === 'behind' ? this.#readBack('out_of_sequence') : judged
  }

  async #readBack(cause: unknown): Promise<TillEnd | undefined> {
    const { bearings, clock, log, mayRun, isEnded } = this.#world
    log.warn('room.reply_lost', { drop: this.#drop, position: bearings.position, cause })

    for (let waitMs = READ_BACK_MIN_MS; !isEnded(); waitMs = Math.min(waitMs * 2, READ_BACK_MAX_MS)) {
      if (!mayRun()) return 'lease_lost'
      try {
        return await this.#catchUp()
      } catch {
        // Still away. Buyers who wait in the mailbox meet their deadline there and hear `pending`.
        await pause(clock, waitMs)
      }
    }
    return undefined
  }

  async #catchUp(): Promise<Deposed | undefined> {
    const { ledger, bearings, journal, words, desk } = this.#world
    const found = await bearings.look(ledger, this.#drop)
    if (typeof found === 'string') return found
    const missed = await bearings.missed(ledger, this.#drop, found)
    if (missed === undefined) return 'lost'

    for (const entry of missed) {
      journal.note(entry)
      words.noted(entry)
    }
    bearings.caughtUp(found)
    desk.counted(bearings.position, leftOf(found))
    if (found.phase !== this.#phase) this.#turn(found.phase, found.opensAtMs)
    this.#world.heard()
    return undefined
  }

  /** Refuses those past their deadline: their senders were told `pending` and have gone. */
  #inTime<L extends Letter>(letters: L[]): L[] {
    const nowMs = this.#world.clock.nowMs()
    const late = letters.filter((letter) => letter.deadlineMs < nowMs)
    if (late.length === 0) return letters

    refuseAll(late)
    return letters.filter((letter) => letter.deadlineMs >= nowMs)
  }
}

const leftOf = ({ items }: RoomState) => items.map(({ sku, left }) => ({ sku, left }))

/** An adjustment as the ledger has written it into the log. */
function entryOf({ opId, adjustment }: ControlLetter, { position, nowMs, phase }: Applied): Entry {
  const what = adjustment.kind === 'phase' ? { kind: 'phase' as const, phase } : adjustment
  return { ...what, opId, position, atMs: nowMs }
}

function refuseAll(letters: readonly Letter[]): undefined {
  for (const letter of letters) refuse(letter)
}
