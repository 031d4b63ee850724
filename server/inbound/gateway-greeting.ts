/**
 * Who is this: from a hello, or a token in the handshake, to a session with a standing.
 *
 * When a network comes back, thousands greet in the same second, and each costs as much as several orders. So they are
 * greeted a few a turn of the event loop (server/turns.ts), and whoever is in already orders past them. A token may take
 * a moment more; a ticket of an earlier session (tickets.ts) is checked on the spot, and a token is not needed then. What
 * the client says meanwhile waits in its session, in order.
 *
 * A socket belongs to the first user it was signed in as, for ever: whoever wants to be somebody else opens another one.
 */
import { Fault } from '../../protocol/faults.ts'
import type { Hello, Welcome } from '../../protocol/messages/hello.ts'
import type { Up } from '../../protocol/up.ts'
import type { Clock, Log } from '../../rooms/ports.ts'
import type { Hub } from '../outbound/hub.ts'
import { within } from '../outbound/patience.ts'
import { errorMessage } from '../outbound/refusal.ts'
import { Turns } from '../turns.ts'
import type { Pace } from './gcra.ts'
import type { Identity, Session, Standing, Verified } from './session.ts'

/** Who a token speaks for. Implementation: tokens.ts. */
export interface TokenCheck {
  verify(token: string): Promise<Verified>
}

/** What a session comes back with. Implementation: tickets.ts. */
export interface TicketDesk {
  issue(identity: Identity): string
  verify(ticket: string): Verified
}

export interface GreetingWorld {
  clock: Clock
  random(): number
  log: Log
  tokens: TokenCheck
  tickets: TicketDesk
  hub: Pick<Hub, 'signedIn' | 'sessionsOf'>
  limits?: SessionLimits
}

/** Undefined: not limited. */
export interface SessionLimits {
  messages: Pace | undefined
  socketsPerUser: number | undefined
}

/** What follows a greeting. */
export interface GreetingEars {
  resume(session: Session, hello: Hello): void
  /** A message that waited for the greeting. */
  hear(session: Session, message: Up): void
}

/** A live link is never silent for longer, pings included; each transport sees to that. */
export const HEARTBEAT_MS = 32_000

/** Some 100 microseconds each, with the drops that are resumed in the same breath. */
export const GREETINGS_PER_TURN = 64
const TOKEN_CHECK_MS = 3_000
/** Whoever could not be checked comes back within this time, spread evenly. */
const COME_BACK_MS = 5_000

const REASONS = {
  invalid: 'invalid_token',
  revoked: 'invalid_token',
  expired: 'token_expired',
  banned: 'banned',
} as const

export class Greeting {
  readonly #world: GreetingWorld
  readonly #ears: GreetingEars
  /** Bounded by who is connected: one greeting a socket. */
  readonly #turns = new Turns(GREETINGS_PER_TURN)

  constructor(world: GreetingWorld, ears: GreetingEars) {
    this.#world = world
    this.#ears = ears
  }

  /** Those whose turn has not come. */
  get waiting(): number {
    return this.#turns.waiting
  }

  /** A token that came with the handshake: no hello is needed. */
  handshake(session: Session, token: string): void {
    this.#inTurn(session, () => this.#signIn(session, token, undefined))
  }

  /** The hello of a socket that came without a token. */
  first(session: Session, hello: Hello): void {
    this.#inTurn(session, () => this.#meet(session, hello))
  }

