/**
 * Plays docs/conformance/client.json against our own client: the runner that an author in another language writes too.
 *
 * The other end is the packaged scripted server, reached through the wire: what the client says is written by its own
 * format and read by the server's decoder, what it hears is written by the server's encoder. Time is wound by hand, in
 * steps short enough to see when something happens; the device's chance is a die that falls the same every time.
 */
import { type CancelAnswer, Client, type DropWatch, type OrderAnswer } from '../../client/client.ts'
import { msgpack } from '../../client/msgpack.ts'
import { HandWorld, rested, type ScriptedLink, ScriptedServer } from '../../client/testing.ts'
import type { Transport } from '../../client/transport.ts'
import { json, type WireFormat } from '../../client/ws-transport.ts'
import { decodeFrame, encode } from '../../protocol/codec.ts'
import type { Down } from '../../protocol/down.ts'
import type { Up } from '../../protocol/up.ts'
import type { Format } from '../../protocol/version.ts'
import { filled, misfit, type Names } from './pattern.ts'

type Message = Record<string, unknown>

/** `after` and `within` are milliseconds from the step before; without them it happens at once. */
interface Timed {
  after?: number
  within?: number
}

export type ClientStep =
  | { app: 'connect' }
  | { app: 'close' }
  | { app: 'watch'; drop: string }
  | { app: 'unwatch'; drop: string }
  | { app: 'order'; as: string; drop: string; lines: { sku: string; qty: number }[] }
  | { app: 'cancel'; as: string; orderId: string }
  | ({ dials: true } & Timed)
  | { opens: true }
  | { server: Message | Message[] }
  | { cut: number; reason?: string }
  | { clocks: 'ignored' }
  | ({ client: Message } & Timed)
  | { silent: number; but?: string[] }
  | ({ leaves: true } & Timed)
  | { told: string; is: unknown }

export interface ClientDialogue {
  name: string
  /** Of docs/client-spec.md. */
  rules: number[]
  steps: ClientStep[]
}

const FORMATS: Record<Format, WireFormat> = { json, msgpack }
/** How exactly a moment is found. */
const STEP_MS = 10
/** How late a clock may be answered. */
const WIND_MS = 100

/** `seed`: of the client's chance. What a dialogue allows for jitter must do for all of them. */
export async function playClient(dialogue: ClientDialogue, format: Format, seed: number): Promise<void> {
  const play = new ClientPlay(format, new DiceWorld(seed))
  for (const [at, step] of dialogue.steps.entries()) {
    try {
      await play.step(step)
    } catch (cause) {
      throw new Error(`step ${at + 1}, ${JSON.stringify(step)}: ${String(cause)}`, { cause })
    }
  }
}

class DiceWorld extends HandWorld {
  #state: number

  constructor(seed: number) {
    super()
    this.#state = seed
  }

  override random = (): number => {
    this.#state = (this.#state * 48_271) % 2_147_483_647
    return this.#state / 2_147_483_647
  }
}

class ClientPlay {
  readonly #world: HandWorld
  readonly #server = new ScriptedServer()
  readonly #client: Client
  readonly #names: Names = new Map()
  readonly #watches = new Map<string, DropWatch>()
  readonly #answers = new Map<string, OrderAnswer | CancelAnswer | 'nothing'>()
  readonly #ends = new Map<string, string>()
  #tokens = 0
  /** Links that the dialogue has seen. */
  #dialed = 0
  #answersClocks = true

  constructor(format: Format, world: HandWorld) {
    this.#world = world
    const getToken = async () => `token-${++this.#tokens}`
    const transport = overWire(this.#server.transport, FORMATS[format], format)
    this.#client = new Client({ transport, world: this.#world, getToken, hints: () => () => undefined })
  }

  async step(step: ClientStep): Promise<void> {
    if ('app' in step) this.#app(step)
    else if ('dials' in step) await this.#until(step, () => this.#server.links.length > this.#dialed, 'dialed')
    else if ('opens' in step) this.#seen().open()
    else if ('server' in step) this.#seen().say(filled(step.server, this.#names) as Down)
    else if ('cut' in step) this.#seen().cut(step.cut, step.reason)
    else if ('clocks' in step) this.#answersClocks = false
    else if ('client' in step) await this.#says(step)
    else if ('silent' in step) await this.#silent(step.silent, step.but ?? [])
    else if ('leaves' in step) await this.#until(step, () => this.#seen().leftWith !== undefined, 'left')
    else await this.#told(step.told, step.is)

    if ('dials' in step) this.#dialed += 1
    await rested()
    this.#answerClocks()
    await rested()
  }

  // --- the application -----------------------------------------------------------------------------------------------------

  #app(step: Extract<ClientStep, { app: string }>): void {
    if (step.app === 'connect') this.#client.connect()
    else if (step.app === 'close') this.#client.close()
    else if (step.app === 'watch') this.#watches.set(step.drop, this.#client.watch(step.drop))
    else if (step.app === 'unwatch') this.#watches.get(step.drop)?.stop()
    else if (step.app === 'cancel') {
      this.#answers.set(step.as, 'nothing')
      const orderId = filled(step.orderId, this.#names) as string
      void this.#client.cancel({ orderId }).then((answer) => this.#answers.set(step.as, answer))
    } else {
      this.#answers.set(step.as, 'nothing')
      this.#ends.set(`end of ${step.as}`, 'nothing')
      void this.#client.order(step.drop, step.lines).then((answer) => {
        this.#answers.set(step.as, answer)
        if (answer.verdict === 'accepted') {
          void answer.confirmed.then((end) => this.#ends.set(`end of ${step.as}`, end))
        }
      })
    }
  }

