/**
 * A new token on a live link, so that nobody notices that the old one ends. One at a time; everyone who asks meanwhile
 * gets its answer. When it does not succeed nothing is lost: the link ends with its token and the next one brings a new.
 */
import type { AuthReply } from '../protocol/messages/auth.ts'
import type { Up } from '../protocol/up.ts'
import type { Credentials } from './credentials.ts'
import type { World } from './world.ts'

export const AUTH_ID = 'auth'
const ANSWER_MS = 10_000

export class Renewal {
  readonly #world: World
  readonly #credentials: Credentials
  readonly #say: (message: Up) => boolean
  #running: Promise<boolean> | undefined
  #answered: ((done: boolean) => void) | undefined

  constructor(world: World, credentials: Credentials, say: (message: Up) => boolean) {
    this.#world = world
    this.#credentials = credentials
    this.#say = say
  }

  /** Whether the session now has a good token. Never rejects. */
  renew(): Promise<boolean> {
    this.#running ??= this.#renew().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  renewed({ ticket }: AuthReply): void {
    this.#credentials.keep(ticket)
    this.over(true)
  }

  /** Refused, or the link has gone. */
  over(done: boolean): void {
    this.#answered?.(done)
  }

  async #renew(): Promise<boolean> {
    const answer = new Promise<boolean>((resolve) => {
      this.#answered = resolve
    })
    const timer = this.#world.after(ANSWER_MS, () => this.over(false))
    this.#credentials.token(true).then(
      (token) => {
        if (token === undefined || !this.#say({ type: 'auth', id: AUTH_ID, token })) this.over(false)
      },
      () => this.over(false),
    )
    const done = await answer
    timer.cancel()
    this.#answered = undefined
    return done
  }
}
