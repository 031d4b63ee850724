/** The hub and its galleries: what watchers hear, in which order, and what it costs the stores. */
import { describe, expect, it } from 'vitest'
import type { Down } from '../protocol/down.ts'
import { Fault } from '../protocol/faults.ts'
import { comparePositions, type Position } from '../protocol/position.ts'
import { orderIdOf } from '../rooms/order-id.ts'
import type { Settled } from '../rooms/ports.ts'
import { TOLD_MAX } from '../server/outbound/hub.ts'
import { Told } from '../server/outbound/hub-told.ts'
import type { MineRow } from '../server/outbound/mine.ts'
import { at, type Client, EdgeWorld, gate, never } from './builders/edge-world.ts'
import { settled } from './builders/hand-clock.ts'
import { heapAfterCollection } from './builders/heap-after-collection.ts'
import { buyer, dropOf, keyOf, sku } from './builders/people.ts'

const SHOES = dropOf('shoes')
const watch = (id: number, position?: Position, drop = SHOES) => ({
  type: 'watch',
  id,
  drop,
  ...(position && { position }),
})
const codesOf = (messages: Down[]) => messages.map((one) => (one.type === 'error' ? one.code : one.type))
const leftIn = (message: Down | undefined) => (message?.type === 'snapshot' ? message.items[0]?.left : undefined)
const bought = (name: string, key = 'k1'): MineRow => ({
  key: keyOf(key),
  orderId: orderIdOf(SHOES, buyer(name), keyOf(key)),
  state: 'confirmed',
  lines: [{ sku: sku('shoe'), qty: 1 }],
})

/** A node with a drop at 1-0, and somebody who watches it. */
async function watched(): Promise<{ world: EdgeWorld; fan: Client }> {
  const world = new EdgeWorld()
  world.addDrop(SHOES)
  const fan = await world.anonymous()
  await fan.asks(watch(1))
  return { world, fan }
}

describe('a watcher', () => {
  it.each(['json', 'msgpack'] as const)(
    '[H1] gets a snapshot under its own id, then the news, in %s',
    async (format) => {
      const world = new EdgeWorld()
      world.addDrop(SHOES)
      const fan = await world.anonymous(format)

      const [snapshot] = await fan.asks(watch(42))
      world.hub.news(world.left(SHOES, at(1, 0), at(1, 3), 7))

      expect(snapshot).toMatchObject({ type: 'snapshot', id: 42, position: at(1, 0), viewers: 1, recovered: false })
      expect(fan.peer.take()).toEqual([
        {
          type: 'news',
          drop: SHOES,
          position: at(1, 3),
          from: at(1, 0),
          at: world.clock.nowMs(),
          changes: [{ kind: 'left', sku: 'shoe', left: 7 }],
        },
      ])
    },
  )

  it('[H1] hears news from other nodes as from this one', async () => {
    const { world, fan } = await watched()

    world.listening.get(SHOES)?.(world.left(SHOES, at(1, 0), at(1, 1), 9))
    world.hub.news(world.left(SHOES, at(1, 0), at(1, 1), 9))

    expect(codesOf(fan.peer.take())).toEqual(['news'])
  })

  it('[H1] hears nothing more after it has stopped watching', async () => {
    const { world, fan } = await watched()

    expect(await fan.asks({ type: 'unwatch', id: 2, drop: SHOES })).toEqual([{ type: 'ok', id: 2 }])
    world.hub.news(world.left(SHOES, at(1, 0), at(1, 1), 9))

    expect(fan.peer.take()).toEqual([])
    expect(world.hub.watchers(SHOES)).toBe(0)
    expect(await fan.asks({ type: 'unwatch', id: 3, drop: SHOES })).toEqual([{ type: 'ok', id: 3 }])
  })

  it('[H1] that asks again gets the newest snapshot and hears everything once', async () => {
    const { world, fan } = await watched()
    world.hub.news(world.left(SHOES, at(1, 0), at(1, 1), 9))
    fan.peer.take()

    expect(await fan.asks(watch(2, at(1, 0)))).toMatchObject([{ type: 'snapshot', id: 2, position: at(1, 1) }])
    world.hub.news(world.left(SHOES, at(1, 1), at(1, 2), 8))

    expect(codesOf(fan.peer.take())).toEqual(['news'])
    expect(world.hub.watchers(SHOES)).toBe(1)
  })

  it('[DD13] that asks again before its row was told hears nothing older than the answer', async () => {
    const { world } = await watched()
    const fans = await Promise.all(Array.from({ length: 600 }, () => world.anonymous()))
    for (const fan of fans) await fan.asks(watch(1))
    const last = fans.at(-1)

    world.hub.news(world.left(SHOES, at(1, 0), at(1, 1), 9))
    last?.say(watch(2))
    await settled()

    expect(last?.peer.take()).toMatchObject([
      { type: 'news', position: at(1, 1) },
      { type: 'snapshot', id: 2, position: at(1, 1) },
    ])
    expect(fans.map(({ peer }) => peer.heard.length)).toEqual([...Array<number>(599).fill(1), 0])
  })

  it('[H1] that went before its answer is not seated, and one that stopped is told so', async () => {
    const world = new EdgeWorld()
    world.addDrop(SHOES)
    const reading = gate()
    world.before.page = reading.wait
    const gone = await world.anonymous()
    const changed = await world.anonymous()
    gone.say(watch(1))
    changed.say(watch(1), { type: 'unwatch', id: 2, drop: SHOES })

    gone.peer.close('shutdown')
    reading.open()
    await settled()

    expect(codesOf(changed.peer.take())).toEqual(['ok', 'conflict'])
    expect(world.hub.watchers(SHOES)).toBe(0)
    expect(gone.session.asksInFlight + changed.session.asksInFlight).toBe(0)
  })

  it('[H1] never sees an earlier position after a later one, whatever happens meanwhile', async () => {
    const { world } = await watched()
    const slow = gate()
    world.before.mine = slow.wait
    const ana = await world.signedIn('ana')
    ana.say(watch(1))
    await world.clock.advance(1)

    for (let seq = 1; seq <= 5; seq += 1) world.hub.news(world.left(SHOES, at(1, seq - 1), at(1, seq), 10 - seq))
    slow.open()
    await settled()
    world.hub.news(world.left(SHOES, at(1, 5), at(1, 6), 4))

    const heard = ana.peer.take()
    expect(codesOf(heard)).toEqual(['snapshot', 'news'])
    expect(heard).toMatchObject([{ position: at(1, 5) }, { position: at(1, 6) }])
  })
})

