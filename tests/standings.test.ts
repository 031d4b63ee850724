/** Standings on two nodes: what becomes false about a token reaches every socket, by the bus and without it. */
import { beforeEach, describe, expect, it } from 'vitest'
import { MemoryBus } from '../bus/memory-bus.ts'
import { MemoryNetwork } from '../bus/memory-network.ts'
import { subjects } from '../bus/subjects.ts'
import { packBody } from '../protocol/codec.ts'
import { Fault } from '../protocol/faults.ts'
import type { UserId } from '../protocol/ids.ts'
import { type Identity, Session } from '../server/inbound/session.ts'
import { ROLL_LIMITS, SessionRoll } from '../server/inbound/session-roll.ts'
import { LOOK_EVERY_MS, readStanding, Standings } from '../server/inbound/standings.ts'
import { Tickets } from '../server/inbound/tickets.ts'
import { Tokens } from '../server/inbound/tokens.ts'
import type { Standing } from '../storage/accounts/standings.ts'
import { type Client, EdgeWorld, HeardPeer } from './builders/edge-world.ts'
import { HandClock, START_MS, settled } from './builders/hand-clock.ts'
import { buyer, dropOf } from './builders/people.ts'

const SECRET = 'a secret for tests, 32 bytes at least, known to nobody'
const HOUR_MS = 3_600_000
const SHOES = dropOf('shoes')
const order = { type: 'order', id: 1, drop: SHOES, key: 'k1', lines: [{ sku: 'shoe', qty: 1 }] }
const names = subjects('t')

/** Rows as Postgres has them. */
class Book {
  readonly rows = new Map<UserId, Standing>()
  isAway = false
  reads = 0

  change(name: string, change: Partial<Standing> = {}): Standing {
    const user = buyer(name)
    const number = 1 + Math.max(0, ...[...this.rows.values()].map((row) => row.number))
    const none = { user, role: 'fan' as const, tokensFrom: 0, revokedBeforeMs: 0, bannedUntilMs: 0 }
    const row = { ...none, ...this.rows.get(user), atMs: START_MS, ...change, number }
    this.rows.set(user, row)
    return row
  }

  revoke(name: string, change: Partial<Standing> = {}): Standing {
    const { number } = this.change(name)
    return this.change(name, { tokensFrom: number, revokedBeforeMs: START_MS, ...change })
  }

  latest = async () => this.read((rows) => Math.max(0, ...rows.map((row) => row.number)))
  after = async (from: number, limit: number) =>
    this.read((rows) => rows.filter((row) => row.number > from).slice(0, limit))
  before = async (to: number, limit: number) =>
    this.read((rows) =>
      rows
        .filter((row) => row.number < to)
        .reverse()
        .slice(0, limit),
    )
  bannedBefore = async (to: number, limit: number) =>
    this.read((rows) =>
      rows
        .filter((row) => row.number < to && row.bannedUntilMs > START_MS)
        .reverse()
        .slice(0, limit),
    )

  read<T>(answer: (rows: Standing[]) => T): T {
    this.reads += 1
    if (this.isAway) throw new Fault('unavailable', { dependency: 'postgres' })
    return answer([...this.rows.values()].sort((a, b) => a.number - b.number))
  }
}

let book: Book
let network: MemoryNetwork
beforeEach(() => {
  book = new Book()
  network = new MemoryNetwork()
})

async function node(knownMax?: number) {
  const world = new EdgeWorld()
  world.addDrop(SHOES)
  const { clock, hub } = world
  const logged: string[] = []
  const say = (event: string) => void logged.push(event)
  const log = { info: say, warn: say, error: say }
  const bus = new MemoryBus(network, log)
  const standings = new Standings({ clock, hub, log, bus, book, subjects: names }, knownMax)
  const running = await standings.start()
  return { world, standings, bus, logged, clock, stop: () => running.stop() }
}

