/**
 * The newest news of one drop, kept so that a watcher who was away for a moment gets what it missed instead of a whole
 * snapshot. All of it or nothing: `since` is the position from which nothing is missing.
 *
 * What was missed is told as one (news-in-one.ts), and encoded at most once per encoding for all who stopped at the same
 * place: after a lost node thousands come back within a second and miss the same.
 */
import type { News } from '../../protocol/messages/news.ts'
import { comparePositions, type Position } from '../../protocol/position.ts'
import { EncodedOnce } from './encoded-once.ts'
import { inOne } from './news-in-one.ts'

export const REPLAY_FRAMES_MAX = 256

export type Missed = EncodedOnce<News> | 'nothing'

export class Replay {
  readonly #frames: News[] = []
  /** By how many of the newest frames were missed; until the next one comes. */
  readonly #missed = new Map<number, Missed>()
  #since: Position

  constructor(since: Position) {
    this.#since = since
  }

  push(news: News): void {
    this.#missed.clear()
    this.#frames.push(news)
    if (this.#frames.length > REPLAY_FRAMES_MAX) this.#since = this.#frames.shift()?.position ?? this.#since
  }

  /** Everything after `position`; undefined when some of it is gone, or was never here. */
  after(position: Position): Missed | undefined {
    if (position.epoch !== this.#since.epoch || comparePositions(position, this.#since) < 0) return undefined

    // What was missed is at the end, and mostly short.
    let first = this.#frames.length
    while (first > 0 && comparePositions(this.#frames[first - 1]?.position ?? position, position) > 0) first -= 1
    const count = this.#frames.length - first
    const missed = this.#missed.get(count) ?? together(this.#frames.slice(first))
    this.#missed.set(count, missed)
    return missed
  }
}

function together([first, ...later]: readonly News[]): Missed {
  return first === undefined ? 'nothing' : new EncodedOnce({ ...inOne([first, ...later]), recovered: true })
}
