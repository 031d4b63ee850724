/**
 * Phones that hardly read, among phones that do: real clients on real sockets, with a network between that lets a
 * kilobyte a second through, or nothing. What the slow ones cost is bounded, and they lose nothing for good.
 */
import { afterEach, describe, expect, it, vi } from 'vitest'
import { WebSocket } from 'ws'
import { GOOD, type Link, PhoneNetwork } from '../bench/phone-network.ts'
import { Client, json, type OrderAnswer, type WireFormat, wsTransport } from '../client/client.ts'
import { msgpack } from '../client/msgpack.ts'
import type { Session } from '../server/inbound/session.ts'
import { BACKPRESSURE_BYTES_MAX } from '../server/transports/native.ts'
import { at } from './builders/edge-world.ts'
import { SHOES, shopNode } from './builders/shop-node.ts'
import { WatchedFrames } from './builders/watched-frames.ts'

const PATIENT = { timeout: 30_000, interval: 20 }
const DRIPPING: Link = { ...GOOD, bytesPerSecond: 1_024 }
const STALLED: Link = { ...GOOD, bytesPerSecond: 0 }
const ORDERS_EACH = 5
const FRAMES_MAX = 8_000
/** A slow phone would be spared the news for half a minute first. Here it is told on, up to the bound. */
const SPARES_NOBODY = { pauseAboveBytes: Number.POSITIVE_INFINITY }
/** A node looks twice a second, in which it says less than this to one watcher. */
const LOOK_EVERY_FRAMES = 2
const LONG_TEXT = 'x'.repeat(4_000)
/** Of the news that is told here. The library looks at its bound before it takes a frame, not behind it. */
const FRAME_BYTES = 4_500

const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

async function shop() {
  const node = await shopNode({ carryMs: () => 2, answerMs: () => 0, confirmMs: 20 }, SPARES_NOBODY)
  stops.push(() => node.stop())
  const sessions: Session[] = []
  const { roll } = node
  const add = roll.add.bind(roll)
  roll.add = (session) => {
    sessions.push(session)
    add(session)
  }
  let told = 0
  return {
    ...node,
    /** Unread in this process, of each peer that ever was. */
    unread: () => sessions.map(({ peer }) => peer.bufferedBytes),
    told: () => told,
    tell: () => {
      told += 1
      const news = node.world.left(SHOES, at(1, told - 1), at(1, told), told)
      node.hub.news({ ...news, changes: [...news.changes, { kind: 'announcement', text: LONG_TEXT }] })
    },
  }
}

describe.each([
  ['json', json],
  ['msgpack', msgpack],
] as [string, WireFormat][])('slow phones that speak %s', (_, format) => {
  it('[GG1, GG2, GG3] cost no more than the bound, lose nothing for good, and cost the others nothing', {
    timeout: 90_000,
  }, async () => {
    const node = await shop()
    const frames = new WatchedFrames()
    const problems: unknown[] = []
    const networks: PhoneNetwork[] = []
    const phone = (name: string, url: string) => {
      const transport = wsTransport(url, { socketClass: WebSocket, format })
      const client = new Client({ transport: frames.through(name, transport), getToken: () => Promise.resolve(name) })
      const closes: number[] = []
      client.on('connection', (state) => state.name === 'waiting' && closes.push(state.code))
      client.on('problem', (problem) => problems.push(problem))
      stops.push(() => client.close())
      return { name, client, closes, watch: client.watch(SHOES) }
    }
    const slowPhone = async (name: string) => {
      const network = await PhoneNetwork.before(node.url, () => GOOD)
      networks.push(network)
      stops.push(() => network.close())
      return phone(name, network.url)
    }
    const fast = ['ana', 'ben', 'cem'].map((name) => phone(name, node.url))
    const slow = await Promise.all(['dripping-1', 'dripping-2', 'stalled-1', 'stalled-2'].map(slowPhone))
    const everyone = [...fast, ...slow]
    await vi.waitFor(() => expect(everyone.every(({ watch }) => watch.state !== undefined)).toBe(true), PATIENT)

    // The weather turns while news is coming and everybody orders.
    for (const [n, network] of networks.entries()) network.turn(n < 2 ? DRIPPING : STALLED)
    const answers: Promise<OrderAnswer>[] = []
    let mostUnread = 0
    while (node.roll.size > fast.length && node.told() < FRAMES_MAX) {
      node.tell()
      if (node.told() % 25 === 1 && answers.length < everyone.length * ORDERS_EACH) {
        for (const { client } of everyone) {
          answers.push(client.order(SHOES, [{ sku: 'shoe', qty: 1 }], { timeoutMs: 60_000 }))
        }
      }
      if (node.told() % LOOK_EVERY_FRAMES === 0) node.roll.look()
      mostUnread = Math.max(mostUnread, ...node.unread())
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(node.roll.size).toBe(fast.length)
    expect(mostUnread).toBeGreaterThan(BACKPRESSURE_BYTES_MAX / 4)
    expect(mostUnread).toBeLessThanOrEqual(BACKPRESSURE_BYTES_MAX + FRAME_BYTES)

    // It is fine again: what was on its way comes, then the close, and then they come back.
    for (const network of networks) network.turn(GOOD)
    const told = await Promise.all(answers)
    const ends = await Promise.all(told.map((answer) => (answer.verdict === 'accepted' ? answer.confirmed : 'refused')))
    await vi.waitFor(() => {
      for (const { name, closes } of slow) expect(closes, name).toEqual([3008])
      for (const { name, watch } of everyone) expect(watch.state?.items[0]?.left, name).toBe(node.told())
    }, PATIENT)

    expect(told).toHaveLength(everyone.length * ORDERS_EACH)
    expect(ends.filter((end) => end !== 'confirmed')).toEqual([])
    expect(node.orders.size).toBe(told.length)
    expect(frames.faults()).toEqual([])
    expect(problems).toEqual([])
    for (const { name, closes } of fast) {
      expect(closes, name).toEqual([])
      expect(frames.of(name, 'snapshot'), name).toBe(1)
      expect(frames.of(name, 'news'), name).toBe(node.told())
    }
    expect(node.failures).toEqual([])
  })
})
