import { describe, expect, it } from 'vitest'
import type { DropId } from '../protocol/ids.ts'
import { ask, dropOf } from './builders/people.ts'
import { RoomWorld, twoNodes, type WorldNode } from './builders/room-world.ts'

const names = (count: number, prefix = 'fan') => Array.from({ length: count }, (_, n) => `${prefix} ${n}`)

async function orders(world: RoomWorld, node: WorldNode, drop: DropId, who: string[], ms = 100): Promise<string[]> {
  const replies = who.map((name) => node.order(drop, ask(drop, name), Math.max(ms, 50) - 10))
  await world.clock.advance(ms)
  return (await Promise.all(replies)).map((reply) => reply.verdict)
}

/** What a phone does: the same key again until there is an answer. */
async function persist(world: RoomWorld, node: WorldNode, drop: DropId, who: string[]): Promise<string[]> {
  let verdicts: string[] = []
  for (let turn = 0; turn < 40; turn += 1) {
    verdicts = await orders(world, node, drop, who, 200)
    if (!verdicts.includes('pending')) return verdicts
  }
  return verdicts
}

describe('orders to a node that does not own the drop', () => {
  it('[V1] reach the room over the bus, and are told where they came in', async () => {
    const { world, drop, b } = await twoNodes()

    expect(await orders(world, b, drop, names(12))).toEqual([
      ...Array(10).fill('accepted'),
      ...Array(2).fill('sold_out'),
    ])
    expect(world.settled).toHaveLength(10)
  })

  it('[V2] wake a drop without an owner once, however many come', async () => {
    const world = new RoomWorld()
    const drop = world.addDrop(dropOf('asleep'))
    const [a, b] = [world.node('n1'), world.node('n2')]
    await world.clock.advance(2_000)

    const verdicts = await Promise.all([
      orders(world, a, drop, names(5, 'ana'), 1_000),
      orders(world, b, drop, names(5, 'bob'), 1_000),
    ])

    expect(verdicts.flat()).toEqual(Array(10).fill('accepted'))
    expect(world.book.read(drop).epoch).toBeLessThanOrEqual(2)
    expect(world.events.filter((one) => one.event === 'room.woken')).toHaveLength(1)
  })

  it('[V2] are answered invalid for a drop that does not exist, without asking Postgres each time', async () => {
    const { world, a } = await twoNodes()
    let takes = 0
    world.book.refuse((call) => {
      if (call === 'take') takes += 1
      return undefined
    })

    const verdicts = []
    for (let n = 0; n < 5; n += 1) verdicts.push(...(await orders(world, a, dropOf('nowhere'), ['ana'], 500)))

    expect(verdicts).toEqual(Array(5).fill('invalid'))
    expect(takes).toBe(1)
  })
})

describe('when the owner is gone', () => {
  it('[V3] another node adopts the room within three seconds, and nothing that was accepted is lost', async () => {
    const { world, drop, a, b } = await twoNodes()
    world.book.refuse((call) => (call === 'write' ? 'before' : undefined))
    const before = await orders(world, a, drop, names(4))

    a.crash()
    world.book.refuse()
    const crashedMs = world.clock.monotonicMs()
    const after = await persist(world, b, drop, names(10))
    const gapMs = world.clock.monotonicMs() - crashedMs
    await world.clock.advance(1_000)

    expect(before).toEqual(Array(4).fill('accepted'))
    expect(after).toEqual([...Array(4).fill('duplicate'), ...Array(6).fill('accepted')])
    expect(gapMs).toBeLessThanOrEqual(3_000)
    expect(world.sold(drop)).toBe(10)
  })

  it('[P29] its last write, which Redis has forgotten and which comes after the takeover, changes nothing', async () => {
    const { world, drop, a, b } = await twoNodes()
    const image = world.memoryLedger.image()
    const arrive = world.hold('book', 'write')
    expect(await orders(world, a, drop, ['ana'])).toEqual(['accepted'])
    a.crash()
    world.memoryLedger.restore(image)
    expect(await persist(world, b, drop, ['ben'])).toEqual(['accepted'])

    arrive()
    await world.clock.advance(1_000)

    const woken = world.events.filter(({ event, node }) => event === 'room.woken' && node === b.node)
    expect(woken.map(({ facts }) => facts.how)).toEqual(['adopted'])
    expect(world.sold(drop)).toBe(1)
    expect((await world.memoryLedger.read(drop))?.items).toEqual([{ sku: 'shoe', left: 9, limit: null }])
  })

  it('[V4] and wakes up again after a pause, the ledger refuses it, and it hands over what it had', async () => {
    const { world, drop, a, b } = await twoNodes()
    world.book.refuse((call) => (call === 'write' ? 'before' : undefined))
    await orders(world, a, drop, names(3))

    const thaw = a.freeze()
    await persist(world, b, drop, names(5))
    world.book.refuse()
    thaw()
    await world.clock.advance(5_000)

    expect(await persist(world, a, drop, names(5))).toEqual(Array(5).fill('duplicate'))
    expect(world.sold(drop)).toBe(5)
    expect(world.events.filter((one) => one.event === 'order.revoked')).toEqual([])
  })
})