describe('reading', () => {
  it('[H4] happens once for all who wait', async () => {
    const world = new EdgeWorld()
    world.addDrop(SHOES)
    const reading = gate()
    world.before.page = reading.wait
    const fans = await Promise.all(Array.from({ length: 20 }, () => world.anonymous()))
    for (const fan of fans) fan.say(watch(1))

    reading.open()
    await settled()

    for (const fan of fans) expect(codesOf(fan.peer.take())).toEqual(['snapshot'])
    expect(world.times('page')).toBe(1)
    expect(world.times('room')).toBe(1)
  })

  it('[H4] that takes too long, or fails, is `unavailable`, and the next one may succeed', async () => {
    const world = new EdgeWorld()
    world.addDrop(SHOES)
    world.before.room = never
    const fan = await world.anonymous()
    fan.say(watch(1))

    await world.clock.advance(2_000)
    expect(fan.peer.take()).toEqual([
      { type: 'error', id: 1, code: 'unavailable', message: 'unavailable', retryable: true },
    ])
    expect(world.hub.watchers(SHOES)).toBe(0)
    world.before.room = async () => undefined

    expect(codesOf(await fan.asks(watch(2)))).toEqual(['snapshot'])
  })

  it('[H4] of a drop that is none is `not_found`', async () => {
    const world = new EdgeWorld()
    const fan = await world.anonymous()

    expect(codesOf(await fan.asks(watch(1)))).toEqual(['not_found'])
    expect(fan.session.watched).toEqual([])
  })

  it('[H1] begins after listening, so news of the meantime is not lost', async () => {
    const world = new EdgeWorld()
    world.addDrop(SHOES)
    const reading = gate()
    world.before.page = reading.wait
    const fan = await world.anonymous()
    fan.say(watch(1))

    world.listening.get(SHOES)?.(world.left(SHOES, at(1, 1), at(1, 2), 8))
    world.listening.get(SHOES)?.(world.left(SHOES, at(1, 0), at(1, 1), 9))
    reading.open()
    await settled()

    expect(fan.peer.take()).toMatchObject([
      { type: 'snapshot', position: at(1, 2), items: [{ left: 8 }, { left: 10 }] },
    ])
  })

  it('[H9] is not done again for whoever comes within half a minute; then the drop is forgotten', async () => {
    const { world, fan } = await watched()
    world.hub.start()
    await fan.asks({ type: 'unwatch', id: 2, drop: SHOES })

    await world.clock.advance(25_000)
    expect(codesOf(await fan.asks(watch(3)))).toEqual(['snapshot'])
    expect(world.times('page')).toBe(1)
    await fan.asks({ type: 'unwatch', id: 4, drop: SHOES })
    await world.clock.advance(40_000)

    expect(world.hub.drops).toBe(0)
    expect(world.listening.size).toBe(0)
    expect(codesOf(await fan.asks(watch(5)))).toEqual(['snapshot'])
  })
})

