/**
 * The directory knows the rooms of this node: it wakes them, keeps their leases, and puts them to rest.
 *
 * A drop has at most one room here, and at most one attempt to wake it. What a room that ended has not been able to
 * write is its remnant (remnants.ts); how a node that leaves passes its rooms on is said in passing.ts.
 */
import type { DropId, NodeId } from '../protocol/ids.ts'
import { isOver } from './drop.ts'
import { handOver } from './handover.ts'
import type { Noted } from './journal.ts'
import { setDown } from './journal-copy.ts'
import { LeaseKeeper } from './lease-keeper.ts'
import type { Letter } from './letters.ts'
import type { Posted } from './mailbox.ts'
import { pause } from './nap.ts'
import { inPages, type Page } from './packed-line.ts'
import { passAll, passOn } from './passing.ts'
import type { Leases, Surrendered, Timer } from './ports.ts'
import { Remnants } from './remnants.ts'
import { Room, type RoomEnd, type RoomLimits, type RoomWorld } from './room.ts'
import type { Rooms } from './router.ts'
import { SingleFlight } from './single-flight.ts'
import { type TakeoverWorld, takeOver } from './takeover.ts'

export type Woken = 'here' | 'elsewhere' | 'unknown' | 'unavailable'

/** Where a room's letters from other nodes come in. */
export interface Postbox {
  open(drop: DropId, room: Pick<Room, 'post'>): { close(): void }
}

export interface DirectoryWorld extends TakeoverWorld, Omit<RoomWorld, 'limits' | 'handOver'> {
  leases: Leases
  postbox: Postbox
  limits: RoomLimits
  /** For handing over; given late, because the router needs the directory too. */
  rooms(): Rooms
  /** Live nodes in the order in which this drop prefers them. */
  preferred(drop: DropId): readonly NodeId[]
  /** Whether the other nodes could reach a room here (reach.ts); without it they always can. */
  mayTake?(): boolean
}

interface Kept {
  room: Room
  postbox: { close(): void }
  quietSinceMs: number | undefined
}

const REWAKE_MS = 100
const SWEEP_EVERY_MS = 5_000
/** A room of a drop that is over, or not soon to open, is put to rest after this silence. */
const REST_AFTER_MS = 60_000
/** As long as Postgres may take to write what a room that is given up has accepted. */
const GIVE_UP_WITHIN_MS = 1_000
const UNKNOWN_FOR_MS = 5_000
const UNKNOWN_MAX = 10_000

export class Directory {
  readonly #world: DirectoryWorld
  readonly #keeper: LeaseKeeper
  readonly #kept = new Map<DropId, Kept>()
  readonly #waking = new SingleFlight<DropId, Woken>()
  readonly #copying = new SingleFlight<DropId, void>()
  readonly #remnants = new Remnants((drop, noted) => this.#handOver(drop, noted))
  /** Rooms that have ended and whose remnant is not known yet: whoever asks for a drop's memory waits for them. */
  readonly #laying = new Map<DropId, Promise<void>>()
  /** Drops that do not exist, and until when we believe it: a flood of made-up ids must not reach Postgres. */
  readonly #unknown = new Map<DropId, number>()
  #sweeper: Timer | undefined
  #givingUp: Promise<void> | undefined
  #closing = false

  constructor(world: DirectoryWorld) {
    this.#world = world
    this.#keeper = new LeaseKeeper(world, (drop) => this.#leaseLost(drop))
    this.#sweepLater()
  }

  get size(): number {
    return this.#kept.size
  }

  room(drop: DropId): Room | undefined {
    return this.#kept.get(drop)?.room
  }

