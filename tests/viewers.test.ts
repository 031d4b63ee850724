/** Viewer counts over several nodes: real hubs, members and buses on a memory network, in time wound by hand. */
import { describe, expect, it } from 'vitest'
import { Members } from '../bus/members.ts'
import { MemoryBus } from '../bus/memory-bus.ts'
import { MemoryNetwork } from '../bus/memory-network.ts'
import { subjects } from '../bus/subjects.ts'
import { ViewerCounts } from '../bus/viewer-counts.ts'
import { packBody } from '../protocol/codec.ts'
import type { Down } from '../protocol/down.ts'
import { at, type Client, EdgeWorld } from './builders/edge-world.ts'
import { dropOf, nodeOf } from './builders/people.ts'
import { notedLog } from './contracts/bus-log.ts'

const SHOES = dropOf('shoes')

class Fleet {
  readonly network = new MemoryNetwork()
  readonly names = subjects('test')
  readonly edges: EdgeWorld[] = []
  /** Every count that any node has said. */
  said: { node: string; count: number }[] = []

  node(name: string) {
    const edge = new EdgeWorld()
    edge.addDrop(SHOES)
    const bus = new MemoryBus(this.network, notedLog())
    const wire = { bus, subjects: this.names, node: nodeOf(name), clock: edge.clock, log: notedLog() }
    const members = new Members({ ...wire, atBoot: 1 })
    const counts = new ViewerCounts(wire)
    edge.others = {
      live: () => members.live(),
      say: (drop, count, asks) => {
        if (!asks) this.said.push({ node: name, count })
        counts.say(drop, count, asks)
      },
      listen: (drop, hear) => counts.listen(drop, hear),
    }
    members.start()
    edge.hub.start()
    this.edges.push(edge)
    return { edge, bus, members }
  }

  async advance(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 50) {
      for (const edge of this.edges) await edge.clock.advance(50)
    }
  }
}

async function watcher(edge: EdgeWorld): Promise<Client> {
  const client = await edge.anonymous()
  client.say({ type: 'watch', id: 'w', drop: SHOES })
  return client
}

/** What the client would show. */
function shown(clients: readonly Client[]): (number | undefined)[] {
  return clients.map(({ peer }) => peer.heard.map(countIn).findLast((count) => count !== undefined))
}

function countIn(message: Down): number | undefined {
  if (message.type === 'snapshot') return message.viewers
  if (message.type !== 'news') return undefined
  return message.changes.flatMap((change) => (change.kind === 'viewers' ? [change.viewers] : [])).at(-1)
}

const frames = ({ peer }: Client) => peer.heard.filter((message) => message.type === 'news').length