const tokenOf = (name: string, more: Partial<Identity> = {}) => ({ user: buyer(name), issuedAtMs: START_MS, ...more })
async function signedIn({ world }: { world: EdgeWorld }, name: string, more: Partial<Identity> = {}): Promise<Client> {
  const client = world.connect()
  await client.asks({ type: 'hello', token: world.token(name, tokenOf(name, more)) })
  return client
}
const identity = (name: string, more: Partial<Identity> = {}): Identity => ({
  ...{ user: buyer(name), role: 'fan', expiresAtMs: START_MS + HOUR_MS, issuedAtMs: START_MS - 1_000 },
  ...more,
})
const together = async (clocks: HandClock[], ms: number) => {
  await Promise.all(clocks.map((clock) => clock.advance(ms)))
}

describe('what is revoked', () => {
  it('[AA9, AA11] is revoked on every node as soon as the bus has said so: 3500, and no order after it', async () => {
    const [here, there] = [await node(), await node()]
    const [ana, alsoAna, ben] = [
      await signedIn(here, 'ana'),
      await signedIn(there, 'ana'),
      await signedIn(there, 'ben'),
    ]

    here.standings.tell(book.revoke('ana', { revokedBeforeMs: START_MS }))
    expect(ana.peer.closed).toEqual({ reason: 'invalid_token', retryAfterMs: undefined })
    await settled()

    expect(alsoAna.peer.closed?.reason).toBe('invalid_token')
    expect(await alsoAna.asks(order)).toEqual([])
    expect((await ben.asks(order))[0]).toMatchObject({ verdict: 'accepted' })
    expect(there.world.claims.map(({ claim }) => claim.buyer)).toEqual([buyer('ben')])
  })

  it('[AA9] is revoked within a second where the bus said nothing', async () => {
    network.fate = () => 'drop'
    const [here, there] = [await node(), await node()]
    const ana = await signedIn(there, 'ana')

    here.standings.tell(book.revoke('ana'))
    await together([here.clock, there.clock], LOOK_EVERY_MS - 1)
    expect(ana.peer.closed).toBeUndefined()
    await there.clock.advance(1)

    expect(LOOK_EVERY_MS).toBeLessThan(1_000)
    expect(ana.peer.closed?.reason).toBe('invalid_token')
  })

  it('[AA10] is known to a node that was away from Postgres as soon as it is back, and to one that starts', async () => {
    const away = await node()
    const ana = await signedIn(away, 'ana')
    book.isAway = true
    await away.clock.advance(30_000)
    book.isAway = false
    network.fate = () => 'drop'
    for (let others = 0; others < 2_500; others += 1) book.revoke(`other ${others}`)
    book.revoke('ana')
    const fresh = await node()
    await away.clock.advance(LOOK_EVERY_MS)

    expect(away.logged).toEqual(['standings.not_read', 'standings.read_again'])
    expect(ana.peer.closed?.reason).toBe('invalid_token')
    expect([away.standings.size, fresh.standings.size]).toEqual([2_501, 2_501])
    expect(fresh.standings.now(identity('ana'))).toBe('revoked')
    expect(fresh.standings.now(identity('other 7', { standing: 1 }))).toBe('revoked')
  })

  it('[AA10] goes on being enforced while Postgres and the bus are away', async () => {
    const here = await node()
    here.standings.tell(book.revoke('ana'))
    book.isAway = true
    here.bus.cut()
    await here.clock.advance(60_000)

    expect(here.standings.now(identity('ana'))).toBe('revoked')
    expect(here.standings.now(identity('ben'))).toEqual(identity('ben'))
  })

  it('[AA8] is what was signed under a lower number, or without one before that time; what comes later is good', async () => {
    const here = await node()
    const { tokensFrom } = book.revoke('ana', { revokedBeforeMs: START_MS + 500 })
    await here.clock.advance(LOOK_EVERY_MS)
    const worth = (more: Partial<Identity>) => here.standings.now(identity('ana', more))

    expect(worth({ standing: tokensFrom - 1, issuedAtMs: START_MS + HOUR_MS })).toBe('revoked')
    expect(worth({ standing: tokensFrom, issuedAtMs: START_MS - HOUR_MS })).toMatchObject({ user: buyer('ana') })
    expect(worth({ issuedAtMs: START_MS })).toBe('revoked')
    expect(worth({ issuedAtMs: START_MS + 1_000 })).toMatchObject({ user: buyer('ana') })
    const { issuedAtMs: _, ...ageless } = identity('ana')
    expect(here.standings.now(ageless)).toBe('revoked')
  })

  it('[AA8, AA11] is revoked for tokens that were verified before, and for the tickets that came of them', async () => {
    const here = await node()
    const options = { nowMs: here.clock.nowMs, judge: here.standings }
    const tokens = new Tokens(SECRET, options)
    const tickets = new Tickets(SECRET, here.clock.nowMs, here.standings)
    const { token } = await tokens.issue({ user: buyer('ana'), role: 'fan', standing: 0 })
    const known = await tokens.verify(token)
    if (typeof known === 'string') throw new Error(known)
    const ticket = tickets.issue(known)
    expect(tickets.verify(ticket)).toEqual(known)

    const { number } = book.revoke('ana')
    await here.clock.advance(LOOK_EVERY_MS)
    const next = await tokens.issue({ user: buyer('ana'), role: 'fan', standing: number })

    expect(await tokens.verify(token)).toBe('revoked')
    expect(tickets.verify(ticket)).toBe('revoked')
    expect(await tokens.verify(next.token)).toMatchObject({ user: buyer('ana'), standing: number })
  })

  it('[AA11] closes a hello with 3500, one by ticket too, and leaves a good token beside a revoked ticket alone', async () => {
    const { world } = await node()
    world.tokens.set('old', 'revoked')
    world.tokens.set('bad', 'banned')
    const revoked = world.connect()
    await revoked.asks({ type: 'hello', token: 'old' })
    const banned = world.connect('json', 'bad')
    await settled()
    const live = await signedIn({ world }, 'ana')
    const renewed = await live.asks({ type: 'auth', id: 1, token: 'old' }, { type: 'auth', id: 2, token: 'bad' })

    expect(revoked.peer.closed?.reason).toBe('invalid_token')
    expect(banned.peer.closed?.reason).toBe('banned')
    expect(renewed).toMatchObject([
      { type: 'error', id: 1, code: 'unauthorized' },
      { type: 'error', id: 2, code: 'unauthorized', message: 'this user is banned' },
    ])
    expect(live.peer.closed).toBeUndefined()
  })
})