describe('a gap', () => {
  it('[H2] ends in a new snapshot for everyone', async () => {
    const { world, fan } = await watched()
    world.setRoom(SHOES, { seq: 9, items: [{ sku: sku('shoe'), left: 1, limit: 2 }] })

    world.hub.news(world.left(SHOES, at(1, 7), at(1, 9), 1))
    await settled()

    const heard = fan.peer.take()
    expect(heard).toMatchObject([{ type: 'snapshot', position: at(1, 9), recovered: false }])
    expect(leftIn(heard[0])).toBe(1)
    world.hub.news(world.left(SHOES, at(1, 9), at(1, 10), 0))
    expect(codesOf(fan.peer.take())).toEqual(['news'])
  })

  it('[H2] is every new epoch', async () => {
    const { world, fan } = await watched()
    world.setRoom(SHOES, { epoch: 2, seq: 0 })

    world.hub.news({ drop: SHOES, from: at(2, 0), position: at(2, 0), atMs: 0, changes: [] })
    await settled()

    expect(fan.peer.take()).toMatchObject([{ type: 'snapshot', position: at(2, 0) }])
    world.hub.news(world.left(SHOES, at(1, 0), at(1, 5), 3))
    expect(fan.peer.take()).toEqual([])
  })

  it('[H2] gives those who are signed in their own orders with it, in one query for all', async () => {
    const { world, fan } = await watched()
    const people = await Promise.all(['ana', 'ben', 'eve'].map((name) => world.signedIn(name)))
    for (const one of people) one.say(watch(1))
    await world.clock.advance(1)
    for (const one of people) one.peer.take()
    world.mine.set(buyer('ben'), [bought('ben')])
    world.setRoom(SHOES, { epoch: 2, seq: 0 })
    const before = world.times('mine')

    world.hub.news({ drop: SHOES, from: at(2, 0), position: at(2, 0), atMs: 0, changes: [] })
    await world.clock.advance(1)
    world.hub.news(world.left(SHOES, at(2, 0), at(2, 1), 9))

    const heard = people.map((one) => one.peer.take())
    expect(heard.map(codesOf)).toEqual(Array(3).fill(['snapshot', 'news']))
    expect(heard.map(([snapshot]) => snapshot?.type === 'snapshot' && snapshot.mine.length)).toEqual([0, 1, 0])
    expect(codesOf(fan.peer.take())).toEqual(['snapshot', 'news'])
    expect(world.times('mine') - before).toBe(1)
  })

  it('[H2] costs no query at the opening, when nobody can have orders', async () => {
    const world = new EdgeWorld()
    world.addDrop(SHOES, { phase: 'scheduled', opensAtMs: world.clock.nowMs() }, 'no_room')
    const ana = await world.signedIn('ana')
    await ana.asks(watch(1))
    world.setRoom(SHOES, { phase: 'open', seq: 1 })

    world.hub.news({
      drop: SHOES,
      from: at(1, 0),
      position: at(1, 1),
      atMs: 0,
      changes: [{ kind: 'phase', phase: 'open' }],
    })
    await settled()

    expect(ana.peer.take()).toMatchObject([{ type: 'snapshot', phase: 'open', mine: [] }])
    expect(world.times('mine')).toBe(0)
  })

  it('[H2] that cannot be read is read again until it can, and nothing is guessed meanwhile', async () => {
    const { world, fan } = await watched()
    world.before.room = async () => {
      throw new Fault('unavailable')
    }

    world.hub.news(world.left(SHOES, at(1, 5), at(1, 6), 4))
    world.hub.news(world.left(SHOES, at(1, 6), at(1, 7), 3))
    await world.clock.advance(3_500)
    expect(fan.peer.take()).toEqual([])
    world.before.room = async () => undefined
    world.setRoom(SHOES, { seq: 6, items: [{ sku: sku('shoe'), left: 4, limit: 2 }] })
    await world.clock.advance(1_000)

    expect(fan.peer.take()).toMatchObject([{ type: 'snapshot', position: at(1, 7), items: [{ left: 3 }, {}] }])
  })

  it('[H2] for which own orders cannot be read sends their owner away for a moment', async () => {
    const { world, fan } = await watched()
    const ana = await world.signedIn('ana')
    ana.say(watch(1))
    await world.clock.advance(1)
    world.before.mine = async () => {
      throw new Fault('unavailable')
    }
    world.setRoom(SHOES, { epoch: 2, seq: 0 })

    world.hub.news({ drop: SHOES, from: at(2, 0), position: at(2, 0), atMs: 0, changes: [] })
    await world.clock.advance(1)

    expect(ana.peer.closed).toEqual({ reason: 'insufficient_state', retryAfterMs: 2_500 })
    expect(fan.peer.open).toBe(true)
    expect(world.hub.watchers(SHOES)).toBe(1)
  })

  it('[H2] does not send away whoever stopped watching while its own orders were read', async () => {
    const { world } = await watched()
    const ana = await world.signedIn('ana')
    ana.say(watch(1))
    await world.clock.advance(1)
    ana.peer.take()
    world.setRoom(SHOES, { epoch: 2, seq: 0 })
    world.hub.news({ drop: SHOES, from: at(2, 0), position: at(2, 0), atMs: 0, changes: [] })
    await settled()

    ana.say({ type: 'unwatch', id: 2, drop: SHOES })
    await world.clock.advance(1)

    expect(ana.peer.take()).toEqual([{ type: 'ok', id: 2 }])
    expect(ana.peer.open).toBe(true)
  })

  it('[H10] is not closed by a reading that is earlier than what was shown', async () => {
    const { world, fan } = await watched()
    world.hub.start()
    for (let seq = 1; seq <= 5; seq += 1) world.hub.news(world.left(SHOES, at(1, seq - 1), at(1, seq), 10 - seq))
    fan.peer.take()
    world.setRoom(SHOES, { seq: 9 })
    await world.clock.advance(5_500)

    // The ledger was further on; before anybody reads it again it has gone back in time.
    world.setRoom(SHOES, { seq: 2 })
    await world.clock.advance(10_000)
    expect(fan.peer.take()).toEqual([])
    world.setRoom(SHOES, { epoch: 2, seq: 0 })
    await world.clock.advance(1_500)

    expect(fan.peer.take()).toMatchObject([{ type: 'snapshot', position: at(2, 0) }])
  })

  it('[H8] is found even when no news follows: within 10 s', async () => {
    const { world, fan } = await watched()
    world.hub.start()
    world.setRoom(SHOES, { seq: 10, items: [{ sku: sku('shoe'), left: 0, limit: 2 }] })

    await world.clock.advance(10_000)

    const heard = fan.peer.take()
    expect(codesOf(heard)).toEqual(['snapshot'])
    expect(leftIn(heard[0])).toBe(0)
  })

  it('[B45] is found at once when the bus comes back', async () => {
    const { world, fan } = await watched()
    world.setRoom(SHOES, { seq: 10, items: [{ sku: sku('shoe'), left: 0, limit: 2 }] })

    world.hub.heardNothing()
    await world.clock.advance(300)

    const heard = fan.peer.take()
    expect(codesOf(heard)).toEqual(['snapshot'])
    expect(leftIn(heard[0])).toBe(0)
  })

  it('[B45] is not what comes in the moment in which the bus comes back', async () => {
    const { world, fan } = await watched()
    world.setRoom(SHOES, { seq: 10 })

    world.hub.heardNothing()
    await world.clock.advance(100)
    world.hub.news(world.left(SHOES, at(1, 0), at(1, 10), 1))
    await world.clock.advance(5_000)

    expect(codesOf(fan.peer.take())).toEqual(['news'])
    expect(world.times('page')).toBe(1)
  })

  it('[H8] is not what news on its way leaves for a moment', async () => {
    const { world, fan } = await watched()
    world.hub.start()
    world.setRoom(SHOES, { seq: 10 })
    await world.clock.advance(5_500)

    world.hub.news(world.left(SHOES, at(1, 0), at(1, 10), 1))
    await world.clock.advance(20_000)

    expect(codesOf(fan.peer.take())).toEqual(['news'])
    expect(world.times('page')).toBe(1)
  })
})

