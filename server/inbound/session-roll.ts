/**
 * The roll of everyone who is connected to this node, by whatever transport.
 *
 * One look over all of them twice a second does what would otherwise be several timers for each: who did not greet, who
 * reads too slowly, whose token runs out, who has been here for long enough. Nobody stays for ever, or the phones of a
 * deploy would never spread over the nodes again; how long differs, so that those who came together do not leave together;
 * and nobody leaves with an order on its way. When this node leaves, the roll is shut, and everyone on it is sent away
 * (farewell.ts).
 *
 * Who reads slowly is first spared what everybody hears, so that what is left of the line carries its own receipts. When
 * it has read what it had, it is shown everything anew; who does not get that far in a while is closed.
 */
import type { Clock, Timer } from '../../rooms/ports.ts'
import { COME_BACK_MS, sayFarewell, sendAway } from './farewell.ts'
import type { Session } from './session.ts'

export interface RollLimits {
  /** A hello must come within this time of the connection. */
  greetWithinMs: number
  /** What a peer may leave unread in our buffer before it is spared the news. */
  pauseAboveBytes: number
  /** For so long. */
  pausedMaxMs: number
  /** What a peer may leave unread at all. Under the transport's own bound, at which frames are lost. */
  unreadBytesMax: number
  /** This long before its end a token is said to be ending. */
  expiringWithinMs: number
  /** How long a socket lives on after its token, to be signed in anew. */
  expiredGraceMs: number
  /** A socket is told to come back after a time of its own between the two, at the latest after the second. */
  lifeMs: readonly [min: number, max: number]
  lookEveryMs: number
}

export const ROLL_LIMITS: RollLimits = {
  greetWithinMs: 5_000,
  pauseAboveBytes: 8 * 1024,
  pausedMaxMs: 30_000,
  unreadBytesMax: 48 * 1024,
  expiringWithinMs: 60_000,
  expiredGraceMs: 30_000,
  // Well before 239 minutes, when the transport itself ends a socket without a word (native.ts).
  lifeMs: [150 * 60_000, 210 * 60_000],
  lookEveryMs: 500,
}

/** Who knows what a session hears besides its own affairs. */
export interface Sparing {
  pause(session: Session): void
  resume(session: Session): void
}

const NOBODY: Sparing = { pause: () => undefined, resume: () => undefined }

/** With orders on its way all the time a socket may overstay for so long. */
const OVERSTAY_MS = 10 * 60_000

export class SessionRoll {
  /** With the time at which each is to leave; monotonic. */
  readonly #sessions = new Map<Session, number>()
  readonly #clock: Clock
  readonly #random: () => number
  readonly #limits: RollLimits
  readonly #news: Sparing
  #timer: Timer | undefined
  #shut = false

  constructor(clock: Clock, random: () => number, limits: RollLimits = ROLL_LIMITS, news: Sparing = NOBODY) {
    this.#clock = clock
    this.#random = random
    this.#limits = limits
    this.#news = news
  }

  get size(): number {
    return this.#sessions.size
  }

  add(session: Session): void {
    const [min, max] = this.#limits.lifeMs
    this.#sessions.set(session, this.#clock.monotonicMs() + min + this.#random() * (max - min))
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
    for (const [session, leavesAtMs] of this.#sessions) {
      const { peer, standing } = session
      if (this.#isTooSlow(session, monotonicMs)) peer.close('slow')
      else if (monotonicMs >= leavesAtMs + (session.ordersInFlight > 0 ? OVERSTAY_MS : 0))
        sendAway(session, this.comeBackMs())
      else if (standing.state === 'greeting') {
        const late = monotonicMs - standing.sinceMs >= this.#limits.greetWithinMs
        if (late && !standing.isHeard) peer.close('not_greeted')
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

  /** Spares it the news, or shows it everything anew; true when that does not help any more. */
  #isTooSlow(session: Session, nowMs: number): boolean {
    const { pauseAboveBytes, pausedMaxMs, unreadBytesMax } = this.#limits
    const { bufferedBytes } = session.peer
    if (bufferedBytes > unreadBytesMax) return true

    if (session.pausedSinceMs === undefined) {
      if (bufferedBytes <= pauseAboveBytes) return false
      session.pausedSinceMs = nowMs
      this.#news.pause(session)
    } else if (bufferedBytes === 0) {
      session.pausedSinceMs = undefined
      this.#news.resume(session)
    }
    return session.pausedSinceMs !== undefined && nowMs - session.pausedSinceMs >= pausedMaxMs
  }

  /** Nobody comes in any more; who is here stays. */
  shut(): void {
    this.#shut = true
  }

  get isShut(): boolean {
    return this.#shut
  }

  /** A time to come back, for one who is sent away. */
  comeBackMs(): number {
    return Math.round(this.#random() * COME_BACK_MS)
  }

  /** Sends everyone away and answers when the last one has been told, within about the given time. */
  async goaway(withinMs: number): Promise<void> {
    this.shut()
    await this.sendAway(withinMs)
  }

  /** Sends everyone who is here now to another node; whether others may come is not said here. */
  async sendAway(withinMs: number): Promise<void> {
    await sayFarewell([...this.#sessions.keys()], this.#clock, () => this.comeBackMs(), withinMs)
  }
}
