/**
 * Plays docs/conformance/server.json against our own server: raw sockets, a real uWebSockets.js and the real gateway,
 * between stores that are plain objects. What is behind the gateway, the room that answers an order for one, is said by
 * the dialogue; time is wound by hand.
 */
import { unpack } from 'msgpackr'
import { encode } from '../../protocol/codec.ts'
import type { Down } from '../../protocol/down.ts'
import type { DropId } from '../../protocol/ids.ts'
import type { OrderState } from '../../protocol/verdicts.ts'
import type { Format } from '../../protocol/version.ts'
import type { OrderReply } from '../../rooms/letters.ts'
import { orderIdOf } from '../../rooms/order-id.ts'
import type { Log, Settled } from '../../rooms/ports.ts'
import type { SessionLimits } from '../../server/inbound/gateway-greeting.ts'
import { listen, newApp } from '../../server/transports/http-listener.ts'
import { nativeBroadcaster, serveNative } from '../../server/transports/native.ts'
import { at, EdgeWorld } from '../builders/edge-world.ts'
import { failureLog } from '../builders/logs.ts'
import { buyer, creator, keyOf } from '../builders/people.ts'
import { frame, OP, RawSocket } from '../builders/raw-socket.ts'
import { filled, misfit, type Names } from './pattern.ts'

type Message = Record<string, unknown>

/** `link`: which of several sockets; without it there is one. */
interface OnLink {
  link?: string
}

export type ServerStep =
  | ({ opens: true; token?: string } & OnLink)
  | ({ says: Message | Message[] } & OnLink)
  /** Bytes that are no message: a text, or hex. */
  | ({ frame: string; as: 'text' | 'binary' } & OnLink)
  | ({ hears: Message } & OnLink)
  | ({ ends: number | 'cut'; reason?: Message } & OnLink)
  | { passes: number }
  | { room: OrderReply }
  | { news: { from: number; to: number; left: number } }
  | { known: { key: string; of: string; state: OrderState } }
  | { settles: { key: string; of: string; state: Settled['state'] } }
  | { notice: { kind: string; title: string } }
  | { issuer: 'away' }
  | { node: 'leaves' }

export interface ServerDialogue {
  name: string
  limits?: Partial<SessionLimits>
  steps: ServerStep[]
}

const DROP = '01890a5d-ac96-774b-bcce-b302099a8059' as DropId

export async function playServer(dialogue: ServerDialogue, format: Format): Promise<void> {
  const node = await ServerPlay.start(format, dialogue.limits)
  try {
    for (const [index, step] of dialogue.steps.entries()) {
      try {
        await node.step(step)
      } catch (cause) {
        throw new Error(`step ${index + 1}, ${JSON.stringify(step)}: ${String(cause)}`, { cause })
      }
    }
    if (node.failures.length > 0) throw new Error(`the node logged ${JSON.stringify(node.failures)}`)
  } finally {
    node.stop()
  }
}

/** A node with one drop of ten shoes and ten hats, open at 1-0, and the tokens `token-of-ana` and `token-of-ben`. */
export class ServerPlay {
  readonly failures: readonly string[]
  readonly #log: Log
  readonly #app = newApp()
  readonly #format: Format
  readonly #world: EdgeWorld
  readonly #names: Names = new Map()
  readonly #links = new Map<string, RawSocket>()
  #port = 0

  private constructor(format: Format, limits: Partial<SessionLimits>) {
    this.#format = format
    const { messages, socketsPerUser } = limits
    const { log, failures } = failureLog()
    this.#log = log
    this.failures = failures
    this.#world = new EdgeWorld({ messages, socketsPerUser }, nativeBroadcaster(this.#app))
    this.#world.addDrop(DROP)
    for (const name of ['ana', 'ben']) this.#world.token(name)
    this.#world.tokens.set('token-of-yesterday', 'expired')
    this.#world.tokens.set('token-of-mallory', 'banned')
    this.#world.follows.set(buyer('ana'), [creator('mia')])
    this.#world.roll.start()
  }