describe('a ban', () => {
  it('[AA11, AA13] ends every socket with 3503 until it is over, whatever token comes', async () => {
    const [here, there] = [await node(), await node()]
    const ana = await signedIn(there, 'ana')
    const later = identity('ana', { standing: 1_000, issuedAtMs: START_MS + HOUR_MS })

    const { tokensFrom } = book.revoke('ana')
    here.standings.tell(book.change('ana', { bannedUntilMs: START_MS + 10 * 60_000, tokensFrom }))
    await settled()

    expect(ana.peer.closed?.reason).toBe('banned')
    expect(there.standings.now(later)).toBe('banned')
    await there.clock.advance(10 * 60_000)
    expect(there.standings.now(later)).toEqual(later)
    expect(there.standings.now(identity('ana', { standing: 0 }))).toBe('revoked')
  })

  it('[AA10] is remembered as long as it lasts, and what no token can be older than is forgotten', async () => {
    const almostMs = START_MS - 25 * HOUR_MS + 30_000
    book.change('ban', { bannedUntilMs: START_MS + 100 * HOUR_MS, atMs: almostMs - HOUR_MS })
    for (let others = 0; others < 1_000; others += 1) book.revoke(`other ${others}`, { atMs: almostMs })
    const here = await node()
    expect(here.standings.size).toBe(1_001)

    await here.clock.advance(62_000)

    expect(here.standings.size).toBe(1)
    expect(here.standings.now(identity('ban'))).toBe('banned')
  })

  it('[AA10] past their bound the oldest standings are let go, and that is said once', async () => {
    const here = await node(10)
    for (let others = 0; others < 30; others += 1) here.standings.tell(book.revoke(`other ${others}`))

    expect(here.standings.size).toBe(10)
    expect(here.logged).toEqual(['standings.full'])
    expect(here.standings.now(identity('other 29'))).toBe('revoked')
  })
})

