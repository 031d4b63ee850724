/**
 * One phone that watches a drop and does not order: it signs in, notes when the drop opens, and when its network is gone
 * it comes back by ticket and position, as client/ does it and after the same random times.
 *
 * Thousands share a process, so news is copied and not read; only the newest frame matters, and only after a cut.
 */
import { comeBackInMs } from '../client/backoff.ts'
import type { Down } from '../protocol/down.ts'
import type { Position } from '../protocol/position.ts'
import { LightSocket } from './light-socket.ts'

export interface WatcherWorld {
  url: string
  /** Empty: only the socket is wanted. */
  token: string
  drop: string
  /** Once for each time that it is there. */
  here(how: 'socket' | 'snapshot' | 'recovered'): void
  /** The drop is open. */
  live(): void
}

const NEWS = Buffer.from('{"type":"news"')
const OPEN = Buffer.from('"phase":"open"')

export class Watcher {
  readonly #world: WatcherWorld
  #socket: LightSocket | undefined
  #ticket: string | undefined
  #position: Position | undefined
  #newest: Buffer | undefined
  #failures = 0
  #isLive = false
  #isHere = false
  #gone = false

  constructor(world: WatcherWorld) {
    this.#world = world
    this.#dial()
  }

  /** The network is gone; the phone tries until it is back. */
  cut(): void {
    this.#socket?.cut()
  }

  close(): void {
    this.#gone = true
    this.#socket?.close(1000)
  }

  #dial(): void {
    this.#isHere = false
    const socket = new LightSocket(this.#world.url, 'livedrop.v1.json', {
      open: () => this.#greet(socket),
      text: (bytes) => this.#hear(bytes),
      close: () => this.#comeBack(),
    })
    this.#socket = socket
  }

  #comeBack(): void {
    if (this.#gone) return

    setTimeout(() => this.#gone || this.#dial(), comeBackInMs(this.#failures, undefined, Math.random()))
    this.#failures += 1
  }

  #greet(socket: LightSocket) {
    const { token, drop } = this.#world
    if (token === '') return this.#arrived('socket')

    const position = this.#position === undefined ? undefined : this.#seen()
    const hello = this.#ticket === undefined ? { token } : { resume: { ticket: this.#ticket, drops: [], open: [] } }
    socket.send(JSON.stringify({ type: 'hello', ...hello }))
    socket.send(JSON.stringify({ type: 'watch', id: 'w', drop, position }))
  }

  #hear(bytes: Buffer): void {
    const isNews = bytes.subarray(0, NEWS.length).equals(NEWS)
    if (isNews && !this.#isLive && bytes.includes(OPEN)) this.#opened()
    if (isNews && this.#isHere) {
      this.#newest = Buffer.from(bytes)
      return
    }
    const frame = JSON.parse(bytes.toString()) as Down | Down[]
    for (const message of Array.isArray(frame) ? frame : [frame]) this.#heed(message)
  }

  #heed(message: Down): void {
    if (message.type === 'welcome') this.#ticket = message.ticket
    else if (message.type === 'snapshot' || message.type === 'news') {
      this.#position = message.position
      this.#newest = undefined
      if (message.type === 'snapshot' && message.phase === 'open') this.#opened()
      // The answer to the question; what is recovered before it has no id.
      if (message.id !== undefined) this.#arrived(message.type === 'news' ? 'recovered' : 'snapshot')
    }
  }

  /** Where this phone is in the drop's log. */
  #seen(): Position | undefined {
    if (this.#newest !== undefined) {
      const frame = JSON.parse(this.#newest.toString()) as Extract<Down, { type: 'news' }>
      if (frame.position.epoch > 0) this.#position = frame.position
      this.#newest = undefined
    }
    return this.#position
  }

  #arrived(how: 'socket' | 'snapshot' | 'recovered'): void {
    this.#isHere = true
    this.#failures = 0
    this.#world.here(how)
  }

  #opened(): void {
    if (this.#isLive) return

    this.#isLive = true
    this.#world.live()
  }
}
