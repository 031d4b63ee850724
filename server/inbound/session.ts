/**
 * A session is a peer with what we know of who is behind it.
 *
 * Its standing is one of four, and what a message may do follows from it: nothing before the greeting, watching for
 * everybody, ordering for who is signed in. A token that runs out on a live socket takes the identity away at that
 * moment, not the socket.
 */
import type { Role } from '../../protocol/api/endpoint.ts'
import type { DropId, UserId } from '../../protocol/ids.ts'
import type { Up } from '../../protocol/up.ts'
import type { Peer } from '../transports/peer.ts'
import type { MessagePace } from './message-pace.ts'

/** Who a token speaks for. */
export interface Identity {
  user: UserId
  role: Role
  expiresAtMs: number
  /** Without it the token is as old as one can be. */
  issuedAtMs?: number
  /** The number of the account's standing when the token was signed; only tokens that were signed here have one. */
  standing?: number
}

/** What an identity is worth now (standings.ts). */
export type Judged = Identity | 'revoked' | 'banned'

/** What a token or a ticket is worth: whom it speaks for, or why it does not. */
export type Verified = Judged | 'invalid' | 'expired'

export interface Judge {
  now(identity: Identity): Judged
}

/** For whoever has no accounts to ask: a token is as good as it says. */
export const AS_SAID: Judge = { now: (identity) => identity }

export type Standing =
  /** `sinceMs`: monotonic. `isHeard`: it has said who it is and waits for its welcome; what comes meanwhile waits too. */
  | { state: 'greeting'; sinceMs: number; isHeard: boolean; waiting: Up[] }
  | { state: 'anonymous' }
  /**
   * `greeted`: a hello has come; a handshake with a token signs in without one.
   * `warned`: it was said that this token is about to end.
   */
  | { state: 'signed_in'; identity: Identity; greeted: boolean; warned: boolean }
  | { state: 'closing' }

export class Session {
  readonly peer: Peer
  standing: Standing
  /** Orders that their rooms have not answered yet. */
  ordersInFlight = 0
  /** Other questions that are waiting for a store. */
  asksInFlight = 0
  /** Since when it is spared the news, for it reads too slowly; monotonic. */
  pausedSinceMs: number | undefined
  /** Frames that could not be read at all. */
  badFrames = 0
  /** How fast it talks; undefined where nobody counts. */
  readonly pace: MessagePace | undefined
  /** A list, for it is short: WATCHED_MAX at most. */
  readonly #watched: DropId[] = []

  constructor(peer: Peer, sinceMs: number, pace?: MessagePace) {
    this.peer = peer
    this.pace = pace
    this.standing = { state: 'greeting', sinceMs, isHeard: false, waiting: [] }
  }

  get watched(): readonly DropId[] {
    return this.#watched
  }

  watches(drop: DropId): boolean {
    return this.#watched.includes(drop)
  }

  remember(drop: DropId): void {
    if (!this.#watched.includes(drop)) this.#watched.push(drop)
  }

  forget(drop: DropId): void {
    const at = this.#watched.indexOf(drop)
    if (at >= 0) this.#watched.splice(at, 1)
  }

  /** The user whose token is good at this moment. `nowMs`: the drop clock. */
  userAt(nowMs: number): UserId | undefined {
    const { standing } = this
    if (standing.state !== 'signed_in' || standing.identity.expiresAtMs <= nowMs) return undefined

    return standing.identity.user
  }
}
