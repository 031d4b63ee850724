/** A drop is changed before it opens: with its room asleep, awake here, awake elsewhere, and with an owner cut off. */
import { describe, expect, it } from 'vitest'
import type { DropId } from '../protocol/ids.ts'
import { type DropChange, Replanning } from '../rooms/replanning.ts'
import { START_MS } from './builders/hand-clock.ts'
import { silent } from './builders/logs.ts'
import { ask, dropOf, sku } from './builders/people.ts'
import { RoomWorld, type WorldNode } from './builders/room-world.ts'

const OPENS_MS = START_MS + 600_000
const LATER: DropChange = { opensAtMs: OPENS_MS + 60_000, items: [{ sku: sku('shoe'), stock: 2 }] }

async function planned() {
  const world = new RoomWorld()
  const drop = world.addDrop(dropOf('one'), { phase: 'scheduled', opensAtMs: OPENS_MS })
  const [a, b] = [world.node('n1'), world.node('n2')]
  await world.clock.advance(2_000)
  return { world, drop, a, b }
}

async function change(world: RoomWorld, node: WorldNode, drop: DropId, what = LATER) {
  const { directory, neighbours } = node
  const { book, ledger, leases } = world
  const stores = { book, plans: book, ledger, leases }
  const changing = new Replanning({ ...stores, neighbours, directory, log: silent, node: node.node })
  const said = changing.change(drop, what)
  await world.clock.advance(3_000)
  return (await said).said
}

async function wake(world: RoomWorld, node: WorldNode, drop: DropId) {
  const woken = node.directory.wake(drop)
  await world.clock.advance(1_000)
  return woken
}

async function verdicts(world: RoomWorld, node: WorldNode, drop: DropId, who: string[]) {
  const said = who.map((name) => node.order(drop, ask(drop, name)))
  await world.clock.advance(2_500)
  return (await Promise.all(said)).map((reply) => reply.verdict)
}

describe('a change of a scheduled drop', () => {
  it.each(['asleep', 'awake here', 'awake elsewhere'])('[E14] holds when its room is %s', async (where) => {
    const { world, drop, a, b } = await planned()
    if (where !== 'asleep') expect(await wake(world, where === 'awake here' ? a : b, drop)).toBe('here')

    expect(await change(world, a, drop)).toBe('changed')

    expect(await world.memoryLedger.read(drop)).toMatchObject({
      ...{ phase: 'scheduled', opensAtMs: OPENS_MS + 60_000 },
      items: [{ sku: 'shoe', left: 2 }],
    })
    await world.clock.advance(OPENS_MS + 1_000 - world.clock.nowMs())
    await wake(world, b, drop)
    expect(await verdicts(world, b, drop, ['ana'])).toEqual(['early'])
    await world.clock.advance(OPENS_MS + 61_000 - world.clock.nowMs())
    await wake(world, b, drop)
    expect(await verdicts(world, b, drop, ['ana', 'ben', 'cem'])).toEqual(['accepted', 'accepted', 'sold_out'])
  })

  it('[E14] waits for the lease of an owner that cannot be reached, and fences it then', async () => {
    const { world, drop, a, b } = await planned()
    expect(await wake(world, b, drop)).toBe('here')
    const thaw = b.freeze()

    expect(await change(world, a, drop)).toBe('elsewhere')
    expect(await change(world, a, drop)).toBe('changed')
    thaw()
    await world.clock.advance(OPENS_MS + 1_000 - world.clock.nowMs())

    expect(await world.memoryLedger.read(drop)).toMatchObject({ phase: 'scheduled', opensAtMs: OPENS_MS + 60_000 })
  })

  it('[E14] is refused once the drop has opened, whatever Postgres knows of it yet', async () => {
    const { world, drop, a } = await planned()
    await wake(world, a, drop)
    world.book.refuse((call) => (call === 'write' ? 'before' : undefined))
    const opened = a.router.control(drop, 'op', { kind: 'phase', from: ['scheduled'], to: 'open', early: true }, 1_000)
    await world.clock.advance(1_100)
    // It is open, and nobody is told so before Postgres has it.
    expect(await opened).toMatchObject({ done: 'pending' })
    expect(await verdicts(world, a, drop, ['ana'])).toEqual(['accepted'])
    world.book.refuse((call) => (call === 'write' ? 'before' : undefined))

    const said = await change(world, a, drop)
    world.book.refuse()
    await world.clock.advance(5_000)

    expect(said).toBe('not_scheduled')
    expect(await verdicts(world, a, drop, ['ana'])).toEqual(['duplicate'])
    expect(world.book.read(drop)).toMatchObject({ phase: 'open' })
    expect(world.book.read(drop).items.get(sku('shoe'))).toMatchObject({ total: 10, sold: 1 })
  })
})
