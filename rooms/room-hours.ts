/**
 * A room keeps its hours: it opens and closes its drop on time.
 *
 * This node's clock only decides when to ask. The moment itself is judged by the ledger (Redis TIME), which answers
 * "early" with the milliseconds that are missing; and since the change is a compare-and-set, asking twice, or from two
 * nodes, opens a drop once.
 */
import type { Phase } from '../protocol/verdicts.ts'
import { CLOSE_ON_TIME, isOver, OPEN_ON_TIME } from './drop.ts'
import type { ControlReply, Letter } from './letters.ts'
import type { Clock, RoomState, Timer } from './ports.ts'

/** A timer is never set for longer, so that a clock that was corrected is noticed. */
const LONGEST_WAIT_MS = 60_000
const LETTER_TTL_MS = 5_000

export class RoomHours {
  readonly #clock: Clock
  readonly #post: (letter: Letter) => void
  #hours: Pick<RoomState, 'phase' | 'opensAtMs' | 'closesAtMs'>
  #timer: Timer | undefined

  constructor(state: RoomState, clock: Clock, post: (letter: Letter) => void) {
    this.#hours = { phase: state.phase, opensAtMs: state.opensAtMs, closesAtMs: state.closesAtMs }
    this.#clock = clock
    this.#post = post
    this.#arm()
  }

  /** The phase changed, by whatever hand. */
  turn(phase: Phase, opensAtMs: number): void {
    this.#hours = { ...this.#hours, phase, opensAtMs }
    this.#arm()
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #next(): { atMs: number; change: typeof OPEN_ON_TIME | typeof CLOSE_ON_TIME } | undefined {
    const { phase, opensAtMs, closesAtMs } = this.#hours
    if (phase === 'scheduled') return { atMs: opensAtMs, change: OPEN_ON_TIME }
    if (closesAtMs !== null && !isOver(phase)) return { atMs: closesAtMs, change: CLOSE_ON_TIME }

    return undefined
  }

  #arm(waitMs?: number): void {
    this.stop()
    const next = this.#next()
    if (next === undefined) return

    const untilMs = waitMs ?? Math.max(0, next.atMs - this.#clock.nowMs())
    this.#timer = this.#clock.after(Math.min(untilMs, LONGEST_WAIT_MS), () => {
      if (untilMs > LONGEST_WAIT_MS) this.#arm()
      else this.#ask(next.change)
    })
  }

  #ask(change: { opId: string; adjustment: typeof OPEN_ON_TIME.adjustment | typeof CLOSE_ON_TIME.adjustment }): void {
    this.#post({
      kind: 'control',
      opId: change.opId,
      adjustment: change.adjustment,
      deadlineMs: this.#clock.nowMs() + LETTER_TTL_MS,
      answer: (reply) => this.#hear(reply),
    })
  }

  #hear(reply: ControlReply): void {
    if (reply.done === 'early') this.#arm(Math.max(1, reply.opensAtMs - reply.nowMs))
    if (reply.done === 'pending') this.#arm(reply.retryAfterMs)
    // Applied: the room calls turn(). Repeated or wrong phase: another hand was first, and the room knows.
  }
}
