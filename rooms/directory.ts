/**
 * The directory knows the rooms of this node: it wakes them, keeps their leases, and puts them to rest.
 *
 * A drop has at most one room here, and at most one attempt to wake it. What a room that ended has not been able to
 * write stays here as a remnant until the drop has an owner again: if that is this node, the takeover begins with the
 * remnant; if it is another one, the remnant is given up when asked for, and handed over as orders.
 */
import type { DropId, NodeId } from '../protocol/ids.ts'
import { ORIGIN, type Position } from '../protocol/position.ts'
import { isOver } from './drop.ts'
import { handOver } from './handover.ts'
import type { Noted } from './journal.ts'
import { LeaseKeeper } from './lease-keeper.ts'
import type { Leases, Surrendered, Timer } from './ports.ts'
import { Room, type RoomEnd, type RoomLimits, type RoomWorld } from './room.ts'
import type { Rooms } from './router.ts'
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
}

interface Kept {
  room: Room
  postbox: { close(): void }
  quietSinceMs: number | undefined
}

interface Remnant {
  noted: Noted[]
  position: Position
  /** The call that got there. */
  batch: number
  handedOver: boolean
}

const REWAKE_MS = 100
const PASS_WAIT_MS = 1_000
const SWEEP_EVERY_MS = 5_000
/** A room of a drop that is over, or not soon to open, is put to rest after this silence. */
const REST_AFTER_MS = 60_000
const UNKNOWN_FOR_MS = 5_000
const UNKNOWN_MAX = 10_000

export class Directory {
  readonly #world: DirectoryWorld
  readonly #keeper: LeaseKeeper
  readonly #kept = new Map<DropId, Kept>()
  readonly #waking = new Map<DropId, Promise<Woken>>()
  readonly #remnants = new Map<DropId, Remnant>()
  /** Rooms that have ended and whose remnant is not known yet: whoever asks for a drop's memory waits for them. */
  readonly #laying = new Map<DropId, Promise<void>>()
  /** Drops that do not exist, and until when we believe it: a flood of made-up ids must not reach Postgres. */
  readonly #unknown = new Map<DropId, number>()
  #sweeper: Timer | undefined
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
    if (this.#closing) return Promise.resolve('elsewhere')
    if (this.#isUnknown(drop)) return Promise.resolve('unknown')

    const running = this.#waking.get(drop)
    if (running !== undefined) return running

    const waking = this.#wake(drop).finally(() => this.#waking.delete(drop))
    this.#waking.set(drop, waking)
    return waking
  }

  /** Another node takes the drop over: stop here, and give up what we remember of it. */
  async surrender(drop: DropId): Promise<Surrendered> {
    await this.#retire(drop, 'surrendered')
    const remnant = this.#remnants.get(drop)
    if (remnant === undefined) return { journal: [], position: ORIGIN, batch: 0 }

    this.#handOverRemnant(drop, remnant)
    const { noted, position, batch } = remnant
    return { journal: noted.map(({ entry }) => entry), position, batch }
  }

  /** Stops every room, writes what can be written within `graceMs`, and lets the leases go. */
  async close(graceMs: number): Promise<void> {
    this.#closing = true
    this.#sweeper?.cancel()
    await Promise.all([...this.#waking.values(), ...this.#laying.values()])
    await Promise.all(this.drops().map((drop) => this.#pass(drop, graceMs)))
    this.#keeper.stop()
  }

  /** Puts a room to rest and wakes it on the node that comes next, so that its buyers wait for one takeover only. */
  async #pass(drop: DropId, graceMs: number): Promise<void> {
    await this.#retire(drop, 'closing', graceMs)
    const successor = this.#world.preferred(drop).find((node) => node !== this.#world.node)
    if (successor !== undefined) await this.#world.neighbours.wake(successor, drop, PASS_WAIT_MS)
  }

  async #wake(drop: DropId): Promise<Woken> {
    const { log } = this.#world
    try {
      // Without this a room that has just ended could be taken over here without its own memory.
      await this.#laying.get(drop)
      if (!(await this.#keeper.acquire(drop))) return 'elsewhere'

      const startedMs = this.#world.clock.monotonicMs()
      const remnant = this.#remnants.get(drop)
      const takeover = await takeOver(this.#world, drop, {
        journal: remnant?.noted.map((noted) => noted.entry) ?? [],
        position: remnant?.position ?? ORIGIN,
        batch: remnant?.batch ?? 0,
      })
      if (takeover.took === 'nothing') return this.#notTaken(drop, takeover.why)

      this.#remnants.delete(drop)
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
    this.#kept.set(drop, { room, postbox: this.#world.postbox.open(drop, room), quietSinceMs: undefined })

    room.ended.then((end) => {
      if (end !== 'stopped') void this.#ended(drop, room, end)
    })
  }

  /** A room came to its end by itself. Somebody must run the drop; it may well be this node again. */
  async #ended(drop: DropId, room: Room, end: Exclude<RoomEnd, 'stopped'>): Promise<void> {
    if (this.room(drop) !== room) return

    await this.#lay(drop, room)
    if (end !== 'lost') {
      await this.#keeper.release(drop)
      await this.#pause(REWAKE_MS)
    }
    const woken = await this.wake(drop)
    const remnant = this.#remnants.get(drop)
    if (woken !== 'here' && remnant !== undefined) this.#handOverRemnant(drop, remnant)
  }

  /** Takes a room out of the directory; what it has not written becomes the drop's remnant. */
  #lay(drop: DropId, room: Room): Promise<void> {
    const kept = this.#kept.get(drop)
    if (kept?.room !== room) return this.#laying.get(drop) ?? Promise.resolve()

    this.#kept.delete(drop)
    kept.postbox.close()
    const laying = this.#leaveRemnant(drop, room).finally(() => this.#laying.delete(drop))
    this.#laying.set(drop, laying)
    return laying
  }

  async #leaveRemnant(drop: DropId, room: Room): Promise<void> {
    const noted = await room.stop()
    const before = this.#remnants.get(drop)
    const { position, batch } = before !== undefined && before.position.epoch > room.epoch ? before : room
    this.#remnants.set(drop, {
      noted: [...(before?.noted ?? []), ...noted],
      ...{ position, batch, handedOver: false },
    })
  }