describe('another role', () => {
  it('[AA14] counts from the next message on, on live sockets and for tokens that are out', async () => {
    const [here, there] = [await node(), await node()]
    const ana = await signedIn(there, 'ana', { standing: 0 })

    here.standings.tell(book.change('ana', { role: 'creator' }))
    await settled()

    expect(ana.peer.closed).toBeUndefined()
    expect(ana.session.standing).toMatchObject({ identity: { role: 'creator' } })
    expect(here.standings.now(identity('ana', { standing: 0 }))).toMatchObject({ role: 'creator' })
    const newer = identity('ana', { role: 'admin', standing: 9 })
    expect(here.standings.now(newer)).toBe(newer)
  })
})

describe('what the bus says of standings', () => {
  it('[AA9] is believed field by field, and only what is newer', async () => {
    const here = await node()
    const first = book.revoke('ana')
    const second = book.change('ana', { tokensFrom: 0, revokedBeforeMs: 0 })
    here.standings.tell(second)
    here.standings.tell(first)

    expect(here.standings.now(identity('ana'))).toEqual(identity('ana'))
    for (const change of [
      { user: 'x' },
      { number: -1 },
      { role: 'root' },
      { tokensFrom: '1' },
      { bannedUntilMs: null },
    ]) {
      expect(readStanding({ ...first, ...change })).toBeUndefined()
      new MemoryBus(network, { info: () => 0, warn: () => 0, error: () => 0 }).publish(
        names.standings,
        packBody({ ...first, number: 99, ...change }),
      )
    }
    await settled()
    expect(here.standings.now(identity('ana'))).toEqual(identity('ana'))
    expect(here.logged).toHaveLength(5)
  })
})

describe('the life of a socket', () => {
  it('[AA15] ends with goaway after a time of its own, and not while an order is on its way', async () => {
    const clock = new HandClock()
    const dice = [0, 0.5, 1, 0]
    const [shortest, longest] = ROLL_LIMITS.lifeMs
    const roll = new SessionRoll(clock, () => dice.shift() ?? 0.25)
    const [early, late, last, busy] = [0, 1, 2, 3].map((n) => {
      const session = new Session(new HeardPeer(`peer-${n}`, 'json'), 0)
      session.standing = { state: 'anonymous' }
      roll.add(session)
      return session
    }) as [Session, Session, Session, Session]
    busy.ordersInFlight = 1
    const lookAt = async (ms: number) => {
      await clock.advance(ms - clock.monotonicMs())
      roll.look()
      return [early, late, last, busy].map(({ peer }) => peer.open)
    }

    expect(await lookAt(shortest - 1)).toEqual([true, true, true, true])
    expect(await lookAt(shortest)).toEqual([false, true, true, true])
    expect((early.peer as HeardPeer).take()).toEqual([{ type: 'goaway', retryAfterMs: 250 }])
    expect((early.peer as HeardPeer).closed).toEqual({ reason: 'shutdown', retryAfterMs: 250 })
    expect(await lookAt(shortest + 10 * 60_000)).toEqual([false, true, true, false])
    expect(await lookAt((shortest + longest) / 2)).toEqual([false, false, true, false])
    expect(await lookAt(longest)).toEqual([false, false, false, false])
    expect(longest + 10 * 60_000).toBeLessThan(239 * 60_000)
  })
})
