/** What comes at the worst moment: with the end of a token, with the end of a socket, in the middle of a frame. */
import { describe, expect, it } from 'vitest'
import { EdgeWorld, gate } from './builders/edge-world.ts'
import { settled } from './builders/hand-clock.ts'
import { dropOf } from './builders/people.ts'

const SHOES = dropOf('shoes')
const order = (id: number) => ({ type: 'order', id, drop: SHOES, key: `k${id}`, lines: [{ sku: 'shoe', qty: 1 }] })
const orders = (count: number) => Array.from({ length: count }, (_, id) => order(id))

function shop(): EdgeWorld {
  const world = new EdgeWorld()
  world.addDrop(SHOES)
  return world
}

describe('a token that ends', () => {
  it('[LL9] while its own check is waited for takes no order that waited with it', async () => {
    const world = shop()
    const checked = gate()
    world.before.token = checked.wait
    const client = world.connect()
    client.say({ type: 'hello', token: world.token('ana', { expiresAtMs: world.clock.nowMs() + 1_000 }) })
    client.say(order(1))

    await world.clock.advance(1_000)
    checked.open()
    await settled()

    expect(client.peer.take().find((one) => one.type === 'receipt')).toMatchObject({ id: 1, verdict: 'unauthorized' })
    expect(world.claims).toEqual([])
  })

  it('[LL9] in the middle of a frame takes the orders before that moment and none after it', async () => {
    const world = shop()
    const endsMs = world.clock.nowMs() + 5
    const client = world.connect()
    await client.asks({ type: 'hello', token: world.token('ana', { expiresAtMs: endsMs }) })
    // Each order takes a millisecond of the node's time.
    let nowMs = world.clock.nowMs()
    world.clock.nowMs = () => nowMs
    const { order: answer } = world
    world.order = (...asked) => {
      nowMs += 1
      return answer(...asked)
    }

    const receipts = await client.asks(...orders(20))

    expect(world.claims).toHaveLength(5)
    const verdicts = new Map(
      receipts.flatMap((one) => (one.type === 'receipt' ? [[one.id, one.verdict] as const] : [])),
    )
    expect(orders(20).map(({ id }) => verdicts.get(id))).toEqual([
      ...Array(5).fill('accepted'),
      ...Array(15).fill('unauthorized'),
    ])
  })
})

describe('a socket that ends', () => {
  it('[LL10] in the middle of a frame is not heard to the end of it', async () => {
    const world = shop()
    const client = await world.signedIn('ana')
    const { order: answer } = world
    world.order = (...asked) => {
      if (world.claims.length === 10) client.peer.close('slow')
      return answer(...asked)
    }

    client.say(...orders(24))
    await settled()

    expect(world.claims).toHaveLength(10)
    expect(world.roll.size).toBe(0)
  })

  it('[LL10] in the tick of a message is not heard after its end, and an order on its way harms nobody', async () => {
    const world = shop()
    const client = await world.signedIn('ana')
    client.peer.take()
    const carried = gate()
    const { order: answer } = world
    world.order = async (...asked) => {
      await carried.wait()
      return answer(...asked)
    }

    client.say(order(1))
    client.peer.close('slow')
    client.say(order(2))
    client.say({ type: 'watch', id: 3, drop: SHOES })
    client.noise()
    carried.open()
    await settled()

    expect(world.claims.map(({ claim }) => claim.key)).toEqual(['k1'])
    expect(client.peer.take()).toEqual([])
    expect(client.session.ordersInFlight).toBe(0)
    expect(world.listening.size).toBe(0)
    expect(world.logged).toEqual([])
  })

  it('[LL10] while its watch is being answered leaves nobody listening for it', async () => {
    const world = shop()
    world.hub.start()
    const read = gate()
    world.before.room = read.wait
    const client = await world.anonymous()
    client.say({ type: 'watch', id: 1, drop: SHOES })
    await settled()

    client.peer.close('slow')
    read.open()
    await settled()
    await world.clock.advance(120_000)

    expect(client.session.watched).toEqual([])
    expect(world.listening.size).toBe(0)
  })
})

describe('ten thousand times', () => {
  it('[LL11] watching and not watching again ends where it began, and reads no store for each', async () => {
    const world = shop()
    world.hub.start()
    const client = await world.anonymous()
    client.peer.take()
    const pairs = Array.from({ length: 16 }, (_, at) => [
      { type: 'watch', id: at, drop: SHOES },
      { type: 'unwatch', id: at, drop: SHOES },
    ]).flat()

    let answered = 0
    for (let said = 0; said < 10_000; said += 16) {
      client.say(...pairs)
      await settled()
      answered += client.peer.take().filter((one) => one.type === 'ok').length
    }

    expect(answered).toBeGreaterThanOrEqual(10_000)
    expect(client.session.watched).toEqual([])
    expect(client.session.asksInFlight).toBe(0)
    expect(client.peer.topics.size).toBe(0)
    expect(world.times('room')).toBeLessThan(400)
    await world.clock.advance(120_000)
    expect(world.listening.size).toBe(0)
  })

  it('[LL11] watching what is not there keeps nothing of it', async () => {
    const world = shop()
    world.hub.start()
    const client = await world.anonymous()
    client.peer.take()

    let refused = 0
    for (let said = 0; said < 10_000; said += 16) {
      client.say(
        ...Array.from({ length: 16 }, (_, at) => ({ type: 'watch', id: at, drop: dropOf(`none ${said + at}`) })),
      )
      await settled()
      refused += client.peer.take().filter((one) => one.type === 'error').length
    }

    expect(refused).toBe(10_000)
    expect(client.session.watched).toEqual([])
    expect(world.hub.drops).toBe(0)
    expect(world.listening.size).toBe(0)
  })
})
