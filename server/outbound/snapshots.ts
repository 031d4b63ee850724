/**
 * The newest snapshot of one drop, already encoded, once per encoding: ten thousand people who come in the same second
 * cost one encoding and ten thousand copies of a kilobyte.
 *
 * The count of viewers changes with each of them, so it alone may be up to a second old.
 */
import type { Frame } from '../../protocol/codec.ts'
import { type Encoding, encodeDown } from '../../protocol/encodings.ts'
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
  readonly #made: Partial<Record<Encoding, Made>> = {}

  /** The count in the newest snapshot of this encoding. */
  viewers(encoding: Encoding): number | undefined {
    return this.#made[encoding]?.viewers
  }

  /** For a watcher without orders here. `nowMs`: monotonic. */
  frame(view: DropView, encoding: Encoding, viewers: number, nowMs: number): Frame {
    const made = this.#made[encoding]
    if (made !== undefined && made.view === view && made.version === view.version) {
      if (made.viewers === viewers || nowMs - made.atMs < VIEWERS_AGE_MS) return made.frame
    }

    const frame = encodeDown(view.snapshot(viewers), encoding)
    this.#made[encoding] = { view, version: view.version, viewers, atMs: nowMs, frame }
    return frame
  }
}
