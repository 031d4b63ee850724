/**
 * One phone over any of the four ways to connect, so that a suite can ask the same of each: real clients (`ws`, the stock
 * Socket.IO one) that write down what they hear as messages with a type, and how they ended as a close code.
 */
import type { Socket as Tcp } from 'node:net'
import { unpack } from 'msgpackr'
import { io, type Socket } from 'socket.io-client'
import { expect, vi } from 'vitest'
import { WebSocket } from 'ws'
import { encode } from '../../protocol/codec.ts'
import type { Down } from '../../protocol/down.ts'
import type { EdgeNode } from './edge-node.ts'

export const WAYS = ['native json', 'native msgpack', 'socket.io websocket', 'socket.io polling'] as const
export type Way = (typeof WAYS)[number]

export interface Greeting {
  token?: string
  resume?: object
  origin?: string
  query?: string
}

/** What a test asks of a phone; `pace` is how a crowd of patience is written here once. */
const PATIENCE = { timeout: 10_000, interval: 5 }

export abstract class Phone {
  readonly heard: Down[] = []
  closed: { code: number; retryAfterMs: number | undefined } | undefined
  /** The HTTP status of a handshake that was refused. */
  refused: number | undefined

  abstract say(message: object): void
  /** Takes nothing from the wire until told to. */
  abstract stopReading(): Promise<void>
  abstract readOn(): void
  /** Without a word, like a tunnel. */
  abstract cut(): void

  async hears(count: number): Promise<Down[]> {
    await vi.waitFor(() => expect(this.heard.length).toBeGreaterThanOrEqual(count), PATIENCE)
    return this.heard.splice(0)
  }

  async asks(message: object, count = 1): Promise<Down[]> {
    this.say(message)
    return this.hears(count)
  }

  async end(): Promise<number> {
    await vi.waitFor(() => expect(this.closed).toBeDefined(), PATIENCE)
    return this.closed?.code ?? 0
  }

  async refusal(): Promise<number> {
    await vi.waitFor(() => expect(this.refused).toBeDefined(), PATIENCE)
    return this.refused ?? 0
  }
}

/** Connected, or on its way to be refused. Its hello has been said. */
export function phone(node: EdgeNode, way: Way, greeting: Greeting = {}): Phone {
  if (way === 'native json') return new NativePhone(node, 'json', greeting)
  if (way === 'native msgpack') return new NativePhone(node, 'msgpack', greeting)
  return new SocketIoPhone(node, [way === 'socket.io polling' ? 'polling' : 'websocket'], greeting)
}

export class NativePhone extends Phone {
  readonly #socket: WebSocket
  readonly #format: 'json' | 'msgpack'

  constructor(node: EdgeNode, format: 'json' | 'msgpack', { origin, query, ...hello }: Greeting) {
    super()
    this.#format = format
    const url = `${node.url}${query === undefined ? '' : `?${query}`}`
    this.#socket = new WebSocket(url, `livedrop.v1.${format}`, {
      perMessageDeflate: false,
      ...(origin === undefined ? {} : { origin }),
    })
    this.#socket.on('open', () => this.say({ type: 'hello', ...hello }))
    this.#socket.on('message', (bytes: Buffer, isBinary) => {
      this.heard.push((isBinary ? unpack(bytes) : JSON.parse(bytes.toString())) as Down)
    })
    this.#socket.on('close', (code, reason) => {
      const said = reason.length > 0 ? (JSON.parse(reason.toString()) as { retryAfterMs?: number }) : {}
      this.closed = { code, retryAfterMs: said.retryAfterMs }
    })
    this.#socket.on('unexpected-response', (_, response) => {
      this.refused = response.statusCode
      this.#socket.terminate()
    })
    this.#socket.on('error', () => undefined)
  }

  say(message: object): void {
    this.#socket.send(encode(message as Down, this.#format))
  }

  async stopReading(): Promise<void> {
    tcpOf(this.#socket).pause()
  }

  readOn(): void {
    tcpOf(this.#socket).resume()
  }

  cut(): void {
    this.#socket.terminate()
  }
}

/** As much of the stock client's engine as a slow phone is made of. */
interface ClientEngine {
  transport: {
    name: string
    ws?: WebSocket
    /** Asks for more, by polling. */
    doPoll?: () => void
  }
  close(): void
}

export class SocketIoPhone extends Phone {
  readonly socket: Socket
  #heldPoll: (() => void) | undefined
  #lastWord: { closeCode?: number; retryAfterMs?: number } = {}

  constructor(node: EdgeNode, transports: ('polling' | 'websocket')[], greeting: Greeting) {
    super()
    const { origin, query, ...auth } = greeting
    this.socket = io(node.origin, {
      ...{ transports, auth, forceNew: true, reconnection: false },
      ...(origin === undefined ? {} : { extraHeaders: { origin } }),
      ...(query === undefined ? {} : { query: Object.fromEntries(new URLSearchParams(query)) }),
    })
    this.socket.onAny((type: string, payload: object) => {
      if ('closeCode' in payload || type === 'goaway') this.#lastWord = payload
      this.heard.push({ type, ...payload } as Down)
    })
    this.socket.on('disconnect', () => {
      const { closeCode = 1006, retryAfterMs } = this.#lastWord
      this.closed = { code: closeCode, retryAfterMs }
    })
    this.socket.on('connect_error', (error) => {
      const { description } = error as unknown as { description: number | { message: string } }
      this.refused = typeof description === 'number' ? description : Number(/\d{3}/.exec(description.message)?.[0])
    })
  }

  get engine(): ClientEngine {
    return this.socket.io.engine as unknown as ClientEngine
  }

  say(message: object): void {
    const { type, ...payload } = message as { type: string }
    this.socket.emit(type, payload)
  }

  async stopReading(): Promise<void> {
    const { transport } = this.engine
    if (transport.ws !== undefined) tcpOf(transport.ws).pause()
    else {
      const ask = transport.doPoll?.bind(transport)
      transport.doPoll = () => {
        this.#heldPoll = ask
      }
    }
  }

  readOn(): void {
    const { transport } = this.engine
    if (transport.ws !== undefined) tcpOf(transport.ws).resume()
    else {
      Reflect.deleteProperty(transport, 'doPoll')
      this.#heldPoll?.()
    }
  }

  cut(): void {
    this.socket.disconnect()
  }
}

function tcpOf(socket: WebSocket): Tcp {
  return (socket as unknown as { _socket: Tcp })._socket
}
