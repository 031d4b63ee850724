/** Sessions and the gateway: who may say what, when, and what they hear. */
import { describe, expect, it } from 'vitest'
import type { Down } from '../protocol/down.ts'
import { Fault } from '../protocol/faults.ts'
import type { DropId } from '../protocol/ids.ts'
import type { OrderReply } from '../rooms/letters.ts'
import { orderIdOf } from '../rooms/order-id.ts'
import { at, type Client, EdgeWorld, gate, never } from './builders/edge-world.ts'
import { settled } from './builders/hand-clock.ts'
import { buyer, dropOf, keyOf, sku } from './builders/people.ts'

const SHOES = dropOf('shoes')
const order = (id: number, key = `k${id}`, drop = SHOES) => ({
  type: 'order',
  id,
  drop,
  key,
  lines: [{ sku: 'shoe', qty: 1 }],
})
const typesOf = (messages: Down[]) => messages.map((message) => message.type)
const codeOf = (message: Down | undefined) => (message?.type === 'error' ? message.code : message?.type)

describe('a greeting', () => {
  it.each(['json', 'msgpack'] as const)('[S2] is answered with a welcome in %s', async (format) => {
    const world = new EdgeWorld()
    const client = world.connect(format)

    const [welcome] = await client.asks({ type: 'hello', token: world.token('ana', { role: 'creator' }) })

    expect(welcome).toEqual({
      type: 'welcome',
      session: client.peer.id,
      user: buyer('ana'),
      role: 'creator',
      serverTimeMs: world.clock.nowMs(),
      heartbeatMs: 32_000,
      ticket: expect.any(String),
    })
  })

  it('[S2] must come within 5 s, or the socket is closed', async () => {
    const world = new EdgeWorld()
    world.roll.start()
    const silent = world.connect()
    const chatty = world.connect()
    const greeted = await world.anonymous()

    await world.clock.advance(4_900)
    chatty.say({ type: 'clock', t0: 1 })
    expect(silent.peer.closed).toBeUndefined()
    await world.clock.advance(600)

    expect(silent.peer.closed?.reason).toBe('not_greeted')
    expect(chatty.peer.closed?.reason).toBe('not_greeted')
    expect(greeted.peer.closed).toBeUndefined()
    expect(world.roll.size).toBe(1)
  })

  it('[S2] comes first: before it nothing is done', async () => {
    const world = new EdgeWorld()
    world.addDrop(SHOES)
    const client = world.connect()

    const answers = await client.asks({ type: 'watch', id: 1, drop: SHOES }, order(2), { type: 'clock', t0: 1 })

    expect(answers).toEqual([
      expect.objectContaining({ type: 'error', id: 1, code: 'unauthorized', retryable: false }),
      { type: 'receipt', id: 2, drop: SHOES, key: 'k2', verdict: 'unauthorized' },
      expect.objectContaining({ type: 'error', code: 'unauthorized' }),
    ])
    expect(world.claims).toEqual([])
    expect(world.asked).toEqual([])
  })

  it('[S11] at which something throws ends its socket and no other, also behind the check of a token', async () => {
    const world = new EdgeWorld()
    const signedIn = world.connect('json', world.token('ana'))
    const other = await world.anonymous()
    signedIn.peer.take()
    world.tickets.issue = () => {
      throw new Error('no keys')
    }

    expect(await signedIn.asks({ type: 'auth', id: 1, token: world.token('ana') })).toMatchObject([
      { type: 'error', id: 1, code: 'internal' },
    ])
    signedIn.say({ type: 'hello', token: world.token('ana') })
    world.connect('json', world.token('ana'))
    await world.connect().asks({ type: 'hello', token: world.token('ana') })

    expect(world.logged.filter((event) => event === 'greeting.failed')).toHaveLength(3)
    expect(world.roll.size).toBe(1)
    expect(other.peer.open).toBe(true)
  })

  it('[S3] lets what follows wait for the token to be checked, in order', async () => {
    const world = new EdgeWorld()
    world.addDrop(SHOES)
    const checked = gate()
    world.before.token = checked.wait
    const client = world.connect()

    expect(await client.asks({ type: 'hello', token: world.token('ana') }, order(1), { type: 'clock', t0: 5 })).toEqual(
      [],
    )
    client.say({ type: 'unwatch', id: 3, drop: SHOES })
    checked.open()
    await settled()

    expect(typesOf(client.peer.take()).sort()).toEqual(['clock', 'ok', 'receipt', 'welcome'])
    expect(world.claims.map(({ claim }) => claim.buyer)).toEqual([buyer('ana')])
  })

  it('[S3] lets at most 64 messages wait', async () => {
    const world = new EdgeWorld()
    world.before.token = never
    const client = world.connect()
    client.say({ type: 'hello', token: world.token('ana') })

    for (let n = 0; n < 64; n += 1) client.say({ type: 'clock', t0: n })
    expect(client.peer.closed).toBeUndefined()
    client.say({ type: 'clock', t0: 64 })

    expect(client.peer.closed?.reason).toBe('bad_request')
  })

  it('[S4] with a bad token ends the socket for good, with an expired one for now', async () => {
    const world = new EdgeWorld()
    world.tokens.set('old', 'expired')
    const forged = world.connect()
    const late = world.connect()
    const byHandshake = world.connect('msgpack', 'forged')

    await forged.asks({ type: 'hello', token: 'forged' })
    await late.asks({ type: 'hello', token: 'old' })

    expect(forged.peer.closed?.reason).toBe('invalid_token')
    expect(late.peer.closed?.reason).toBe('token_expired')
    expect(byHandshake.peer.closed?.reason).toBe('invalid_token')
    expect(world.roll.size).toBe(0)
  })

  it('[S4] whose token nobody can check now is sent away for a moment', async () => {
    const world = new EdgeWorld()
    world.before.token = never
    const client = world.connect()
    await client.asks({ type: 'hello', token: world.token('ana') })

    await world.clock.advance(3_000)

    expect(client.peer.closed).toEqual({ reason: 'insufficient_state', retryAfterMs: 2_500 })
  })

  it('[S5] is not needed after a handshake with a token, but may follow it once', async () => {
    const world = new EdgeWorld()
    const client = world.connect('json', world.token('ana'))
    await settled()

    expect(typesOf(client.peer.take())).toEqual(['welcome'])
    expect(typesOf(await client.asks({ type: 'hello' }))).toEqual(['welcome'])
    expect((await client.asks({ type: 'hello' })).map(codeOf)).toEqual(['conflict'])
  })

  it('[S5] cannot make a socket somebody else’s', async () => {
    const world = new EdgeWorld()
    const client = world.connect('json', world.token('ana'))
    await settled()
    client.peer.take()

    const answers = await client.asks({ type: 'hello', token: world.token('ben') }, order(1))

    expect(answers.map(codeOf).sort()).toEqual(['forbidden', 'receipt'])
    expect(world.claims.map(({ claim }) => claim.buyer)).toEqual([buyer('ana')])
    expect((await client.asks({ type: 'hello', token: world.token('ben') })).map(codeOf)).toEqual(['conflict'])
  })
})

