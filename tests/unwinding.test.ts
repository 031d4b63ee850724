/** A drop that is cancelled while it sells: the phase at once, the orders after it. */
import { describe, expect, it } from 'vitest'
import { controlOf } from '../rooms/drop.ts'
import { Unwinding } from '../rooms/unwinding.ts'
import { silent } from './builders/logs.ts'
import { ask, dropOf } from './builders/people.ts'
import { RoomWorld } from './builders/room-world.ts'

describe('a cancelled drop', () => {
  it('[E9] sells nothing more, and its orders are cancelled by any node, also after a fault', async () => {
    const world = new RoomWorld()
    const drop = world.addDrop(dropOf('one'))
    const node = world.node('n1')
    await world.clock.advance(2_000)
    const said = ['ana', 'ben', 'cem'].map((who) => node.order(drop, ask(drop, who)))
    await world.clock.advance(2_100)
    expect((await Promise.all(said)).map((reply) => reply.verdict)).toEqual(Array(3).fill('accepted'))

    const cancelled = node.router.control(drop, 'cancel-1', controlOf('cancel'), 1_000)
    await world.clock.advance(1_100)
    expect(await cancelled).toMatchObject({ done: 'applied', phase: 'cancelled' })
    const late = node.order(drop, ask(drop, 'dia'))
    await world.clock.advance(2_100)
    expect((await late).verdict).toBe('closed')

    const unwinding = new Unwinding({ book: world.book, clock: world.clock, log: silent })
    world.book.refuse((call) => (call === 'unwind' ? 'after' : undefined))
    await unwinding.look()
    world.book.refuse()
    await unwinding.look()
    await unwinding.look()

    const { orders, items, outbox } = world.book.read(drop)
    expect([...orders.values()].map((order) => order.state)).toEqual(Array(3).fill('cancelled'))
    expect([...items.values()].map((item) => item.sold)).toEqual([0])
    expect(outbox.filter((one) => one.kind === 'order_cancelled').flatMap((one) => one.orders)).toHaveLength(3)
  })
})
