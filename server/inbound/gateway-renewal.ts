/**
 * A new token on a live socket: `auth`.
 *
 * The old identity stays until the new one is known to be good, and whatever is wrong with the new token changes nothing:
 * the session ends when its last good token does. A socket stays its user's for ever, so only that user's token is taken.
 */
import { Fault } from '../../protocol/faults.ts'
import type { Auth } from '../../protocol/messages/auth.ts'
import { errorMessage } from '../outbound/refusal.ts'
import { anothers, checkToken, type GreetingWorld } from './gateway-greeting.ts'
import type { Session } from './session.ts'

export class Renewal {
  readonly #world: GreetingWorld

  constructor(world: GreetingWorld) {
    this.#world = world
  }

  async renew(session: Session, { id, token }: Auth): Promise<void> {
    if (session.standing.state !== 'signed_in') return refuse('not signed in: say who you are on another socket')

    session.asksInFlight += 1
    const identity = await checkToken(this.#world, token)
    session.asksInFlight -= 1

    const { standing } = session
    if (standing.state !== 'signed_in') return // the socket has gone meanwhile
    if (identity === 'unknown') return session.peer.send(errorMessage(new Fault('unavailable'), id))
    if (identity === 'banned') return refuse('this user is banned')
    if (typeof identity === 'string') return refuse(`the token is ${identity}`)
    if (identity.user !== standing.identity.user) return session.peer.send(errorMessage(anothers(), id))

    session.standing = { ...standing, identity, warned: false }
    const { expiresAtMs } = identity
    session.peer.send({ type: 'auth', id, expiresAtMs, ticket: this.#world.tickets.issue(identity) })

    function refuse(message: string): void {
      session.peer.send(errorMessage(new Fault('unauthorized', {}, { message }), id))
    }
  }
}
