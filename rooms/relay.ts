/**
 * The relay carries a room's entries into Postgres, oldest first, one transaction at a time.
 *
 * While one transaction is on its way the next entries gather in the journal, so batches grow with the load. An error
 * means UNKNOWN and is answered by writing the same batch again: the write is idempotent. The journal forgets a batch
 * only after COMMIT.
 */
import type { DropId } from '../protocol/ids.ts'
import type { Journal, Noted } from './journal.ts'
import { Nap } from './nap.ts'
import type { Clock, DropBook, Log, WriteOutcome } from './ports.ts'

const BATCH_MAX = 512
const RETRY_MIN_MS = 25
const RETRY_MAX_MS = 1_000

export interface Written {
  noted: Noted
  outcome: WriteOutcome
}

export class Relay {
  readonly #drop: DropId
  readonly #journal: Journal
  readonly #world: { book: DropBook; clock: Clock; log: Log }
  readonly #written: (batch: Written[]) => void
  readonly #nap: Nap
  #stopped = false
  #running: Promise<void> | undefined

  constructor(
    drop: DropId,
    journal: Journal,
    world: { book: DropBook; clock: Clock; log: Log },
    written: (batch: Written[]) => void,
  ) {
    this.#drop = drop
    this.#journal = journal
    this.#world = world
    this.#written = written
    this.#nap = new Nap(world.clock)
  }

  /** There is something in the journal. */
  poke(): void {
    if (this.#stopped) return

    this.#running ??= this.#carry().finally(() => {
      this.#running = undefined
    })
  }

  /** Sends nothing more. The answer to a batch on its way is still told; what is left stays in the journal. */
  stop(): void {
    this.#stopped = true
    this.#nap.end()
  }

  async #carry(): Promise<void> {
    let retryMs = RETRY_MIN_MS
    while (!this.#stopped && this.#journal.size > 0) {
      const batch = this.#journal.first(BATCH_MAX)
      const outcomes = await this.#write(batch)

      if (outcomes === undefined) {
        await this.#nap.take(retryMs)
        retryMs = Math.min(retryMs * 2, RETRY_MAX_MS)
        continue
      }
      retryMs = RETRY_MIN_MS
      this.#journal.forget(batch.length)
      this.#written(batch.flatMap((noted, at) => pair(noted, outcomes[at])))
    }
  }

  async #write(batch: Noted[]): Promise<WriteOutcome[] | undefined> {
    try {
      return await this.#world.book.write(
        this.#drop,
        batch.map((noted) => noted.entry),
      )
    } catch (cause) {
      this.#world.log.warn('relay.retry', { drop: this.#drop, entries: batch.length, cause })
      return undefined
    }
  }
}

function pair(noted: Noted, outcome: WriteOutcome | undefined): Written[] {
  return outcome === undefined ? [] : [{ noted, outcome }]
}
