/**
 * Tells the followers of a creator who are connected here what that creator just did.
 *
 * Each connection joins a topic for each creator that its user follows, so telling is at most three encodings and one
 * broadcast, whoever and however many hear it. Every node hears every event of every creator, a few for each drop, and
 * keeps no list of whom to listen to; who has no follower here is a topic without members.
 *
 * Whom somebody follows is read from Postgres when their first socket signs in, for many users in one question, and again
 * when any node says that it has changed. The message says only whose list it is: two that overtake one another, or come
 * twice, or meet a list that is just being read, all end in what Postgres has.
 */
import { ENCODINGS, type Encoding, encodeDown } from '../../protocol/encodings.ts'
import type { CreatorId, UserId } from '../../protocol/ids.ts'
import type { Notice } from '../../protocol/messages/notice.ts'
import type { Clock, Log } from '../../rooms/ports.ts'
import type { Session } from '../inbound/session.ts'
import type { Broadcaster } from '../transports/peer.ts'
import { Told } from './hub-told.ts'
import { within } from './patience.ts'

export interface NoticesWorld {
  clock: Clock
  log: Pick<Log, 'warn'>
  follows: { creatorsOf(users: readonly UserId[]): Promise<ReadonlyMap<UserId, CreatorId[]>> }
  broadcaster: Broadcaster
}

export const USERS_PER_QUERY = 500
export const TRY_AGAIN_MS = 1_000
const QUERY_MS = 2_000
const TOLD_MAX = 10_000

interface Listener {
  sessions: Set<Session>
  creators: ReadonlySet<CreatorId>
}

export class Notices {
  readonly #world: NoticesWorld
  readonly #listeners = new Map<UserId, Listener>()
  /** Whose lists must be read; bounded by who is connected. */
  readonly #stale = new Set<UserId>()
  readonly #told = new Told(TOLD_MAX)
  #reading = false

  constructor(world: NoticesWorld) {
    this.#world = world
  }

  signedIn(session: Session, user: UserId): void {
    const known = this.#listeners.get(user)
    if (known === undefined) {
      this.#listeners.set(user, { sessions: new Set([session]), creators: new Set() })
      this.changed(user)
    } else if (!known.sessions.has(session)) {
      known.sessions.add(session)
      for (const creator of known.creators) session.peer.join(topicOf(creator, session.peer.format))
    }
  }

  /** The socket is closed and hears no topic any more. */
  left(session: Session, user: UserId): void {
    const known = this.#listeners.get(user)
    if (known?.sessions.delete(session) !== true || known.sessions.size > 0) return

    this.#listeners.delete(user)
    this.#stale.delete(user)
  }

  /** The user follows others than before, or that is not known. */
  changed(user: UserId): void {
    if (!this.#listeners.has(user)) return

    this.#stale.add(user)
    this.#readSoon(0)
  }

  /** Messages may have been lost: everybody's list is read again. */
  changedAll(): void {
    for (const user of this.#listeners.keys()) this.changed(user)
  }

  /** An event of a creator; told once, however often it comes. */
  heard(notice: Notice): void {
    if (!this.#told.first(notice.notificationId)) return

    for (const encoding of ENCODINGS) {
      this.#world.broadcaster.broadcast(topicOf(notice.creator, encoding), encodeDown(notice, encoding))
    }
  }

  #readSoon(ms: number): void {
    if (this.#reading) return

    this.#reading = true
    this.#world.clock.after(ms, () => void this.#readAll())
  }

  /** While a question is under way the next users gather. */
  async #readAll(): Promise<void> {
    while (this.#stale.size > 0) {
      const users = [...this.#stale].slice(0, USERS_PER_QUERY)
      for (const user of users) this.#stale.delete(user)
      if (await this.#read(users)) continue

      for (const user of users) if (this.#listeners.has(user)) this.#stale.add(user)
      break
    }
    this.#reading = false
    if (this.#stale.size > 0) this.#readSoon(TRY_AGAIN_MS)
  }

  async #read(users: readonly UserId[]): Promise<boolean> {
    const { clock, log, follows } = this.#world
    try {
      const lists = await within(clock, QUERY_MS, 'follows.creatorsOf', follows.creatorsOf(users))
      for (const user of users) this.#follow(user, new Set(lists.get(user)))
      return true
    } catch (cause) {
      log.warn('notices.follows_not_read', { users: users.length, cause: String(cause) })
      return false
    }
  }

  #follow(user: UserId, creators: ReadonlySet<CreatorId>): void {
    const known = this.#listeners.get(user)
    if (known === undefined) return

    const before = known.creators
    known.creators = creators
    for (const { peer } of known.sessions) {
      for (const creator of creators) if (!before.has(creator)) peer.join(topicOf(creator, peer.format))
      for (const creator of before) if (!creators.has(creator)) peer.leave(topicOf(creator, peer.format))
    }
  }
}

function topicOf(creator: CreatorId, encoding: Encoding): string {
  return `creator/${creator}/${encoding}`
}
