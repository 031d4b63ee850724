/**
 * The roll of everyone who is connected to this node, by whatever transport.
 *
 * One look over all of them twice a second does what would otherwise be several timers for each: who did not greet, who
 * reads too slowly, whose token runs out. And when this node leaves, everyone is told to come back, in small groups and
 * each at another time, so that the next node is not stormed.
 */
import type { Clock, Timer } from '../../rooms/ports.ts'
import type { Session } from './session.ts'

export interface RollLimits {
  /** A hello must come within this time of the connection. */
  greetWithinMs: number
  /** What a peer may leave unread in our buffer. Under the transport's own bound, at which frames are lost. */
  unreadBytesMax: number
  /** This long before its end a token is said to be ending. */
  expiringWithinMs: number
  /** How long a socket lives on after its token, to be signed in anew. */
  expiredGraceMs: number
  lookEveryMs: number
}

export const ROLL_LIMITS: RollLimits = {
  greetWithinMs: 5_000,
  unreadBytesMax: 48 * 1024,
  expiringWithinMs: 60_000,
  expiredGraceMs: 30_000,
  lookEveryMs: 500,
}

/** Told to leave at once, then a breath for the loop. */
const GOAWAY_GROUP = 200
const GOAWAY_PAUSE_MS = 5

export class SessionRoll {
  readonly #sessions = new Set<Session>()
  readonly #clock: Clock
  readonly #random: () => number
  readonly #limits: RollLimits
  #timer: Timer | undefined

  constructor(clock: Clock, random: () => number, limits: RollLimits = ROLL_LIMITS) {
    this.#clock = clock
    this.#random = random
    this.#limits = limits
  }

  get size(): number {
    return this.#sessions.size
  }

  add(session: Session): void {
    this.#sessions.add(session)
  }

  remove(session: Session): void {
    this.#sessions.delete(session)
  }

  start(): void {
    this.#timer = this.#clock.after(this.#limits.lookEveryMs, () => {
      this.look()
      this.start()
    })
  }

  stop(): void {
    this.#timer?.cancel()
  }

  look(): void {
    const monotonicMs = this.#clock.monotonicMs()
    const nowMs = this.#clock.nowMs()
    for (const { peer, standing } of this.#sessions) {
      if (peer.bufferedBytes > this.#limits.unreadBytesMax) peer.close('slow')
      else if (standing.state === 'greeting') {
        const late = monotonicMs - standing.sinceMs >= this.#limits.greetWithinMs
        if (late && !standing.checking) peer.close('not_greeted')
      } else if (standing.state === 'signed_in') {
        const { expiresAtMs } = standing.identity
        if (nowMs >= expiresAtMs + this.#limits.expiredGraceMs) peer.close('token_expired')
        else if (!standing.warned && nowMs >= expiresAtMs - this.#limits.expiringWithinMs) {
          standing.warned = true
          peer.send({ type: 'auth_expiring', expiresAtMs })
        }
      }
    }
  }

  /** Says goodbye to all and answers when the last one has been told. Each comes back at a random time up to the given. */
  async goaway(retryAfterMs: number): Promise<void> {
    const leaving = [...this.#sessions]
    for (let at = 0; at < leaving.length; at += GOAWAY_GROUP) {
      if (at > 0) await new Promise<void>((resolve) => this.#clock.after(GOAWAY_PAUSE_MS, resolve))

      for (const { peer } of leaving.slice(at, at + GOAWAY_GROUP)) {
        const waitMs = Math.round(this.#random() * retryAfterMs)
        peer.together(() => {
          peer.send({ type: 'goaway', retryAfterMs: waitMs })
          peer.close('shutdown', waitMs)
        })
      }
    }
  }
}
