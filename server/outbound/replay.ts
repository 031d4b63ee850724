/**
 * The newest news of one drop, kept so that a watcher who was away for a moment gets what it missed instead of a whole
 * snapshot. All of it or nothing: `since` is the position from which nothing is missing.
 *
 * Each frame is encoded as a recovered one at most once per encoding, when the first watcher asks: after a lost node
 * thousands come back within a second and miss the same frames.
 */
import type { Frame } from '../../protocol/codec.ts'
import { type Encoding, encodeDown } from '../../protocol/encodings.ts'
import type { News } from '../../protocol/messages/news.ts'
import { comparePositions, type Position } from '../../protocol/position.ts'

export const REPLAY_FRAMES_MAX = 256

export class Missed {
  readonly news: News
  readonly #frames: Partial<Record<Encoding, Frame>> = {}

  constructor(news: News) {
    this.news = { ...news, recovered: true }
  }

  frame(encoding: Encoding): Frame {
    const made = this.#frames[encoding] ?? encodeDown(this.news, encoding)
    this.#frames[encoding] = made
    return made
  }
}

export class Replay {
  readonly #frames: Missed[] = []
  #since: Position

  constructor(since: Position) {
    this.#since = since
  }

  push(news: News): void {
    this.#frames.push(new Missed(news))
    if (this.#frames.length <= REPLAY_FRAMES_MAX) return

    const oldest = this.#frames.shift()
    if (oldest !== undefined) this.#since = oldest.news.position
  }

  /** Everything after `position`, oldest first; undefined when some of it is gone, or was never here. */
  after(position: Position): readonly Missed[] | undefined {
    if (position.epoch !== this.#since.epoch || comparePositions(position, this.#since) < 0) return undefined

    // What was missed is at the end, and mostly short.
    let first = this.#frames.length
    while (first > 0 && comparePositions(this.#frames[first - 1]?.news.position ?? position, position) > 0) first -= 1
    return this.#frames.slice(first)
  }
}
