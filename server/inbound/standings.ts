/**
 * Who may still be here: the standings that this node knows by heart, and what follows when one changes.
 *
 * A token says what was true when it was signed. What became false since then (everything logged out, another password, a
 * ban, another role) is a row in Postgres, and every node knows the rows that matter: those of the last day, for no token
 * is older, and of everybody who is banned. So judging an identity is one look into a map, on every door and for tickets
 * too, and needs no store.
 *
 * News of a change comes in two ways. The node that made it tells the others over the bus, within milliseconds. And each
 * node asks Postgres what came after the last number it has read, more than once a second: a bus that is away, a message
 * that was lost and a node that has just started all end there. While Postgres is away nothing can change, and what is
 * known goes on being enforced.
 */
import type { Bus, Subscription } from '../../bus/bus.ts'
import { fieldsOf, isTime, isWhole, readBody } from '../../bus/reading.ts'
import type { Subjects } from '../../bus/subjects.ts'
import { ROLES } from '../../protocol/api/endpoint.ts'
import { packBody } from '../../protocol/codec.ts'
import { isUserId, type UserId } from '../../protocol/ids.ts'
import type { Clock, Log, Timer } from '../../rooms/ports.ts'
import type { Standing, StandingBook } from '../../storage/accounts/standings.ts'
import type { Hub } from '../outbound/hub.ts'
import type { Identity, Judged } from './session.ts'

export interface StandingsWorld {
  clock: Clock
  log: Log
  bus: Pick<Bus, 'publish' | 'subscribe'>
  subjects: Pick<Subjects, 'standings'>
  book: Pick<StandingBook, 'latest' | 'after' | 'before' | 'bannedBefore'>
  hub: Pick<Hub, 'sessionsOf'>
}

/** Under the second that is promised, with time to read. */
export const LOOK_EVERY_MS = 700
/** No token is good for longer than this, whatever its end (tokens.ts); an hour more, for clocks differ. */
const KEEP_MS = 25 * 3_600_000
const SWEEP_EVERY_MS = 60_000
const PAGE = 1_000
/** Some 75 MB. Past it the oldest are let go, and said so: those are refused at signing in and renewing only. */
export const KNOWN_MAX = 500_000

export class Standings {
  readonly #world: StandingsWorld
  readonly #knownMax: number
  /** In the order in which they were heard. */
  readonly #known = new Map<UserId, Standing>()
  #readUpTo = 0
  #sweptAtMs: number
  #isLost = false
  #isFull = false
  #timer: Timer | undefined
  #isStopped = false

  constructor(world: StandingsWorld, knownMax = KNOWN_MAX) {
    this.#world = world
    this.#knownMax = knownMax
    this.#sweptAtMs = world.clock.monotonicMs()
  }

  /** Standings that this node knows. */
  get size(): number {
    return this.#known.size
  }

