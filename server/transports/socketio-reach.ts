/**
 * Socket.IO's own sockets on every node, through its redis adapter: to end those of a user, and to list them.
 *
 * Drop news does not come this way; it comes over NATS as for every peer. While Redis is away only this node's sockets
 * are reached, and whoever asked is told.
 */
import type { Server } from 'socket.io'
import { CLOSE_CODES } from '../../protocol/close-codes.ts'
import { Fault } from '../../protocol/faults.ts'
import type { UserId } from '../../protocol/ids.ts'

export interface SocketIoSocket {
  /** The session's name on the wire. */
  session: string
  /** Undefined: an anonymous watcher. */
  user: string | undefined
  transport: string
}

export interface SocketIoReach {
  /** Ends every socket of a banned user. Throws `unavailable` when the other nodes could not be told. */
  disconnectUser(user: UserId): Promise<void>
  /** Every socket of every node. Throws `unavailable` when one of them does not answer in time. */
  sockets(): Promise<SocketIoSocket[]>
}

/** How the other nodes are told. Implementation: storage/redis-fanout.ts. */
export interface ReachWire {
  /** Whether the newest message was taken. */
  delivered(): Promise<boolean>
}

export const userRoom = (user: string): string => `user:${user}`

export class SocketIoUsers implements SocketIoReach {
  readonly #io: Server
  readonly #wire: ReachWire | undefined

  constructor(io: Server, wire: ReachWire | undefined) {
    this.#io = io
    this.#wire = wire
  }

  async disconnectUser(user: UserId): Promise<void> {
    const room = userRoom(user)
    this.#io.in(room).emit('error', {
      ...{ code: 'forbidden', message: 'banned', retryable: false },
      closeCode: CLOSE_CODES.banned,
    })
    this.#io.local.in(room).disconnectSockets(true)
    this.#io.in(room).disconnectSockets(true)
    if (this.#wire !== undefined && !(await this.#wire.delivered())) {
      throw new Fault('unavailable', { what: 'socketio.disconnect_user' })
    }
  }

  async sockets(): Promise<SocketIoSocket[]> {
    try {
      return (await this.#io.fetchSockets()).map(({ data }) => data as SocketIoSocket)
    } catch (cause) {
      throw new Fault('unavailable', { what: 'socketio.sockets' }, { cause })
    }
  }
}