  drops(): DropId[] {
    return [...this.#kept.keys()]
  }

  /** Tries to run the drop's room on this node. Never throws. */
  wake(drop: DropId): Promise<Woken> {
    if (this.#kept.has(drop)) return Promise.resolve('here')
    // Also where no room may be: Redis may forget what this node alone remembers.
    this.#copy(drop)
    if (this.#closing || this.#world.mayTake?.() === false) return Promise.resolve('elsewhere')
    if (this.#isUnknown(drop)) return Promise.resolve('unknown')

    return this.#waking.join(drop, () => this.#wake(drop))
  }

  /** Another node takes the drop over: stop here, and give up what we remember of it. */
  async surrender(drop: DropId): Promise<Surrendered> {
    // Whoever asks has the drop: letters that nobody read here follow it.
    await this.#retire(drop, 'surrendered', (letter) => this.#world.rooms().forward(drop, letter))
    const remembered = this.#remnants.of(drop)
    this.#remnants.handOver(drop)
    return remembered
  }

  /**
   * Lets go of every room, for whoever wants it: nobody can be told by name. What was accepted is written first, for
   * nobody could ask for the journal either.
   */
  giveUp(): void {
    this.#givingUp ??= passAll(this.drops(), (drop) => this.#giveUp(drop).catch(this.#notRetired(drop))).finally(() => {
      this.#givingUp = undefined
    })
  }

  /** Passes every room on; where nobody takes it, writes what can be written within `graceMs`. */
  async close(graceMs: number): Promise<void> {
    this.#closing = true
    this.#remnants.leave()
    this.#sweeper?.cancel()
    const untilMs = this.#world.clock.monotonicMs() + graceMs
    await Promise.all([...this.#waking.answers, ...this.#laying.values()])
    await passAll(this.drops(), (drop) => this.#pass(drop, untilMs))
    while (this.#copying.answers.length > 0 && this.#world.clock.monotonicMs() < untilMs)
      await pause(this.#world.clock, 5)
    this.#keeper.stop()
  }

  async #pass(drop: DropId, untilMs: number): Promise<void> {
    const startedMs = this.#world.clock.monotonicMs()
    const passed = { drop, giveLease: () => this.#keeper.give(drop), isHere: () => this.#kept.has(drop) }
    if (await passOn(passed, this.#world, untilMs)) {
      const tookMs = Math.round(this.#world.clock.monotonicMs() - startedMs)
      return this.#world.log.info('room.passed', { drop, tookMs })
    }
    const room = this.room(drop)
    if (room === undefined) return this.#world.log.warn('room.ownerless', { drop })

    await room.shut()
    await this.#written(room, untilMs)
    await this.#retire(drop, 'closing')
  }

  async #giveUp(drop: DropId): Promise<void> {
    const room = this.room(drop)
    if (room === undefined) return

    await room.shut()
    await this.#written(room, this.#world.clock.monotonicMs() + GIVE_UP_WITHIN_MS)
    await this.#retire(drop, 'out of reach')
    this.#remnants.handOver(drop)
  }

  async #wake(drop: DropId): Promise<Woken> {
    const { log } = this.#world
    try {
      // Without this a room that has just ended could be taken over here without its own memory.
      await this.#laying.get(drop)
      if (!(await this.#keeper.acquire(drop))) return 'elsewhere'

      const startedMs = this.#world.clock.monotonicMs()
      const takeover = await takeOver(this.#world, drop, this.#remnants.of(drop))
      if (takeover.took === 'nothing') return this.#notTaken(drop, takeover.why)

      this.#remnants.forget(drop)
      this.#keep(drop, takeover.start)
      const tookMs = Math.round(this.#world.clock.monotonicMs() - startedMs)
      const { epoch, phase } = takeover.start.state
      const unwritten = takeover.start.unwritten.length
      log.info('room.woken', { drop, how: takeover.how, epoch, phase, unwritten, tookMs })
      return 'here'
    } catch (cause) {
      log.warn('room.not_woken', { drop, cause })
      await this.#keeper.release(drop)
      return 'unavailable'
    }
  }

  async #notTaken(drop: DropId, why: 'elsewhere' | 'unknown'): Promise<Woken> {
    await this.#keeper.release(drop)
    if (why === 'unknown') this.#noteUnknown(drop)
    return why
  }

  #keep(drop: DropId, start: ConstructorParameters<typeof Room>[0]): void {
    const world: RoomWorld = { ...this.#world, handOver: (which, noted) => this.#rememberStale(which, noted) }
    const room = new Room(start, world, () => this.#keeper.holds(drop))
    const postbox = this.#world.postbox.open(drop, { post: (letter) => this.#post(drop, room, letter) })
    this.#kept.set(drop, { room, postbox, quietSinceMs: undefined })

    room.ended.then((end) => {
      if (end !== 'stopped') void this.#ended(drop, room, end)
    })
  }

  /** A letter of another node. One that was on its way when its room left follows it. */
  #post(drop: DropId, room: Room, letter: Letter): Posted {
    const posted = room.post(letter)
    if (posted !== 'closed' || this.room(drop) === room) return posted

    this.#world.rooms().forward(drop, letter)
    return 'accepted'
  }

  /** A room came to its end by itself. Somebody must run the drop; it may well be this node again. */
  async #ended(drop: DropId, room: Room, end: Exclude<RoomEnd, 'stopped'>): Promise<void> {
    if (this.room(drop) !== room) return

    await this.#lay(drop, room)
    if (end !== 'lost') {
      await this.#keeper.release(drop)
      await pause(this.#world.clock, REWAKE_MS)
    }
    if ((await this.wake(drop)) !== 'here') this.#remnants.handOver(drop)
  }

  /** Takes a room out of the directory; what it has not written becomes the drop's remnant. */
  #lay(drop: DropId, room: Room, unread?: (letter: Letter) => void): Promise<void> {
    const kept = this.#kept.get(drop)
    if (kept?.room !== room) return this.#laying.get(drop) ?? Promise.resolve()

    this.#kept.delete(drop)
    kept.postbox.close()
    const laying = this.#leaveRemnant(drop, room, unread).finally(() => this.#laying.delete(drop))
    this.#laying.set(drop, laying)
    return laying
  }

  async #leaveRemnant(drop: DropId, room: Room, unread?: (letter: Letter) => void): Promise<void> {
    const noted = await room.stop(unread)
    this.#remnants.add(drop, noted, room)
    this.#copy(drop)
  }

  /** A takeover does not wait for it: a long journal takes seconds, and what comes too late is refused. */
  #copy(drop: DropId): void {
    if (this.#remnants.has(drop))
      void this.#copying.join(drop, () => setDown(this.#world, drop, this.#remnants.of(drop)))
  }

  async #retire(drop: DropId, why: string, unread?: (letter: Letter) => void): Promise<void> {
    const kept = this.#kept.get(drop)
    if (kept === undefined) return this.#laying.get(drop)

    await this.#lay(drop, kept.room, unread)
    await this.#keeper.release(drop)
    this.#world.log.info('room.retired', { drop, why, position: kept.room.position })
  }

  /** Waits until Postgres has what the room has accepted. */
  async #written(room: Room, untilMs: number): Promise<void> {
    while (!room.quiet && this.#world.clock.monotonicMs() < untilMs) await pause(this.#world.clock, 5)
  }

  #leaseLost(drop: DropId): void {
    this.#world.log.warn('lease.lost', { drop })
    const room = this.room(drop)
    if (room !== undefined) void this.#ended(drop, room, 'lease_lost')
  }

  /** What Postgres took for stale is in no journal any more; if this node takes the drop over, it must still know of it. */
  #rememberStale(drop: DropId, noted: readonly Noted[]): void {
    this.#remnants.add(drop, inPages(noted))
    this.#remnants.handOver(drop)
  }

  async #handOver(drop: DropId, noted: readonly Page<Noted>[]): Promise<void> {
    const { herald, clock, log, node } = this.#world
    const world = { rooms: this.#world.rooms(), herald, clock, log, node, goesOn: () => !this.#closing }
    try {
      await handOver(drop, noted, world)
    } catch (cause) {
      log.error('handover.failed', { drop, cause })
    }
  }

  #sweepLater(): void {
    this.#sweeper = this.#world.clock.after(SWEEP_EVERY_MS, () => {
      for (const [drop, kept] of this.#kept) this.#restIfQuiet(drop, kept)
      const nowMs = this.#world.clock.monotonicMs()
      for (const [drop, untilMs] of this.#unknown) if (untilMs < nowMs) this.#unknown.delete(drop)
      this.#sweepLater()
    })
  }

  #restIfQuiet(drop: DropId, kept: Kept): void {
    const nowMs = this.#world.clock.monotonicMs()
    const mayRest = kept.room.quiet && (isOver(kept.room.phase) || kept.room.phase === 'scheduled')
    if (!mayRest) kept.quietSinceMs = undefined
    else kept.quietSinceMs ??= nowMs
    if (kept.quietSinceMs === undefined || nowMs - kept.quietSinceMs < REST_AFTER_MS) return

    this.#retire(drop, 'quiet').catch(this.#notRetired(drop))
  }

  #notRetired(drop: DropId): (cause: unknown) => void {
    return (cause) => this.#world.log.error('room.not_retired', { drop, cause })
  }

  #isUnknown(drop: DropId): boolean {
    const untilMs = this.#unknown.get(drop)
    return untilMs !== undefined && this.#world.clock.monotonicMs() < untilMs
  }

  #noteUnknown(drop: DropId): void {
    if (this.#unknown.size >= UNKNOWN_MAX) this.#unknown.clear()
    this.#unknown.set(drop, this.#world.clock.monotonicMs() + UNKNOWN_FOR_MS)
  }
}