describe('coming back', () => {
  it.each(['json', 'msgpack'] as const)('[H3] brings all that was missed, under the id, in %s', async (format) => {
    const { world } = await watched()
    for (let seq = 1; seq <= 4; seq += 1) world.hub.news(world.left(SHOES, at(1, seq - 1), at(1, seq), 10 - seq))
    const back = await world.signedIn('ana', format)

    const heard = await back.asks(watch(9, at(1, 1)))
    world.hub.news(world.left(SHOES, at(1, 4), at(1, 5), 5))

    expect(heard).toEqual([
      {
        ...{ type: 'news', id: 9, drop: SHOES, position: at(1, 4), from: at(1, 1), at: world.clock.nowMs() },
        ...{ changes: [{ kind: 'left', sku: 'shoe', left: 6 }], recovered: true },
      },
    ])
    expect(back.peer.take()).toMatchObject([{ type: 'news', position: at(1, 5) }])
    expect(world.times('mine')).toBe(0)
  })

  it('[H3] with nothing missed is told that', async () => {
    const { world } = await watched()
    const back = await world.anonymous()

    expect(await back.asks(watch(9, at(1, 0)))).toEqual([
      { type: 'news', id: 9, drop: SHOES, position: at(1, 0), at: world.clock.nowMs(), changes: [], recovered: true },
    ])
  })

  it('[H3] from where not all of it is kept brings a snapshot', async () => {
    const { world } = await watched()
    for (let seq = 1; seq <= 300; seq += 1) world.hub.news(world.left(SHOES, at(1, seq - 1), at(1, seq), 1))
    const back = await world.anonymous()

    expect(await back.asks(watch(1, at(1, 10)))).toMatchObject([
      { type: 'snapshot', position: at(1, 300), recovered: false },
    ])
  })

  it('[H11] from a node that was further on waits for this one to hear as much', async () => {
    const { world } = await watched()
    world.setRoom(SHOES, { seq: 3 })
    const back = await world.anonymous()

    expect(await back.asks(watch(1, at(1, 3)))).toEqual([])
    world.hub.news(world.left(SHOES, at(1, 0), at(1, 2), 8))
    expect(back.peer.take()).toEqual([])
    world.hub.news(world.left(SHOES, at(1, 2), at(1, 3), 7))

    expect(back.peer.take()).toMatchObject([{ type: 'news', id: 1, position: at(1, 3), recovered: true }])
    await world.clock.advance(2_000)
    expect(back.session.asksInFlight).toBe(0)
    expect(back.peer.take()).toEqual([])
  })

  it('[H11] from further on, when the news was lost, reads the drop again', async () => {
    const { world, fan } = await watched()
    world.setRoom(SHOES, { seq: 3 })
    const back = await world.anonymous()
    back.say(watch(1, at(1, 3)))

    await world.clock.advance(1_000)

    expect(back.peer.take()).toMatchObject([{ type: 'snapshot', id: 1, position: at(1, 3) }])
    expect(fan.peer.take()).toMatchObject([{ type: 'snapshot', position: at(1, 3) }])
  })

  it('[H11] with a position that never was costs one look at the ledger, and nobody else notices', async () => {
    const { world, fan } = await watched()
    const liar = await world.anonymous()

    const heard = await liar.asks(watch(1, at(9, 9)), watch(2, at(8, 8)))

    expect(codesOf(heard)).toEqual(['snapshot', 'snapshot'])
    expect(world.times('page')).toBe(1)
    expect(fan.peer.take()).toEqual([])
  })
})

