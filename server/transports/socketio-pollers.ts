/**
 * Who hears a topic by polling. There are few of them: a client that can do better has changed to a WebSocket within a
 * second, and uWebSockets.js tells those.
 */
import type { Frame } from '../../protocol/codec.ts'
import type { Broadcaster } from './peer.ts'
import type { Listener } from './socketio-link.ts'

export class Pollers implements Broadcaster {
  readonly #topics = new Map<string, Set<Listener>>()

  add(topic: string, listener: Listener): void {
    const listeners = this.#topics.get(topic)
    if (listeners === undefined) this.#topics.set(topic, new Set([listener]))
    else listeners.add(listener)
  }

  remove(topic: string, listener: Listener): void {
    const listeners = this.#topics.get(topic)
    if (listeners?.delete(listener) === true && listeners.size === 0) this.#topics.delete(topic)
  }

  /** Topics that anybody polls for. */
  get size(): number {
    return this.#topics.size
  }

  broadcast(topic: string, frame: Frame): void {
    const listeners = this.#topics.get(topic)
    if (listeners === undefined || typeof frame !== 'string') return

    for (const listener of listeners) listener.sendFrame(frame)
  }
}
