/**
 * A server that says what a test tells it to: a transport whose other end is in the test's hands.
 *
 *   const server = new ScriptedServer()
 *   const client = new Client({ transport: server.transport, world }).connect()
 *   const link = await server.greeted()
 *   link.say(receipt); link.cut()
 */
import type { Down } from '../../protocol/down.ts'
import type { Welcome } from '../../protocol/messages/hello.ts'
import type { Up } from '../../protocol/up.ts'
import type { LinkEars, Transport } from '../transport.ts'
import { rested } from './hand-world.ts'

export { HandWorld, rested } from './hand-world.ts'

export class ScriptedLink {
  /** All that the client said, oldest first. */
  readonly said: Up[] = []
  /** The code with which the client ended it. */
  leftWith: number | undefined
  readonly #ears: LinkEars
  #isOpen = false

  constructor(ears: LinkEars) {
    this.#ears = ears
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  open(): this {
    this.#isOpen = true
    this.#ears.opened()
    return this
  }

  say(...messages: (Down | object)[]): void {
    if (!this.#isOpen) throw new Error('the link is not open')
    this.#ears.heard(overTheWire(messages.length === 1 ? messages[0] : messages))
  }

  /** What is no message; undefined is a frame that the transport could not read. */
  noise(frame: unknown): void {
    this.#ears.heard(frame)
  }

  cut(code = 1006, reason = ''): void {
    this.#isOpen = false
    this.#ears.closed(code, reason)
  }

  welcome(more: Partial<Welcome> = {}): this {
    this.say({ type: 'welcome', session: 's', serverTimeMs: 0, heartbeatMs: 32_000, ...more })
    return this
  }

  /** Everything said since the last time; of the named type only, the rest stays. */
  take<Type extends Up['type']>(type: Type): Extract<Up, { type: Type }>[] {
    const taken = this.said.filter((message): message is Extract<Up, { type: Type }> => message.type === type)
    const rest = this.said.filter((message) => message.type !== type)
    this.said.splice(0, this.said.length, ...rest)
    return taken
  }

  /** For the transport: what the client does. */
  hear(message: Up): void {
    if (!this.#isOpen) throw new Error('the client spoke on a link that is not open')
    this.said.push(overTheWire(message))
  }

  left(code: number): void {
    this.#isOpen = false
    this.leftWith = code
  }
}

export class ScriptedServer {
  readonly links: ScriptedLink[] = []

  readonly transport: Transport = (ears) => {
    const link = new ScriptedLink(ears)
    this.links.push(link)
    return { send: (message) => link.hear(message), close: (code) => link.left(code) }
  }

  /** The newest. */
  get link(): ScriptedLink {
    const link = this.links.at(-1)
    if (link === undefined) throw new Error('nobody has dialed')
    return link
  }

  /** Opens and welcomes the newest. */
  async greeted(welcome: Partial<Welcome> = {}): Promise<ScriptedLink> {
    await rested()
    this.link.open().welcome(welcome)
    await rested()
    return this.link
  }
}

/** A copy that has lost what a frame does not carry. */
function overTheWire<Message>(message: Message): Message {
  return JSON.parse(JSON.stringify(message)) as Message
}
