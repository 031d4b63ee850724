/**
 * One connection to NATS, from its dial to its loss, and the only file that knows the client library.
 *
 * A link may be dead without anybody saying so (a cut cable, a frozen server). TCP would wait for it, longer after each
 * loss, and be seconds late when the cable is whole again. So pings find it out within 1.5 s and the link is given up
 * for another one (bus/knock.ts); until then what may be on its way is bounded (bus/unproven.ts).
 *
 * What goes over a link ends with it: an answer belongs to the link that asked, for on another one nobody waits for it.
 */
import { connect, DebugEvents, ErrorCode, Events, headers, type Msg, type NatsConnection, NatsError } from 'nats'
import type { Log } from '../rooms/ports.ts'
import type { Asked, Delivery } from './bus.ts'
import { knock } from './knock.ts'
import type { NatsAddress } from './nats-address.ts'
import { isSubject } from './subject-pattern.ts'
import { Unproven } from './unproven.ts'
import { within } from './within.ts'

export interface LinkOptions {
  name: string
  log: Log
  connectTimeoutMs: number
  /** A link is given up after this long without a sign of life, three times over. */
  pingMs: number
}

/** The answer to a question whose answer wants an answer. */
export type Pulled = { heard: 'answer'; delivery: Delivery } | { heard: 'nobody' | 'silence' }

const PINGS_MISSED = 2
const UNPROVEN = { maxBytes: 16 * 1024 * 1024, proveEveryBytes: 256 * 1024 }
/** What a server takes that was not told otherwise. */
export const BODY_MAX_BYTES = 1024 * 1024
/** How long whoever leaves waits for the other side to have heard. */
export const GOODBYE_MS = 1_000

export class NatsLink {
  /** Resolves with the reason. */
  readonly lost: Promise<string>
  readonly #nats: NatsConnection
  readonly #log: Log
  readonly #unproven = new Unproven(UNPROVEN)
  /** Ends each pull that waits. The client forgets them with the link, time-out and all, and they would wait for ever. */
  readonly #pulls = new Set<() => void>()
  #isLost = false
  #saidFull = false

  /** Rejects after a bounded time. */
  static async dial({ servers, user, password, token, tls }: NatsAddress, options: LinkOptions): Promise<NatsLink> {
    const { name, log, connectTimeoutMs, pingMs } = options
    const nats = await connect({
      servers: [await knock(servers, connectTimeoutMs)],
      name,
      timeout: connectTimeoutMs,
      // It would keep what is published meanwhile and send it when the server is back: an order that its buyer was told
      // to send again long ago.
      reconnect: false,
      pingInterval: pingMs,
      maxPingOut: PINGS_MISSED,
      noAsyncTraces: true,
      ...(user === undefined ? {} : { user }),
      ...(password === undefined ? {} : { pass: password }),
      ...(token === undefined ? {} : { token }),
      ...(tls ? { tls: {} } : {}),
    })
    return new NatsLink(nats, log)
  }

