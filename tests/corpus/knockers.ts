/**
 * Somebody at a door with anything in their hands: connections that send bytes as they are told to, and write down what
 * is answered and how it ended. One for each way to connect; the rest of a test need not know which.
 */
import { unpack } from 'msgpackr'
import { expect, vi } from 'vitest'
import { WebSocket } from 'ws'
import { encode } from '../../protocol/codec.ts'
import type { Down } from '../../protocol/down.ts'

export const DOORS = ['native json', 'native msgpack', 'socket.io websocket', 'socket.io polling'] as const
export type DoorName = (typeof DOORS)[number]

export type Answer = Record<string, unknown> & { type: string }
const PATIENCE = { timeout: 10_000, interval: 2 }

export abstract class Knocker {
  readonly heard: Answer[] = []
  /** The close code; 0 where there is none. */
  ended: number | undefined

  /** As it is: a frame, or a packet. */
  abstract throwIn(bytes: string | Uint8Array): void
  /** A message in the clothes of this door. */
  abstract say(message: Record<string, unknown>): void
  abstract leave(): void

  async hears(count: number, what = ''): Promise<Answer[]> {
    await vi.waitFor(() => {
      const said = this.heard.map((answer) => JSON.stringify(answer).slice(0, 80)).join('\n')
      expect(this.heard.length, `${what}\n${said}`).toBeGreaterThanOrEqual(count)
    }, PATIENCE)
    return this.heard.splice(0)
  }

  async end(what = ''): Promise<number> {
    await vi.waitFor(() => expect(this.ended, what).toBeDefined(), PATIENCE)
    return this.ended ?? 0
  }

  /** Everything that was said before has been answered: `clock` is answered at once, and in its turn. */
  async settles(what = ''): Promise<Answer[]> {
    const before: Answer[] = []
    this.say({ type: 'clock', t0: 424_242 })
    await vi.waitFor(() => {
      before.push(...this.heard.splice(0))
      expect(
        before.some((answer) => answer.t0 === 424_242 || this.isTooEarly(answer)),
        what,
      ).toBe(true)
    }, PATIENCE)
    return before.slice(0, -1)
  }

  /** What `clock` is answered with before a hello. */
  isTooEarly(answer: Answer): boolean {
    return answer.type === 'error' && answer.message === 'hello comes first'
  }
}

/** Greeted as `ana` unless told otherwise. */
export async function knock(port: number, door: DoorName, greeted = true): Promise<Knocker> {
  const knocker =
    door === 'socket.io polling'
      ? new Poller(port)
      : door === 'socket.io websocket'
        ? new EngineSocket(port)
        : new NativeSocket(port, door === 'native json' ? 'json' : 'msgpack')
  await knocker.opens()
  if (greeted) {
    knocker.greet()
    await knocker.hears(1, `${door} welcome`)
  }
  return knocker
}

class NativeSocket extends Knocker {
  readonly #socket: WebSocket
  readonly #format: 'json' | 'msgpack'

  constructor(port: number, format: 'json' | 'msgpack') {
    super()
    this.#format = format
    this.#socket = new WebSocket(`ws://127.0.0.1:${port}/ws`, `livedrop.v1.${format}`, { perMessageDeflate: false })
    this.#socket.on('message', (bytes: Buffer, isBinary) => {
      this.heard.push((isBinary ? unpack(bytes) : JSON.parse(bytes.toString())) as Answer)
    })
    this.#socket.on('close', (code) => {
      this.ended = code
    })
    this.#socket.on('error', () => undefined)
  }

  async opens(): Promise<void> {
    await vi.waitFor(() => expect(this.#socket.readyState).toBe(WebSocket.OPEN), PATIENCE)
  }

  greet(): void {
    this.say({ type: 'hello', token: 'token-of-ana' })
  }

  say(message: Record<string, unknown>): void {
    this.#send(encode(message as unknown as Down, this.#format))
  }

  throwIn(bytes: string | Uint8Array): void {
    this.#send(this.#format === 'json' ? Buffer.from(bytes as string) : bytes)
  }

  #send(bytes: string | Uint8Array): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(bytes, { binary: this.#format === 'msgpack' })
  }

  leave(): void {
    this.#socket.terminate()
  }
}