  /** What the identity is worth now: itself, itself in the account's new role, or nothing. */
  now(identity: Identity): Judged {
    const known = this.#known.get(identity.user)
    if (known === undefined) return identity
    if (known.bannedUntilMs > this.#world.clock.nowMs()) return 'banned'

    const { standing, issuedAtMs = 0, role } = identity
    if (standing === undefined) return issuedAtMs <= known.revokedBeforeMs ? 'revoked' : identity
    if (standing < known.tokensFrom) return 'revoked'
    return standing < known.number && role !== known.role ? { ...identity, role: known.role } : identity
  }

  /** Hears the others, reads what matters, and then goes on reading. Throws when Postgres does not answer. */
  async start(): Promise<Subscription> {
    const { bus, subjects, book, log, clock } = this.#world
    const ear = bus.subscribe(subjects.standings, ({ subject, body }) => {
      const standing = readBody(subject, body, readStanding, log)
      if (standing !== undefined) this.#hear(standing)
    })
    // First the number, then the rows: what changes meanwhile is read again.
    this.#readUpTo = await book.latest()
    await this.#readAll((before) => book.before(before, PAGE), clock.nowMs() - KEEP_MS)
    await this.#readAll((before) => book.bannedBefore(before, PAGE), 0)
    this.#lookLater()
    return {
      stop: async () => {
        this.#isStopped = true
        this.#timer?.cancel()
        await ear.stop()
      },
    }
  }

  /** A change that was committed here: true on this node at once, and told to the others. */
  tell(standing: Standing): void {
    const { bus, subjects } = this.#world
    this.#hear(standing)
    bus.publish(subjects.standings, packBody(standing))
  }

  // --- hearing -----------------------------------------------------------------------------------------------------------

  #hear(standing: Standing): void {
    if (standing.number <= (this.#known.get(standing.user)?.number ?? 0)) return

    this.#keep(standing)
    for (const session of [...this.#world.hub.sessionsOf(standing.user)]) {
      if (session.standing.state !== 'signed_in') continue
      const judged = this.now(session.standing.identity)
      if (judged === 'banned') session.peer.close('banned')
      else if (judged === 'revoked') session.peer.close('invalid_token')
      else session.standing.identity = judged
    }
  }

  #keep(standing: Standing): void {
    this.#known.delete(standing.user)
    this.#known.set(standing.user, standing)
    if (this.#known.size <= this.#knownMax) return

    const [oldest] = this.#known.keys()
    if (oldest !== undefined) this.#known.delete(oldest)
    if (!this.#isFull) this.#world.log.error('standings.full', { known: this.#knownMax })
    this.#isFull = true
  }

  // --- reading -----------------------------------------------------------------------------------------------------------

  /** From the latest back to the first that matters no more, or as many as may be known. */
  async #readAll(page: (before: number) => Promise<Standing[]>, fromMs: number): Promise<void> {
    let before = this.#readUpTo + 1
    for (let read = 0; read < this.#knownMax; read += PAGE) {
      const standings = await page(before)
      for (const standing of standings) if (!this.#known.has(standing.user)) this.#hear(standing)

      const last = standings.at(-1)
      if (last === undefined || standings.length < PAGE || last.atMs < fromMs) return
      before = last.number
    }
  }

  #lookLater(): void {
    if (this.#isStopped) return
    this.#timer = this.#world.clock.after(LOOK_EVERY_MS, () => void this.#look().finally(() => this.#lookLater()))
  }

  /** Never rejects. */
  async #look(): Promise<void> {
    const { book, log } = this.#world
    try {
      for (let more = true; more && !this.#isStopped; ) {
        const standings = await book.after(this.#readUpTo, PAGE)
        for (const standing of standings) this.#hear(standing)
        this.#readUpTo = standings.at(-1)?.number ?? this.#readUpTo
        more = standings.length === PAGE
      }
      if (this.#isLost) log.info('standings.read_again')
      this.#isLost = false
    } catch (cause) {
      if (!this.#isLost && !this.#isStopped) log.warn('standings.not_read', { cause: String(cause) })
      this.#isLost = true
    }
    this.#sweep()
  }

  /** Forgets what no token can be older than. */
  #sweep(): void {
    const { clock } = this.#world
    if (clock.monotonicMs() - this.#sweptAtMs < SWEEP_EVERY_MS) return

    this.#sweptAtMs = clock.monotonicMs()
    const nowMs = clock.nowMs()
    for (const [user, { atMs, bannedUntilMs }] of this.#known) {
      if (atMs < nowMs - KEEP_MS && bannedUntilMs <= nowMs) this.#known.delete(user)
    }
    this.#isFull = this.#known.size >= this.#knownMax
  }
}

/** Undefined for what no node of ours publishes. */
export function readStanding(value: unknown): Standing | undefined {
  const { user, number, atMs, role, tokensFrom, revokedBeforeMs, bannedUntilMs } = fieldsOf(value) ?? {}
  const known = ROLES.find((one) => one === role)
  if (!isUserId(user) || !isWhole(number) || !isWhole(tokensFrom) || known === undefined) return undefined
  if (!isTime(atMs) || !isTime(revokedBeforeMs) || !isTime(bannedUntilMs)) return undefined

  return { user, number, atMs, role: known, tokensFrom, revokedBeforeMs, bannedUntilMs }
}
