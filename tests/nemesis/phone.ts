/**
 * The line of one person to LiveDrop: greets, watches every drop, and comes back over another gateway when it is cut.
 *
 * It shows what it is told to its owner, and keeps for each drop what a watcher saw of it.
 */
import { LightSocket } from '../../bench/light-socket.ts'
import type { Down } from '../../protocol/down.ts'
import type { DropId } from '../../protocol/ids.ts'
import { Sightings } from './sightings.ts'

export interface PhoneEars {
  /** Every drop is seen again. */
  isIn(): void
  hear(message: Down): void
}

export interface PhoneWorld {
  urls: readonly string[]
  drops: readonly DropId[]
  nowMs(): number
}

const SILENT_MS = 2_000
const RECONNECT_JITTER_MS = 500
const WATCH_JITTER_MS = 500
const JITTER_MAX_MS = 3_000
const WATCH = 'watch:'

export class Phone {
  readonly sightings: ReadonlyMap<DropId, Sightings>
  readonly #world: PhoneWorld
  readonly #token: string
  readonly #ears: PhoneEars
  #socket: LightSocket | undefined
  #turn: number
  #heardMs = 0
  #connectAtMs = 0
  #failures = 0
  /** Drops that could not be shown, each with the moment at which it is asked for again. */
  readonly #refused = new Map<DropId, number>()

  constructor(world: PhoneWorld, token: string, turn: number, ears: PhoneEars) {
    this.#world = world
    this.#token = token
    this.#turn = turn
    this.#ears = ears
    this.sightings = new Map(world.drops.map((drop) => [drop, new Sightings()]))
    this.#connect()
  }

  get isIn(): boolean {
    return [...this.sightings.values()].every(({ isWatching }) => isWatching)
  }

  /** Which of the gateways it speaks to. */
  get via(): number {
    return this.#turn % this.#world.urls.length
  }

  /** What time brings. A line that is silent although somebody waits for an answer is given up, but not by the patient. */
  look(waits: boolean): void {
    const nowMs = this.#world.nowMs()
    if (this.#socket === undefined) {
      if (nowMs >= this.#connectAtMs) this.#connect()
    } else if (waits && nowMs - this.#heardMs > SILENT_MS) this.cut()

    for (const [drop, againAtMs] of this.#refused) {
      if (nowMs < againAtMs) continue
      this.#refused.delete(drop)
      this.#watch(drop)
    }
  }

  say(message: object): boolean {
    if (this.#socket?.isOpen !== true) return false

    this.#socket.send(JSON.stringify(message))
    return true
  }

  /** The connection is gone; another one, to the next node, comes after a random while. */
  cut(): void {
    this.#socket?.cut()
    this.#socket = undefined
    for (const seen of this.sightings.values()) seen.cut()
    this.#turn += 1
    this.#failures += 1
    this.#connectAtMs = this.#world.nowMs() + jitterMs(RECONNECT_JITTER_MS, this.#failures - 1)
  }

  close(): void {
    this.#socket?.cut()
    this.#socket = undefined
    this.#connectAtMs = Number.POSITIVE_INFINITY
  }

  #watch(drop: DropId): void {
    this.say({ type: 'watch', id: `${WATCH}${drop}`, drop })
  }

  #connect(): void {
    this.#refused.clear()
    const url = `${this.#world.urls[this.via]?.replace('http', 'ws')}/ws`
    this.#heardMs = this.#world.nowMs()
    const socket: LightSocket = new LightSocket(url, 'livedrop.v1.json', {
      open: () => this.#socket === socket && this.say({ type: 'hello', token: this.#token }),
      text: (bytes) => this.#socket === socket && this.#hear(bytes),
      close: () => this.#socket === socket && this.cut(),
    })
    this.#socket = socket
  }

  #hear(bytes: Buffer): void {
    this.#heardMs = this.#world.nowMs()
    const frame = JSON.parse(bytes.toString()) as Down | Down[]
    for (const message of Array.isArray(frame) ? frame : [frame]) this.#heed(message)
  }

  #heed(message: Down): void {
    if (message.type === 'welcome') {
      for (const drop of this.#world.drops) this.#watch(drop)
    } else if (message.type === 'snapshot') {
      const wasIn = this.isIn
      this.sightings.get(message.drop)?.snapshot(message.position, message.items)
      if (!wasIn && this.isIn) {
        this.#failures = 0
        this.#ears.isIn()
      }
    } else if (message.type === 'news') this.sightings.get(message.drop)?.news(message)
    else if (message.type === 'error' && String(message.id).startsWith(WATCH)) {
      const drop = String(message.id).slice(WATCH.length) as DropId
      this.#refused.set(drop, this.#world.nowMs() + jitterMs(WATCH_JITTER_MS, 1))
    } else this.#ears.hear(message)
  }
}

/** Jitter that doubles, as docs/client-spec.md asks: without it a slow fleet is kept slow by those who ask again. */
export function jitterMs(baseMs: number, failures: number): number {
  return Math.random() * Math.min(JITTER_MAX_MS, baseMs * 2 ** Math.min(failures, 10))
}
