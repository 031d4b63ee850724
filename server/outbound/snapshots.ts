/**
 * The newest snapshot of one drop, already encoded, once per format: ten thousand people who come in the same second
 * cost one encoding and ten thousand copies of a kilobyte.
 *
 * The count of viewers changes with each of them, so it alone may be up to a second old.
 */
import { encode, type Frame, withId } from '../../protocol/codec.ts'
import type { RequestId } from '../../protocol/messages/request-id.ts'
import type { Format } from '../../protocol/version.ts'
import type { DropView } from './drop-view.ts'

const VIEWERS_AGE_MS = 1_000

interface Made {
  view: DropView
  version: number
  viewers: number
  atMs: number
  frame: Frame
}

export class Snapshots {
  readonly #made: Partial<Record<Format, Made>> = {}

  /** For a watcher without orders here. `nowMs`: monotonic. */
  frame(view: DropView, format: Format, viewers: number, nowMs: number, id?: RequestId): Frame {
    const { frame } = this.#newest(view, format, viewers, nowMs)
    return id === undefined ? frame : withId(frame, id)
  }

  /** The count in the newest snapshot of this format. */
  viewers(format: Format): number | undefined {
    return this.#made[format]?.viewers
  }

  #newest(view: DropView, format: Format, viewers: number, nowMs: number): Made {
    const made = this.#made[format]
    if (made !== undefined && made.view === view && made.version === view.version) {
      if (made.viewers === viewers || nowMs - made.atMs < VIEWERS_AGE_MS) return made
    }

    const fresh = { view, version: view.version, viewers, atMs: nowMs, frame: encode(view.snapshot(viewers), format) }
    this.#made[format] = fresh
    return fresh
  }
}
