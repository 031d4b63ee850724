/**
 * A WebSocket client that may do everything wrong: bytes over node:net, with frames built and read by hand.
 *
 * It knows RFC 6455 as far as a test needs it, and nothing of it is done by itself: no pong, no echo of a close.
 */
import { createHash } from 'node:crypto'
import { connect, type Socket } from 'node:net'

export const OP = { more: 0x0, text: 0x1, binary: 0x2, close: 0x8, ping: 0x9, pong: 0xa } as const

export interface FrameShape {
  fin?: boolean
  /** 0 to 7: RSV1 is 4. */
  rsv?: number
  masked?: boolean
  /** How the length is written; the shortest form unless said. */
  lengthIn?: 7 | 16 | 64
  /** What is said of the length, whatever comes. */
  declared?: bigint
}

const MASK = Buffer.from([0x37, 0xfa, 0x21, 0x3d])

export function frame(opcode: number, payload: Buffer | string = '', shape: FrameShape = {}): Buffer {
  const { fin = true, rsv = 0, masked = true } = shape
  const body = Buffer.from(payload)
  const length = shape.declared ?? BigInt(body.length)
  const form = shape.lengthIn ?? (length < 126n ? 7 : length < 65_536n ? 16 : 64)
  const head = Buffer.alloc(form === 7 ? 2 : form === 16 ? 4 : 10)
  head[0] = (fin ? 0x80 : 0) | (rsv << 4) | opcode
  head[1] = (masked ? 0x80 : 0) | (form === 7 ? Number(length) : form === 16 ? 126 : 127)
  if (form === 16) head.writeUInt16BE(Number(length), 2)
  if (form === 64) head.writeBigUInt64BE(length, 2)
  if (!masked) return Buffer.concat([head, body])

  return Buffer.concat([head, MASK, body.map((byte, at) => byte ^ (MASK[at % 4] ?? 0))])
}

export function closeFrame(code: number, reason: Buffer | string = '', shape: FrameShape = {}): Buffer {
  const head = Buffer.alloc(2)
  head.writeUInt16BE(code)
  return frame(OP.close, Buffer.concat([head, Buffer.from(reason)]), shape)
}

export interface HeardFrame {
  fin: boolean
  rsv: number
  opcode: number
  masked: boolean
  payload: Buffer
}

export interface Handshake {
  method?: string
  path?: string
  version?: string
  /** Names as they are sent; undefined leaves one out. */
  headers?: Record<string, string | string[] | undefined>
}

const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
/** RFC 6455, section 4.2.2: what the server makes of the key above. */
export const ACCEPT = createHash('sha1').update(`${KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')

export function handshake(change: Handshake = {}): string {
  const { method = 'GET', path = '/ws', version = 'HTTP/1.1' } = change
  const headers: Handshake['headers'] = {
    Host: 'localhost',
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Key': KEY,
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Protocol': 'livedrop.v1.json',
    ...change.headers,
  }
  const lines = Object.entries(headers).flatMap(([name, value]) =>
    value === undefined ? [] : [value].flat().map((one) => `${name}: ${one}\r\n`),
  )
  return `${method} ${path} ${version}\r\n${lines.join('')}\r\n`
}

const WAIT_MS = 10_000

export class RawSocket {
  readonly socket: Socket
  /** All that came and was not taken yet. */
  #bytes = Buffer.alloc(0)
  #ended = false
  #wake: () => void = () => undefined

  constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1', noDelay: true })
    this.socket.on('data', (bytes: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, bytes])
      this.#wake()
    })
    const over = () => {
      this.#ended = true
      this.#wake()
    }
    this.socket.on('error', over) // a reset is an end like another
    this.socket.on('end', over)
    this.socket.on('close', over)
  }

  /** A socket that is through its handshake. */
  static async open(port: number, change: Handshake = {}): Promise<RawSocket> {
    const socket = new RawSocket(port)
    await socket.send(handshake(change))
    const head = await socket.head()
    if (!head.startsWith('HTTP/1.1 101 ')) throw new Error(`no upgrade: ${head}`)
    return socket
  }

  /** Answers when the bytes have left, so that the next ones are a write of their own; and when they never can. */
  send(bytes: Buffer | string): Promise<void> {
    return new Promise((resolve) => {
      if (this.socket.destroyed) resolve()
      else this.socket.write(bytes, () => resolve())
    })
  }

  destroy(): void {
    this.socket.destroy()
  }

  /** The head of an HTTP answer; what there is of it when the connection ends, `quiet` when nothing comes in time. */
  async head(withinMs = WAIT_MS): Promise<string> {
    const at = () => this.#bytes.indexOf('\r\n\r\n')
    const came = await this.#until(() => at() >= 0, withinMs)
    if (came === 'quiet') return 'quiet'

    const end = at() < 0 ? this.#bytes.length : at() + 4
    return this.#take(end).toString('latin1')
  }

  /** All that comes until `last` is among it, the connection ends, or the time is over. */
  async all(last: string, withinMs = WAIT_MS): Promise<{ text: string; ended: boolean }> {
    await this.#until(() => this.#bytes.includes(last), withinMs)
    return { text: this.#take(this.#bytes.length).toString('latin1'), ended: this.#ended }
  }

  /** The next frame; `cut` when the connection has ended without one, `quiet` when neither happens in time. */
  async next(withinMs = WAIT_MS): Promise<HeardFrame | 'cut' | 'quiet'> {
    const came = await this.#until(() => this.#whole() !== undefined, withinMs)
    const whole = this.#whole()
    if (whole === undefined) return came === 'quiet' ? 'quiet' : 'cut'

    const [first = 0, second = 0] = this.#bytes
    const bytes = this.#take(whole.end)
    return {
      fin: (first & 0x80) !== 0,
      rsv: (first >> 4) & 7,
      opcode: first & 0x0f,
      masked: (second & 0x80) !== 0,
      payload: bytes.subarray(whole.begin),
    }
  }

  /** Where the payload of the first frame begins and ends; a server does not mask. */
  #whole(): { begin: number; end: number } | undefined {
    const bytes = this.#bytes
    if (bytes.length < 2) return undefined

    const short = (bytes[1] ?? 0) & 0x7f
    const begin = short < 126 ? 2 : short === 126 ? 4 : 10
    if (bytes.length < begin) return undefined

    const length = short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2))
    return bytes.length < begin + length ? undefined : { begin, end: begin + length }
  }

  #take(count: number): Buffer {
    const taken = this.#bytes.subarray(0, count)
    this.#bytes = this.#bytes.subarray(count)
    return taken
  }

  #until(isThere: () => boolean, withinMs: number): Promise<'there' | 'ended' | 'quiet'> {
    return new Promise((resolve) => {
      const look = () => {
        if (isThere()) finish('there')
        else if (this.#ended) finish('ended')
      }
      const finish = (how: 'there' | 'ended' | 'quiet') => {
        clearTimeout(timer)
        this.#wake = () => undefined
        resolve(how)
      }
      const timer = setTimeout(() => finish('quiet'), withinMs)
      this.#wake = look
      look()
    })
  }
}

/** Runs many at once, so many at a time, and answers in their order. */
export async function bounded<In, Out>(items: readonly In[], atOnce: number, run: (item: In) => Promise<Out>) {
  const answers: Out[] = []
  let next = 0
  const worker = async () => {
    for (let at = next++; at < items.length; at = next++) answers[at] = await run(items[at] as In)
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  return answers
}
