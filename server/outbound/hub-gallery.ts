/**
 * A gallery is where the watchers of one drop stand on this node.
 *
 * Its promise: a watcher gets a snapshot, then everything after it, in order, and never anything earlier. So nobody
 * joins the topic before its snapshot has been sent, in the same breath; and whoever must wait for a database (for the
 * drop, or for its own orders) waits outside and gets the newest snapshot when the wait is over.
 */
import { Fault } from '../../protocol/faults.ts'
import type { DropId, NodeId, UserId } from '../../protocol/ids.ts'
import type { RequestId } from '../../protocol/messages/request-id.ts'
import { comparePositions, ORIGIN, type Position } from '../../protocol/position.ts'
import type { RoomNews } from '../../rooms/ports.ts'
import type { Session } from '../inbound/session.ts'
import type { Broadcaster } from '../transports/peer.ts'
import type { Turns } from '../turns.ts'
import type { DropView } from './drop-view.ts'
import { type KeeperWorld, ViewKeeper } from './drop-view-keeper.ts'
import { EncodedOnce } from './encoded-once.ts'
import { Headcount } from './headcount.ts'
import type { Mine, MineRow } from './mine.ts'
import { errorMessage } from './refusal.ts'
import { type Row, Rows } from './rows.ts'
import { Snapshots } from './snapshots.ts'

/** Whoever cannot be shown a drop any more comes back within this time, spread evenly. */
const COME_BACK_MS = 5_000

export interface GalleryWorld extends KeeperWorld {
  mine: Mine
  broadcaster: Broadcaster
}

/** In a row it hears everything; without one it keeps its place among the watchers and waits to be shown the drop. */
interface Seat {
  row: Row | undefined
}

/** A watcher that waits for its snapshot. `reason`: what became of it decides who is told how when it fails. */
interface Ask {
  session: Session
  seat: Seat
  reason: 'watch' | 'start_again'
  id: RequestId | undefined
  /** What it saw last. */
  position: Position | undefined
}

export class Gallery {
  readonly drop: DropId
  readonly #world: GalleryWorld
  readonly #keeper: ViewKeeper
  readonly #seats = new Map<Session, Seat>()
  readonly #rows: Rows
  readonly #snapshots = new Snapshots()
  readonly #headcount = new Headcount(() => this.#seats.size)
  /** For the drop to be read. Bounded, as the next one is, by the questions that sessions may have in flight. */
  #waiting: Ask[] = []
  /** For news that they have seen and this node has not. */
  #ahead: Ask[] = []
  #catchingUp = false

