/**
 * The bus over NATS, and the only file that knows its client.
 *
 * nats.js can reconnect by itself, but then it keeps what is published meanwhile and sends it when the server is back:
 * an order that its buyer was told to send again long ago. So a connection that is lost is thrown away with everything
 * in it, and a new one is dialled here, for ever, with jitter. What this object remembers is only who listens to what.
 *
 * A link may be dead without anybody saying so (a cut cable, a frozen server). TCP would wait for it, longer after each
 * loss, and be seconds late when the cable is whole again. So pings find it out within 1.5 s and the link is given up
 * for another one (bus/knock.ts); until then what may be on its way is bounded (bus/unproven.ts).
 */
import {
  connect,
  DebugEvents,
  ErrorCode,
  Events,
  headers,
  type Msg,
  type NatsConnection,
  NatsError,
  type Subscription as NatsSubscription,
} from 'nats'
import { Fault } from '../protocol/faults.ts'
import type { Log } from '../rooms/ports.ts'
import type { Asked, Bus, Delivery, Subscription } from './bus.ts'
import { knock } from './knock.ts'
import { type NatsAddress, parseNatsUrl } from './nats-address.ts'
import { Redial } from './redial.ts'
import { isPattern, isSubject } from './subject-pattern.ts'
import { Unproven } from './unproven.ts'
import { within } from './within.ts'

export interface NatsBusOptions {
  /** See nats-address.ts. */
  url: string
  /** How the server's monitoring calls this connection: the node's id. */
  name: string
  log: Log
  connectTimeoutMs?: number
  /** A link is given up after this long without a sign of life, three times over. */
  pingMs?: number
  redialMaxMs?: number
}

interface Listener {
  subject: string
  hear: (delivery: Delivery) => void
  stopped: boolean
  /** Its subscription on the present link. */
  onLink: NatsSubscription | undefined
}

/** A third of how long a link may say nothing. */
const PING_MS = 500
const PINGS_MISSED = 2
const GOODBYE_MS = 1_000
const UNPROVEN = { maxBytes: 16 * 1024 * 1024, proveEveryBytes: 256 * 1024 }

export class NatsBus implements Bus {
  readonly #options: Required<NatsBusOptions>
  readonly #address: NatsAddress
  readonly #listeners = new Set<Listener>()
  readonly #stateCalls: ((connected: boolean) => void)[] = []
  readonly #redial: Redial<NatsConnection>
  #link: NatsConnection | undefined
  /** Whether the server knows what is listened to on the present link. */
  #listens = false
  #unproven = new Unproven(UNPROVEN)
  #saidFull = false
  #closing: Promise<void> | undefined

  /** Starts dialling; `ready` says when it got through. Throws `misconfigured` for a URL that nobody can dial. */
  static open(options: NatsBusOptions): NatsBus {
    return new NatsBus(options)
  }

  private constructor(options: NatsBusOptions) {
    this.#options = { connectTimeoutMs: 2_000, pingMs: PING_MS, redialMaxMs: 1_000, ...options }
    this.#address = parseNatsUrl(options.url)
    const { name, log, redialMaxMs: maxMs } = this.#options
    this.#redial = new Redial({ dial: () => this.#dial(), live: (link) => this.#live(link), name, log, maxMs })
  }

  get connected(): boolean {
    return this.#listens && this.#link !== undefined && !this.#link.isClosed()
  }

  /** The largest body the server takes. */
  get bodyMaxBytes(): number {
    return this.#link?.info?.max_payload ?? 1024 * 1024
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
    const link = this.#linkFor(subject, body)
    if (link === undefined) return false

    link.publish(subject, body)
    this.#count(link, body)
    return true
  }

  ask(subject: string, body: Uint8Array, waitMs: number): Promise<Asked> {
    return this.#ask(subject, body, waitMs)
  }

