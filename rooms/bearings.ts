/**
 * A room's bearings: the position it has reached in its ledger, and which of its calls got it there.
 *
 * Both go out with every call (`Fence`, rooms/ports.ts) and what comes back is held against them. That tells the three
 * cases apart: the ledger is where the room left it; a later owner exists; or Redis has less than the room has seen, or
 * came to the same place by other calls, and then it went back in time.
 */
import type { DropId } from '../protocol/ids.ts'
import { comparePositions, type Position } from '../protocol/position.ts'
import type { Entry, Fence, Ledger, Refused, RoomState, Standing, Surrendered } from './ports.ts'

/** How far a drop has come, as somebody knows it. */
export type Known = Pick<Surrendered, 'position' | 'batch'>

/** Why a room may not go on: a later owner, or a Redis that forgot. */
export type Deposed = 'fenced' | 'lost'

/** No call has this number, so nobody takes the ledger for whole. */
const NEVER = Number.MAX_SAFE_INTEGER

export class Bearings implements Known {
  readonly epoch: number
  #seq: number
  /** The call that wrote last, as the ledger must have it. */
  #batch: number
  /** How many calls were made. */
  #calls: number
  #isDisowned = false

  constructor({ epoch, seq, batch }: Standing) {
    this.epoch = epoch
    this.#seq = seq
    this.#batch = batch
    this.#calls = batch
  }

  get position(): Position {
    return { epoch: this.epoch, seq: this.#seq }
  }

  get batch(): number {
    return this.#isDisowned ? NEVER : this.#batch
  }

  /** For the next call. */
  fence(): Fence {
    this.#calls += 1
    return { epoch: this.epoch, prevSeq: this.#seq, prevBatch: this.#batch, batch: this.#calls }
  }

  /** The ledger has carried out the call with this fence. One that wrote nothing is no link of the chain. */
  came({ batch }: Fence, seq: number): void {
    if (seq > this.#seq) this.#batch = batch
    this.#seq = seq
  }

  /** Calls of this room were carried out whose replies were lost. */
  caughtUp({ seq, batch }: RoomState): void {
    this.#seq = seq
    this.#batch = batch
  }

  /** What the ledger has is wrong, also after a call that is on its way: whoever comes next must build it anew. */
  disown(): void {
    this.#isDisowned = true
  }

  /** `behind`: a call of this room was carried out late, and its reply is still to be read. */
  judge(answer: Refused): Deposed | 'behind' {
    // A lower epoch than mine is no later owner: Redis went back in time.
    if (answer.answer === 'fenced') return answer.epoch > this.epoch ? 'fenced' : 'lost'
    if (answer.answer === 'no_room') return 'lost'
    // Not what I know: Redis went back in time, and perhaps on from there. Later: a call of mine was carried out late.
    return answer.batch < this.batch ? 'lost' : 'behind'
  }

  /** Reads where the ledger stands now. Throws when it cannot be read. */
  async look(ledger: Ledger, drop: DropId): Promise<Deposed | RoomState> {
    // What is known before the question: while it is on its way a call may move this room on.
    const known = { position: this.position, batch: this.batch }
    const found = await ledger.read(drop)
    if (found === undefined) return 'lost'
    if (found.epoch > this.epoch) return 'fenced'

    return isBehind(found, known) ? 'lost' : found
  }

  /** The entries between here and `found`. Undefined when the log does not have them all. */
  async missed(ledger: Ledger, drop: DropId, found: RoomState): Promise<Entry[] | undefined> {
    const count = found.seq - this.#seq
    const entries = count === 0 ? [] : await ledger.entries(drop, this.position, count)
    return entries.length < count ? undefined : entries
  }
}

/** Redis has not what somebody knows: it went back in time, even where the old place was reached again by other calls. */
export function isBehind(found: Standing, known: Known): boolean {
  if (comparePositions(found, known.position) < 0) return true
  return found.epoch === known.position.epoch && found.batch < known.batch
}