  static async start(format: Format, limits: Partial<SessionLimits> = {}): Promise<ServerPlay> {
    const play = new ServerPlay(format, limits)
    serveNative(play.#app, { gateway: play.#world.gateway, log: play.#log, origins: [] })
    play.#port = (await listen(play.#app, '127.0.0.1', 0)).port
    return play
  }

  stop(): void {
    for (const link of this.#links.values()) link.destroy()
    this.#world.roll.stop()
    this.#world.hub.stop()
    this.#app.close()
  }

  async step(step: ServerStep): Promise<void> {
    const world = this.#world
    if ('opens' in step) await this.open(step.link, step.token)
    else if ('says' in step) await this.say(filled(step.says, this.#names), step.link)
    else if ('frame' in step) await this.noise(Buffer.from(step.frame, step.as === 'text' ? 'utf8' : 'hex'), step)
    else if ('hears' in step) await this.hear(step.hears, step.link)
    else if ('ends' in step) await this.#end(step)
    else if ('passes' in step) await world.clock.advance(step.passes)
    else if ('room' in step) {
      const { room } = step
      world.order = async () => room
    } else if ('news' in step) {
      const { from, to, left } = step.news
      world.hub.news(world.left(DROP, at(1, from), at(1, to), left))
      world.setRoom(DROP, { seq: to })
    } else if ('known' in step) this.#know(step.known)
    else if ('settles' in step) this.#settle(step.settles)
    else if ('notice' in step) await this.#notice(step.notice)
    else if ('issuer' in step) world.before.token = () => Promise.reject(new Error('no keys yet'))
    else void world.roll.goaway(1_000)
  }

  async open(link = '', token?: string): Promise<void> {
    const bearer = token === undefined ? '' : `, bearer.${token}`
    const headers = { 'Sec-WebSocket-Protocol': `livedrop.v1.${this.#format}${bearer}` }
    this.#links.set(link, await RawSocket.open(this.#port, { headers }))
  }

  async say(message: unknown, link?: string): Promise<void> {
    await this.#send(Buffer.from(encode(message as Down, this.#format)), this.#format, link)
  }

  async noise(bytes: Buffer, { as, link }: { as: 'text' | 'binary' } & OnLink): Promise<void> {
    await this.#send(bytes, as === 'text' ? 'json' : 'msgpack', link)
  }

  async hear(pattern: Message, link?: string): Promise<void> {
    const heard = await this.#link(link).next()
    if (typeof heard === 'string') throw new Error(`heard nothing: ${heard}`)
    if (heard.opcode === OP.close) throw new Error(`it was closed with ${heard.payload.readUInt16BE(0)}`)
    if ((heard.opcode === OP.text) !== (this.#format === 'json')) throw new Error(`a frame of opcode ${heard.opcode}`)

    const message = this.#format === 'json' ? JSON.parse(heard.payload.toString()) : unpack(heard.payload)
    const why = misfit(pattern, message, this.#names)
    if (why !== undefined) throw new Error(`${why}; it said ${JSON.stringify(message)}`)
  }

  async #end({ ends, reason, link }: Extract<ServerStep, { ends: unknown }>): Promise<void> {
    const heard = await this.#link(link).next()
    if (ends === 'cut') {
      if (heard !== 'cut') throw new Error(`it went on: ${JSON.stringify(heard)}`)
      return
    }
    if (typeof heard === 'string' || heard.opcode !== OP.close) throw new Error(`no close: ${said(heard)}`)

    const code = heard.payload.readUInt16BE(0)
    if (code !== ends) throw new Error(`it was closed with ${code}`)
    const words = heard.payload.subarray(2).toString()
    const why = reason === undefined ? undefined : misfit(reason, JSON.parse(words), this.#names)
    if (why !== undefined) throw new Error(`the reason${why}`)
  }

  /** What the stores say of an order. */
  #know({ key, of, state }: { key: string; of: string; state: OrderState }): void {
    const orderId = orderIdOf(DROP, buyer(of), keyOf(key))
    if (state === 'accepted') this.#world.positions.set(orderId, at(1, 1))
    else this.#world.rows.set(orderId, { state, buyer: buyer(of) })
  }

  #settle({ key, of, state }: Extract<ServerStep, { settles: unknown }>['settles']): void {
    const orderId = orderIdOf(DROP, buyer(of), keyOf(key))
    this.#world.hub.settled([{ drop: DROP, orderId, buyer: buyer(of), key: keyOf(key), state }])
  }

  async #notice({ kind, title }: { kind: string; title: string }): Promise<void> {
    const { clock, notices } = this.#world
    // Who signed in is asked for their list a moment later.
    await clock.advance(0)
    const ids = { notificationId: `${kind} 1`, drop: DROP, creator: creator('mia') }
    notices.heard({ type: 'notice', ...ids, kind, title, atMs: clock.nowMs() })
  }

  async #send(bytes: Buffer, format: Format, link: string | undefined): Promise<void> {
    await this.#link(link).send(frame(format === 'json' ? OP.text : OP.binary, bytes))
  }

  #link(name = ''): RawSocket {
    const link = this.#links.get(name)
    if (link === undefined) throw new Error(`no link ${name}`)
    return link
  }
}

const said = (heard: Awaited<ReturnType<RawSocket['next']>>): string =>
  typeof heard === 'string' ? heard : `${heard.opcode} ${heard.payload.toString('latin1')}`
