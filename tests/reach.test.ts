/** What becomes of the rooms of a node that the bus does not reach. */
import { describe, expect, it } from 'vitest'
import { Agenda } from '../rooms/agenda.ts'
import { ask, dropOf, nodeOf } from './builders/people.ts'
import { RoomWorld, type WorldNode } from './builders/room-world.ts'

const shoes = dropOf('shoes')

/** An owner and another node, or two, that look after every drop. */
async function fleet(...others: string[]) {
  const world = new RoomWorld()
  world.addDrop(shoes)
  const owner = world.node('owner')
  const rest = others.map((name) => world.node(name))
  await world.clock.advance(2_000)
  await owner.directory.wake(shoes)
  const { book, leases, clock } = world
  for (const { node, directory, members } of [owner, ...rest]) {
    const preferred = (drop: typeof shoes) => members.preferred(drop)
    const log = { info: () => undefined, warn: () => undefined, error: () => undefined }
    new Agenda({ book, leases, directory, preferred, clock, node, log })
  }
  await world.clock.advance(1_000)
  expect(ownersOf([owner, ...rest])).toEqual(['owner'])
  return { world, owner, rest, all: [owner, ...rest] }
}

const ownersOf = (nodes: readonly WorldNode[]) =>
  nodes.filter(({ directory }) => directory.room(shoes) !== undefined).map(({ node }) => String(node))
const order = (node: WorldNode, buyer: string) => node.order(shoes, ask(shoes, buyer, { shoe: 1 }))

describe('an owner that the bus does not reach', () => {
  it('[MM3] gives up its rooms after three seconds, written, and another node sells within five', async () => {
    const { world, owner, rest, all } = await fleet('other')
    const [other] = rest
    owner.bus.cut()

    await world.clock.advance(2_800)
    expect(ownersOf(all)).toEqual(['owner'])
    expect(await order(owner, 'ana')).toMatchObject({ verdict: 'accepted' })

    await world.clock.advance(2_200)
    expect(ownersOf(all)).toEqual(['other'])
    expect(world.book.read(shoes).orders.size).toBe(1)
    expect(other && (await order(other, 'ben'))).toMatchObject({ verdict: 'accepted' })
  })

  it('[MM3] does not let go of what Postgres is about to write', async () => {
    const { world, owner, all } = await fleet('other')
    let goOn: () => void = () => undefined
    const held = new Promise<void>((resolve) => {
      goOn = resolve
    })
    const write = world.book.write.bind(world.book)
    world.book.write = (...asked) => held.then(() => write(...asked))
    owner.bus.cut()
    await world.clock.advance(2_800)
    expect(await order(owner, 'ana')).toMatchObject({ verdict: 'accepted' })

    await world.clock.advance(700)
    expect(await order(owner, 'ben')).toMatchObject({ verdict: 'pending' })
    expect(await world.leases.holder(shoes)).toBe('owner')

    goOn()
    await world.clock.advance(1_500)
    expect(ownersOf(all)).toEqual(['other'])
    expect(world.book.read(shoes).orders.size).toBe(1)
  })

  it('[MM3] does so too when its link believes to be whole', async () => {
    const { world, owner, all } = await fleet('other')
    world.network.fate = ({ from, to }) => (from === owner.bus || to === owner.bus ? 'drop' : 'deliver')

    await world.clock.advance(5_000)

    expect(owner.bus.connected).toBe(true)
    expect(ownersOf(all)).toEqual(['other'])
  })

  it('[MM3] keeps them when it was for less than three seconds, however often', async () => {
    const { world, owner, all } = await fleet('other')

    for (let round = 0; round < 5; round += 1) {
      owner.bus.cut()
      await world.clock.advance(2_500)
      owner.bus.mend()
      await world.clock.advance(500)
    }

    expect(ownersOf(all)).toEqual(['owner'])
    expect(world.book.read(shoes).epoch).toBe(1)
  })

  it('[MM4] takes none until the bus is back, and none back then', async () => {
    const { world, owner, rest, all } = await fleet('other')
    owner.bus.cut()
    await world.clock.advance(30_000)
    expect(ownersOf(all)).toEqual(['other'])
    expect(await owner.directory.wake(shoes)).toBe('elsewhere')

    owner.bus.mend()
    await world.clock.advance(10_000)

    expect(ownersOf(all)).toEqual(['other'])
    expect(world.book.read(shoes).epoch).toBe(2)
    for (const one of rest) one.crash()
    await world.clock.advance(5_000)
    expect(ownersOf([owner])).toEqual(['owner'])
  })

  it('[MM4] keeps them when the bus reaches nobody, also for long, and when it comes back to another one first', async () => {
    const { world, owner, rest, all } = await fleet('other', 'third')
    for (const { bus } of all) bus.cut()
    await world.clock.advance(20_000)
    expect(ownersOf(all)).toEqual(['owner'])
    expect(await order(owner, 'ana')).toMatchObject({ verdict: 'accepted' })

    for (const { bus } of rest) bus.mend()
    await world.clock.advance(2_500)
    owner.bus.mend()
    await world.clock.advance(5_000)

    expect(ownersOf(all)).toEqual(['owner'])
    expect(world.book.read(shoes).epoch).toBe(1)
  })

  it('[MM9] sends its clients away after ten seconds, once, and lets nobody in until the bus is back', async () => {
    const { world, owner, rest } = await fleet('other')
    owner.bus.cut()

    await world.clock.advance(9_000)
    expect([owner.farewells, owner.reach.letsIn]).toEqual([0, true])
    await world.clock.advance(11_000)
    expect([owner.farewells, owner.reach.letsIn]).toEqual([1, false])
    expect(rest.map(({ farewells }) => farewells)).toEqual([0])

    owner.bus.mend()
    await world.clock.advance(2_000)
    expect(owner.reach.letsIn).toBe(true)
    owner.bus.cut()
    await world.clock.advance(12_000)
    expect(owner.farewells).toBe(2)
  })

  it('[MM9] keeps them when the bus reaches nobody, and lets them in again when it comes to that', async () => {
    const { world, owner, rest, all } = await fleet('other')
    for (const { bus } of all) bus.cut()
    await world.clock.advance(20_000)
    expect(all.map(({ farewells }) => farewells)).toEqual([0, 0])

    for (const { bus } of rest) bus.mend()
    await world.clock.advance(15_000)
    expect([owner.farewells, owner.reach.letsIn]).toEqual([1, false])
    for (const { bus } of rest) bus.cut()
    await world.clock.advance(5_000)
    expect(owner.reach.letsIn).toBe(true)
  })

  it('[MM5] keeps them when the only other node is leaving', async () => {
    const { world, owner, rest } = await fleet('other')
    const [other] = rest
    other?.members.withdraw()
    await other?.reach.withdraw()
    owner.bus.cut()

    await world.clock.advance(10_000)

    expect(ownersOf([owner])).toEqual(['owner'])
  })
})

it('[MM6] an owner that is lost is found out in the moment in which its lease ends', async () => {
  const world = new RoomWorld()
  const { book, leases, clock } = world
  world.addDrop(shoes)
  await leases.acquire(shoes, nodeOf('lost'), 1_900)
  const other = world.node('other')
  const preferred = () => [other.node]
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined }
  new Agenda({ book, leases, directory: other.directory, preferred, clock, node: other.node, log })

  await clock.advance(1_890)
  expect(ownersOf([other])).toEqual([])

  await clock.advance(60)
  expect(ownersOf([other])).toEqual(['other'])
})
