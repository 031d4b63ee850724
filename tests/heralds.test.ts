import { describe, expect, it } from 'vitest'
import { BusHerald } from '../bus/bus-herald.ts'
import { MemoryBus } from '../bus/memory-bus.ts'
import { MemoryNetwork } from '../bus/memory-network.ts'
import { listenSettled, NewsListener } from '../bus/news-listener.ts'
import { subjects } from '../bus/subjects.ts'
import { packBody } from '../protocol/codec.ts'
import type { RoomNews, Settled } from '../rooms/ports.ts'
import { settled as quiet } from './builders/hand-clock.ts'
import { ask, dropOf, nodeOf, sku } from './builders/people.ts'
import { notedLog } from './contracts/bus-log.ts'

const shoe = dropOf('shoe')
const hat = dropOf('hat')

function news(seq: number, drop = shoe): RoomNews {
  return {
    drop,
    from: { epoch: 1, seq: seq - 1 },
    position: { epoch: 1, seq },
    atMs: 1_800_000_000_000,
    changes: [
      { kind: 'left', sku: sku('shoe'), left: 3 },
      { kind: 'phase', phase: 'paused' },
      { kind: 'announcement', text: 'a few more minutes' },
    ],
  }
}

function end(name: string, state: Settled['state'] = 'confirmed'): Settled {
  const { buyer, key, orderId } = ask(shoe, name)
  return { drop: shoe, buyer, key, orderId, state, ...(state === 'revoked' ? { reason: 'total' } : {}) }
}

function fleet() {
  const network = new MemoryNetwork()
  const names = subjects('test')
  const log = notedLog()
  return {
    network,
    names,
    log,
    node(name: string) {
      const bus = new MemoryBus(network, log)
      const world = { bus, subjects: names, node: nodeOf(name), log }
      const here: { news: RoomNews[]; settled: Settled[] } = { news: [], settled: [] }
      const herald = new BusHerald(world, {
        news: (heard) => here.news.push(heard),
        settled: (heard) => here.settled.push(...heard),
      })
      const far: { news: RoomNews[]; settled: Settled[] } = { news: [], settled: [] }
      const listener = new NewsListener(world)
      listenSettled(world, (heard) => far.settled.push(...heard))
      return { bus, herald, here, far, watch: (drop = shoe) => listener.watch(drop, (heard) => far.news.push(heard)) }
    },
  }
}

describe('the herald', () => {
  it('[B20] tells the news of a drop on this node at once, and on every other node where it is watched', async () => {
    const { node } = fleet()
    const [ana, ben, eve, joe] = [node('ana'), node('ben'), node('eve'), node('joe')]
    ana.watch()
    ben.watch()
    eve.watch(hat)

    ana.herald.news(news(1))
    expect(ana.here.news).toEqual([news(1)])

    await quiet()
    expect(ben.far.news).toEqual([news(1)])
    expect([ana.far.news, eve.far.news, joe.far.news]).toEqual([[], [], []])
  })

  it('[B20] tells no news to who has stopped watching', async () => {
    const { node } = fleet()
    const [ana, ben] = [node('ana'), node('ben')]
    await ben.watch().stop()

    ana.herald.news(news(1))

    await quiet()
    expect(ben.far.news).toEqual([])
  })

  it('[B21] tells the ends of orders to the one node that carried them', async () => {
    const { node } = fleet()
    const [ana, ben, eve] = [node('ana'), node('ben'), node('eve')]
    const many = Array.from({ length: 2_500 }, (_, at) => end(`buyer ${at}`, at % 2 ? 'confirmed' : 'revoked'))

    ana.herald.settled(nodeOf('ben'), many)
    ana.herald.settled(nodeOf('ana'), [end('zoe')])
    expect(ana.here.settled).toEqual([end('zoe')])

    await quiet()
    expect(ben.far.settled).toEqual(many)
    expect([ana.far.settled, eve.far.settled]).toEqual([[], []])
  })

  it('[B22] goes on telling this node when the bus is gone or an ear fails, and never throws', () => {
    const { network, names, log, node } = fleet()
    const ana = node('ana')
    ana.bus.cut()
    ana.herald.news(news(1))
    ana.herald.settled(nodeOf('ben'), [end('zoe')])
    expect(ana.here.news).toHaveLength(1)

    const deaf = () => {
      throw new Error('a mistake in the hub')
    }
    const bus = new MemoryBus(network, log)
    const herald = new BusHerald({ bus, subjects: names, node: nodeOf('eve'), log }, { news: deaf, settled: deaf })
    herald.news(news(2))
    herald.settled(nodeOf('eve'), [end('zoe')])
    expect(log.events.filter((event) => event === 'herald.failed')).toHaveLength(2)
  })

  it('[B23] hears nothing in news of another drop on this subject, or with a change that nobody knows', async () => {
    const { names, log, node } = fleet()
    const [ana, ben] = [node('ana'), node('ben')]
    ben.watch()
    const good = { by: 'ana', ...news(1) }
    const bad = [
      { ...good, drop: hat },
      { ...good, by: 'not a node' },
      { ...good, position: { epoch: 1, seq: -1 } },
      { ...good, from: null },
      { ...good, atMs: 'now' },
      { ...good, changes: [{ kind: 'left', sku: 'shoe', left: -1 }] },
      { ...good, changes: [{ kind: 'explode' }] },
      { ...good, changes: new Array(2_000).fill({ kind: 'sold_out', sku: 'shoe' }) },
    ]

    for (const body of [...bad, good]) ana.bus.publish(names.news(shoe), packBody(body))

    await quiet()
    expect(ben.far.news).toEqual([news(1)])
    expect(log.events.filter((event) => event === 'bus.ignored')).toHaveLength(bad.length - 1)
  })

  it('[B23] leaves out a settlement that cannot be read, and keeps the others', async () => {
    const { names, node } = fleet()
    const [ana, ben] = [node('ana'), node('ben')]
    const { drop, buyer, key, orderId } = end('zoe')
    const row = [drop, buyer, key, orderId, 'confirmed', null]

    ana.bus.publish(names.settled(nodeOf('ben')), packBody([row.with(4, 'accepted'), null, row.with(1, 'me'), row, 7]))

    await quiet()
    expect(ben.far.settled).toEqual([end('zoe')])
  })
})