  /** `connection`, the id of a drop, the name of an order or of a cancel, or `end of` an order. */
  async #told(what: string, pattern: unknown): Promise<void> {
    await rested()
    const state = this.#watches.get(what)?.state
    const left = Object.fromEntries(state?.items.map((item) => [item.sku, item.left]) ?? [])
    const told =
      what === 'connection'
        ? this.#client.connection
        : this.#watches.has(what)
          ? (this.#watches.get(what)?.failure ?? (state === undefined ? 'nothing' : { ...state, left }))
          : (this.#answers.get(what) ?? this.#ends.get(what))
    const why = misfit(pattern, told, this.#names)
    if (why !== undefined) throw new Error(`${what}${why}; it is ${JSON.stringify(told)}`)
  }

  // --- what the client does ------------------------------------------------------------------------------------------------

  /** The first message of that type that no step has asked for yet. */
  async #says({ client, ...timed }: { client: Message } & Timed): Promise<void> {
    const isThere = () => this.#said().some(({ type }) => type === client.type)
    await this.#until(timed, isThere, `said ${String(client.type)}`)

    const [message] = this.#seen().said.splice(
      this.#said().findIndex(({ type }) => type === client.type),
      1,
    )
    const why = misfit(client, message, this.#names)
    if (why !== undefined) throw new Error(`${why}; it said ${JSON.stringify(message)}`)
  }

  /** Neither dials nor speaks, but for what is named; clocks it may always ask for. */
  async #silent(ms: number, but: readonly string[]): Promise<void> {
    const hadLeft = this.#link?.leftWith
    await this.#wind(ms)
    const said = this.#said().filter(({ type }) => !but.includes(type))
    if (said.length > 0) throw new Error(`it said ${JSON.stringify(said)}`)
    if (this.#server.links.length > this.#dialed) throw new Error('it dialed')
    if (this.#link?.leftWith !== hadLeft) throw new Error('it left')
  }

  async #until({ after = 0, within = after }: Timed, isSo: () => boolean, what: string): Promise<void> {
    await rested()
    if (after > 0) {
      await this.#wind(after - 1)
      if (isSo()) throw new Error(`it ${what} too early`)
    }
    for (let ms = Math.max(0, after - 1); !isSo(); ms += STEP_MS) {
      if (ms >= within) throw new Error(`it has not ${what}; it said ${JSON.stringify(this.#link?.said)}`)
      await this.#wind(Math.min(STEP_MS, within - ms))
    }
  }

  async #wind(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= WIND_MS) {
      await this.#world.advance(Math.min(WIND_MS, left))
      this.#answerClocks()
    }
  }

  // --- the link --------------------------------------------------------------------------------------------------------------

  /** The newest that the dialogue knows of: the client may have dialed again already. */
  get #link(): ScriptedLink | undefined {
    return this.#server.links[this.#dialed - 1]
  }

  #seen(): ScriptedLink {
    if (this.#link === undefined) throw new Error('nobody has dialed')
    return this.#link
  }

  #said(): Up[] {
    return this.#link?.said ?? []
  }

  #answerClocks(): void {
    const link = this.#link
    if (link === undefined || link.leftWith !== undefined) return

    const nowMs = this.#world.nowMs()
    for (const { t0 } of link.take('clock')) {
      if (this.#answersClocks && link.isOpen) link.say({ type: 'clock', t0, t1: nowMs, t2: nowMs })
    }
  }
}

/** Both directions through the formats of both ends. */
function overWire(transport: Transport, wire: WireFormat, format: Format): Transport {
  return (ears) => {
    const link = transport({
      ...ears,
      opened: () => ears.opened(),
      closed: (code, reason) => ears.closed(code, reason),
      heard: (message) => {
        const frame = encode(message as Down, format)
        ears.heard(wire.read(typeof frame === 'string' ? frame : new Uint8Array(frame).buffer))
      },
    })
    return {
      close: (code) => link.close(code),
      send: (message) => {
        const written = wire.write(message)
        const decoded = decodeFrame(typeof written === 'string' ? Buffer.from(written) : written, format)
        const [heard] = 'messages' in decoded ? decoded.messages : []
        if (heard === undefined || 'fault' in heard) throw new Error(`no server reads ${JSON.stringify(message)}`)

        link.send(heard.message)
      },
    }
  }
}