  async #retire(drop: DropId, why: string, graceMs = 0): Promise<void> {
    const kept = this.#kept.get(drop)
    if (kept === undefined) return this.#laying.get(drop)

    if (graceMs > 0) await this.#written(kept.room, graceMs)
    await this.#lay(drop, kept.room)
    await this.#keeper.release(drop)
    this.#world.log.info('room.retired', { drop, why, position: kept.room.position })
  }

  /** Waits until Postgres has what the room has accepted. */
  async #written(room: Room, graceMs: number): Promise<void> {
    const untilMs = this.#world.clock.monotonicMs() + graceMs
    while (!room.quiet && this.#world.clock.monotonicMs() < untilMs) await this.#pause(5)
  }

  #leaseLost(drop: DropId): void {
    this.#world.log.warn('lease.lost', { drop })
    const room = this.room(drop)
    if (room !== undefined) void this.#ended(drop, room, 'lease_lost')
  }

  /** Kept until every order of it has its answer: another node may still ask for it. */
  #handOverRemnant(drop: DropId, remnant: Remnant): void {
    if (remnant.handedOver) return

    remnant.handedOver = true
    void this.#handOver(drop, remnant.noted).then(() => {
      if (this.#remnants.get(drop) === remnant) this.#remnants.delete(drop)
    })
  }

  /** What Postgres took for stale is in no journal any more; if this node takes the drop over, it must still know of it. */
  #rememberStale(drop: DropId, noted: readonly Noted[]): void {
    const before = this.#remnants.get(drop)
    const remnant: Remnant = {
      noted: [...(before?.noted ?? []), ...noted],
      position: before?.position ?? ORIGIN,
      batch: before?.batch ?? 0,
      handedOver: false,
    }
    this.#remnants.set(drop, remnant)
    this.#handOverRemnant(drop, remnant)
  }

  async #handOver(drop: DropId, noted: readonly Noted[]): Promise<void> {
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

    this.#retire(drop, 'quiet').catch((cause: unknown) => this.#world.log.error('room.not_retired', { drop, cause }))
  }

  #isUnknown(drop: DropId): boolean {
    const untilMs = this.#unknown.get(drop)
    return untilMs !== undefined && this.#world.clock.monotonicMs() < untilMs
  }

  #noteUnknown(drop: DropId): void {
    if (this.#unknown.size >= UNKNOWN_MAX) this.#unknown.clear()
    this.#unknown.set(drop, this.#world.clock.monotonicMs() + UNKNOWN_FOR_MS)
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.#world.clock.after(ms, resolve))
  }
}