describe('a crowd', () => {
  it('[H5] costs one encoding per format, and a snapshot of its own only for who has orders', async () => {
    const { world } = await watched()
    await Promise.all(Array.from({ length: 10 }, () => world.anonymous('msgpack').then((one) => one.asks(watch(1)))))
    world.broadcasts.length = 0

    world.hub.news(world.left(SHOES, at(1, 0), at(1, 1), 9))

    expect(world.broadcasts.map(({ topic }) => topic)).toEqual([`drop/${SHOES}/1/json`, `drop/${SHOES}/1/msgpack`])
  })

  it('[H6] is asked for its own orders in one query per tick, each getting its own', async () => {
    const { world } = await watched()
    const names = Array.from({ length: 30 }, (_, n) => `fan ${n}`)
    const people = await Promise.all(names.map((name) => world.signedIn(name)))
    for (const name of names.slice(0, 15)) world.mine.set(buyer(name), [bought(name)])

    for (const one of people) one.say(watch(1))
    await world.clock.advance(1)

    expect(world.times('mine')).toBe(1)
    for (const [n, one] of people.entries()) {
      expect(one.peer.take()).toMatchObject([{ type: 'snapshot', id: 1, mine: n < 15 ? [bought(names[n] ?? '')] : [] }])
    }
  })

  it('[H6] is not asked for before the drop has opened, nor without a good token', async () => {
    const world = new EdgeWorld()
    world.addDrop(SHOES, { phase: 'scheduled' })
    const ana = await world.signedIn('ana')

    expect(codesOf(await ana.asks(watch(1)))).toEqual(['snapshot'])
    world.addDrop(dropOf('hats'))
    await world.clock.advance(900_000)
    expect(codesOf(await ana.asks(watch(2, undefined, dropOf('hats'))))).toEqual(['snapshot'])

    expect(world.times('mine')).toBe(0)
  })

  it('[H6] hears `unavailable` when its own orders cannot be read: an empty list would be a lie', async () => {
    const { world } = await watched()
    world.before.mine = never
    const ana = await world.signedIn('ana')
    ana.say(watch(1))

    await world.clock.advance(2_100)

    expect(codesOf(ana.peer.take())).toEqual(['unavailable'])
    expect(world.hub.watchers(SHOES)).toBe(1)
  })
})