  private constructor(nats: NatsConnection, log: Log) {
    this.#nats = nats
    this.#log = log
    const closed = nats.closed().then((error) => error?.message ?? 'closed')
    this.lost = Promise.race([closed, this.#stale()]).then((why) => {
      this.#isLost = true
      for (const end of this.#pulls) end()
      return why
    })
  }

  get isOpen(): boolean {
    return !this.#isLost && !this.#nats.isClosed()
  }

  get server(): string {
    return this.#nats.getServer()
  }

  get bodyMaxBytes(): number {
    return this.#nats.info?.max_payload ?? BODY_MAX_BYTES
  }

  publish(subject: string, body: Uint8Array): boolean {
    if (!this.#takes(subject, body)) return false

    this.#nats.publish(subject, body)
    this.#count(body)
    return true
  }

  /** `id`: for JetStream, which takes it only once. */
  async ask(subject: string, body: Uint8Array, waitMs: number, id?: string): Promise<Asked> {
    if (!this.#takes(subject, body)) return { heard: 'silence' }

    try {
      const timeout = Math.max(1, waitMs)
      const answering = this.#nats.request(
        subject,
        body,
        id === undefined ? { timeout } : { timeout, headers: only(id) },
      )
      this.#count(body)
      return { heard: 'answer', body: (await answering).data }
    } catch (cause) {
      return this.#notAnswered(subject, cause)
    }
  }

  async pull(subject: string, body: Uint8Array, waitMs: number): Promise<Pulled> {
    if (!this.#takes(subject, body)) return { heard: 'silence' }

    let end: () => void = () => undefined
    const lost = new Promise<undefined>((resolve) => {
      end = () => resolve(undefined)
    })
    this.#pulls.add(end)
    try {
      // An event keeps its own subject on the way here, so the client's shared inbox would not know whose it is.
      const answering = this.#nats.request(subject, body, { timeout: Math.max(1, waitMs), noMux: true })
      this.#count(body)
      const message = await Promise.race([answering, lost])
      return message === undefined ? { heard: 'silence' } : { heard: 'answer', delivery: this.#delivery(message) }
    } catch (cause) {
      return this.#notAnswered(subject, cause)
    } finally {
      this.#pulls.delete(end)
    }
  }

  async askMany(
    subject: string,
    body: Uint8Array,
    waitMs: number,
    enough: (answers: readonly Uint8Array[]) => boolean,
  ): Promise<Uint8Array[]> {
    const answers: Uint8Array[] = []
    if (!this.#takes(subject, body)) return answers

    try {
      const heard = await this.#nats.requestMany(subject, body, { maxWait: Math.max(1, waitMs) })
      this.#count(body)
      for await (const message of heard) {
        answers.push(message.data)
        if (enough(answers)) break
      }
    } catch (cause) {
      this.#notAnswered(subject, cause)
    }
    return answers
  }

  /** `hear` must not throw: that would end the client's reading loop and leave a link that is up and deaf. */
  subscribe(subject: string, hear: (delivery: Delivery) => void): { drain(): Promise<void> } {
    return this.#nats.subscribe(subject, {
      callback: (error, message) => {
        if (error === null) hear(this.#delivery(message))
        else this.#log.error('bus.subscription_failed', { subject, cause: String(error) })
      },
    })
  }

  /** Whether the server has read everything that was said until now. Never rejects. */
  async reaches(): Promise<boolean> {
    const flushed = this.#nats.flush().then(
      () => true,
      () => false,
    )
    return Promise.race([flushed, this.lost.then(() => false)])
  }

  /** What has been handed over is sent first, if the server still reads. */
  async leave(): Promise<void> {
    if (this.#nats.isClosed()) return

    await within(GOODBYE_MS, this.#nats.drain())
    await this.end()
  }

  /** Gives up what is on its way. Not to be waited for on a frozen link for longer than this. */
  end(): Promise<void> {
    return within(GOODBYE_MS, this.#nats.close())
  }

  /** Resolves when too many pings had no answer; else never, which holds nothing in memory once the link is gone. */
  async #stale(): Promise<string> {
    for await (const status of this.#nats.status()) {
      if (status.type === DebugEvents.StaleConnection) return 'no answer to pings'
      // What the server says before it throws us out: a slow consumer, a missing permission.
      if (status.type === Events.Error) this.#log.error('bus.error', { error: String(status.data) })
      if (status.type === Events.LDM) this.#log.info('bus.server_leaving', { server: this.server })
    }
    return new Promise(() => undefined)
  }

  /** Whether this can go over the link now; a line in the log, if there is something wrong with it. */
  #takes(subject: string, body: Uint8Array): boolean {
    if (!this.isOpen || this.#nats.isDraining()) return false
    if (this.#unproven.full) {
      if (!this.#saidFull) this.#log.warn('bus.full', { unprovenBytes: this.#unproven.bytes })
      this.#saidFull = true // once: whoever is refused for this reason is refused by the thousand
      return false
    }
    this.#saidFull = false
    if (isSubject(subject) && body.length <= this.bodyMaxBytes) return true

    this.#log.warn('bus.refused', { subject, bytes: body.length })
    return false
  }

  #count(body: Uint8Array): void {
    this.#unproven.add(body.length, () => this.#nats.flush())
  }

  /** No answer in time and nobody to answer are everyday; the rest should be seen. */
  #notAnswered(subject: string, cause: unknown): { heard: 'nobody' | 'silence' } {
    const code = cause instanceof NatsError ? cause.code : undefined
    if (code === ErrorCode.NoResponders) return { heard: 'nobody' }
    if (code !== ErrorCode.Timeout) this.#log.warn('bus.ask_failed', { subject, cause: String(cause) })
    return { heard: 'silence' }
  }

  #delivery(message: Msg): Delivery {
    const { subject, data, reply } = message
    return {
      subject,
      body: data,
      respond: (body) => {
        if (reply === undefined || reply === '' || !this.#takes(reply, body)) return

        message.respond(body)
        this.#count(body)
      },
    }
  }
}

function only(id: string) {
  const all = headers()
  all.set('Nats-Msg-Id', id)
  return all
}
