/**
 * Who may open another socket, by whatever transport: asked at the handshake, before anything is spent on it.
 *
 * Two kinds of no. 429 is about the one who knocks: too many handshakes or too many sockets from one network. 503 is
 * about us: the node is full or cut off from the others, or so many wait for their greeting that one more would wait in vain, or its loop is so late
 * that one more phone would harm those who are in. A browser shows its page neither number, but every client waits and
 * comes back, and a load balancer sends 503 elsewhere.
 */
import type { Log } from '../../rooms/ports.ts'
import type { Paces } from './paces.ts'

export interface DoorLimits {
  socketsPerAddress: number | undefined
  /** On this node, over all transports. */
  socketsMax: number | undefined
  /** 99th percentile. */
  loopDelayMaxMs: number | undefined
}

export interface DoorWorld {
  /** Handshakes of a network. */
  handshakes: Paces | undefined
  limits: DoorLimits
  /** Open at this moment. */
  sockets(): number
  /** Of these: who waits to be greeted. */
  greeting(): number
  loopDelayMs(): number
  /** False: the others are reached and this node is not. */
  isReached(): boolean
  random(): number
  log: Pick<Log, 'warn' | 'info'>
}

export interface Turned {
  status: 429 | 503
  retryAfterMs: number
  why: string
}

/** Who was turned away because the node has too much to do comes back at a random time up to this. */
const FULL_AWAY_MS = 5_000
const CROWDED_AWAY_MS = 10_000
/** A node greets so many in two or three seconds; a client gives up after ten. */
export const GREETING_MAX = 8_192

export class Doorkeeper {
  readonly #world: DoorWorld
  readonly #inside = new Map<string, number>()
  #entered = 0
  #wasFull = false

  constructor(world: DoorWorld) {
    this.#world = world
  }

  /** Undefined: come in. `network`: as Addresses names it. Every knock counts, whatever the answer to the rest is. */
  knock(network: string): Turned | undefined {
    const { handshakes, limits, random } = this.#world
    const full = this.#full()
    if (full !== undefined) return { status: 503, retryAfterMs: 1_000 + random() * FULL_AWAY_MS, why: full }

    const waitMs = handshakes?.take(network) ?? 0
    if (waitMs > 0) return { status: 429, retryAfterMs: waitMs, why: 'too many connects from this address' }

    if ((this.#inside.get(network) ?? 0) < (limits.socketsPerAddress ?? Number.POSITIVE_INFINITY)) return undefined
    return { status: 429, retryAfterMs: CROWDED_AWAY_MS, why: 'too many connections from this address' }
  }

  /** A socket may come in, and is as good as open; once for each. */
  entered(network: string): void {
    this.#entered += 1
    this.#inside.set(network, (this.#inside.get(network) ?? 0) + 1)
  }

  /** A socket that entered is closed, or never opened; once for each. */
  left(network: string): void {
    this.#entered -= 1
    const others = (this.#inside.get(network) ?? 0) - 1
    if (others > 0) this.#inside.set(network, others)
    else this.#inside.delete(network)
  }

  /** Only a change is worth a line. */
  #full(): string | undefined {
    const { limits, sockets, greeting, loopDelayMs, isReached, log } = this.#world
    const { socketsMax = Number.POSITIVE_INFINITY, loopDelayMaxMs = Number.POSITIVE_INFINITY } = limits
    // Those whose handshake is about to be answered are not open yet.
    const isFull =
      Math.max(sockets(), this.#entered) >= socketsMax || greeting() >= GREETING_MAX || loopDelayMs() > loopDelayMaxMs
    if (isFull !== this.#wasFull) {
      this.#wasFull = isFull
      if (isFull)
        log.warn('door.full', { sockets: sockets(), greeting: greeting(), loopDelayMs: Math.round(loopDelayMs()) })
      else log.info('door.open')
    }
    if (isFull) return 'this node has enough to do'

    return isReached() ? undefined : 'this node is cut off from the others'
  }
}
