/** What was accepted stands twice again soon after Redis forgot it, though Postgres cannot be asked. */
import { describe, expect, it } from 'vitest'
import { Fault } from '../protocol/faults.ts'
import type { DropId } from '../protocol/ids.ts'
import { Outcomes } from '../server/inbound/outcomes.ts'
import { ask, sku } from './builders/people.ts'
import { type RoomWorld, twoNodes, type WorldNode } from './builders/room-world.ts'

const fans = (count: number, prefix = 'fan') => Array.from({ length: count }, (_, n) => `${prefix} ${n}`)

async function orders(world: RoomWorld, node: WorldNode, drop: DropId, who: string[]): Promise<string[]> {
  const replies = who.map((name) => node.order(drop, ask(drop, name), 400))
  await world.clock.advance(500)
  return (await Promise.all(replies)).map(({ verdict }) => verdict)
}

/** What a phone does: the same key again until there is an answer. */
async function persist(world: RoomWorld, node: WorldNode, drop: DropId, who: string[]): Promise<string[]> {
  for (let turn = 0; turn < 20; turn += 1) {
    const verdicts = await orders(world, node, drop, who)
    if (!verdicts.includes('pending')) return verdicts
  }
  return []
}

/** Postgres is away, and these orders are accepted all the same. */
async function acceptedMeanwhile(count: number) {
  const { world, drop, a, b } = await twoNodes(2_000)
  const before = world.memoryLedger.image()
  world.book.refuse(() => 'before')
  const who = fans(count)
  expect(new Set(await orders(world, a, drop, who))).toEqual(new Set(['accepted']))
  return { world, drop, a, b, who, before }
}

const copies = (world: RoomWorld) => world.events.filter(({ event }) => event === 'journal.copied').length

describe('while Postgres is away', () => {
  it.each(['forgets all', 'goes back in time'] as const)(
    '[Z12] and Redis %s, and then the owner dies, nothing is lost that was accepted',
    async (how) => {
      const { world, drop, a, b, who, before } = await acceptedMeanwhile(1_200)

      if (how === 'forgets all') world.memoryLedger.wipe()
      else world.memoryLedger.restore(before)
      expect(await orders(world, a, drop, ['late'])).toEqual(['pending'])
      a.crash()
      world.book.refuse()

      expect(new Set(await persist(world, b, drop, who))).toEqual(new Set(['duplicate']))
      await world.clock.advance(1_000)
      expect(world.book.read(drop).items.get(sku('shoe'))?.sold).toBe(1_200)
      expect(await world.memoryLedger.copied(drop)).toBeUndefined()
    },
  )

  it('[Z12, EE11] and Redis goes back, nobody hears that an order is unknown which the room has accepted', async () => {
    const { world, drop, a, who, before } = await acceptedMeanwhile(3)
    const nothing = { states: async () => new Map(), phases: async () => new Map([[drop, 'open' as const]]) }
    const outcomes = new Outcomes(world.memoryLedger, nothing, nothing, world.clock)
    const { buyer, key } = ask(drop, who[0] ?? '')
    expect(await outcomes.of(buyer, drop, [key])).toMatchObject([{ state: 'accepted' }])

    world.memoryLedger.restore(before)
    await orders(world, a, drop, ['late'])

    await expect(outcomes.of(buyer, drop, [key])).rejects.toMatchObject({ code: 'unavailable' })
    world.book.refuse()
    await persist(world, a, drop, who)
    expect(await outcomes.of(buyer, drop, [key])).toMatchObject([{ state: 'accepted' }])
  })

  it('[Z12] a copy that Redis forgets too is made once more', async () => {
    const { world, drop, a, b, who } = await acceptedMeanwhile(3)
    for (let times = 0; times < 2; times += 1) {
      world.memoryLedger.wipe()
      await orders(world, a, drop, ['late'])
    }
    a.crash()
    world.book.refuse()

    expect(await persist(world, b, drop, who)).toEqual(Array(3).fill('duplicate'))
  })

  it('[Z12] a node that leaves sets down what it could not pass on', async () => {
    const { world, drop, a, b, who } = await acceptedMeanwhile(1_200)

    const leaving = a.directory.close(3_000)
    await world.clock.advance(50)
    world.memoryLedger.wipe()
    await world.clock.advance(5_000)
    await leaving
    a.crash()
    world.book.refuse()

    expect(new Set(await persist(world, b, drop, who))).toEqual(new Set(['duplicate']))
  })

  it('[Z12] a node that may have no room sets down what it alone remembers', async () => {
    const { world, drop, a, b, who } = await acceptedMeanwhile(3)
    a.directory.giveUp()
    await world.clock.advance(2_000)

    world.memoryLedger.wipe()
    await world.clock.advance(1_000)
    a.crash()
    world.book.refuse()

    expect(await persist(world, b, drop, who)).toEqual(Array(3).fill('duplicate'))
  })

  it('[Z12] an attempt that came to nothing is not repeated at once', async () => {
    const { world, drop, a } = await acceptedMeanwhile(3)
    let tries = 0
    world.ledger = new Proxy(world.memoryLedger, {
      get: (ledger, name) => {
        if (name === 'copy') {
          tries += 1
          return async () => ({ answer: 'forgotten' })
        }
        const method: unknown = Reflect.get(ledger, name)
        return typeof method === 'function' ? method.bind(ledger) : method
      },
    })
    world.memoryLedger.wipe()
    await orders(world, a, drop, ['late'])
    const first = tries
    await world.clock.advance(5_000)

    expect(first).toBe(1)
    expect(tries).toBeGreaterThan(1)
    expect(tries).toBeLessThanOrEqual(6)
  })

  it('[Z12] no copy is made of what Redis has', async () => {
    const { world, drop, a, b } = await acceptedMeanwhile(3)
    const thaw = a.freeze()
    world.book.refuse()
    await persist(world, b, drop, ['new'])
    thaw()
    await world.clock.advance(5_000)

    expect(copies(world)).toBe(0)
    expect(await world.memoryLedger.copied(drop)).toBeUndefined()
  })

  it('[Z12] a Redis that takes no copy costs nothing but the copy', async () => {
    const { world, drop, a, who } = await acceptedMeanwhile(3)
    world.ledger = new Proxy(world.memoryLedger, {
      get: (ledger, name) => {
        if (name === 'copy') return () => Promise.reject(new Fault('unavailable', { dependency: 'redis' }))
        const method: unknown = Reflect.get(ledger, name)
        return typeof method === 'function' ? method.bind(ledger) : method
      },
    })
    world.memoryLedger.wipe()
    await orders(world, a, drop, ['late'])
    world.book.refuse()

    expect(await persist(world, a, drop, who)).toEqual(Array(3).fill('duplicate'))
    expect(world.events.some(({ event }) => event === 'journal.not_copied')).toBe(true)
  })
})