describe('an order', () => {
  it('[S7] is answered with one receipt, to the peer that asked', async () => {
    const world = new EdgeWorld()
    world.order = async () => ({ verdict: 'accepted', position: at(3, 9), left: [{ sku: sku('shoe'), left: 4 }] })
    const ana = await world.signedIn('ana')
    const other = await world.signedIn('ana')

    const answers = await ana.asks({
      ...order(7, 'k7'),
      lines: [
        { sku: 'shoe', qty: 2 },
        { sku: 'hat', qty: 1 },
      ],
    })

    const orderId = orderIdOf(SHOES, buyer('ana'), keyOf('k7'))
    expect(answers).toEqual([
      {
        type: 'receipt',
        id: 7,
        drop: SHOES,
        key: 'k7',
        orderId,
        verdict: 'accepted',
        position: at(3, 9),
        left: [{ sku: 'shoe', left: 4 }],
      },
    ])
    expect(world.claims).toEqual([
      { drop: SHOES, claim: { orderId, buyer: buyer('ana'), key: 'k7', lines: 'hat:1,shoe:2' } },
    ])
    expect(other.peer.take()).toEqual([])
  })

  it('[S6] needs a token that is good at that moment', async () => {
    const world = new EdgeWorld()
    const anonymous = await world.anonymous()
    const ana = world.connect()
    await ana.asks({ type: 'hello', token: world.token('ana', { expiresAtMs: world.clock.nowMs() + 1_000 }) })

    expect(await anonymous.asks(order(1))).toEqual([
      { type: 'receipt', id: 1, drop: SHOES, key: 'k1', verdict: 'unauthorized' },
    ])
    expect((await ana.asks(order(1)))[0]).toMatchObject({ verdict: 'accepted' })
    await world.clock.advance(1_000)
    expect((await ana.asks(order(1)))[0]).toMatchObject({ verdict: 'unauthorized' })
    expect((await ana.asks({ type: 'outcomes', id: 2, drop: SHOES, keys: ['k1'] })).map(codeOf)).toEqual([
      'unauthorized',
    ])
    expect(world.claims).toHaveLength(1)
  })

  it('[S17] is not answered for ever: the socket ends 30 s after its token', async () => {
    const world = new EdgeWorld()
    world.roll.start()
    const ana = world.connect()
    await ana.asks({ type: 'hello', token: world.token('ana', { expiresAtMs: world.clock.nowMs() + 1_000 }) })

    await world.clock.advance(30_500)
    expect(ana.peer.closed).toBeUndefined()
    await world.clock.advance(1_000)

    expect(ana.peer.closed?.reason).toBe('token_expired')
  })

  it('[S8] is `pending` when 64 of the same socket have no answer yet', async () => {
    const world = new EdgeWorld()
    const waiting: ((reply: OrderReply) => void)[] = []
    world.order = () => new Promise((resolve) => waiting.push(resolve))
    const ana = await world.signedIn('ana')

    for (let n = 0; n < 64; n += 1) ana.say(order(n))
    expect(await ana.asks(order(64))).toEqual([
      { type: 'receipt', id: 64, drop: SHOES, key: 'k64', verdict: 'pending', retryAfterMs: 250 },
    ])
    waiting[0]?.({ verdict: 'sold_out' })
    await settled()

    expect(ana.peer.take()).toEqual([expect.objectContaining({ id: 0, verdict: 'sold_out' })])
    ana.say(order(65))
    expect(world.claims).toHaveLength(65)
  })

  it('[S7] whose room fails against its promise is `pending`, and nothing of the failure is told', async () => {
    const world = new EdgeWorld()
    world.order = async () => {
      throw new Error('connect ECONNREFUSED redis.internal:6379')
    }
    const ana = await world.signedIn('ana')

    const [receipt] = await ana.asks(order(1))

    expect(receipt).toMatchObject({ type: 'receipt', verdict: 'pending', retryAfterMs: 250 })
    expect(JSON.stringify(receipt)).not.toContain('redis')
    expect(world.logged).toContain('gateway.order_failed')
  })

  it('[S7] that is answered after its socket has gone bothers nobody', async () => {
    const world = new EdgeWorld()
    const answered = gate()
    world.order = async () => {
      await answered.wait()
      return { verdict: 'accepted' }
    }
    const ana = await world.signedIn('ana')
    ana.say(order(1))

    ana.peer.close('shutdown')
    answered.open()
    await settled()

    expect(ana.peer.take()).toEqual([])
    expect(world.roll.size).toBe(0)
  })
})

