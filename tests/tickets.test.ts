/** Resume tickets and new tokens on a live socket: coming back without a token, and every way to come back as another. */
import { createHmac, hkdfSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { Down } from '../protocol/down.ts'
import type { Identity } from '../server/inbound/session.ts'
import { Tickets } from '../server/inbound/tickets.ts'
import { at, EdgeWorld, gate, never } from './builders/edge-world.ts'
import { settled } from './builders/hand-clock.ts'
import { buyer, dropOf } from './builders/people.ts'

const SECRET = 'a secret for tests, 32 bytes at least, known to nobody'
const NOW_MS = 1_800_000_000_000
const MINUTE_MS = 60_000
const SHOES = dropOf('shoes')
const ANA: Identity = {
  ...{ user: buyer('ana'), role: 'creator', expiresAtMs: NOW_MS + 15 * MINUTE_MS },
  ...{ issuedAtMs: NOW_MS, standing: 7 },
}
const order = { type: 'order', id: 1, drop: SHOES, key: 'k1', lines: [{ sku: 'shoe', qty: 1 }] }

let nowMs = NOW_MS
const tickets = (secret = SECRET) => {
  nowMs = NOW_MS
  return new Tickets(secret, () => nowMs)
}
const codeOf = (message: Down | undefined) => (message?.type === 'error' ? message.code : message?.type)
const ticketOf = (messages: Down[]) => {
  const [welcome] = messages
  if (welcome?.type !== 'welcome' || welcome.ticket === undefined) throw new Error('no ticket')
  return welcome.ticket
}
const comingBack = (ticket: string, more: object = {}) => ({
  type: 'hello',
  resume: { ticket, drops: [], open: [] },
  ...more,
})

describe('a ticket', () => {
  it('[J1] says who it was given to, on every node that has the secret, for ten minutes and not a moment longer', () => {
    const ticket = tickets().issue(ANA)

    expect(ticket).toMatch(/^[\w-]{104}$/)
    expect(tickets().verify(ticket)).toEqual(ANA)
    nowMs = NOW_MS + 10 * MINUTE_MS - 1
    expect(new Tickets(SECRET, () => nowMs).verify(ticket)).toEqual(ANA)
    nowMs = NOW_MS + 10 * MINUTE_MS
    expect(new Tickets(SECRET, () => nowMs).verify(ticket)).toBe('expired')
  })

  it('[J1] never outlives the token it came from', () => {
    const ticket = tickets().issue({ ...ANA, expiresAtMs: NOW_MS + MINUTE_MS })

    nowMs = NOW_MS + MINUTE_MS - 1
    const again = new Tickets(SECRET, () => nowMs)
    const second = again.issue(again.verify(ticket) as Identity)
    expect(again.verify(second)).toMatchObject({ expiresAtMs: NOW_MS + MINUTE_MS })
    nowMs = NOW_MS + MINUTE_MS

    expect([again.verify(ticket), again.verify(second)]).toEqual(['expired', 'expired'])
  })

  it('[J2] with any one letter changed, cut or added is nobody’s', () => {
    const desk = tickets()
    const good = desk.issue(ANA)

    for (let place = 0; place < good.length; place += 1) {
      for (const letter of ['A', 'b', '_']) {
        const bad = good.slice(0, place) + letter + good.slice(place + 1)
        if (bad !== good) expect(desk.verify(bad), bad).toBe('invalid')
      }
      expect(desk.verify(good.slice(0, place)), String(place)).toBe('invalid')
    }
    for (const bad of [`${good}=`, `${good}A`, ` ${good}`, `${good}\n`, good + good, `${good}\0`]) {
      expect(desk.verify(bad)).toBe('invalid')
    }
  })

  it.each<[string, string]>([
    ['nothing', ''],
    ['dots', '...'],
    ['zeros', 'A'.repeat(104)],
    ['ones', '_'.repeat(104)],
    ['not base64url', '+/'.repeat(52)],
    ['look-alike letters', '\u0410'.repeat(104)],
    ['a token', `${'e'.repeat(20)}.${'e'.repeat(23)}.${'e'.repeat(43)}`],
    ['a very long text', 'A'.repeat(512)],
    ['the ticket of another secret', tickets('another secret that is also long enough').issue(ANA)],
  ])('[J2] that is %s is nobody’s', (_, text) => {
    expect(tickets().verify(text)).toBe('invalid')
  })

  it('[J2] is signed with a key of its own, not with the secret of the tokens', () => {
    const desk = tickets()
    const body = Buffer.from(desk.issue(ANA), 'base64url').subarray(0, 46)
    const signed = (key: string | Buffer, said = body) =>
      Buffer.concat([said, createHmac('sha256', key).update(said).digest()]).toString('base64url')
    const key = (label: string) => Buffer.from(hkdfSync('sha256', SECRET, '', label, 32))
    const changed = (place: number, byte: number) => {
      const said = Buffer.from(body)
      said[place] = byte
      return said
    }

    expect(desk.verify(signed(key('livedrop resume ticket v2')))).toEqual(ANA)
    for (const bad of [signed(SECRET), signed(key('')), signed(key('livedrop resume ticket v2 key id')), signed('')]) {
      expect(desk.verify(bad)).toBe('invalid')
    }
    // Signed rightly, yet nothing that was ever issued: a version, a role, a key id and a user that are none.
    for (const [place, byte] of [
      [0, 0],
      [0, 1],
      [1, 3],
      [1, 255],
      [2, 1 + (body[2] ?? 0)],
      [12, 0xff],
    ] as const) {
      expect(desk.verify(signed(key('livedrop resume ticket v2'), changed(place, byte)))).toBe('invalid')
    }
  })
})

describe('coming back', () => {
  it('[J1] with a ticket needs no token, and the order after it is the same user’s', async () => {
    const world = new EdgeWorld()
    world.addDrop(SHOES, {}, { seq: 3 })
    const before = await world.connect().asks({ type: 'hello', token: world.token('ana', { role: 'creator' }) })
    world.before.token = never
    const client = world.connect()

    client.say(comingBack(ticketOf(before), { resume: { ticket: ticketOf(before), drops: [], open: ['k0'] } }), order)
    const drops = [{ drop: SHOES, position: at(1, 3) }]
    const other = await world.connect('msgpack').asks({
      type: 'hello',
      resume: { ticket: ticketOf(before), drops, open: ['k0'] },
    })
    await settled()

    expect(client.peer.take().map(codeOf)).toEqual(['welcome', 'bad_request', 'receipt'])
    expect(world.claims.map(({ claim }) => claim.buyer)).toEqual([buyer('ana')])
    expect(other[0]).toMatchObject({ type: 'welcome', user: buyer('ana'), role: 'creator' })
    expect(other.map(codeOf).sort()).toEqual(['news', 'outcome', 'welcome'])
    expect(world.times('token')).toBe(1)
  })

  it('[J2] with a forged or foreign ticket ends in 3500, with an old one in 3005', async () => {
    const world = new EdgeWorld()
    const ticket = ticketOf(await world.connect().asks({ type: 'hello', token: world.token('ana') }))
    const foreign = new Tickets('another secret for tests', world.clock.nowMs).issue(ANA)
    const hello = async (text: string, format: 'json' | 'msgpack' = 'json') => {
      const client = world.connect(format)
      expect(await client.asks(comingBack(text))).toEqual([])
      return client.peer.closed?.reason
    }

    expect(await hello(`B${ticket.slice(1)}`)).toBe('invalid_token')
    expect(await hello(foreign, 'msgpack')).toBe('invalid_token')
    expect(await hello('')).toBe('invalid_token')
    await world.clock.advance(10 * MINUTE_MS)
    expect(await hello(ticket)).toBe('token_expired')
  })

  it('[J3] with a token and a ticket of different users is refused, whichever came first', async () => {
    const world = new EdgeWorld()
    const ticket = ticketOf(await world.connect().asks({ type: 'hello', token: world.token('ana') }))
    const both = world.connect()
    const handshake = world.connect('json', world.token('ben'))
    await settled()
    handshake.peer.take()

    expect(await both.asks(comingBack(ticket, { token: world.token('ben') }), order)).toEqual([])
    expect(await handshake.asks(comingBack(ticket))).toEqual([])

    expect(both.peer.closed?.reason).toBe('invalid_token')
    expect(handshake.peer.closed?.reason).toBe('invalid_token')
    expect(world.claims).toEqual([])
    expect(world.roll.size).toBe(1)
  })

  it('[J3] with a good token may bring a ticket that is too old, but not a forged one', async () => {
    const world = new EdgeWorld()
    const ticket = ticketOf(await world.connect().asks({ type: 'hello', token: world.token('ana') }))
    await world.clock.advance(11 * MINUTE_MS)
    const forger = world.connect()

    const slept = await world.connect().asks(comingBack(ticket, { token: world.token('ana') }))
    await forger.asks(comingBack(`B${ticket.slice(1)}`, { token: world.token('ana') }))

    expect(slept.map(codeOf)).toEqual(['welcome'])
    expect(forger.peer.closed?.reason).toBe('invalid_token')
  })

  it('[J1] is for who was signed in: an anonymous watcher is given no ticket and needs none', async () => {
    const world = new EdgeWorld()
    world.addDrop(SHOES)
    const drops = [{ drop: SHOES, position: at(1, 0) }]

    const [welcome] = await world.connect().asks({ type: 'hello' })
    const again = await world.connect().asks({ type: 'hello', resume: { drops, open: [] } })

    expect(welcome).not.toHaveProperty('ticket')
    expect(again.map(codeOf)).toEqual(['welcome', 'news'])
  })
})

describe('a new token', () => {
  it('[J4] is asked for once, a minute before the old one ends, and carries the socket on', async () => {
    const world = new EdgeWorld()
    world.roll.start()
    const ana = await world.signedIn('ana')
    const endsAtMs = world.clock.nowMs() + 15 * MINUTE_MS

    await world.clock.advance(14 * MINUTE_MS - 500)
    expect(ana.peer.take()).toEqual([])
    await world.clock.advance(30_000)
    expect(ana.peer.take()).toEqual([{ type: 'auth_expiring', expiresAtMs: endsAtMs }])
    const [answer] = await ana.asks({ type: 'auth', id: 'a', token: world.token('ana') })
    await world.clock.advance(2 * MINUTE_MS)

    const expiresAtMs = world.clock.nowMs() + 13 * MINUTE_MS - 0
    expect(answer).toMatchObject({ type: 'auth', id: 'a', ticket: expect.any(String) })
    expect(answer?.type === 'auth' && answer.expiresAtMs).toBe(expiresAtMs)
    expect((await ana.asks(order))[0]).toMatchObject({ verdict: 'accepted' })
    expect(ana.peer.closed).toBeUndefined()
    await world.clock.advance(expiresAtMs - world.clock.nowMs() - MINUTE_MS + 500)
    expect(ana.peer.take()).toEqual([{ type: 'auth_expiring', expiresAtMs }])
  })

  it('[J4] brings a ticket that lives as long as itself', async () => {
    const world = new EdgeWorld()
    const ana = world.connect()
    await ana.asks({ type: 'hello', token: world.token('ana', { expiresAtMs: world.clock.nowMs() + MINUTE_MS }) })
    const [answer] = await ana.asks({ type: 'auth', id: 1, token: world.token('ana') })
    await world.clock.advance(9 * MINUTE_MS)

    expect(await world.connect().asks(comingBack(answer?.type === 'auth' ? answer.ticket : ''))).toMatchObject([
      { type: 'welcome', user: buyer('ana') },
    ])
  })

  it('[J5] of another user, or none, is refused and changes nothing', async () => {
    const world = new EdgeWorld()
    world.tokens.set('old', 'expired')
    const ana = await world.signedIn('ana')
    const anonymous = await world.anonymous()
    const auth = async (token: string, client = ana) => (await client.asks({ type: 'auth', id: 7, token }))[0]

    expect(await auth(world.token('ben'))).toMatchObject({ type: 'error', id: 7, code: 'forbidden', retryable: false })
    expect(await auth('forged')).toMatchObject({ type: 'error', id: 7, code: 'unauthorized' })
    expect(await auth('old')).toMatchObject({ type: 'error', id: 7, code: 'unauthorized' })
    expect(await auth(world.token('ana'), anonymous)).toMatchObject({ type: 'error', id: 7, code: 'unauthorized' })
    expect(codeOf((await world.connect().asks({ type: 'auth', id: 8, token: 'x' }))[0])).toBe('unauthorized')

    await ana.asks(order)
    expect(world.claims.map(({ claim }) => claim.buyer)).toEqual([buyer('ana')])
  })

  it('[J5] that cannot be checked is `unavailable`, and one whose socket has gone bothers nobody', async () => {
    const world = new EdgeWorld()
    const ana = await world.signedIn('ana')
    const gone = await world.signedIn('gone')
    const checked = gate()
    world.before.token = checked.wait

    ana.say({ type: 'auth', id: 1, token: world.token('ana') })
    gone.say({ type: 'auth', id: 2, token: world.token('gone') })
    gone.peer.close('slow')
    await world.clock.advance(3_000)
    checked.open()
    await settled()

    expect(ana.peer.take()).toMatchObject([{ type: 'error', id: 1, code: 'unavailable', retryable: true }])
    expect(ana.session.asksInFlight).toBe(0)
    expect(gone.session.standing.state).toBe('closing')
    expect(world.roll.size).toBe(1)
  })
})
