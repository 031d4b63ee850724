/** How often a buyer may order, over all sockets and nodes. */
import { describe, expect, it } from 'vitest'
import { handOver } from '../rooms/handover.ts'
import { inPages } from '../rooms/packed-line.ts'
import { PaceMemory, Paces } from '../server/inbound/paces.ts'
import { silent } from './builders/logs.ts'
import { ask, dropOf, sku } from './builders/people.ts'
import { RoomWorld } from './builders/room-world.ts'

const PACE = { intervalMs: 200, burst: 3 }

async function paced(...names: string[]) {
  const world = new RoomWorld()
  world.pace = () => new Paces(PACE, new PaceMemory(), world.clock.monotonicMs)
  const drop = world.addDrop(dropOf('one'), { items: [{ sku: sku('shoe'), total: 1_000 }] })
  const nodes = names.map((name) => world.node(name))
  await world.clock.advance(2_000)
  const waking = nodes[0]?.directory.wake(drop)
  await world.clock.advance(1_000)
  expect(await waking).toBe('here')

  let key = 0
  const orders = async (who: string, count: number) => {
    const asked = Array.from({ length: count }, (_, at) => {
      key += 1
      const node = nodes[at % nodes.length]
      return node?.order(drop, ask(drop, who, { shoe: 1 }, `k${key}`))
    })
    await world.clock.advance(100)
    return (await Promise.all(asked)).map((reply) => reply?.verdict)
  }
  const sold = () => world.book.read(drop).items.get(sku('shoe'))?.sold
  return { world, drop, nodes, orders, sold }
}
const count = (verdicts: readonly unknown[], verdict: string) => verdicts.filter((one) => one === verdict).length

describe('a buyer', () => {
  it('[Q9] orders at one pace, however many nodes and sockets they order through', async () => {
    const { orders, sold, world } = await paced('n1', 'n2', 'n3')

    const flood = await orders('ana', 90)
    expect([count(flood, 'accepted'), count(flood, 'rate_limited')]).toEqual([3, 87])

    await world.clock.advance(1_000)
    expect(count(await orders('ana', 90), 'accepted')).toBe(3)
    expect(sold()).toBe(6)
  })

  it('[Q9] who floods takes nothing from the others', async () => {
    const { orders } = await paced('n1', 'n2')

    const [flood, ...others] = await Promise.all([
      orders('ana', 300),
      ...['ben', 'cleo', 'dan'].map((name) => orders(name, 3)),
    ])

    expect(count(flood ?? [], 'accepted')).toBe(3)
    for (const verdicts of others) expect(verdicts).toEqual(['accepted', 'accepted', 'accepted'])
  })

  it('[Q9] hears when to come again, before the line that others wait in', async () => {
    const { drop, nodes, orders } = await paced('n1')
    await orders('ana', 3)
    const room = nodes[0]?.directory.room(drop)
    const heard: unknown[] = []

    const letter = { kind: 'order', claim: ask(drop, 'ana'), via: 'n1', deadlineMs: Number.MAX_VALUE } as never
    room?.post(Object.assign(letter, { answer: (reply: unknown) => heard.push(reply) }))

    expect(heard).toEqual([{ verdict: 'rate_limited', retryAfterMs: expect.any(Number) }])
    expect(room?.quiet).toBe(true)
  })

  it('[Q9] loses no accepted order to the pace when it is handed over', async () => {
    const { world, drop, nodes, orders, sold } = await paced('n1')
    const [node] = nodes
    if (node === undefined) throw new Error('no node')
    await orders('ana', 3)
    const revoked: unknown[] = []

    const noted = Array.from({ length: 9 }, (_, at) => {
      const claim = ask(drop, 'ana', { shoe: 1 }, `accepted${at}`)
      return { entry: { kind: 'order' as const, position: { epoch: 1, seq: at }, atMs: 0, ...claim }, via: undefined }
    })
    const herald = { news: () => undefined, settled: (_: unknown, list: unknown) => void revoked.push(list) }
    const handing = { rooms: node.router, clock: world.clock, node: node.node, log: silent, herald, goesOn: () => true }
    const handed = handOver(drop, inPages(noted), handing)
    await world.clock.advance(10_000)
    await handed

    expect(revoked).toEqual([])
    expect(sold()).toBe(12)
  })
})