describe('when Redis loses what it had', () => {
  it('[V5] all of it: the room is built anew from Postgres and the journal, and nothing is lost or sold twice', async () => {
    const { world, drop, a } = await twoNodes()
    await orders(world, a, drop, names(3))
    world.book.refuse((call) => (call === 'write' ? 'before' : undefined))
    await orders(world, a, drop, names(3, 'late'))

    world.memoryLedger.wipe()
    world.leases.wipe()
    world.book.refuse()
    const after = await persist(world, a, drop, [...names(3), ...names(3, 'late'), ...names(9, 'new')])
    await world.clock.advance(1_000)

    expect(after.slice(0, 6)).toEqual(Array(6).fill('duplicate'))
    expect(after.slice(6).filter((verdict) => verdict === 'accepted')).toHaveLength(4)
    expect(world.sold(drop)).toBe(10)
  })

  it('[V5] all of it, and another node takes over: the journal is surrendered to it', async () => {
    const { world, drop, a, b } = await twoNodes()
    world.book.refuse((call) => (call === 'write' ? 'before' : undefined))
    await orders(world, a, drop, names(6))

    world.memoryLedger.wipe()
    world.leases.wipe()
    const waking = b.directory.wake(drop)
    await world.clock.advance(10)
    world.book.refuse()
    await world.clock.advance(3_000)
    await waking

    expect(await persist(world, b, drop, [...names(6), ...names(6, 'new')])).toEqual([
      ...Array(6).fill('duplicate'),
      ...Array(4).fill('accepted'),
      ...Array(2).fill('sold_out'),
    ])
  })

  it('[V6] its last moments: the owner sees it by the seq, and builds the room anew', async () => {
    const { world, drop, a } = await twoNodes()
    await orders(world, a, drop, names(2))
    const image = world.memoryLedger.image()
    world.book.refuse((call) => (call === 'write' ? 'before' : undefined))
    await orders(world, a, drop, names(3, 'late'))

    world.memoryLedger.restore(image)
    world.book.refuse()
    const after = await persist(world, a, drop, [...names(3, 'late'), ...names(9, 'new')])

    expect(after.slice(0, 3)).toEqual(Array(3).fill('duplicate'))
    expect(after.slice(3).filter((verdict) => verdict === 'accepted')).toHaveLength(5)
    expect(world.events.some((one) => one.event === 'takeover.redis_lost')).toBe(true)
  })
})

describe('when the lease is lost while the owner lives', () => {
  it('[V7] two nodes cannot both sell: the higher epoch wins and the other one gives up', async () => {
    const { world, drop, a, b } = await twoNodes(20)
    await orders(world, a, drop, names(5))

    await world.leases.release(drop, a.node)
    const waking = b.directory.wake(drop)
    const storm = [orders(world, a, drop, names(10, 'here'), 1_500), orders(world, b, drop, names(10, 'there'), 1_500)]
    await world.clock.advance(3_000)
    await Promise.all([...storm, waking])
    const after = await persist(world, a, drop, [...names(10, 'here'), ...names(10, 'there')])
    await world.clock.advance(1_000)

    expect(after.filter((verdict) => verdict === 'sold_out')).toHaveLength(5)
    expect(world.sold(drop)).toBe(20)
  })

  it('[V7] a call of the last owner that arrives after the next one has begun is kept out by the epoch alone', async () => {
    const { world, drop, a, b } = await twoNodes()
    // Its first one: the next owner's room is where this one left it, by position and by call.
    const arrives = world.hold('ledger', 'order')
    void a.order(drop, ask(drop, 'late'))
    await world.clock.advance(50)
    a.crash()
    await world.clock.advance(2_500)
    const waking = b.directory.wake(drop)
    await world.clock.advance(500)
    expect(await waking).toBe('here')

    arrives()

    expect(await persist(world, b, drop, ['late'])).toEqual(['accepted'])
  })

  it('[V8] a node that leaves writes what it has and passes its rooms on to the node that comes next', async () => {
    const { world, drop, a, b } = await twoNodes()
    await orders(world, a, drop, names(2))

    const closing = a.directory.close(1_000)
    await world.clock.advance(500)
    await closing

    expect(await world.leases.holder(drop)).toBe(b.node)
    expect(b.directory.room(drop)).toBeDefined()
    expect(world.sold(drop)).toBe(2)
    expect(await persist(world, b, drop, names(3))).toEqual(['duplicate', 'duplicate', 'accepted'])
  })
})
