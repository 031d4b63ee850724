/**
 * What the client says who it is with: a ticket while it has a good one, else a token, else nothing.
 *
 * The app's getToken() is asked only when it must be, by one at a time: whoever needs a token while it is being fetched
 * gets the same one. `refresh` says that the last one was refused or is about to end. A client is one user's for ever:
 * for another user make another client.
 */
import type { Hello } from '../protocol/messages/hello.ts'

export type GetToken = (why: { refresh: boolean }) => Promise<string | undefined>

export class Credentials {
  readonly #getToken: GetToken | undefined
  #ticket: string | undefined
  #isStale = false
  #fetching: { refresh: boolean; token: Promise<string | undefined> } | undefined

  constructor(getToken: GetToken | undefined) {
    this.#getToken = getToken
  }

  keep(ticket: string | undefined): void {
    this.#ticket = ticket
    this.#isStale = false
  }

  /** The server does not take it any more. Answers whether it was only the ticket: then a token may still do. */
  refused(): boolean {
    const wasTicket = this.#ticket !== undefined
    this.#ticket = undefined
    this.#isStale = true
    return wasTicket
  }

  async hello(): Promise<Hello> {
    if (this.#ticket !== undefined) return { type: 'hello', resume: { ticket: this.#ticket, drops: [], open: [] } }

    const token = await this.token(this.#isStale)
    return token === undefined ? { type: 'hello' } : { type: 'hello', token }
  }

  token(refresh: boolean): Promise<string | undefined> {
    if (this.#getToken === undefined) return Promise.resolve(undefined)
    if (this.#fetching !== undefined && (this.#fetching.refresh || !refresh)) return this.#fetching.token

    const fetching = { refresh, token: this.#fetch(this.#getToken, refresh) }
    this.#fetching = fetching
    const over = () => {
      if (this.#fetching === fetching) this.#fetching = undefined
    }
    fetching.token.then(over, over)
    return fetching.token
  }

  // A getToken that throws at once is a getToken that rejects.
  async #fetch(getToken: GetToken, refresh: boolean): Promise<string | undefined> {
    return getToken({ refresh })
  }
}
