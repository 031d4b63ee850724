/** What a creator is told about a drop's phase, and when. */
import { describe, expect, it } from 'vitest'
import type { DropId } from '../protocol/ids.ts'
import { formatLines } from '../protocol/lines.ts'
import { controlOf } from '../rooms/drop.ts'
import type { ControlReply } from '../rooms/letters.ts'
import { ask, sku } from './builders/people.ts'
import { type RoomWorld, twoNodes, type WorldNode } from './builders/room-world.ts'

const WAIT_MS = 1_000

/** A word of the creator; `heard` has the answer as soon as there is one. */
function say(node: WorldNode, drop: DropId, what: 'pause' | 'resume', opId: string = what) {
  const heard: ControlReply[] = []
  void node.router.control(drop, opId, controlOf(what), WAIT_MS).then((reply) => heard.push(reply))
  return heard
}

async function order(world: RoomWorld, node: WorldNode, drop: DropId, who: string): Promise<string> {
  const reply = node.order(drop, ask(drop, who), 190)
  await world.clock.advance(200)
  return (await reply).verdict
}

describe('a word about the phase', () => {
  it('[FF18] holds at once, and is told as applied when Postgres has it', async () => {
    const { world, drop, a } = await twoNodes()
    const goOn = world.hold('book', 'write')

    const heard = say(a, drop, 'pause')
    await world.clock.advance(100)
    expect(await order(world, a, drop, 'ana')).toBe('paused')
    expect(heard).toEqual([])

    goOn()
    await world.clock.advance(100)
    expect(heard).toMatchObject([{ done: 'applied', phase: 'paused' }])
  })

  it('[FF18] is pending for whoever waits too long or is one too many, and asking again is answered with it', async () => {
    const { world, drop, a } = await twoNodes()
    const goOn = world.hold('book', 'write')
    const first = say(a, drop, 'pause')
    await world.clock.advance(WAIT_MS)
    expect(first).toMatchObject([{ done: 'pending' }])

    const again = Array.from({ length: 20 }, () => say(a, drop, 'pause'))
    await world.clock.advance(100)
    const turnedAway = again.flat()
    expect(turnedAway.length).toBeGreaterThan(0)
    for (const reply of turnedAway) expect(reply).toMatchObject({ done: 'pending' })

    goOn()
    await world.clock.advance(100)
    const told = again.flat().filter(({ done }) => done === 'repeated')
    expect(told.length).toBe(again.length - turnedAway.length)
    expect(told.length).toBeGreaterThan(0)
  })

  it('[FF18] keeps nobody waiting who asked for units: Postgres had those first', async () => {
    const { world, drop, a } = await twoNodes()
    const more = [{ sku: sku('shoe'), qty: 5 }]
    await world.book.restock(drop, 'more', more)
    world.hold('book', 'write')

    const reply = a.router.control(drop, 'more', { kind: 'restock', lines: formatLines(more) }, WAIT_MS)
    await world.clock.advance(100)

    expect(await reply).toMatchObject({ done: 'applied' })
  })

  it('[FF18] is not taken back by a node that dies and a Redis that forgets', async () => {
    const { world, drop, a, b } = await twoNodes()
    const image = world.memoryLedger.image()
    const heard = say(a, drop, 'pause')
    await world.clock.advance(100)
    expect(heard).toMatchObject([{ done: 'applied' }])

    a.crash()
    world.memoryLedger.restore(image)
    await world.clock.advance(5_000)

    expect(await order(world, b, drop, 'ana')).toBe('paused')
  })

  it('[FF18] that its room could not write is pending, and the next owner is asked', async () => {
    const { world, drop, a, b } = await twoNodes()
    const goOn = world.hold('book', 'write')
    const heard = say(a, drop, 'pause')
    await world.clock.advance(50)

    world.memoryLedger.wipe()
    await world.clock.advance(500)
    expect(heard).toMatchObject([{ done: 'pending' }])

    goOn()
    await world.clock.advance(5_000)
    const again = say(b, drop, 'pause')
    await world.clock.advance(500)
    expect(again).toMatchObject([{ phase: 'paused' }])
  })
})