describe('noise', () => {
  it('[S9] is answered, and the third unreadable frame ends the socket', async () => {
    const world = new EdgeWorld()
    const client = await world.anonymous('msgpack')

    client.noise()
    client.noise()
    expect(client.peer.take().map(codeOf)).toEqual(['bad_frame', 'bad_frame'])
    expect((await client.asks({ type: 'clock', t0: 1 })).map(codeOf)).toEqual(['clock'])
    client.noise()

    expect(client.peer.closed?.reason).toBe('bad_request')
    client.noise()
    client.say({ type: 'clock', t0: 1 })
    expect(client.peer.take().map(codeOf)).toEqual(['bad_frame'])
  })

  it('[S9] that can be read as messages keeps the socket, however much of it', async () => {
    const world = new EdgeWorld()
    const client = await world.anonymous()

    for (let n = 0; n < 100; n += 1) client.say({ type: 'dance', id: n }, { type: 'watch', id: n, drop: 'x' })

    expect(client.peer.closed).toBeUndefined()
    expect(new Set(client.peer.take().map(codeOf))).toEqual(new Set(['unknown_type', 'bad_request']))
  })

  it('[S16] is told a code and a sentence, never what went wrong inside', async () => {
    const world = new EdgeWorld()
    world.before.room = async () => {
      throw new Fault('ledger_corrupt', { host: 'redis.internal' }, { message: 'redis.internal said: -ERR' })
    }
    const client = await world.anonymous()
    world.addDrop(SHOES)

    expect(await client.asks({ type: 'watch', id: 1, drop: SHOES })).toEqual([
      { type: 'error', id: 1, code: 'ledger_corrupt', message: 'ledger corrupt', retryable: false },
    ])
  })
})

