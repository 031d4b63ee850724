/**
 * One drop that the app watches: its state, kept by snapshots and news, through any number of links.
 *
 * A position never goes back: news of a lower one is a repetition and is ignored. News of another epoch cannot be added
 * to what is known, nor news that begins after what is known, so the drop is asked for anew. After a cut the position is sent, and the node answers with everything
 * that was missed or with a snapshot; a snapshot always replaces all.
 *
 * Each drop is resumed by its own `watch`, not by `hello.resume.drops`: it is sent right behind the hello, costs no round
 * trip more, and an error can be told to belong to this drop.
 */
import type { DropId } from '../protocol/ids.ts'
import type { ErrorMessage } from '../protocol/messages/error.ts'
import type { Change, News } from '../protocol/messages/news.ts'
import type { Snapshot } from '../protocol/messages/snapshot.ts'
import type { Up } from '../protocol/up.ts'
import { afterNews, comparePositions, type DropState, stateOf } from './drop-state.ts'
import { Emitter } from './emitter.ts'
import type { Timer, World } from './world.ts'

type OfKind<Kind extends Change['kind']> = Extract<Change, { kind: Kind }>

/** `snapshot`: start again from here. `changed`: after a snapshot or news. `failed`: this drop cannot be watched. */
export type DropEvents = { [Kind in Change['kind']]: OfKind<Kind> } & {
  snapshot: DropState
  changed: DropState
  failed: DropFailure
}

export interface DropFailure {
  code: string
  message: string
}

const ASK_AGAIN_MS = 1_000

export class DropWatch {
  readonly drop: string
  readonly #world: World
  readonly #say: (message: Up) => void
  readonly #over: () => void
  readonly #events = new Emitter<DropEvents>()
  #state: DropState | undefined
  #failure: DropFailure | undefined
  #holders = 0
  /** What is known cannot be continued: only a snapshot helps. */
  #isBroken = false
  #again: Timer | undefined

  constructor(drop: string, world: World, say: (message: Up) => void, over: () => void) {
    this.drop = drop
    this.#world = world
    this.#say = say
    this.#over = over
  }

  /** The newest that is known; undefined before the first snapshot. */
  get state(): DropState | undefined {
    return this.#state
  }

  /** Why it cannot be watched; it is asked for again on a new link. */
  get failure(): DropFailure | undefined {
    return this.#failure
  }

  on<Name extends keyof DropEvents>(name: Name, listener: (what: DropEvents[Name]) => void): () => void {
    return this.#events.on(name, listener)
  }

  /** As often as watch() was called for this drop; once more does nothing, for somebody else may watch it by then. */
  stop(): void {
    if (this.#holders === 0) return

    this.#holders -= 1
    if (this.#holders > 0) return

    this.#again?.cancel()
    this.#over()
  }

  // --- for the client ------------------------------------------------------------------------------------------------------

  hold(): this {
    this.#holders += 1
    return this
  }

  question(): Up {
    const drop = this.drop as DropId
    const position = this.#isBroken ? undefined : this.#state?.position
    return { type: 'watch', id: watchId(drop), drop, ...(position === undefined ? {} : { position }) }
  }

  snapshot(snapshot: Snapshot): void {
    this.#isBroken = false
    this.#failure = undefined
    this.#state = stateOf(snapshot)
    this.#events.emit('snapshot', this.#state)
    this.#events.emit('changed', this.#state)
  }

  news(news: News) {
    const { position, from } = news
    const known = this.#state?.position
    if (this.#isBroken || (known !== undefined && comparePositions(position, known) < 0)) return
    const isGap = from !== undefined && known !== undefined && comparePositions(from, known) > 0
    if (this.#state === undefined || position.epoch !== known?.epoch || isGap) {
      this.#isBroken = true
      return this.#say(this.question())
    }

    this.#state = afterNews(this.#state, news)
    for (const change of news.changes) this.#events.emit(change.kind, change as never)
    this.#events.emit('changed', this.#state)
  }

  refused({ code, message, retryable, retryAfterMs = 0 }: ErrorMessage) {
    if (!retryable) {
      this.#failure = { code, message }
      return this.#events.emit('failed', this.#failure)
    }

    this.#again?.cancel()
    const waitMs = Math.max(retryAfterMs, ASK_AGAIN_MS) + ASK_AGAIN_MS * this.#world.random()
    this.#again = this.#world.after(waitMs, () => this.#say(this.question()))
  }
}

export function watchId(drop: string): string {
  return `w${drop}`
}