/** Less than the node takes, in characters of up to three bytes. */
const POST_CHARS_MAX = 5_000

/** `42["order",{…}]`: what Socket.IO makes of an event. */
const eventOf = ({ type, ...payload }: Record<string, unknown>) => `42${JSON.stringify([type, payload])}`

function answerIn(packet: string): Answer | undefined {
  if (!packet.startsWith('42')) return undefined

  const [type, payload] = JSON.parse(packet.slice(2)) as [string, object]
  return { ...payload, type }
}

class EngineSocket extends Knocker {
  readonly #socket: WebSocket
  #isOpen = false

  constructor(port: number) {
    super()
    this.#socket = new WebSocket(`ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket`)
    this.#socket.on('message', (bytes) => {
      const packet = String(bytes)
      if (packet.startsWith('0{')) this.#isOpen = true
      const answer = answerIn(packet)
      if (answer !== undefined) this.heard.push(answer)
    })
    this.#socket.on('close', (code) => {
      this.ended = code
    })
    this.#socket.on('error', () => undefined)
  }

  async opens(): Promise<void> {
    await vi.waitFor(() => expect(this.#isOpen).toBe(true), PATIENCE)
  }

  greet(): void {
    this.throwIn('40{"token":"token-of-ana"}')
  }

  say(message: Record<string, unknown>): void {
    this.throwIn(eventOf(message))
  }

  throwIn(packet: string | Uint8Array): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(packet)
  }

  leave(): void {
    this.#socket.terminate()
  }
}

/** Posts one after the other, and asks for what there is until nothing comes any more. */
class Poller extends Knocker {
  readonly #url: string
  #sid = ''
  #posting: Promise<void> = Promise.resolve()
  /** Said in this breath: one POST may carry several packets. */
  #saying: string[] = []
  #left = false

  constructor(port: number) {
    super()
    this.#url = `http://127.0.0.1:${port}/socket.io/?EIO=4&transport=polling`
  }

  async opens(): Promise<void> {
    const answer = await fetch(this.#url)
    this.#sid = (JSON.parse((await answer.text()).slice(1)) as { sid: string }).sid
    void this.#poll()
  }

  greet(): void {
    this.throwIn('40{"token":"token-of-ana"}')
  }

  say(message: Record<string, unknown>): void {
    const packet = eventOf(message)
    if (this.#saying.join().length + packet.length > POST_CHARS_MAX) this.#flush()
    if (this.#saying.push(packet) === 1) queueMicrotask(() => this.#flush())
  }

  #flush(): void {
    const packets = this.#saying.splice(0)
    if (packets.length > 0) this.throwIn(packets.join('\x1e'))
  }

  throwIn(packet: string | Uint8Array): void {
    this.#posting = this.#posting.then(() => this.#post(packet))
  }

  leave(): void {
    if (!this.#left) this.throwIn('1')
    this.#left = true
  }

  async #post(body: string | Uint8Array): Promise<void> {
    try {
      const headers = { 'content-type': 'text/plain;charset=UTF-8' }
      const answer = await fetch(this.#at, { method: 'POST', headers, body: body as string })
      if (answer.status !== 200) this.ended ??= answer.status
      await answer.text()
    } catch {
      this.ended ??= 0
    }
  }

  async #poll(): Promise<void> {
    while (this.ended === undefined) {
      try {
        const answer = await fetch(this.#at)
        const text = await answer.text()
        if (answer.status !== 200) this.ended ??= answer.status
        else this.#hear(text)
      } catch {
        this.ended ??= 0
      }
    }
  }

  #hear(text: string): void {
    for (const packet of text.split('\x1e')) {
      const answer = answerIn(packet)
      if (answer !== undefined) this.heard.push(answer)
      if (packet === '2') this.throwIn('3')
      if (packet === '1') this.ended ??= 0
    }
  }

  get #at(): string {
    return `${this.#url}&sid=${this.#sid}`
  }
}