describe('bounds', () => {
  it('[S8] a socket watches at most 32 drops', async () => {
    const world = new EdgeWorld()
    const client = await world.anonymous()
    for (let n = 0; n < 33; n += 1) world.addDrop(dropOf(String(n)))

    for (let n = 0; n < 32; n += 1) client.say({ type: 'watch', id: n, drop: dropOf(String(n)) })
    await settled()
    expect(new Set(typesOf(client.peer.take()))).toEqual(new Set(['snapshot']))

    expect((await client.asks({ type: 'watch', id: 32, drop: dropOf('32') })).map(codeOf)).toEqual(['conflict'])
    expect(typesOf(await client.asks({ type: 'watch', id: 33, drop: dropOf('3') }))).toEqual(['snapshot'])
    await client.asks({ type: 'unwatch', id: 34, drop: dropOf('0') })
    expect(typesOf(await client.asks({ type: 'watch', id: 35, drop: dropOf('32') }))).toEqual(['snapshot'])
  })

  it('[S8] a socket has at most 64 questions in flight', async () => {
    const world = new EdgeWorld()
    world.addDrop(SHOES)
    world.before.known = never
    const ana = await world.signedIn('ana')

    for (let n = 0; n < 64; n += 1) ana.say({ type: 'outcomes', id: n, drop: SHOES, keys: ['k1'] })

    expect((await ana.asks({ type: 'outcomes', id: 64, drop: SHOES, keys: ['k1'] })).map(codeOf)).toEqual([
      'overloaded',
    ])
    expect((await ana.asks({ type: 'watch', id: 65, drop: SHOES })).map(codeOf)).toEqual(['overloaded'])
    await world.clock.advance(2_500)
    expect(ana.peer.take().map(codeOf)).toEqual(Array(64).fill('unavailable'))
    expect(typesOf(await ana.asks({ type: 'clock', t0: 1 }))).toEqual(['clock'])
    expect(ana.session.asksInFlight).toBe(0)
  })

  describe('that reads slowly', () => {
    async function twoWatchers() {
      const world = new EdgeWorld()
      world.addDrop(SHOES)
      world.roll.start()
      const [slow, fine] = [await world.signedIn('ana'), await world.signedIn('ben')]
      for (const phone of [slow, fine]) {
        await phone.asks({ type: 'watch', id: 1, drop: SHOES })
        await world.clock.advance(100)
        phone.peer.take()
      }
      let seq = 0
      /** One more sale, and what the two hear of it. */
      const sale = async () => {
        seq += 1
        world.hub.news(world.left(SHOES, at(1, seq - 1), at(1, seq), 20 - seq))
        await settled()
        return [slow, fine].map((phone) => typesOf(phone.peer.take()))
      }
      return { world, slow, fine, sale }
    }

    it('[S18] is spared the news but not its own orders, and then shown the drop once as it is', async () => {
      const { world, slow, sale } = await twoWatchers()
      expect(await sale()).toEqual([['news'], ['news']])

      slow.peer.bufferedBytes = 8 * 1024 + 1
      await world.clock.advance(500)
      expect([await sale(), await sale()]).toEqual([
        [[], ['news']],
        [[], ['news']],
      ])
      const told = { drop: SHOES, buyer: buyer('ana'), key: keyOf('k'), state: 'confirmed' as const }
      world.hub.settled([{ ...told, orderId: orderIdOf(SHOES, buyer('ana'), keyOf('k')) }])
      expect(typesOf(slow.peer.take())).toEqual(['confirmed'])

      slow.peer.bufferedBytes = 0
      await world.clock.advance(1_000)
      const [shown, ...more] = slow.peer.take()
      expect(more).toEqual([])
      expect(shown).toMatchObject({ type: 'snapshot', position: at(1, 3), recovered: false })
      expect(await sale()).toEqual([['news'], ['news']])
    })

    it('[S18] and does not catch up within 30 s is closed with 3008; who has gone meanwhile is shown nothing', async () => {
      const { world, slow, fine, sale } = await twoWatchers()
      slow.peer.bufferedBytes = 20_000
      fine.peer.bufferedBytes = 20_000
      await world.clock.advance(500)
      world.hub.unwatch(fine.session, SHOES)
      fine.peer.bufferedBytes = 0
      await world.clock.advance(29_500)
      expect([slow.peer.closed, typesOf(fine.peer.take())]).toEqual([undefined, []])
      expect(world.hub.watchers(SHOES)).toBe(1)

      await world.clock.advance(1_000)

      expect(slow.peer.closed?.reason).toBe('slow')
      expect(fine.peer.closed).toBeUndefined()
      expect(await sale()).toEqual([[], []])
    })
  })

  it('[S10] a peer that leaves more than 48 KiB unread is closed', async () => {
    const world = new EdgeWorld()
    world.roll.start()
    const slow = await world.anonymous()
    const fine = await world.anonymous()
    slow.peer.bufferedBytes = 48 * 1024 + 1
    fine.peer.bufferedBytes = 48 * 1024

    await world.clock.advance(500)

    expect(slow.peer.closed?.reason).toBe('slow')
    expect(fine.peer.closed).toBeUndefined()
  })
})

