/** A node that leaves passes its rooms on while they sell: real rooms and buses over memory stores, time wound by hand. */
import { describe, expect, it } from 'vitest'
import type { DropId } from '../protocol/ids.ts'
import { passAll } from '../rooms/passing.ts'
import { settled } from './builders/hand-clock.ts'
import { ask, dropOf, sku } from './builders/people.ts'
import { RoomWorld, type WorldNode } from './builders/room-world.ts'

async function fleet(count: number) {
  const world = new RoomWorld()
  const drop = world.addDrop(dropOf('one'), { items: [{ sku: sku('shoe'), total: 1_000 }] })
  const nodes = Array.from({ length: count }, (_, n) => world.node(`n${n + 1}`))
  await world.clock.advance(2_000)
  const [leaver] = nodes
  if (leaver === undefined) throw new Error('no node')
  const waking = leaver.directory.wake(drop)
  await world.clock.advance(500)
  expect(await waking).toBe('here')
  return { world, drop, leaver, others: nodes.slice(1) }
}

/** As server/stop.ts does it. */
function leave(node: WorldNode, graceMs = 5_000): Promise<void> {
  node.members.withdraw()
  return node.directory.close(graceMs)
}

const place = (node: WorldNode | undefined, drop: DropId, who: string) =>
  node?.order(drop, ask(drop, who), 2_900).then((reply) => reply.verdict)

const owners = (nodes: readonly WorldNode[], drop: DropId) =>
  nodes.filter((node) => node.directory.room(drop) !== undefined).map((node) => node.node)

/** Every call of that name to the store waits this long first. */
function slow<Store extends object, Name extends keyof Store & string>(
  world: RoomWorld,
  store: Store,
  name: Name,
  ms: number,
) {
  const method = store[name] as (...args: unknown[]) => Promise<unknown>
  const waits = async (...args: unknown[]) => {
    await new Promise<void>((resolve) => void world.clock.after(ms, resolve))
    return method.apply(store, args)
  }
  store[name] = waits as Store[Name]
}

describe('a node that leaves', () => {
  it('[DD1] is alive for everybody and preferred by no drop, also in the eyes of who comes after that', async () => {
    const { world, drop, leaver, others } = await fleet(2)
    leaver.members.withdraw()
    await settled()
    const late = world.node('n9')
    await world.clock.advance(300)

    for (const { members } of [leaver, ...others, late]) {
      expect(members.live()).toEqual(['n1', 'n2', 'n9'])
      expect(members.preferred(drop).toSorted()).toEqual(['n2', 'n9'])
    }
  })

  it('[DD4] sells until its successor asks for the room, however long Postgres takes to name an owner', async () => {
    const { world, drop, leaver, others } = await fleet(2)
    slow(world, world.book, 'take', 800)

    const closing = leave(leaver)
    await world.clock.advance(500)
    const meanwhile = [place(leaver, drop, 'ana'), place(others[0], drop, 'ben')]
    await world.clock.advance(50)
    expect(await Promise.all(meanwhile)).toEqual(['accepted', 'accepted'])
    expect(owners([leaver, ...others], drop)).toEqual(['n1'])

    await world.clock.advance(400)
    await closing
    expect(owners([leaver, ...others], drop)).toEqual(['n2'])
    const after = [place(leaver, drop, 'ana'), place(leaver, drop, 'eve')]
    await world.clock.advance(100)
    expect(await Promise.all(after)).toEqual(['duplicate', 'accepted'])
  })

  it('[P30] sells on and keeps what it may not write any more, from the minting of an epoch until it is asked', async () => {
    const { world, drop, leaver, others } = await fleet(2)
    const take = world.book.take.bind(world.book)
    world.book.take = async (...asked) => {
      const taken = await take(...asked)
      await new Promise<void>((resolve) => void world.clock.after(800, resolve))
      return taken
    }

    const closing = leave(leaver)
    await world.clock.advance(300)
    const meanwhile = [place(leaver, drop, 'ana'), place(others[0], drop, 'ben')]
    await world.clock.advance(300)
    expect(await Promise.all(meanwhile)).toEqual(['accepted', 'accepted'])
    expect(world.sold(drop)).toBe(0)

    await world.clock.advance(600)
    await closing
    expect(owners([leaver, ...others], drop)).toEqual(['n2'])
    expect(world.sold(drop)).toBe(2)
    expect(world.events.filter(({ event }) => event === 'room.ended')).toEqual([])
  })

  it('[DD5] leaves no letter behind: what it has not read is answered by the next owner', async () => {
    const { world, drop, leaver, others } = await fleet(2)
    slow(world, world.memoryLedger, 'order', 40)
    const replies = []
    for (let n = 0; n < 20; n += 1) {
      replies.push(place(leaver, drop, `here ${n}`), place(others[0], drop, `there ${n}`))
      if (n === 5) void leave(leaver)
      await world.clock.advance(7)
    }
    await world.clock.advance(1_000)

    const verdicts = await Promise.all(replies)
    expect(verdicts.filter((verdict) => verdict !== 'accepted')).toEqual([])
    expect(owners([leaver, ...others], drop)).toEqual(['n2'])
    expect(world.book.read(drop).items.get(sku('shoe'))?.sold).toBe(40)
  })

  it('[DD4] tries the next node when the first one does not take the room', async () => {
    const { world, drop, leaver, others } = await fleet(3)
    const [first] = leaver.members.preferred(drop).filter((node) => node !== leaver.node)
    others.find(({ node }) => node === first)?.crash()

    const closing = leave(leaver)
    await world.clock.advance(4_000)
    await closing

    expect(owners(others, drop)).toEqual(others.map(({ node }) => node).filter((node) => node !== first))
  })

  it('[DD6] writes what it has and gives the lease back when nobody is there to take the room', async () => {
    const { world, drop, leaver } = await fleet(1)
    slow(world, world.book, 'write', 300)
    const before = place(leaver, drop, 'ana')
    await world.clock.advance(10)
    expect(await before).toBe('accepted')

    const closing = leave(leaver)
    await world.clock.advance(1_000)
    await closing

    expect(await world.leases.holder(drop)).toBeUndefined()
    expect(world.book.read(drop).items.get(sku('shoe'))?.sold).toBe(1)
  })

  it('[DD6] does not wait longer than its time for a Postgres that is away', async () => {
    const { world, drop, leaver } = await fleet(1)
    slow(world, world.book, 'write', 60_000)
    void place(leaver, drop, 'ana')
    await world.clock.advance(10)

    let left = false
    void leave(leaver, 2_000).then(() => {
      left = true
    })
    await world.clock.advance(1_900)
    expect(left).toBe(false)
    await world.clock.advance(200)
    expect(left).toBe(true)
  })

  it('[DD4] passes its rooms on a few at a time', async () => {
    const drops = Array.from({ length: 50 }, (_, n) => dropOf(`drop ${n}`))
    const passed: DropId[] = []
    let atOnce = 0
    let most = 0

    await passAll(drops, async (drop) => {
      atOnce += 1
      most = Math.max(most, atOnce)
      await settled()
      atOnce -= 1
      passed.push(drop)
    })

    expect(passed.toSorted()).toEqual(drops.toSorted())
    expect(most).toBe(16)
  })
})
