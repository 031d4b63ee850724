/**
 * One Engine.IO connection, by polling or by WebSocket, and by polling first and WebSocket later: the only file that
 * knows what Engine.IO keeps under a Socket.IO socket.
 *
 * By WebSocket the link joins uWebSockets.js's own topics, so that a broadcast costs what it costs a native socket. By
 * polling it stands in a list that a broadcast walks over (socketio-pollers.ts). At the change from the one to the other
 * the topics are joined before what waited is flushed, and nothing is told in between.
 */

import type { WebSocket } from 'uWebSockets.js'
import type { Socket } from 'socket.io'
import type { Pollers } from './socketio-pollers.ts'

/** As much of it as is used here; the library's types hide some. */
interface Connection {
  readonly readyState: string
  readonly writeBuffer: readonly unknown[]
  readonly transport: { readonly name: string; readonly readyState: string; readonly socket?: WebSocket<unknown> }
  /** The first request with all its headers; the library needs it no longer. */
  request: unknown
  write(data: string, options: { compress: boolean; wsPreEncoded: string }): void
  once(event: 'upgrade', hear: () => void): void
  close(): void
}

export interface Listener {
  sendFrame(frame: string): void
}

export class SocketIoLink {
  readonly #connection: Connection
  readonly #pollers: Pollers
  readonly #listener: Listener
  /** Topics it hears by polling. */
  readonly #polled = new Set<string>()
  #polledBytes = 0

  constructor(socket: Socket, pollers: Pollers, listener: Listener) {
    this.#connection = socket.conn as unknown as Connection
    this.#pollers = pollers
    this.#listener = listener
    this.#connection.request = null
    if (this.#ws === undefined) this.#connection.once('upgrade', () => this.#upgraded())
  }

  get open(): boolean {
    return this.#connection.readyState === 'open'
  }

  get transport(): string {
    return this.#connection.transport.name
  }

  /** What the other side has not taken, or not asked for, yet. */
  get unreadBytes(): number {
    return this.#connection.writeBuffer.length > 0 ? this.#polledBytes : (this.#ws?.getBufferedAmount() ?? 0)
  }

  /** A whole frame as encodeEvent makes it. */
  write(frame: string): void {
    if (!this.open) return

    const { writeBuffer: before } = this.#connection
    this.#connection.write(frame.slice(1), { compress: false, wsPreEncoded: frame })
    const { writeBuffer } = this.#connection
    if (writeBuffer.length === 0) return

    const bytes = Buffer.byteLength(frame)
    this.#polledBytes = writeBuffer === before && writeBuffer.length > 1 ? this.#polledBytes + bytes : bytes
  }

  together(call: () => void): void {
    const ws = this.#ws
    if (ws === undefined) call()
    else ws.cork(call)
  }

  join(topic: string): void {
    const ws = this.#ws
    if (ws !== undefined) ws.subscribe(topic)
    else if (this.open) this.#poll(topic)
  }

  leave(topic: string): void {
    this.#ws?.unsubscribe(topic)
    if (this.#polled.delete(topic)) this.#pollers.remove(topic, this.#listener)
  }

  /** Ends when what was written has been read, or the library's patience is over. A stock client comes back by itself. */
  end(): void {
    this.leaveAll()
    this.#connection.close()
  }

  leaveAll(): void {
    for (const topic of this.#polled) this.#pollers.remove(topic, this.#listener)
    this.#polled.clear()
  }

  /** Undefined by polling, and after the end: a closed one throws at every verb. */
  get #ws(): WebSocket<unknown> | undefined {
    const { readyState, transport } = this.#connection
    return readyState === 'open' && transport.readyState === 'open' && transport.name === 'websocket'
      ? transport.socket
      : undefined
  }

  #poll(topic: string): void {
    this.#polled.add(topic)
    this.#pollers.add(topic, this.#listener)
  }

  #upgraded(): void {
    const topics = [...this.#polled]
    this.leaveAll()
    for (const topic of topics) this.#ws?.subscribe(topic)
  }
}
