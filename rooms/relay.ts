/**
 * The relay carries a room's entries into Postgres, oldest first, one transaction at a time.
 *
 * While one transaction is on its way the next entries gather in the journal, so batches grow with the load. An error
 * means UNKNOWN and is answered by writing the same batch again: the write is idempotent. The journal forgets a batch
 * only after COMMIT.
 *
 * A relay that is fenced keeps what it has: a later epoch was minted, and whoever has it asks for the journal in a moment.
 * Until then the room goes on (passing.ts). Only when nobody asked is the room told, for it will never write again.
 */
import type { DropId } from '../protocol/ids.ts'
import type { Journal, Noted } from './journal.ts'
import { Nap } from './nap.ts'
import type { Clock, DropBook, Log, WriteOutcome } from './ports.ts'

const BATCH_MAX = 512
const RETRY_MIN_MS = 25
const RETRY_MAX_MS = 1_000
/** Longer than from the minting of an epoch to the question for the journal, were all well. */
const ASKED_WITHIN_MS = 1_000

export interface Written {
  noted: Noted
  outcome: WriteOutcome
}

export interface RelayedRoom {
  written(batch: Written[]): void
  /** Nothing more of it will be written under its epoch. */
  fenced(): void
}

export class Relay {
  readonly #drop: DropId
  readonly #epoch: number
  readonly #journal: Journal
  readonly #world: { book: DropBook; clock: Clock; log: Log }
  readonly #room: RelayedRoom
  readonly #nap: Nap
  #stopped = false
  #running: Promise<void> | undefined

  constructor(
    { drop, epoch }: { drop: DropId; epoch: number },
    journal: Journal,
    world: { book: DropBook; clock: Clock; log: Log },
    room: RelayedRoom,
  ) {
    this.#drop = drop
    this.#epoch = epoch
    this.#journal = journal
    this.#world = world
    this.#room = room
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
      if (outcomes === 'fenced') return this.#fenced()
      retryMs = RETRY_MIN_MS
      this.#journal.forget(batch.length)
      this.#room.written(batch.flatMap((noted, at) => pair(noted, outcomes[at])))
    }
  }

  async #fenced(): Promise<void> {
    await this.#nap.take(ASKED_WITHIN_MS)
    if (!this.#stopped) this.#room.fenced()
  }

  async #write(batch: Noted[]): Promise<WriteOutcome[] | 'fenced' | undefined> {
    try {
      return await this.#world.book.write(
        this.#drop,
        this.#epoch,
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