  /** A question whose answer wants an answer, as an event of a JetStream consumer does. */
  async pull(
    subject: string,
    body: Uint8Array,
    waitMs: number,
  ): Promise<{ heard: 'answer'; delivery: Delivery } | { heard: 'nobody' | 'silence' }> {
    const link = this.#linkFor(subject, body)
    if (link === undefined) return { heard: 'silence' }

    // The library forgets such a question when its link ends, and its answer would be waited for for ever.
    let timer: NodeJS.Timeout | undefined
    const silence = new Promise<undefined>((resolve) => {
      timer = setTimeout(resolve, waitMs, undefined)
    })
    try {
      // An event keeps its own subject on the way here, so the client's shared inbox would not know whose it is.
      const asked = link.request(subject, body, { timeout: Math.max(1, waitMs), noMux: true })
      const message = await Promise.race([asked, silence])
      if (message === undefined) return { heard: 'silence' }
      this.#count(link, body)
      return { heard: 'answer', delivery: this.#delivery(message, link) }
    } catch (cause) {
      if (cause instanceof NatsError && cause.code === ErrorCode.NoResponders) return { heard: 'nobody' }
      this.#askFailed(subject, cause)
      return { heard: 'silence' }
    } finally {
      clearTimeout(timer)
    }
  }

  /** A question to JetStream, which takes an `id` only once. */
  askOnce(subject: string, body: Uint8Array, id: string, waitMs: number): Promise<Asked> {
    return this.#ask(subject, body, waitMs, id)
  }

  async askMany(
    subject: string,
    body: Uint8Array,
    waitMs: number,
    enough: (answers: readonly Uint8Array[]) => boolean,
  ): Promise<Uint8Array[]> {
    const answers: Uint8Array[] = []
    const link = this.#linkFor(subject, body)
    if (link === undefined) return answers

    try {
      const heard = await link.requestMany(subject, body, { maxWait: Math.max(1, waitMs) })
      this.#count(link, body)
      for await (const message of heard) {
        answers.push(message.data)
        if (enough(answers)) break
      }
    } catch (cause) {
      this.#askFailed(subject, cause)
    }
    return answers
  }

  subscribe(subject: string, hear: (delivery: Delivery) => void): Subscription {
    if (!isPattern(subject)) throw new Fault('internal', { subject })
    const listener: Listener = { subject, hear, stopped: false, onLink: undefined }
    this.#listeners.add(listener)
    if (this.#link !== undefined && !this.#link.isClosed()) this.#listen(listener, this.#link)
    return { stop: () => this.#stop(listener) }
  }

  onState(call: (connected: boolean) => void): void {
    this.#stateCalls.push(call)
  }

  /** What has been handed over is sent first, if the server still reads. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const stopped = this.#redial.stop(this.#options.connectTimeoutMs + 2 * GOODBYE_MS)
    const link = this.#link
    if (link !== undefined && !link.isClosed()) {
      await within(GOODBYE_MS, link.drain())
      await within(GOODBYE_MS, link.close())
    }
    await stopped
  }

  // --- the link ---------------------------------------------------------------------------------------------------------

  async #dial(): Promise<NatsConnection> {
    const { name, connectTimeoutMs, pingMs } = this.#options
    const { servers, user, password, token, tls } = this.#address
    return connect({
      servers: [await knock(servers, connectTimeoutMs)],
      name,
      timeout: connectTimeoutMs,
      reconnect: false,
      pingInterval: pingMs,
      maxPingOut: PINGS_MISSED,
      noAsyncTraces: true,
      ...(user === undefined ? {} : { user }),
      ...(password === undefined ? {} : { pass: password }),
      ...(token === undefined ? {} : { token }),
      ...(tls ? { tls: {} } : {}),
    })
  }

  /** Resolves with the reason when the link is lost. */
  async #live(link: NatsConnection): Promise<string> {
    if (this.#redial.stopped) {
      await within(GOODBYE_MS, link.close())
      return 'closed'
    }
    this.#link = link
    this.#unproven = new Unproven(UNPROVEN)
    this.#options.log.info('bus.connected', { name: this.#options.name, server: link.getServer() })
    for (const listener of this.#listeners) this.#listen(listener, link)
    const lost = Promise.race([link.closed().then((error) => error?.message ?? 'closed'), this.#stale(link)])
    // Whoever is told looks for what it has missed, so first the server must know what is listened to.
    this.#listens = await Promise.race([link.flush().then(yes, no), lost.then(no)])
    if (this.#listens) this.#tell(true)

    const why = await lost
    const wasTold = this.#listens
    this.#listens = false
    this.#link = undefined
    for (const listener of this.#listeners) listener.onLink = undefined
    if (wasTold) this.#tell(false)
    // Not waited for: on a frozen link it would wait for a write that never ends.
    void within(GOODBYE_MS, link.close())
    return why
  }

  /** Resolves when too many pings had no answer; else never, which holds nothing in memory once the link is gone. */
  async #stale(link: NatsConnection): Promise<string> {
    for await (const status of link.status()) {
      if (status.type === DebugEvents.StaleConnection) return 'no answer to pings'
      // What the server says before it throws us out: a slow consumer, a missing permission.
      if (status.type === Events.Error) this.#options.log.error('bus.error', { error: String(status.data) })
      if (status.type === Events.LDM) this.#options.log.info('bus.server_leaving', { server: link.getServer() })
    }
    return new Promise(() => undefined)
  }

  #tell(connected: boolean): void {
    for (const call of this.#stateCalls) {
      this.#safely('state', () => call(connected))
    }
  }

  // --- sending ----------------------------------------------------------------------------------------------------------

  /** The link that this can go over now; undefined, and a line in the log, if there is something wrong with it. */
  #linkFor(subject: string, body: Uint8Array): NatsConnection | undefined {
    const link = this.#link
    if (link === undefined || link.isClosed() || link.isDraining()) return undefined
    const { log } = this.#options
    if (this.#unproven.full) {
      if (!this.#saidFull) log.warn('bus.full', { unprovenBytes: this.#unproven.bytes })
      this.#saidFull = true // once: whoever is refused for this reason is refused by the thousand
      return undefined
    }
    this.#saidFull = false
    if (isSubject(subject) && body.length <= this.bodyMaxBytes) return link

    log.warn('bus.refused', { subject, bytes: body.length })
    return undefined
  }

  #count(link: NatsConnection, body: Uint8Array): void {
    this.#unproven.add(body.length, () => link.flush())
  }

  async #ask(subject: string, body: Uint8Array, waitMs: number, id?: string): Promise<Asked> {
    const link = this.#linkFor(subject, body)
    if (link === undefined) return { heard: 'silence' }

    try {
      const timeout = Math.max(1, waitMs)
      const answering = link.request(subject, body, id === undefined ? { timeout } : { timeout, headers: withId(id) })
      this.#count(link, body)
      return { heard: 'answer', body: (await answering).data }
    } catch (cause) {
      if (cause instanceof NatsError && cause.code === ErrorCode.NoResponders) return { heard: 'nobody' }
      this.#askFailed(subject, cause)
      return { heard: 'silence' }
    }
  }

  /** No answer in time and nobody to answer are everyday; the rest should be seen. */
  #askFailed(subject: string, cause: unknown): void {
    const code = cause instanceof NatsError ? cause.code : undefined
    if (code === ErrorCode.Timeout || code === ErrorCode.NoResponders) return
    this.#options.log.warn('bus.ask_failed', { subject, cause: String(cause) })
  }

  // --- listening --------------------------------------------------------------------------------------------------------

  #listen(listener: Listener, link: NatsConnection): void {
    listener.onLink = link.subscribe(listener.subject, {
      callback: (error, message) => {
        if (error !== null) {
          this.#options.log.error('bus.subscription_failed', { subject: listener.subject, cause: String(error) })
          return
        }
        if (listener.stopped) return
        // An exception here would end the client's reading loop and leave a link that is up and deaf.
        this.#safely(message.subject, () => listener.hear(this.#delivery(message, link)))
      },
    })
  }

  #delivery(message: Msg, link: NatsConnection): Delivery {
    return {
      subject: message.subject,
      body: message.data,
      respond: (body) => {
        // An answer belongs to the link that asked: on another one nobody waits for it.
        if (message.reply === undefined || message.reply === '' || this.#link !== link) return
        if (this.#linkFor(message.reply, body) === undefined) return
        message.respond(body)
        this.#count(link, body)
      },
    }
  }

  /** Messages are still heard until the server has confirmed: a letter on its way gets an answer instead of silence. */
  async #stop(listener: Listener): Promise<void> {
    this.#listeners.delete(listener)
    const onLink = listener.onLink
    listener.onLink = undefined
    if (onLink !== undefined && this.#link?.isClosed() === false) await within(GOODBYE_MS, onLink.drain())
    listener.stopped = true
  }

  #safely(subject: string, call: () => void): void {
    try {
      call()
    } catch (cause) {
      this.#options.log.error('bus.listener_failed', { subject, cause: String(cause) })
    }
  }
}

const yes = () => true
const no = () => false

function withId(id: string) {
  const all = headers()
  all.set('Nats-Msg-Id', id)
  return all
}
