/**
 * The transport over a native WebSocket: the one of the browser or of React Native, or the class of `ws`.
 *
 * The token is not here: it goes into the first message, for a browser can set no header and a URL is written into logs.
 * Several URLs are tried in turn, one for each dialing. Frames are JSON, which every device reads faster than anything
 * that is written in JavaScript; where bytes are dearer than time, hand in the format of `@livedrop/client/msgpack`.
 */
import type { Up } from '../protocol/up.ts'
import type { LinkEars, Transport } from './transport.ts'

/** How messages are written on a WebSocket. */
export interface WireFormat {
  readonly subprotocol: string
  write(message: Up): string | Uint8Array<ArrayBuffer>
  /** Undefined for what is no frame of this format. */
  read(data: unknown): unknown
}

interface SocketEvent {
  readonly type: string
  readonly data?: unknown
  readonly code?: number
  readonly reason?: string
}

interface NativeSocket {
  binaryType: string
  addEventListener(type: 'open' | 'message' | 'close' | 'error', listener: (event: SocketEvent) => void): void
  send(data: string | Uint8Array<ArrayBuffer>): void
  close(code?: number): void
}

export type NativeWebSocket = new (url: string, protocols: string) => NativeSocket

export interface WsOptions {
  /** Where there is no global WebSocket: the class of `ws`. */
  socketClass?: NativeWebSocket
  format?: WireFormat
}

export const json: WireFormat = {
  subprotocol: 'livedrop.v1.json',
  write: (message) => JSON.stringify(message),
  read: (data) => {
    try {
      return JSON.parse(String(data))
    } catch {
      return undefined
    }
  },
}

export function wsTransport(url: string | readonly string[], options: WsOptions = {}): Transport {
  const { socketClass, format = json } = options
  const urls = typeof url === 'string' ? [url] : url
  let turn = 0
  return (ears) => {
    const Socket = socketClass ?? (globalThis as { WebSocket?: NativeWebSocket }).WebSocket
    if (Socket === undefined) throw new Error('no WebSocket here: hand in its class')

    const socket = new Socket(urls[turn % urls.length] ?? '', format.subprotocol)
    turn += 1
    let listener: LinkEars | undefined = ears
    socket.binaryType = 'arraybuffer'
    socket.addEventListener('open', () => listener?.opened())
    socket.addEventListener('message', ({ data }) => listener?.heard(format.read(data)))
    socket.addEventListener('close', ({ code, reason }) => listener?.closed(code ?? 1006, reason ?? ''))
    // `close` follows and says as much; yet without a listener Node would end the process.
    socket.addEventListener('error', () => undefined)
    return {
      send: (message) => socket.send(format.write(message)),
      close: (code) => {
        listener = undefined
        socket.close(code)
      },
    }
  }
}
