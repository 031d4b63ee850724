/** How fast a socket may talk, how many sockets a user may have, and that others hear nothing of it. */
import { describe, expect, it } from 'vitest'
import type { Down } from '../protocol/down.ts'
import { MessagePace, REFUSED_MAX } from '../server/inbound/message-pace.ts'
import { type Client, EdgeWorld } from './builders/edge-world.ts'
import { settled } from './builders/hand-clock.ts'
import { dropOf, keyOf } from './builders/people.ts'

const SHOES = dropOf('shoes')
const PACE = { intervalMs: 50, burst: 5 }
const order = (id: number) => ({ type: 'order', id, drop: SHOES, key: `k${id}`, lines: [{ sku: 'shoe', qty: 1 }] })
const clocks = (count: number) => Array.from({ length: count }, (_, t0) => ({ type: 'clock', t0 }))
const worldOf = (socketsPerUser?: number) => new EdgeWorld({ messages: PACE, socketsPerUser })
const codes = (heard: Down[]) => heard.map((message) => (message.type === 'error' ? message.code : message.type))

/** Signed in and rested. */
async function rested(world: EdgeWorld, name: string): Promise<Client> {
  const client = await world.signedIn(name)
  await world.clock.advance(10_000)
  return client
}

describe('a socket that talks', () => {
  it('[Q5] too fast is refused message by message, in the words of what it asked, and nothing of it is done', async () => {
    const world = worldOf()
    world.addDrop(SHOES)
    const ana = await rested(world, 'ana')

    const orderId = 'a'.repeat(26)
    const extra = [order(6), { type: 'cancel', id: 7, orderId }, { type: 'watch', id: 'w', drop: SHOES }]
    const heard = await ana.asks(...clocks(5), ...extra, { type: 'nonsense', id: 9 }, { type: 'clock', t0: 1 })

    expect(codes(heard.slice(0, 5))).toEqual(Array(5).fill('clock'))
    const slower = { retryAfterMs: 50 }
    expect(heard.slice(5)).toEqual([
      { type: 'receipt', id: 6, drop: SHOES, key: keyOf('k6'), verdict: 'rate_limited', ...slower },
      { type: 'receipt', id: 7, orderId, verdict: 'rate_limited', ...slower },
      expect.objectContaining({ type: 'error', id: 'w', code: 'rate_limited', retryable: true, ...slower }),
      expect.objectContaining({ type: 'error', id: 9, code: 'rate_limited', ...slower }),
      { type: 'error', code: 'rate_limited', message: expect.any(String), retryable: true, ...slower },
    ])
    expect([world.claims, world.cancels, ana.session.watched]).toEqual([[], [], []])
  })

  it('[Q5] waits as long as it was told and goes on', async () => {
    const world = worldOf()
    world.addDrop(SHOES)
    const ana = await rested(world, 'ana')
    await ana.asks(...clocks(6))

    await world.clock.advance(50)

    expect(await ana.asks(order(1))).toMatchObject([{ verdict: 'accepted' }])
    expect(await ana.asks(order(2))).toMatchObject([{ verdict: 'rate_limited' }])
  })

  it('[Q6] a lot in one breath after a tunnel is told to slow down and stays', async () => {
    const world = worldOf()
    const ana = await rested(world, 'ana')

    const heard = [...(await ana.asks(...clocks(64))), ...(await ana.asks(...clocks(64)))]

    expect(codes(heard).filter((code) => code === 'rate_limited')).toHaveLength(123)
    expect(ana.peer.closed).toBeUndefined()
  })

  it('[Q6] on and on is closed with 3013 at the third strike, and forgiven after a calm time', async () => {
    const world = worldOf()
    const ana = await rested(world, 'ana')
    const ben = await rested(world, 'ben')
    const flood = async (client: Client, seconds: number) => {
      for (let second = 0; second < seconds; second += 1) {
        await client.asks(...clocks(64))
        await world.clock.advance(1_000)
      }
    }

    await flood(ben, 2)
    await world.clock.advance(2_000)
    await flood(ben, 2)
    await flood(ana, 2)
    expect([ana.peer.closed, ben.peer.closed]).toEqual([undefined, undefined])
    await flood(ana, 1)

    expect(ana.peer.closed).toEqual({ reason: 'too_often', retryAfterMs: 5_000 })
    expect(world.roll.size).toBe(1)
  })

  it('[Q6] is answered so many refusals in a row and no more', () => {
    const pace = new MessagePace(PACE)
    const said = Array.from({ length: 1_000 }, () => pace.take(1))

    expect(said.filter((one) => one !== 'leave')).toHaveLength(PACE.burst + REFUSED_MAX)
  })

  it('[Q7] like a flood leaves every other socket what it had', async () => {
    const world = worldOf()
    world.addDrop(SHOES)
    const ana = await rested(world, 'ana')
    const others = await Promise.all(['ben', 'cleo', 'ana'].map((name) => rested(world, name)))

    ana.say(...clocks(64))
    ana.say(...clocks(64))
    const heard = await Promise.all(others.map((other, at) => other.asks(...clocks(4), order(at))))

    for (const one of heard) expect(codes(one)).toEqual(['clock', 'clock', 'clock', 'clock', 'receipt'])
    expect(world.claims).toHaveLength(3)
  })
})

describe('the sockets of a user', () => {
  it('[Q8] are so many on a node: one more closes the oldest with 3504, and never another’s', async () => {
    const world = worldOf(3)
    const ben = await world.signedIn('ben')
    const anas = [await world.signedIn('ana'), await world.signedIn('ana'), await world.signedIn('ana')]

    const fourth = await world.signedIn('ana')

    expect(anas.map((client) => client.peer.closed?.reason)).toEqual(['connection_limit', undefined, undefined])
    expect([ben.peer.closed, fourth.peer.closed]).toEqual([undefined, undefined])
    expect(codes(fourth.peer.take()).length).toBe(0)
    expect(world.roll.size).toBe(4)
  })

  it('[Q8] count while they are open, by ticket as by token', async () => {
    const world = worldOf(2)
    const first = await world.signedIn('ana')
    const second = world.connect()
    const [welcome] = await second.asks({ type: 'hello', token: world.token('ana') })
    first.peer.close('shutdown')
    await settled()

    const ticket = welcome?.type === 'welcome' ? welcome.ticket : undefined
    const back = world.connect()
    await back.asks({ type: 'hello', resume: { ticket, drops: [], open: [] } })
    expect([second.peer.closed, back.peer.closed]).toEqual([undefined, undefined])

    await world.signedIn('ana')
    expect([second.peer.closed?.reason, back.peer.closed]).toEqual(['connection_limit', undefined])
  })
})