describe('the clock', () => {
  it('[S14] answers with the drop’s time at receiving and sending', async () => {
    const world = new EdgeWorld()
    const client = await world.anonymous()
    await world.clock.advance(1_234)

    expect(await client.asks({ type: 'clock', t0: 17.5 })).toEqual([
      { type: 'clock', t0: 17.5, t1: world.clock.nowMs(), t2: world.clock.nowMs() },
    ])
  })
})

describe('outcomes', () => {
  const idOf = (key: string, name = 'ana', drop = SHOES) => orderIdOf(drop, buyer(name), keyOf(key))

  it('[S12] are what Postgres says, else accepted, else unknown', async () => {
    const world = new EdgeWorld()
    world.addDrop(SHOES)
    const keys = ['new', 'accepted', 'confirmed', 'revoked', 'cancelled']
    for (const key of keys.slice(1)) world.positions.set(idOf(key), at(1, 1))
    for (const state of ['confirmed', 'revoked', 'cancelled'] as const) {
      world.rows.set(idOf(state), { state, buyer: buyer('ana') })
    }
    const ana = await world.signedIn('ana')

    const answers = await ana.asks({ type: 'outcomes', id: 'a', drop: SHOES, keys })

    expect(answers).toEqual([
      { type: 'outcome', id: 'a', drop: SHOES, key: 'new', state: 'unknown' },
      ...keys.slice(1).map((key) => ({ type: 'outcome', id: 'a', drop: SHOES, key, orderId: idOf(key), state: key })),
    ])
  })

  it('[S12] are nobody else’s', async () => {
    const world = new EdgeWorld()
    world.addDrop(SHOES)
    world.positions.set(idOf('k1', 'ben'), at(1, 1))
    world.rows.set(idOf('k1', 'ben'), { state: 'confirmed', buyer: buyer('ben') })
    world.rows.set(idOf('k2'), { state: 'confirmed', buyer: buyer('ben') })
    const ana = await world.signedIn('ana')
    const anonymous = await world.anonymous()

    const answers = await ana.asks({ type: 'outcomes', id: 1, drop: SHOES, keys: ['k1', 'k2'] })

    expect(answers).toMatchObject([{ state: 'unknown' }, { state: 'unknown' }])
    expect((await anonymous.asks({ type: 'outcomes', id: 1, drop: SHOES, keys: ['k1'] })).map(codeOf)).toEqual([
      'unauthorized',
    ])
  })

  it.each(['known', 'states', 'phases'] as const)('[S12] are never guessed while %s cannot be read', async (store) => {
    const world = new EdgeWorld()
    world.addDrop(SHOES, {}, store === 'phases' ? 'no_room' : {})
    world.before[store] = async () => {
      throw new Fault('unavailable')
    }
    const ana = await world.signedIn('ana')

    expect(await ana.asks({ type: 'outcomes', id: 1, drop: SHOES, keys: ['k1'] })).toEqual([
      { type: 'error', id: 1, code: 'unavailable', message: 'unavailable', retryable: true },
    ])
  })

  it('[S12] are not `unknown` because the ledger has lost a drop that sells', async () => {
    const world = new EdgeWorld()
    world.addDrop(SHOES, { phase: 'open' }, 'no_room')
    world.rows.set(idOf('k1'), { state: 'confirmed', buyer: buyer('ana') })
    const ana = await world.signedIn('ana')

    expect((await ana.asks({ type: 'outcomes', id: 1, drop: SHOES, keys: ['k1', 'k2'] })).map(codeOf)).toEqual([
      'unavailable',
    ])
    expect(await ana.asks({ type: 'outcomes', id: 2, drop: SHOES, keys: ['k1'] })).toMatchObject([
      { state: 'confirmed' },
    ])
    world.addDrop(SHOES, { phase: 'closed' }, 'no_room')
    expect(await ana.asks({ type: 'outcomes', id: 3, drop: SHOES, keys: ['k2'] })).toMatchObject([{ state: 'unknown' }])
    expect((await ana.asks({ type: 'outcomes', id: 4, drop: dropOf('none'), keys: ['k2'] })).map(codeOf)).toEqual([
      'not_found',
    ])
  })
})