describe('the end of an order', () => {
  const end = (name: string, key: string, state: Settled['state'] = 'confirmed'): Settled => ({
    drop: SHOES,
    buyer: buyer(name),
    key: keyOf(key),
    orderId: orderIdOf(SHOES, buyer(name), keyOf(key)),
    state,
    ...(state === 'revoked' && { reason: 'total' }),
  })

  it('[H7] is told to all sessions of its buyer, and to nobody else', async () => {
    const world = new EdgeWorld()
    const phone = await world.signedIn('ana')
    const laptop = await world.signedIn('ana', 'msgpack')
    const ben = await world.signedIn('ben')

    world.hub.settled([end('ana', 'a'), end('ana', 'b', 'revoked'), end('nobody', 'c')])

    const words = [
      { type: 'confirmed', drop: SHOES, key: 'a', orderId: end('ana', 'a').orderId },
      { type: 'revoked', drop: SHOES, key: 'b', orderId: end('ana', 'b').orderId, reason: 'total' },
    ]
    expect(phone.peer.take()).toEqual(words)
    expect(laptop.peer.take()).toEqual(words)
    expect(ben.peer.take()).toEqual([])
  })

  it('[H7] is told once, by however many ways it comes', async () => {
    const world = new EdgeWorld()
    const ana = await world.signedIn('ana')

    world.hub.settled([end('ana', 'a')])
    world.hub.settled([end('ana', 'a'), end('ana', 'a', 'revoked')])

    expect(codesOf(ana.peer.take())).toEqual(['confirmed', 'revoked'])
  })

  it('[H7] is not told to a session that has gone', async () => {
    const world = new EdgeWorld()
    const ana = await world.signedIn('ana')
    const laptop = await world.signedIn('ana')
    ana.peer.close('shutdown')

    world.hub.settled([end('ana', 'a')])

    expect(ana.peer.take()).toEqual([])
    expect(codesOf(laptop.peer.take())).toEqual(['confirmed'])
  })

  it('[H7] is remembered within a bound', () => {
    const told = new Told(10)

    expect([told.first('a'), told.first('a')]).toEqual([true, false])
    for (let n = 0; n < 4; n += 1) told.first(`x${n}`)
    expect(told.first('a')).toBe(false)
    for (let n = 0; n < 10; n += 1) told.first(`y${n}`)
    expect(told.first('a')).toBe(true)
  })

  it('[H7] whatever it is, each of the last half of the bound is known and each that is new is told', () => {
    const told = new Told(20_000)
    const words = Array.from({ length: 60_000 }, (_, n) => `${n}:confirmed`)

    for (const [at, word] of words.entries()) {
      expect(told.first(word)).toBe(true)
      if (at >= 9_999) expect(told.first(words[at - 9_999] ?? '')).toBe(false)
    }
  })

  it('[FF19] takes no more memory when it is full than when it is empty', () => {
    const told = new Told(TOLD_MAX)
    told.first('a')

    const before = heapAfterCollection()
    for (let n = 0; n < TOLD_MAX * 0.99; n += 1) told.first(`a${n}:confirmed`)

    expect(heapAfterCollection() - before).toBeLessThan(500_000)
    expect(told.first('a0:confirmed')).toBe(false)
  })
})

