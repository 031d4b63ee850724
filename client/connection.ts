/**
 * One connection for ever, made of any number of links.
 *
 * Only one link is alive at a time and each has a number: whatever comes from an earlier one, a token that was fetched
 * too slowly included, is of no interest any more. There is no queue of frames. What must be said on a new link follows
 * from what is wanted (the drops that are watched, the orders without an answer), and those are asked for when it is up.
 */
import type { Down } from '../protocol/down.ts'
import type { Welcome } from '../protocol/messages/hello.ts'
import type { Up } from '../protocol/up.ts'
import { askedIn, comeBackInMs, comesBack } from './backoff.ts'
import { type ConnectionState, OWN_CODES } from './connection-state.ts'
import type { Credentials } from './credentials.ts'
import type { Link, Transport } from './transport.ts'
import type { Hint, Timer, World } from './world.ts'

export interface ConnectionEars {
  changed(state: ConnectionState): void
  /** Said right behind the hello, in the same breath. */
  behindHello(): Up[]
  heard(message: Down): void
}

const WELCOME_MS = 10_000
/** A link that lived so long was a good one. */
const STEADY_MS = 5_000
const HINT_SPAN_MS = 250
const INVALID_TOKEN = 3500
const TOKEN_EXPIRED = 3005

export class Connection {
  readonly #world: World
  readonly #transport: Transport
  readonly #credentials: Credentials
  readonly #ears: ConnectionEars
  #state: ConnectionState = { name: 'idle' }
  #link: Link | undefined
  #turn = 0
  #failures = 0
  #onlineSinceMs = 0
  /** For the next dialing, or for the welcome. */
  #timer: Timer | undefined
  #askedMs: number | undefined

  constructor(world: World, transport: Transport, credentials: Credentials, ears: ConnectionEars) {
    this.#world = world
    this.#transport = transport
    this.#credentials = credentials
    this.#ears = ears
  }

  get state(): ConnectionState {
    return this.#state
  }

  start(): void {
    if (this.#state.name === 'idle' || this.#state.name === 'closed') this.#dial()
  }

  close(): void {
    this.#end(OWN_CODES.left, 'left')
  }

  /** Answers whether it left; before the welcome and after the end nothing does. */
  say(message: Up): boolean {
    if (this.#state.name !== 'online') return false

    this.#link?.send(message)
    return true
  }

  /** The link is dead, though nobody closed it. */
  silent(): void {
    this.#lost(this.#turn, OWN_CODES.silent, 'silent')
  }

  /** A network that is back is worth a try at once, unless the server asked for time. */
  hint(hint: Hint): void {
    if (this.#state.name !== 'waiting' || this.#askedMs !== undefined) return
    if (hint !== 'online' && hint !== 'visible') return

    this.#after(this.#world.random() * HINT_SPAN_MS, () => this.#dial())
  }

  // --- one link ------------------------------------------------------------------------------------------------------------

  #dial(): void {
    this.#turn += 1
    const turn = this.#turn
    this.#askedMs = undefined
    this.#enter({ name: 'connecting' })
    this.#after(WELCOME_MS, () => this.#lost(turn, OWN_CODES.no_welcome, 'no welcome'))
    this.#credentials.hello().then(
      (hello) => turn === this.#turn && this.#open(turn, hello),
      (cause: unknown) => this.#lost(turn, OWN_CODES.no_token, String(cause)),
    )
  }

  #open(turn: number, hello: Up): void {
    try {
      const link = this.#transport({
        opened: () => {
          if (turn !== this.#turn) return
          for (const message of [hello, ...this.#ears.behindHello()]) link.send(message)
        },
        heard: (frame) => this.#hear(turn, frame),
        closed: (code, reason) => this.#lost(turn, code, reason),
      })
      this.#link = link
    } catch (cause) {
      this.#lost(turn, OWN_CODES.no_link, String(cause))
    }
  }

  #hear(turn: number, frame: unknown) {
    const messages = read(frame)
    if (messages === undefined) return this.#lost(turn, OWN_CODES.unreadable, 'unreadable')

    for (const message of messages) {
      if (turn !== this.#turn) return
      if (message.type === 'welcome') this.#welcome(message)
      else if (message.type === 'goaway') {
        this.#askedMs = message.retryAfterMs
        this.#lost(turn, 3001, 'goaway')
      } else this.#ears.heard(message)
    }
  }

  #welcome(welcome: Welcome): void {
    const { session, user, role, ticket } = welcome
    this.#timer?.cancel()
    this.#credentials.keep(ticket)
    this.#onlineSinceMs = this.#world.monotonicMs()
    this.#ears.heard(welcome)
    this.#enter({ name: 'online', session, ...(user && { user }), ...(role && { role }) })
  }

  #lost(turn: number, code: number, reason: string) {
    if (turn !== this.#turn) return

    const askedMs = askedIn(reason) ?? this.#askedMs
    const wasSteady = this.#state.name === 'online' && this.#world.monotonicMs() - this.#onlineSinceMs >= STEADY_MS
    if (wasSteady) this.#failures = 0
    const isDenied = code === INVALID_TOKEN || code === TOKEN_EXPIRED
    // A ticket is only a short cut: when it is not taken, the token is asked.
    const mayComeBack = (isDenied && this.#credentials.refused()) || comesBack(code)
    if (!mayComeBack) return this.#end(code, reason)

    const retryInMs = comeBackInMs(this.#failures, askedMs, this.#world.random())
    this.#failures += 1
    this.#drop()
    this.#askedMs = askedMs
    this.#after(retryInMs, () => this.#dial())
    this.#enter({ name: 'waiting', code, reason, retryInMs })
  }

  #end(code: number, reason: string): void {
    this.#drop()
    this.#failures = 0
    this.#askedMs = undefined
    if (this.#state.name !== 'closed') this.#enter({ name: 'closed', code, reason })
  }

  /** Whatever the old link still says is not heard. */
  #drop(): void {
    this.#turn += 1
    this.#timer?.cancel()
    this.#link?.close(OWN_CODES.left)
    this.#link = undefined
  }

  #after(ms: number, call: () => void): void {
    this.#timer?.cancel()
    this.#timer = this.#world.after(ms, call)
  }

  #enter(state: ConnectionState): void {
    this.#state = state
    this.#ears.changed(state)
  }
}

/** One message, or an array of them; undefined for anything else. What a message holds is believed: it is our node. */
function read(frame: unknown): Down[] | undefined {
  const messages: unknown[] = Array.isArray(frame) ? frame : [frame]
  return messages.every((one) => typeof one === 'object' && one !== null) ? (messages as Down[]) : undefined
}