describe('viewer counts', () => {
  it('[DD8] are the sum over all nodes, for everybody, and follow who comes and goes', async () => {
    const fleet = new Fleet()
    const [a, b, c] = [fleet.node('a'), fleet.node('b'), fleet.node('c')]
    const clients = [await watcher(a.edge), await watcher(a.edge), await watcher(b.edge), await watcher(c.edge)]
    await fleet.advance(3_000)
    expect(shown(clients)).toEqual([4, 4, 4, 4])

    a.edge.hub.unwatch(clients[0]?.session ?? fail(), SHOES)
    clients[3]?.peer.close('shutdown')
    await fleet.advance(2_100)
    expect(shown(clients.slice(1, 3))).toEqual([2, 2])

    // Who comes later is shown the sum at once.
    const late = await watcher(b.edge)
    await fleet.advance(50)
    expect(shown([late])).toEqual([3])
  })

  it('[DD9] are right again within three seconds after a node has died', async () => {
    const fleet = new Fleet()
    const [a, b] = [fleet.node('a'), fleet.node('b')]
    const here = [await watcher(a.edge), await watcher(a.edge)]
    for (let n = 0; n < 3; n += 1) await watcher(b.edge)
    await fleet.advance(3_000)
    expect(shown(here)).toEqual([5, 5])

    b.bus.cut()
    await fleet.advance(3_000)
    expect(shown(here)).toEqual([2, 2])
  })

  it('[DD9] leave out a node that has said goodbye', async () => {
    const fleet = new Fleet()
    const [a, b] = [fleet.node('a'), fleet.node('b')]
    const here = [await watcher(a.edge)]
    await watcher(b.edge)
    await fleet.advance(3_000)
    expect(shown(here)).toEqual([2])

    await b.members.stop()
    b.bus.cut()
    await fleet.advance(2_100)
    expect(shown(here)).toEqual([1])
  })

  it('[DD10] are said once a second at most, when they change, and now and then in case it was lost', async () => {
    const fleet = new Fleet()
    const [a, b] = [fleet.node('a'), fleet.node('b')]
    const [here] = [await watcher(a.edge)]
    for (let n = 0; n < 30; n += 1) {
      await watcher(b.edge)
      await fleet.advance(100)
    }
    await fleet.advance(1_000)
    const byB = fleet.said.filter(({ node }) => node === 'b')
    expect(byB.length).toBeLessThanOrEqual(5)
    expect(byB.at(-1)).toEqual({ node: 'b', count: 30 })
    expect(frames(here)).toBeLessThanOrEqual(5)
    expect(shown([here])).toEqual([31])

    fleet.said = []
    const before = frames(here)
    await fleet.advance(25_000)
    expect(fleet.said.toSorted((x, y) => x.node.localeCompare(y.node))).toEqual([
      { node: 'a', count: 1 },
      { node: 'a', count: 1 },
      { node: 'b', count: 30 },
      { node: 'b', count: 30 },
    ])
    expect(frames(here)).toBe(before)
  })

  it('[DD10] that were lost on the way are put right by the next ones', async () => {
    const fleet = new Fleet()
    const [a, b] = [fleet.node('a'), fleet.node('b')]
    const here = [await watcher(a.edge)]
    await fleet.advance(1_000)
    fleet.network.fate = ({ subject }) => (subject === fleet.names.viewers(SHOES) ? 'drop' : 'deliver')
    await watcher(b.edge)
    await fleet.advance(3_000)
    expect(shown(here)).toEqual([1])

    fleet.network.fate = () => 'deliver'
    await fleet.advance(11_000)
    expect(shown(here)).toEqual([2])
  })

  it('[DD8] travel with news that leaves anyway, at no position of their own', async () => {
    const fleet = new Fleet()
    const { edge } = fleet.node('a')
    const first = await watcher(edge)
    await fleet.advance(1_500)
    await watcher(edge)
    await fleet.advance(50)
    edge.hub.news(edge.left(SHOES, at(1, 0), at(1, 4), 6))
    await fleet.advance(2_000)

    const news = first.peer.heard.filter((message) => message.type === 'news')
    expect(news).toHaveLength(1)
    expect(news[0]).toMatchObject({ position: at(1, 4), changes: [{ kind: 'left' }, { kind: 'viewers', viewers: 2 }] })

    await watcher(edge)
    await fleet.advance(1_500)
    expect(first.peer.heard.at(-1)).toMatchObject({ position: at(1, 4), changes: [{ kind: 'viewers', viewers: 3 }] })
  })

  it('[DD10] that nobody can believe are ignored', async () => {
    const fleet = new Fleet()
    const [a, stranger] = [fleet.node('a'), fleet.node('b')]
    const here = [await watcher(a.edge)]
    await fleet.advance(1_000)

    for (const count of [-1, 1.5, Number.NaN, 2 ** 40, '7', null, [1], { count: 1 }]) {
      stranger.bus.publish(fleet.names.viewers(SHOES), packBody({ drop: SHOES, node: 'b', count, asks: false }))
    }
    stranger.bus.publish(
      fleet.names.viewers(SHOES),
      packBody({ drop: dropOf('hats'), node: 'b', count: 9, asks: false }),
    )
    stranger.bus.publish(fleet.names.viewers(SHOES), new Uint8Array([0xc1]))
    await fleet.advance(2_000)

    expect(shown(here)).toEqual([1])
  })
})

function fail(): never {
  throw new Error('nobody there')
}