describe('any history', () => {
  it.each([7, 77, 777, 7_777, 77_777])(
    '[H1] reaches every watcher in order, and as far as the room is (%i)',
    async (seed) => {
      const { world, fan } = await watched()
      const clients = [fan, await world.signedIn('ana'), await world.signedIn('ben', 'msgpack')]
      let random = seed
      const below = (max: number) => {
        random = (random * 48_271) % 2_147_483_647
        return random % max
      }
      let room = at(1, 0)
      const last = new Map<Client, Position>()

      for (let step = 0; step < 1_000; step += 1) {
        const what = below(12)
        const from = room
        if (what < 7) {
          room = at(room.epoch, room.seq + 1 + below(3))
          world.setRoom(SHOES, { ...room, items: [{ sku: sku('shoe'), left: below(10), limit: 2 }] })
          // Some news is lost, some comes late or twice.
          if (below(10) > 0) world.hub.news(world.left(SHOES, from, room, 1))
          if (below(10) === 0) world.hub.news(world.left(SHOES, at(1, 0), at(room.epoch, below(room.seq + 1)), 2))
        } else if (what === 7) {
          room = at(room.epoch + 1, 0)
          world.setRoom(SHOES, { ...room })
          world.hub.news({ drop: SHOES, from: room, position: room, atMs: 0, changes: [] })
        } else if (what < 10) {
          const client = clients[below(clients.length)] as Client
          const seen = last.get(client)
          client.say(watch(step, below(2) === 0 ? seen : undefined))
          if (below(4) === 0) client.say({ type: 'unwatch', id: step, drop: SHOES })
        } else if (what === 10) await world.clock.advance(below(50))
        else await settled()

        for (const client of clients) {
          for (const message of client.peer.take()) {
            if (message.type !== 'snapshot' && message.type !== 'news') continue
            const before = last.get(client)
            if (before !== undefined) expect(comparePositions(message.position, before)).toBeGreaterThanOrEqual(0)
            last.set(client, message.position)
          }
        }
      }

      // Nothing is going on any more: whoever asks now is told where the room is.
      await world.clock.advance(10_000)
      for (const client of clients) client.say(watch(1))
      await world.clock.advance(3_000)
      expect(clients.map((client) => client.session.asksInFlight)).toEqual([0, 0, 0])
      for (const client of clients) expect(client.peer.take().at(-1)).toMatchObject({ position: room })
    },
  )
})

describe('an announcement', () => {
  it('[E13] is told to everybody who watches, at the position they have, also when it comes with an older one', async () => {
    const { world, fan } = await watched()
    world.hub.news(world.left(SHOES, at(1, 0), at(1, 3), 7))
    fan.peer.take()
    const changes = [{ kind: 'announcement' as const, text: 'Soon!' }]

    world.hub.news({ drop: SHOES, from: at(0, 0), position: at(0, 0), atMs: 5, changes })
    world.hub.news(world.left(SHOES, at(1, 3), at(1, 4), 6))
    const later = await world.anonymous()
    const [answer] = await later.asks(watch(2, at(1, 3)))

    expect(fan.peer.take()).toEqual([
      { type: 'news', drop: SHOES, position: at(1, 3), from: at(1, 3), at: 5, changes },
      expect.objectContaining({ type: 'news', position: at(1, 4) }),
    ])
    expect(answer).toMatchObject({ type: 'news', position: at(1, 4), recovered: true })
    expect(JSON.stringify(later.peer.take())).not.toContain('Soon!')
  })
})
