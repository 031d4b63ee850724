/**
 * The transport over a native WebSocket: the one of the browser or of React Native, or the class of `ws`.
 *
 * The token is not here: it goes into the first message, for a browser can set no header and a URL is written into logs.
 * Several URLs are tried in turn, one for each dialing.
 */
import type { LinkEars, Transport } from './transport.ts'

interface SocketEvent {
  readonly type: string
  readonly data?: unknown
  readonly code?: number
  readonly reason?: string
}

interface NativeSocket {
  addEventListener(type: 'open' | 'message' | 'close' | 'error', listener: (event: SocketEvent) => void): void
  send(text: string): void
  close(code?: number): void
}

export type NativeWebSocket = new (url: string, protocols: string) => NativeSocket

const SUBPROTOCOL = 'livedrop.v1.json'

export function wsTransport(url: string | readonly string[], socketClass?: NativeWebSocket): Transport {
  const urls = typeof url === 'string' ? [url] : url
  let turn = 0
  return (ears) => {
    const Socket = socketClass ?? (globalThis as { WebSocket?: NativeWebSocket }).WebSocket
    if (Socket === undefined) throw new Error('no WebSocket here: hand in its class')

    const socket = new Socket(urls[turn % urls.length] ?? '', SUBPROTOCOL)
    turn += 1
    let listener: LinkEars | undefined = ears
    socket.addEventListener('open', () => listener?.opened())
    socket.addEventListener('message', ({ data }) => listener?.heard(String(data)))
    socket.addEventListener('close', ({ code, reason }) => listener?.closed(code ?? 1006, reason ?? ''))
    // `close` follows and says as much; yet without a listener Node would end the process.
    socket.addEventListener('error', () => undefined)
    return {
      send: (text) => socket.send(text),
      close: (code) => {
        listener = undefined
        socket.close(code)
      },
    }
  }
}
