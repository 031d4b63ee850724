/**
 * The agenda sees to it that every drop that needs a room has one: those that open soon, and those that are running.
 *
 * Every node reads the same agenda. The node that a drop prefers wakes it at once; the others wait a turn for each place
 * they come after it, and only if the drop still has no owner then. Nothing breaks when two wake it: one lease, one
 * epoch, one opening.
 *
 * A lease that is not renewed tells when it will end, so whoever waits for it looks then, and not up to a second later.
 */
import type { DropId, NodeId } from '../protocol/ids.ts'
import type { Directory } from './directory.ts'
import type { Clock, DropBook, Leases, Log, Timer } from './ports.ts'

/** A drop's room is awake this long before it opens, so that the opening costs one ledger call. */
export const WAKE_AHEAD_MS = 15_000
const LOOK_EVERY_MS = 1_000
const LOOK_LEAST_MS = 25
const DROPS_MAX = 1_000

export interface AgendaWorld {
  book: Pick<DropBook, 'due'>
  leases: Pick<Leases, 'restMs'>
  directory: Pick<Directory, 'room' | 'wake'>
  preferred(drop: DropId): readonly NodeId[]
  clock: Clock
  node: NodeId
  log: Log
}

export class Agenda {
  readonly #world: AgendaWorld
  /** How many looks in a row found this drop without an owner. */
  readonly #ownerless = new Map<DropId, number>()
  #timer: Timer | undefined
  #looking: Promise<void> | undefined
  #lookAgain = false
  #nextMs = LOOK_EVERY_MS
  #stopped = false

  constructor(world: AgendaWorld) {
    this.#world = world
    this.look()
  }

  /** Looks now: at the start, every second, and when a drop was created or changed. */
  look(): void {
    if (this.#stopped) return
    if (this.#looking !== undefined) {
      this.#lookAgain = true
      return
    }
    this.#timer?.cancel()
    this.#lookAgain = false
    this.#looking = this.#lookOnce().finally(() => {
      this.#looking = undefined
      if (this.#stopped) return
      if (this.#lookAgain) this.look()
      else this.#timer = this.#world.clock.after(this.#nextMs, () => this.look())
    })
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#timer?.cancel()
    await this.#looking
  }

  async #lookOnce(): Promise<void> {
    const { book, clock, directory, log } = this.#world
    this.#nextMs = LOOK_EVERY_MS
    try {
      const due = await book.due(clock.nowMs() + WAKE_AHEAD_MS, DROPS_MAX)
      const absent = due.map((one) => one.drop).filter((drop) => directory.room(drop) === undefined)
      const still = new Set(absent)
      for (const drop of this.#ownerless.keys()) if (!still.has(drop)) this.#ownerless.delete(drop)

      await Promise.all(absent.map((drop) => this.#see(drop)))
    } catch (cause) {
      log.warn('agenda.not_read', { cause })
    }
  }

  async #see(drop: DropId): Promise<void> {
    const { directory, leases, node, preferred } = this.#world
    const restMs = await leases.restMs(drop)
    if (restMs > 0) {
      this.#ownerless.delete(drop)
      this.#nextMs = Math.min(this.#nextMs, Math.max(LOOK_LEAST_MS, restMs + 1))
      return
    }
    const looks = this.#ownerless.get(drop) ?? 0
    this.#ownerless.set(drop, looks + 1)

    const place = Math.max(0, preferred(drop).indexOf(node))
    if (looks >= place) await directory.wake(drop)
  }
}
