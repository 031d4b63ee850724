/** Restocks and cancelled orders whose second half was lost: whoever is there completes them, once. */
import { describe, expect, it } from 'vitest'
import type { DropId } from '../protocol/ids.ts'
import { Debts } from '../rooms/debts.ts'
import { cancelOf } from '../storage/stock/stock-book.ts'
import { silent } from './builders/logs.ts'
import { ask, buyer, dropOf, lines, sku } from './builders/people.ts'
import { RoomWorld, type WorldNode } from './builders/room-world.ts'

async function sale() {
  const world = new RoomWorld()
  const drop = world.addDrop(dropOf('one'), { items: [{ sku: sku('shoe'), total: 3 }], limitPerBuyer: 2 })
  const [a, b] = [world.node('n1'), world.node('n2')]
  await world.clock.advance(2_000)
  const waking = a.directory.wake(drop)
  await world.clock.advance(500)
  await waking
  return { world, drop, a, b }
}

async function order(world: RoomWorld, node: WorldNode, drop: DropId, who: string, qty: number, key = 'k1') {
  const reply = node.order(drop, ask(drop, who, { shoe: qty }, key), 1_500)
  await world.clock.advance(1_600)
  return (await reply).verdict
}

async function pay(world: RoomWorld, node: WorldNode) {
  const paying = new Debts({ book: world.book, rooms: node.router, clock: world.clock, log: silent }).pay()
  await world.clock.advance(4_000)
  await paying
  await world.clock.advance(1_000)
}

const left = async (world: RoomWorld, drop: DropId) => (await world.memoryLedger.read(drop))?.items[0]?.left
const owed = (world: RoomWorld) => world.book.debts(0, 10)

describe('what Postgres did and the ledger lacks', () => {
  it('[E3] is not for sale until it is completed, and then once, whoever completes it', async () => {
    const { world, drop, a, b } = await sale()
    await world.book.restock(drop, 'op-1', [{ sku: sku('shoe'), qty: 4 }])
    expect(await left(world, drop)).toBe(3)

    await Promise.all([pay(world, a), pay(world, b)])
    await pay(world, b)

    expect(await left(world, drop)).toBe(7)
    expect(await owed(world)).toEqual([])
    expect(world.news.flatMap((news) => news.changes)).toContainEqual({ kind: 'restocked', sku: 'shoe', left: 7 })
  })

  it('[E3] is completed by the next owner when the first died in between', async () => {
    const { world, drop, a, b } = await sale()
    await world.book.restock(drop, 'op-1', [{ sku: sku('shoe'), qty: 4 }])
    a.crash()
    await world.clock.advance(3_000)

    await pay(world, b)
    await pay(world, b)

    expect(await left(world, drop)).toBe(7)
    expect(await owed(world)).toEqual([])
  })

  it('[E3] is in the numbers of a room that is built anew, and only struck out then', async () => {
    const { world, drop, a } = await sale()
    expect(await order(world, a, drop, 'ana', 2)).toBe('accepted')
    await world.book.restock(drop, 'op-1', [{ sku: sku('shoe'), qty: 4 }])
    await world.book.cancel(ask(drop, 'ana').orderId, buyer('ana'))
    world.memoryLedger.wipe()
    await order(world, a, drop, 'ben', 1)

    await pay(world, a)
    await pay(world, a)

    expect(await owed(world)).toEqual([])
    const item = world.book.read(drop).items.get(sku('shoe'))
    expect(item).toMatchObject({ total: 7 })
    expect((await left(world, drop)) ?? -1).toBe(7 - (item?.sold ?? 0))
  })

  it('[E6] an order that is given back while the room is built anew is taken from its buyer once', async () => {
    const { world, drop, a } = await sale()
    expect(await order(world, a, drop, 'ana', 1, 'k1')).toBe('accepted')
    expect(await order(world, a, drop, 'ana', 1, 'k2')).toBe('accepted')
    // After the totals were read, and before this order was.
    world.book.refuse((call) => {
      if (call === 'keptOrders') void world.book.cancel(ask(drop, 'ana').orderId, buyer('ana'))
      return undefined
    })
    world.memoryLedger.wipe()
    await world.clock.advance(3_000)
    world.book.refuse()
    await pay(world, a)
    await pay(world, a)

    expect(await left(world, drop)).toBe(2)
    expect(await order(world, a, drop, 'ana', 2, 'k3')).toBe('limit_reached')
    expect(await order(world, a, drop, 'ana', 1, 'k3')).toBe('accepted')
  })

  it('[E6] units that come back are sold again, also to the one who gave them back, but not under the same key', async () => {
    const { world, drop, a } = await sale()
    expect(await order(world, a, drop, 'ana', 2)).toBe('accepted')
    expect(await order(world, a, drop, 'ben', 2)).toBe('sold_out')
    const { orderId } = ask(drop, 'ana')

    await world.book.cancel(orderId, buyer('ana'))
    const released = a.router.control(
      drop,
      cancelOf(orderId),
      { kind: 'release', orderId, buyer: buyer('ana'), lines: lines({ shoe: 2 }) },
      1_000,
    )
    await world.clock.advance(1_100)
    expect(await released).toMatchObject({ done: 'applied' })
    await pay(world, a)

    expect(await left(world, drop)).toBe(3)
    expect(await order(world, a, drop, 'ana', 2)).toBe('duplicate')
    expect(await order(world, a, drop, 'ana', 2, 'k2')).toBe('accepted')
    expect(world.book.read(drop).items.get(sku('shoe'))?.sold).toBe(2)
  })
})