  /**
   * `turns`: in which watchers are told, of all galleries. `noSuchDrop`: it was asked for and is none, and nobody stands
   * here. May be called again.
   */
  constructor(drop: DropId, world: GalleryWorld, turns: Turns, noSuchDrop: () => void) {
    this.drop = drop
    this.#world = world
    this.#rows = new Rows(drop, world.broadcaster, turns)
    this.#keeper = new ViewKeeper(drop, world, {
      news: (news) => {
        this.#rows.tell(this.#headcount.with(news, world.clock.monotonicMs()))
        this.#answerThoseNotAhead()
      },
      read: (view, again) => {
        if (again !== 'first') this.#startAgain(view, again === 'again_at_opening')
        for (const ask of this.#takeWaiting()) this.#answer(ask)
      },
      failed: (cause) => {
        for (const ask of this.#takeWaiting()) this.#refuse(ask, cause)
        if (this.#seats.size === 0 && cause instanceof Fault && cause.code === 'not_found') noSuchDrop()
      },
      wanted: () => this.#seats.size > 0,
    })
  }

  get watchers(): number {
    return this.#seats.size
  }

  watch(session: Session, id: RequestId | undefined, position: Position | undefined): void {
    const seat = this.#seats.get(session) ?? { row: undefined }
    this.#seats.set(session, seat)
    session.asksInFlight += 1
    this.#answer({ session, seat, reason: 'watch', id, position })
  }

  unwatch(session: Session): void {
    const seat = this.#seats.get(session)
    if (seat === undefined) return

    this.#seats.delete(session)
    this.#leave(session, seat)
  }

  /** It reads too slowly to be told everything: until `resume` it keeps its place and hears nothing. */
  pause(session: Session): void {
    const seat = this.#seats.get(session)
    if (seat !== undefined) this.#leave(session, seat)
  }

  /** It has read what it had: one snapshot of now stands for all it was not told. */
  resume(session: Session): void {
    const seat = this.#seats.get(session)
    if (seat === undefined || seat.row !== undefined) return

    session.asksInFlight += 1
    this.#answer({ session, seat, reason: 'start_again', id: undefined, position: undefined })
  }

  hear(news: RoomNews): void {
    this.#keeper.hear(news)
  }

  /** Another node's count. */
  hearViewers(node: NodeId, count: number, asks: boolean): void {
    this.#headcount.hear(node, count, asks, this.#world.clock.monotonicMs())
  }

  /** Once a second: tells the watchers how many they are, if that changed; answers whether the other nodes must hear too. */
  count(live: readonly NodeId[]): boolean {
    const nowMs = this.#world.clock.monotonicMs()
    this.#headcount.keep(live, nowMs)
    const view = this.#seats.size === 0 ? undefined : this.#keeper.view
    const change = view && this.#headcount.change(nowMs)
    if (view !== undefined && change !== undefined) {
      const words = { drop: this.drop, from: ORIGIN, position: ORIGIN, atMs: this.#world.clock.nowMs() }
      this.#rows.tell(view.saying({ ...words, changes: [change] }))
    }
    return this.#headcount.mustSay(nowMs)
  }

  /** Finds out whether the newest news was lost. Never throws. */
  verify(lateMs?: number): Promise<void> {
    return this.#keeper.verify(lateMs)
  }

  /** For a gallery without watchers. */
  close(): void {
    this.#keeper.close()
  }

  // --- one watcher -----------------------------------------------------------------------------------------------------

  #answer(ask: Ask) {
    const { session, seat, position } = ask
    if (!session.peer.open) return this.#done(ask)
    if (!this.#isSeated(ask)) return this.#refuse(ask, new Fault('conflict', {}, { message: 'no longer watched' }))

    const { view } = this.#keeper
    if (view === undefined) {
      this.#waiting.push(ask)
      return
    }
    // Whoever sits in a row hears everything; its position can only be an earlier one.
    if (position !== undefined && seat.row === undefined) {
      if (comparePositions(position, view.position) > 0) return this.#waitForNews(ask)
      if (this.#replay(ask, view, position)) return
    }

    const user = session.userAt(this.#world.clock.nowMs())
    // Before its opening nobody can have ordered.
    if (user === undefined || view.phase === 'scheduled') return this.#show(ask, view, [])

    void this.#showWithMine(ask, user)
  }

  async #showWithMine(ask: Ask, user: UserId): Promise<void> {
    try {
      const mine = await this.#world.mine.of(this.drop, user)
      // While the rows came the watcher may have gone, or the view may have got a gap.
      const view = this.#isSeated(ask) && ask.session.peer.open ? this.#keeper.view : undefined
      if (view === undefined) this.#answer(ask)
      else this.#show(ask, view, mine)
    } catch (cause) {
      this.#refuse(ask, cause)
    }
  }

  #show(ask: Ask, view: DropView, mine: readonly MineRow[]): void {
    const { peer } = ask.session
    // What its row has not heard yet is older than what it is shown now.
    if (ask.seat.row !== undefined) this.#rows.catchUp(ask.seat.row)
    if (mine.length === 0) {
      const nowMs = this.#world.clock.monotonicMs()
      peer.sendFrame(this.#snapshots.frame(view, peer.format, this.#headcount.total, nowMs), ask.id)
      this.#headcount.shown(this.#snapshots.viewers(peer.format), this.#rows.isEmpty)
    } else {
      peer.send({ ...view.snapshot(this.#headcount.total), id: ask.id, mine: [...mine] })
      this.#headcount.shown(this.#headcount.total, this.#rows.isEmpty)
    }
    this.#join(ask.session, ask.seat)
    this.#done(ask)
  }

  /** True when everything that was missed could be sent; when it was nothing, that is said too. */
  #replay(ask: Ask, view: DropView, since: Position): boolean {
    const missed = view.missedSince(since)
    if (missed === undefined) return false

    const { peer } = ask.session
    const told = missed === 'nothing' ? new EncodedOnce(view.nothingNew(this.#world.clock.nowMs())) : missed
    peer.sendFrame(told.frame(peer.format), ask.id)
    this.#headcount.shown(undefined, this.#rows.isEmpty)
    this.#join(ask.session, ask.seat)
    this.#done(ask)
    return true
  }

  #isSeated(ask: Ask): boolean {
    return this.#seats.get(ask.session) === ask.seat
  }

  #join({ peer }: Session, seat: Seat): void {
    if (peer.open) seat.row ??= this.#rows.seat(peer)
  }

  #leave({ peer }: Session, seat: Seat): void {
    if (seat.row !== undefined) this.#rows.leave(peer, seat.row)
    seat.row = undefined
  }

  /**
   * Whoever stood here and cannot be shown the drop anew is sent away for a moment: a guess is not shown. Unless it has
   * stopped watching meanwhile, or has been answered on another ask.
   */
  #refuse(ask: Ask, cause: unknown): void {
    const { session, seat, reason, id } = ask
    const stands = this.#isSeated(ask) && seat.row === undefined
    this.#done(ask)
    if (stands) {
      this.#seats.delete(session)
      session.forget(this.drop)
    }
    if (reason === 'watch') session.peer.send(errorMessage(cause, id))
    else if (stands) session.peer.close('insufficient_state', this.#world.random() * COME_BACK_MS)
  }

  #done(ask: Ask): void {
    ask.session.asksInFlight -= 1
  }

  #takeWaiting(): Ask[] {
    const waiting = this.#waiting
    this.#waiting = []
    return waiting
  }

  // --- those who have seen more than this node ---------------------------------------------------------------------------

  /** They come from a node that heard the news first. It is on its way, or lost, or their position was a lie. */
  #waitForNews(ask: Ask): void {
    this.#ahead.push(ask)
    if (!this.#catchingUp) void this.#catchUp()
  }

  async #catchUp(): Promise<void> {
    this.#catchingUp = true
    while (this.#ahead.length > 0) {
      const asked = new Set(this.#ahead)
      await this.#keeper.verify()

      const still = this.#ahead.filter((ask) => asked.has(ask))
      this.#ahead = this.#ahead.filter((ask) => !asked.has(ask))
      for (const ask of still) this.#answer({ ...ask, position: undefined })
    }
    this.#catchingUp = false
  }

  #answerThoseNotAhead(): void {
    if (this.#ahead.length === 0) return

    const ahead = this.#ahead
    this.#ahead = []
    for (const ask of ahead) this.#answer(ask)
  }

  // --- all of them -------------------------------------------------------------------------------------------------------

  /** A snapshot for everyone who stands here. Those whose own orders must be asked for step outside until then. */
  #startAgain(view: DropView, atOpening: boolean): void {
    const nowMs = this.#world.clock.nowMs()
    if (!atOpening && view.phase !== 'scheduled') {
      for (const [session, seat] of this.#seats) {
        if (seat.row === undefined || session.userAt(nowMs) === undefined) continue

        this.#leave(session, seat)
        session.asksInFlight += 1
        this.#waiting.push({ session, seat, reason: 'start_again', id: undefined, position: undefined })
      }
    }
    this.#rows.tell(view.snapshot(this.#headcount.total))
  }
}