  #inTurn(session: Session, greet: () => void | Promise<void>): void {
    if (session.standing.state === 'greeting') session.standing.isHeard = true
    this.#turns.take(1, () => {
      if (session.standing.state === 'greeting') void this.#safely(session, greet)
    })
  }

  /** What is thrown, before or after a token was checked, ends this socket and no other. */
  async #safely(session: Session, greet: () => void | Promise<void>): Promise<void> {
    try {
      await greet()
    } catch (cause) {
      this.#world.log.error('greeting.failed', { cause: String(cause) })
      session.peer.close('insufficient_state', this.#world.random() * COME_BACK_MS)
    }
  }

  #meet(session: Session, hello: Hello) {
    if (hello.token !== undefined) return this.#signIn(session, hello.token, hello)
    if (hello.resume?.ticket === undefined) return this.#comeIn(session, hello, { state: 'anonymous' })

    const identity = this.#world.tickets.verify(hello.resume.ticket)
    if (typeof identity === 'string') return session.peer.close(REASONS[identity])

    this.#comeIn(session, hello, { state: 'signed_in', identity, greeted: true, warned: false })
  }

  /** After a handshake with a token one hello may follow, to resume; it cannot make the socket somebody else's. */
  again(session: Session, hello: Hello) {
    const { standing } = session
    if (standing.state !== 'signed_in' || standing.greeted) {
      return session.peer.send(errorMessage(new Fault('conflict', {}, { message: 'already greeted' })))
    }
    const { token } = hello
    if (token !== undefined) return void this.#safely(session, () => this.#signIn(session, token, hello))

    if (this.#isAnothers(hello, standing.identity)) return session.peer.close('invalid_token')

    standing.greeted = true
    this.#welcome(session)
    this.#ears.resume(session, hello)
  }

  /** A ticket beside a token may be too old or revoked, for the token is not; it may not be forged or somebody else's. */
  #isAnothers(hello: Hello | undefined, identity: Identity): boolean {
    const ticket = hello?.resume?.ticket
    if (ticket === undefined) return false

    const bearer = this.#world.tickets.verify(ticket)
    return bearer === 'invalid' || (typeof bearer !== 'string' && bearer.user !== identity.user)
  }

  async #signIn(session: Session, token: string, hello: Hello | undefined): Promise<void> {
    if (session.standing.state === 'signed_in') session.standing.greeted = true

    const identity = await checkToken(this.#world, token)
    const before = session.standing
    if (before.state === 'closing') return
    if (identity === 'unknown') return session.peer.close('insufficient_state', this.#world.random() * COME_BACK_MS)
    if (typeof identity === 'string') return session.peer.close(REASONS[identity])
    if (before.state === 'signed_in' && before.identity.user !== identity.user) {
      return session.peer.send(errorMessage(anothers()))
    }
    if (this.#isAnothers(hello, identity)) return session.peer.close('invalid_token')

    this.#comeIn(session, hello, { state: 'signed_in', identity, greeted: hello !== undefined, warned: false })
  }

  /** From here on the session is somebody, and what it said before is heard. */
  #comeIn(session: Session, hello: Hello | undefined, standing: Exclude<Standing, { state: 'greeting' }>): void {
    const before = session.standing
    session.standing = standing
    session.peer.together(() => {
      if (standing.state === 'signed_in') this.#enter(session, standing.identity)
      this.#welcome(session)
      if (hello !== undefined) this.#ears.resume(session, hello)
      if (before.state === 'greeting') for (const message of before.waiting) this.#ears.hear(session, message)
    })
  }

  /**
   * One socket too many closes the oldest, not the newest: after a tunnel the oldest are those that are dead and do not
   * know it, and a phone must not be kept out by its own ghosts.
   */
  #enter(session: Session, { user }: Identity): void {
    const { hub, limits } = this.#world
    hub.signedIn(session, user)
    const sessions = hub.sessionsOf(user)
    const tooMany = sessions.length - (limits?.socketsPerUser ?? sessions.length)
    for (const { peer } of sessions.slice(0, Math.max(0, tooMany))) peer.close('connection_limit')
  }

  #welcome(session: Session): void {
    const { standing, peer } = session
    const welcome: Welcome = {
      type: 'welcome',
      session: peer.id,
      serverTimeMs: this.#world.clock.nowMs(),
      heartbeatMs: HEARTBEAT_MS,
    }
    if (standing.state === 'signed_in') {
      welcome.user = standing.identity.user
      welcome.role = standing.identity.role
      welcome.ticket = this.#world.tickets.issue(standing.identity)
    }
    peer.send(welcome)
  }
}

/** `unknown`: it could not be checked in time. Never throws. */
export async function checkToken(
  { clock, tokens, log }: Pick<GreetingWorld, 'clock' | 'tokens' | 'log'>,
  token: string,
): Promise<Verified | 'unknown'> {
  try {
    return await within(clock, TOKEN_CHECK_MS, 'tokens.verify', tokens.verify(token))
  } catch (cause) {
    log.warn('greeting.token_not_checked', { cause: String(cause) })
    return 'unknown'
  }
}

export function anothers(): Fault {
  return new Fault('forbidden', {}, { message: 'the socket is another user’s' })
}
