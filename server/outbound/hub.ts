/**
 * The hub knows who on this node watches which drop, and who is signed in as whom.
 *
 * A drop has a gallery (hub-gallery.ts) from its first watcher on, and for half a minute after its last one, for people
 * come back. While it has one this node listens to the drop's news; news of rooms that run here comes by the same door.
 */
import type { ViewerCount } from '../../bus/viewer-counts.ts'
import type { DropId, NodeId, UserId } from '../../protocol/ids.ts'
import type { Cancelled } from '../../protocol/messages/cancel.ts'
import type { Confirmed, Revoked } from '../../protocol/messages/order.ts'
import type { RequestId } from '../../protocol/messages/request-id.ts'
import type { Position } from '../../protocol/position.ts'
import type { RoomNews, Settled, Timer } from '../../rooms/ports.ts'
import type { Session } from '../inbound/session.ts'
import { Turns } from '../turns.ts'
import { NEWS_MISSED_MS } from './drop-view-keeper.ts'
import { Gallery, type GalleryWorld } from './hub-gallery.ts'
import { Told } from './hub-told.ts'
import type { Notices } from './notices.ts'
import { FRAMES_PER_TURN } from './rows.ts'
import { VIEWERS_EVERY_MS } from './viewers.ts'

/** The news of a drop from other nodes, as long as it is not stopped. */
export interface NewsFeed {
  watch(drop: DropId, hear: (news: RoomNews) => void): { stop(): Promise<void> }
}

/** The other nodes, as far as they watch the same drops. */
export interface OtherViewers {
  live(): readonly NodeId[]
  say(drop: DropId, count: number, asks: boolean): void
  listen(drop: DropId, hear: (count: ViewerCount) => void): { stop(): Promise<void> }
}

export interface HubWorld extends GalleryWorld {
  feed: NewsFeed
  /** Without it this node is alone. */
  viewers?: OtherViewers
  /** Who is told what the creators they follow do. */
  notices?: Pick<Notices, 'signedIn' | 'left'>
}

export const EMPTY_GALLERY_MS = 30_000
/** How often each watched drop is compared with the ledger. */
export const VERIFY_MS = 5_000
export const TOLD_MAX = 100_000

interface Opened {
  gallery: Gallery
  ears: readonly { stop(): Promise<void> }[]
  /** When its last watcher went; monotonic. */
  emptySinceMs: number | undefined
}

export class Hub {
  readonly #world: HubWorld
  readonly #galleries = new Map<DropId, Opened>()
  readonly #users = new Map<UserId, Session[]>()
  readonly #told = new Told(TOLD_MAX)
  readonly #turns = new Turns(FRAMES_PER_TURN)
  #timer: Timer | undefined
  #countTimer: Timer | undefined

  constructor(world: HubWorld) {
    this.#world = world
  }

  /** Begins to look after the galleries. */
  start(): void {
    this.#lookLater()
    this.#countLater()
  }

