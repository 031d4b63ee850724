/**
 * The bus over NATS: one link at a time, and what outlives links.
 *
 * A link that is lost is thrown away with everything in it, and a new one is dialled, for ever, with jitter. What this
 * object remembers is only who listens to what; what is published while there is no link is not sent, now or later.
 */
import { Fault } from '../protocol/faults.ts'
import type { Log } from '../rooms/ports.ts'
import type { Asked, Bus, Delivery, Subscription } from './bus.ts'
import { parseNatsUrl } from './nats-address.ts'
import { BODY_MAX_BYTES, GOODBYE_MS, type LinkOptions, NatsLink, type Pulled } from './nats-link.ts'
import { Redial } from './redial.ts'
import { isPattern } from './subject-pattern.ts'
import { within } from './within.ts'

export interface NatsBusOptions extends Partial<Omit<LinkOptions, 'name' | 'log'>> {
  /** See nats-address.ts. */
  url: string
  /** How the server's monitoring calls this connection: the node's id. */
  name: string
  log: Log
  redialMaxMs?: number
}

interface Listener {
  subject: string
  hear: (delivery: Delivery) => void
  stopped: boolean
  /** Its subscription on the present link. */
  onLink: { drain(): Promise<void> } | undefined
}

/** A third of how long a link may say nothing. */
const PING_MS = 500
const CONNECT_TIMEOUT_MS = 2_000
const REDIAL_MAX_MS = 1_000

export class NatsBus implements Bus {
  readonly #log: Log
  readonly #name: string
  readonly #connectTimeoutMs: number
  readonly #listeners = new Set<Listener>()
  readonly #stateCalls: ((connected: boolean) => void)[] = []
  readonly #redial: Redial<NatsLink>
  #link: NatsLink | undefined
  /** Whether the server knows what is listened to on the present link. */
  #listens = false
  #closing: Promise<void> | undefined

  /** Starts dialling; `ready` says when it got through. Throws `misconfigured` for a URL that nobody can dial. */
  static open(options: NatsBusOptions): NatsBus {
    return new NatsBus(options)
  }

  private constructor(options: NatsBusOptions) {
    const { url, name, log, redialMaxMs = REDIAL_MAX_MS } = options
    const { connectTimeoutMs = CONNECT_TIMEOUT_MS, pingMs = PING_MS } = options
    const address = parseNatsUrl(url)
    this.#log = log
    this.#name = name
    this.#connectTimeoutMs = connectTimeoutMs
    this.#redial = new Redial({
      dial: () => NatsLink.dial(address, { name, log, connectTimeoutMs, pingMs }),
      live: (link) => this.#live(link),
      ...{ name, log, maxMs: redialMaxMs },
    })
  }

  get connected(): boolean {
    return this.#listens && this.#link?.isOpen === true
  }

  /** The largest body the server takes. */
  get bodyMaxBytes(): number {
    return this.#link?.bodyMaxBytes ?? BODY_MAX_BYTES
  }

  /** Resolves with `connected`, as soon as it is true or after `waitMs`. */
  ready(waitMs: number): Promise<boolean> {
    if (this.connected) return Promise.resolve(true)

    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(this.connected), waitMs)
      this.onState(() => {
        clearTimeout(timer)
        resolve(this.connected)
      })
    })
  }

  publish(subject: string, body: Uint8Array): boolean {
    return this.#link?.publish(subject, body) ?? false
  }

  async ask(subject: string, body: Uint8Array, waitMs: number): Promise<Asked> {
    return this.#link?.ask(subject, body, waitMs) ?? { heard: 'silence' }
  }

  /** A question whose answer wants an answer, as an event of a JetStream consumer does. */
  async pull(subject: string, body: Uint8Array, waitMs: number): Promise<Pulled> {
    return this.#link?.pull(subject, body, waitMs) ?? { heard: 'silence' }
  }

  /** A question to JetStream, which takes an `id` only once. */
  async askOnce(subject: string, body: Uint8Array, id: string, waitMs: number): Promise<Asked> {
    return this.#link?.ask(subject, body, waitMs, id) ?? { heard: 'silence' }
  }

  async askMany(
    subject: string,
    body: Uint8Array,
    waitMs: number,
    enough: (answers: readonly Uint8Array[]) => boolean,
  ): Promise<Uint8Array[]> {
    return this.#link?.askMany(subject, body, waitMs, enough) ?? []
  }

  subscribe(subject: string, hear: (delivery: Delivery) => void): Subscription {
    if (!isPattern(subject)) throw new Fault('internal', { subject })
    const listener: Listener = { subject, hear, stopped: false, onLink: undefined }
    this.#listeners.add(listener)
    if (this.#link?.isOpen) this.#listen(listener, this.#link)
    return { stop: () => this.#stop(listener) }
  }

  onState(call: (connected: boolean) => void): void {
    this.#stateCalls.push(call)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const stopped = this.#redial.stop(this.#connectTimeoutMs + 2 * GOODBYE_MS)
    await this.#link?.leave()
    await stopped
  }

  /** Resolves with the reason when the link is lost. */
  async #live(link: NatsLink): Promise<string> {
    if (this.#redial.stopped) {
      await link.end()
      return 'closed'
    }
    this.#link = link
    this.#log.info('bus.connected', { name: this.#name, server: link.server })
    for (const listener of this.#listeners) this.#listen(listener, link)
    // Whoever is told looks for what it has missed, so first the server must know what is listened to.
    this.#listens = await link.reaches()
    if (this.#listens) this.#tell(true)

    const why = await link.lost
    const wasTold = this.#listens
    this.#listens = false
    this.#link = undefined
    for (const listener of this.#listeners) listener.onLink = undefined
    if (wasTold) this.#tell(false)
    // Not waited for: on a frozen link it would wait for a write that never ends.
    void link.end()
    return why
  }

  #tell(connected: boolean): void {
    for (const call of this.#stateCalls) {
      this.#safely('state', () => call(connected))
    }
  }

  #listen(listener: Listener, link: NatsLink): void {
    listener.onLink = link.subscribe(listener.subject, (delivery) => {
      if (!listener.stopped) this.#safely(delivery.subject, () => listener.hear(delivery))
    })
  }

  /** Messages are still heard until the server has confirmed: a letter on its way gets an answer instead of silence. */
  async #stop(listener: Listener): Promise<void> {
    this.#listeners.delete(listener)
    const onLink = listener.onLink
    listener.onLink = undefined
    if (onLink !== undefined && this.#link?.isOpen) await within(GOODBYE_MS, onLink.drain())
    listener.stopped = true
  }

  #safely(subject: string, call: () => void): void {
    try {
      call()
    } catch (cause) {
      this.#log.error('bus.listener_failed', { subject, cause: String(cause) })
    }
  }
}
