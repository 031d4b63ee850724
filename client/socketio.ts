/**
 * `@livedrop/client/socketio`: the same client over the stock socket.io-client, where an app or a proxy has it already.
 *
 * Messages are events of the same names, and the hello is the `auth` of CONNECT. The library's own coming back, its
 * buffers and its recovery are not used: what is said again, and when, is decided by the client, as over any link. Nor
 * are acknowledgements: an answer is known by its id, and callbacks for answers that never come would be kept for ever.
 *
 * Socket.IO has no close codes. The last thing that is heard carries it, as `closeCode`.
 */
import type { Up } from '../protocol/up.ts'
import type { LinkEars, Transport } from './transport.ts'

/** As much of the library's socket as is used here. */
export interface SocketIoSocket {
  onAny(listener: (event: string, payload: unknown) => void): unknown
  on(event: 'disconnect', listener: (reason: string) => void): unknown
  on(event: 'connect_error', listener: (error: Error) => void): unknown
  emit(event: string, payload: object): unknown
  disconnect(): unknown
}

export interface SocketIoOptions {
  /** Asked when the connection is there. */
  auth(give: (auth: object) => void): void
  forceNew: true
  reconnection: false
  transports?: ('websocket' | 'polling')[]
}

/** `io` of socket.io-client 4. */
export type SocketIo = (url: string, options: SocketIoOptions) => SocketIoSocket

export interface SocketIoTransportOptions {
  /** Without polling first the link is up a round trip or two sooner. */
  transports?: ('websocket' | 'polling')[]
}

const WITHOUT_GOODBYE = 1006

/** `url`: of the node, without a path. Several are tried in turn, one for each dialing. */
export function socketio(
  io: SocketIo,
  url: string | readonly string[],
  { transports }: SocketIoTransportOptions = {},
): Transport {
  const urls = typeof url === 'string' ? [url] : url
  let turn = 0
  return (ears) => {
    let listener: LinkEars | undefined = ears
    let giveAuth: ((auth: object) => void) | undefined
    const socket = io(urls[turn % urls.length] ?? '', {
      auth: (give) => {
        giveAuth = give
        listener?.opened()
      },
      forceNew: true,
      reconnection: false,
      ...(transports === undefined ? {} : { transports }),
    })
    turn += 1

    const end = (code: number, reason: string) => {
      const told = listener
      listener = undefined
      socket.disconnect()
      told?.closed(code, reason)
    }
    socket.onAny((type, payload) => {
      const message = { ...(payload as object), type }
      const { closeCode, retryAfterMs } = message as { closeCode?: number; retryAfterMs?: number }
      if (closeCode === undefined) listener?.heard(message)
      else end(closeCode, retryAfterMs === undefined ? '' : JSON.stringify({ retryAfterMs }))
    })
    socket.on('disconnect', (reason) => end(WITHOUT_GOODBYE, reason))
    socket.on('connect_error', ({ message }) => end(WITHOUT_GOODBYE, message))
    return {
      send: ({ type, ...payload }: Up) => {
        if (type === 'hello') giveAuth?.(payload)
        else socket.emit(type, payload) // before CONNECT is answered it waits its turn in the library
      },
      close: () => {
        listener = undefined
        socket.disconnect()
      },
    }
  }
}
