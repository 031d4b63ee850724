/**
 * Forgets log entries that Postgres has, but keeps the newest minute.
 *
 * The minute is for the day when Postgres itself goes back in time (a failover to a replica that lagged): its watermark
 * goes back with it, and the entries are still there to be written again.
 */
import type { DropId } from '../protocol/ids.ts'
import type { Position } from '../protocol/position.ts'
import type { Clock, Ledger, Log } from './ports.ts'

const KEEP_MS = 60_000
const EVERY_MS = 5_000

export class LogTrimmer {
  readonly #drop: DropId
  readonly #world: { ledger: Ledger; clock: Clock; log: Log }
  #marks: { position: Position; atMs: number }[] = []

  constructor(drop: DropId, world: { ledger: Ledger; clock: Clock; log: Log }) {
    this.#drop = drop
    this.#world = world
  }

  /** Postgres has everything up to here. */
  written(position: Position): void {
    const nowMs = this.#world.clock.monotonicMs()
    const newest = this.#marks.at(-1)
    if (newest !== undefined && nowMs - newest.atMs < EVERY_MS) return

    this.#marks.push({ position, atMs: nowMs })
    const old = this.#marks.findLast((mark) => nowMs - mark.atMs >= KEEP_MS)
    if (old === undefined) return

    this.#marks = this.#marks.filter((mark) => mark.atMs > old.atMs)
    this.#world.ledger.trim(this.#drop, old.position).catch((cause: unknown) => {
      this.#world.log.warn('log.trim_failed', { drop: this.#drop, cause })
    })
  }
}