describe('a resume', () => {
  const idOf = (key: string, drop = SHOES) => orderIdOf(drop, buyer('ana'), keyOf(key))
  const HATS = dropOf('hats')

  it('[S13] brings each drop up to date and answers each open key once', async () => {
    const world = new EdgeWorld()
    world.addDrop(SHOES, {}, { seq: 5 })
    world.addDrop(HATS, {}, { seq: 2 })
    const fan = await world.anonymous()
    await fan.asks({ type: 'watch', id: 1, drop: SHOES })
    world.hub.news(world.left(SHOES, at(1, 5), at(1, 7), 4))
    world.positions.set(idOf('b', HATS), at(1, 1))
    const client = world.connect()
    const resume = {
      drops: [
        { drop: SHOES, position: at(1, 5) },
        { drop: HATS, position: at(0, 1) },
      ],
      open: ['a', 'b'],
    }

    client.say({ type: 'hello', token: world.token('ana'), resume })
    await world.clock.advance(1)

    const answers = client.peer.take()
    expect(answers[0]?.type).toBe('welcome')
    expect(answers.filter((one) => one.type === 'news')).toEqual([
      expect.objectContaining({ drop: SHOES, position: at(1, 7), recovered: true }),
    ])
    expect(answers.filter((one) => one.type === 'snapshot')).toEqual([
      expect.objectContaining({ drop: HATS, position: at(1, 2), recovered: false }),
    ])
    expect(answers.filter((one) => one.type === 'outcome')).toEqual([
      { type: 'outcome', drop: SHOES, key: 'a', state: 'unknown' },
      { type: 'outcome', drop: HATS, key: 'b', orderId: idOf('b', HATS), state: 'accepted' },
    ])
    expect(answers).toHaveLength(5)
  })

  const MANY = Array.from({ length: 32 }, (_, n) => dropOf(`drop ${n}`))
  const KEYS = Array.from({ length: 64 }, (_, n) => `key-${n}`)
  const resumeOf = (drops: readonly DropId[], open: string[]) => ({
    resume: { drops: drops.map((drop) => ({ drop, position: at(0, 1) })), open },
  })

  it('[OO10] asks each store once for all its open keys, however many drops it names', async () => {
    const world = new EdgeWorld()
    for (const [n, drop] of MANY.entries()) world.addDrop(drop, { phase: 'closed' }, n % 2 === 0 ? {} : 'no_room')
    for (const [n, drop] of MANY.entries()) world.positions.set(idOf(`key-${n}`, drop), at(1, n))
    const ana = world.connect()

    ana.say({ type: 'hello', token: world.token('ana'), ...resumeOf(MANY, KEYS) })
    await world.clock.advance(1)

    const outcomes = ana.peer.take().filter((one) => one.type === 'outcome')
    expect(outcomes).toHaveLength(64)
    expect(outcomes.slice(0, 32)).toEqual(
      MANY.map((drop, n) => ({
        ...{ type: 'outcome', drop, key: `key-${n}`, orderId: idOf(`key-${n}`, drop), state: 'accepted' },
      })),
    )
    expect(['known', 'states', 'phases'].map((store) => world.times(store))).toEqual([1, 1, 1])
  })

  it('[OO11] counts as many questions as the drops whose orders it asks for, and has an end', async () => {
    const world = new EdgeWorld()
    for (const drop of [SHOES, ...MANY]) world.addDrop(drop)
    world.before.known = never
    const ana = world.connect()
    ana.say({ type: 'hello', token: world.token('ana'), ...resumeOf(MANY, ['k']) })
    await world.clock.advance(1)
    ana.peer.take()

    for (let n = 0; n < 33; n += 1) ana.say({ type: 'outcomes', id: n, drop: SHOES, keys: ['k'] })

    expect(ana.session.asksInFlight).toBe(64)
    expect(ana.peer.take().map(codeOf)).toEqual(['overloaded'])
    await world.clock.advance(2_500)
    expect(ana.session.asksInFlight).toBe(0)
  })

  it('[OO11] does not ask at all when there is no room for that many', async () => {
    const world = new EdgeWorld()
    for (const drop of [SHOES, ...MANY]) world.addDrop(drop)
    world.before.known = never
    const ana = world.connect('json', world.token('ana'))
    await settled()
    for (let n = 0; n < 33; n += 1) ana.say({ type: 'outcomes', id: n, drop: SHOES, keys: ['k'] })
    ana.peer.take()

    ana.say({ type: 'hello', ...resumeOf(MANY, ['k']) })
    await settled()

    expect(
      ana.peer
        .take()
        .map(codeOf)
        .filter((code) => code === 'overloaded').length,
    ).toBeGreaterThan(0)
    expect(world.times('known')).toBe(33)
  })

  it('[S8] watches no more drops than a socket may, also beside those that it watches already', async () => {
    const world = new EdgeWorld()
    for (const drop of [SHOES, ...MANY]) world.addDrop(drop)
    const ana = world.connect('json', world.token('ana'))
    await settled()
    await ana.asks({ type: 'watch', id: 1, drop: SHOES })

    ana.say({ type: 'hello', ...resumeOf(MANY, []) })
    await world.clock.advance(1)

    expect(ana.session.watched).toHaveLength(32)
    expect(
      ana.peer
        .take()
        .map(codeOf)
        .filter((code) => code === 'conflict'),
    ).toHaveLength(1)
  })

  it('[S13] of open keys is for who is signed in and names the drops', async () => {
    const world = new EdgeWorld()
    world.addDrop(SHOES)
    const drops = [{ drop: SHOES, position: at(1, 0) }]

    const anonymous = await world.connect().asks({ type: 'hello', resume: { drops, open: ['k'] } })
    const nowhere = await world
      .connect()
      .asks({ type: 'hello', token: world.token('ana'), resume: { drops: [], open: ['k'] } })

    expect(anonymous.map(codeOf).sort()).toEqual(['news', 'unauthorized', 'welcome'])
    expect(nowhere.map(codeOf)).toEqual(['welcome', 'bad_request'])
  })
})

