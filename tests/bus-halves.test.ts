/** A bus in two halves, each whole for its nodes: what is said of it, and what becomes of a drop meanwhile. */
import { expect, it } from 'vitest'
import { watchHalves } from '../server/bus-halves.ts'
import { ask } from './builders/people.ts'
import { type RoomWorld, twoNodes, type WorldNode } from './builders/room-world.ts'

/** What the watch of a node has said, event by event. */
function watched(world: RoomWorld, { node, members }: WorldNode): string[] {
  const said: string[] = []
  const note = (event: string, facts: object = {}) => void said.push(`${event} ${JSON.stringify(facts)}`)
  const log = { info: note, warn: note }
  const { roll, clock } = world
  watchHalves({ roll, node, live: () => members.live(), unheardMs: () => members.unheardMs, log, clock })
  return said
}

it('[OO3] is said on both sides, once; the room stays and the other side is put off until the bus is whole', async () => {
  const { world, drop, a, b } = await twoNodes()
  const [saidByA, saidByB] = [watched(world, a), watched(world, b)]
  world.network.fate = ({ from, to }) => (from === to ? 'deliver' : 'drop')

  await world.clock.advance(4_500)
  expect([saidByA, saidByB]).toEqual([[], []])
  await world.clock.advance(30_000)
  expect(saidByA).toEqual([`bus.halved {"beyond":["${b.node}"]}`])
  expect(saidByB).toEqual([`bus.halved {"beyond":["${a.node}"]}`])
  expect(a.directory.room(drop)).toBeDefined()
  expect(await a.order(drop, ask(drop, 'ana', { shoe: 1 }))).toMatchObject({ verdict: 'accepted' })
  const putOff = b.order(drop, ask(drop, 'ben', { shoe: 1 }))
  await world.clock.advance(5_000)
  expect(await putOff).toMatchObject({ verdict: 'pending' })

  world.network.fate = () => 'deliver'
  await world.clock.advance(3_000)

  expect([saidByA.slice(1), saidByB.slice(1)]).toEqual([['bus.whole {}'], ['bus.whole {}']])
  const asked = b.order(drop, ask(drop, 'ben', { shoe: 1 }))
  await world.clock.advance(1_000)
  expect(await asked).toMatchObject({ verdict: 'accepted' })
  expect(world.book.read(drop).epoch).toBe(1)
})

it('[OO3] is said with everybody who is beyond, also where they were heard for a moment longer than others', async () => {
  const { world, a, b } = await twoNodes()
  const c = world.node('n3')
  await world.clock.advance(2_000)
  const saidByA = watched(world, a)
  const beyond = new Set([b.bus])
  world.network.fate = ({ from, to }) => (beyond.has(from) === beyond.has(to) ? 'deliver' : 'drop')

  await world.clock.advance(900)
  beyond.add(c.bus)
  await world.clock.advance(20_000)

  expect(saidByA).toEqual([`bus.halved {"beyond":["${b.node}","${c.node}"]}`])
})

it('[OO3] is not said of a node that dies, that comes, or that has no bus at all', async () => {
  const { world, a, b } = await twoNodes()
  const [saidByA, saidByB] = [watched(world, a), watched(world, b)]

  b.bus.cut()
  await world.clock.advance(20_000)
  b.bus.mend()
  await world.clock.advance(5_000)
  world.node('n3').crash()
  const late = world.node('n4')
  await world.clock.advance(5_000)
  late.crash()
  await world.clock.advance(20_000)

  expect([saidByA, saidByB]).toEqual([[], []])
})