  stop(): void {
    this.#timer?.cancel()
    this.#countTimer?.cancel()
    for (const drop of [...this.#galleries.keys()]) this.#close(drop)
  }

  /** Drops that are watched here, or were a moment ago. */
  get drops(): number {
    return this.#galleries.size
  }

  /** Sessions that watch the drop here. */
  watchers(drop: DropId): number {
    return this.#galleries.get(drop)?.gallery.watchers ?? 0
  }

  // --- what sessions do --------------------------------------------------------------------------------------------------

  /** Answers the session itself: with a snapshot, with missed news, or with an error. */
  watch(session: Session, id: RequestId | undefined, drop: DropId, position: Position | undefined): void {
    if (!session.peer.open) return

    const opened = this.#galleries.get(drop) ?? this.#open(drop)
    opened.emptySinceMs = undefined
    session.remember(drop)
    opened.gallery.watch(session, id, position)
  }

  unwatch(session: Session, drop: DropId): void {
    session.forget(drop)
    this.#galleries.get(drop)?.gallery.unwatch(session)
  }

  /** Spares a slow reader the news; its own receipts and what becomes of its orders still come. */
  pause(session: Session): void {
    for (const drop of session.watched) this.#galleries.get(drop)?.gallery.pause(session)
  }

  /** Shows it everything that it watches, as it is now. */
  resume(session: Session): void {
    for (const drop of session.watched) this.#galleries.get(drop)?.gallery.resume(session)
  }

  signedIn(session: Session, user: UserId): void {
    const sessions = this.#users.get(user)
    if (sessions === undefined) this.#users.set(user, [session])
    else if (!sessions.includes(session)) sessions.push(session)
    this.#world.notices?.signedIn(session, user)
  }

  /** Those of a user here, the one that signed in first at the beginning. */
  sessionsOf(user: UserId): readonly Session[] {
    return this.#users.get(user) ?? []
  }

  left(session: Session, user: UserId | undefined): void {
    for (const drop of [...session.watched]) this.unwatch(session, drop)
    if (user === undefined) return

    this.#world.notices?.left(session, user)
    const others = this.#users.get(user)?.filter((other) => other !== session) ?? []
    if (others.length === 0) this.#users.delete(user)
    else this.#users.set(user, others)
  }

  // --- what rooms say ----------------------------------------------------------------------------------------------------

  /** News of a room, wherever it runs. */
  news(news: RoomNews): void {
    this.#galleries.get(news.drop)?.gallery.hear(news)
  }

  /** The ends of orders, for all sessions of their buyers here; told once, by however many ways they come. */
  settled(settled: readonly Settled[]): void {
    const words = new Map<Session, (Confirmed | Revoked | Cancelled)[]>()
    for (const one of settled) {
      const sessions = this.#users.get(one.buyer)
      if (sessions === undefined || !this.#told.first(`${one.orderId}:${one.state}`)) continue

      const message = messageOf(one)
      for (const session of sessions) {
        const others = words.get(session)
        if (others === undefined) words.set(session, [message])
        else others.push(message)
      }
    }
    for (const [{ peer }, messages] of words) {
      const [first] = messages
      if (messages.length === 1 && first !== undefined) peer.send(first)
      else {
        peer.together(() => {
          for (const message of messages) peer.send(message)
        })
      }
    }
  }

  /** This node was cut off from the others and is not any more: whatever they said meanwhile was not heard. */
  heardNothing(): void {
    for (const { gallery } of this.#galleries.values()) void gallery.verify(NEWS_MISSED_MS)
  }

  // --- galleries -----------------------------------------------------------------------------------------------------------

  /** Tells everyone how many they are. */
  countViewers(): void {
    const { viewers } = this.#world
    const live = viewers?.live() ?? []
    for (const [drop, { gallery }] of this.#galleries) {
      if (gallery.count(live)) viewers?.say(drop, gallery.watchers, false)
    }
  }

  #lookLater(): void {
    this.#timer = this.#world.clock.after(VERIFY_MS, () => {
      this.lookAround()
      this.#lookLater()
    })
  }

  #countLater(): void {
    this.#countTimer = this.#world.clock.after(VIEWERS_EVERY_MS, () => {
      this.countViewers()
      this.#countLater()
    })
  }

  /** Closes what has been empty for long enough, and looks for lost news in the others. */
  lookAround(): void {
    const nowMs = this.#world.clock.monotonicMs()
    for (const [drop, opened] of this.#galleries) {
      if (opened.gallery.watchers > 0) {
        opened.emptySinceMs = undefined
        void opened.gallery.verify()
      } else {
        opened.emptySinceMs ??= nowMs
        if (nowMs - opened.emptySinceMs >= EMPTY_GALLERY_MS) this.#close(drop)
      }
    }
  }

  /** Listens before it reads: what happens in between is held, not lost. */
  #open(drop: DropId): Opened {
    // Names are free: what is none is not kept for a while, as a drop that exists is.
    const gallery = new Gallery(drop, this.#world, this.#turns, () => {
      if (this.#galleries.get(drop)?.gallery === gallery) this.#close(drop)
    })
    const { feed, viewers } = this.#world
    const ears = [feed.watch(drop, (heard) => gallery.hear(heard))]
    if (viewers !== undefined) {
      ears.push(viewers.listen(drop, ({ node, count, asks }) => gallery.hearViewers(node, count, asks)))
      viewers.say(drop, 0, true)
    }
    const opened: Opened = { gallery, ears, emptySinceMs: undefined }
    this.#galleries.set(drop, opened)
    return opened
  }

  #close(drop: DropId): void {
    const opened = this.#galleries.get(drop)
    this.#galleries.delete(drop)
    opened?.gallery.close()
    for (const ear of opened?.ears ?? []) {
      ear.stop().catch((cause: unknown) => {
        this.#world.log.warn('hub.news_not_stopped', { drop, cause: String(cause) })
      })
    }
  }
}

function messageOf({ drop, key, orderId, state, reason }: Settled): Confirmed | Revoked | Cancelled {
  if (state !== 'revoked') return { type: state, drop, key, orderId }

  return { type: 'revoked', drop, key, orderId, reason: reason ?? 'refused' }
}