describe('leaving', () => {
  it('[S15] tells everyone to come back, each at a time of its own, in batches at a steady pace', async () => {
    const world = new EdgeWorld()
    const clients: Client[] = []
    for (let n = 0; n < 450; n += 1) clients.push(world.connect())
    const told = () => clients.filter(({ peer }) => !peer.open).length

    const gone = world.roll.goaway(10_000)
    const pace = [told()]
    for (let n = 0; n < 4; n += 1) {
      await world.clock.advance(100)
      pace.push(told())
    }
    await gone

    expect(pace).toEqual([100, 200, 300, 400, 450])
    for (const { peer } of clients) {
      expect(peer.take()).toEqual([{ type: 'goaway', retryAfterMs: 500 }])
      expect(peer.closed).toEqual({ reason: 'shutdown', retryAfterMs: 500 })
    }
    expect(world.roll.size).toBe(0)
  })

  it('[S15] tells many faster, so that the last one is told in time', async () => {
    const world = new EdgeWorld()
    for (let n = 0; n < 450; n += 1) world.connect()

    const gone = world.roll.goaway(200)
    expect(world.roll.size).toBe(0)
    await gone
  })

  it('[DD3] puts off whoever waits for the answer to an order, once', async () => {
    const world = new EdgeWorld()
    world.addDrop(SHOES)
    const [ana, ben] = [world.connect(), world.connect()]
    await ana.asks({ type: 'hello', token: world.token('ana') })
    await ben.asks({ type: 'hello', token: world.token('ben') })
    world.order = () => new Promise(() => undefined)
    for (const client of [ana, ben]) await client.asks(order(1))

    const gone = world.roll.goaway(10_000)
    expect([ana, ben].map(({ peer }) => peer.open)).toEqual([true, true])
    await world.clock.advance(100)
    await gone
    expect([ana, ben].map(({ peer }) => peer.open)).toEqual([false, false])
  })

  it('[DD2] lets nobody in any more, by whatever transport', async () => {
    const world = new EdgeWorld()
    world.roll.shut()

    const late = world.connect()

    expect(late.peer.closed).toEqual({ reason: 'shutdown', retryAfterMs: 500 })
    expect(world.roll.size).toBe(0)
  })
})
