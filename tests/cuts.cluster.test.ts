/**
 * A storm on a network that cuts links at any byte, handshakes and halves of frames included, over nodes that are killed
 * now and then. LIVEDROP_TEST_BLOWS says how many cuts and kills there are; a dozen blows is one kill.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { WebSocket } from 'ws'
import { type Ground, openGround } from '../bench/ground.ts'
import { GOOD, type Link, PhoneNetwork } from '../bench/phone-network.ts'
import { Client, json, type OrderAnswer, type OrderEnd, type Transport, wsTransport } from '../client/client.ts'
import { msgpack } from '../client/msgpack.ts'
import type { LocalNode } from '../stack/local-node.ts'
import { WatchedFrames } from './builders/watched-frames.ts'

const BLOWS = Number(process.env.LIVEDROP_TEST_BLOWS ?? 12)
const BLOWS_TO_A_KILL = 12
const KILLS = Math.floor(BLOWS / BLOWS_TO_A_KILL)
const BUYERS = 12
const STOCK = 1_000_000
const LINK_BYTES_MAX = 20_000
const PATIENT = { timeout: 60_000, interval: 50 }

let ground: Ground
const networks = new Map<LocalNode, PhoneNetwork>()
beforeAll(async () => {
  ground = await openGround({ nodes: 2 })
}, 60_000)
afterAll(async () => {
  await Promise.all([...networks.values()].map((network) => network.close()))
  await ground.close()
}, 60_000)

/** Many end in their handshake or their first frames. */
const badLink = (): Link => ({ ...GOOD, cutAfterBytes: 1 + Math.floor(Math.random() ** 3 * LINK_BYTES_MAX) })

interface Bought {
  key: string
  answer: OrderAnswer
  end: OrderEnd | undefined
}

async function buy(client: Client, name: string, drop: string, goesOn: () => boolean): Promise<Bought[]> {
  const bought: Bought[] = []
  while (goesOn()) {
    const key = `${name}-${bought.length}`
    const answer = await client.order(drop, [{ sku: 'ONE', qty: 1 }], { key, timeoutMs: 120_000 })
    bought.push({ key, answer, end: answer.verdict === 'accepted' ? await answer.confirmed : undefined })
    await pause(20)
  }
  return bought
}

describe(`${BLOWS} cuts at any byte and kills of nodes in a storm`, () => {
  it('[GG4, GG5] leave every order with one end that its buyer hears, and every watcher with every frame in order', {
    timeout: 60_000 + BLOWS * 2_000,
  }, async () => {
    const { cluster, creator, stores } = ground
    if (cluster === undefined) throw new Error('this test ends its own nodes only')
    let storming = true
    const putBefore = async (node: LocalNode) => {
      networks.set(node, await PhoneNetwork.before(node.socketUrl, () => (storming ? badLink() : GOOD)))
    }
    for (const node of cluster.nodes) await putBefore(node)
    const drop = await creator.openDrop(['ONE'], STOCK)

    const frames = new WatchedFrames()
    let turn = 0
    const ends = new Map<string, Set<string>>()
    const clients = (await ground.fanTokens(BUYERS)).map((token, at) => {
      const format = at % 2 === 0 ? json : msgpack
      const balanced: Transport = (ears) => {
        turn += 1
        const urls = [...networks.values()].map(({ url }) => url)
        return wsTransport(urls[turn % urls.length] ?? '', { socketClass: WebSocket, format })(ears)
      }
      const client = new Client({ transport: frames.through(`fan ${at}`, balanced), getToken: async () => token })
      client.on('settled', ({ type, key }) => ends.set(key, (ends.get(key) ?? new Set()).add(type)))
      return client
    })
    const watches = clients.map((client) => client.watch(drop))
    const buying = clients.map((client, at) => buy(client, `fan-${at}`, drop, () => storming))

    let kills = 0
    let pastCuts = 0
    const blows = () => kills + pastCuts + [...networks.values()].reduce((sum, { cuts }) => sum + cuts, 0)
    while (blows() < BLOWS || kills < KILLS) {
      await pause(20)
      if (kills === KILLS || blows() < (kills + 1) * BLOWS_TO_A_KILL) continue

      const nodes = [...networks.keys()]
      const dying = nodes[Math.floor(Math.random() * nodes.length)]
      const network = dying === undefined ? undefined : networks.get(dying)
      if (dying === undefined || network === undefined) throw new Error('no node is left')
      networks.delete(dying)
      dying.kill()
      kills += 1
      await network.close()
      pastCuts += network.cuts
      await putBefore(await cluster.addNode())
    }
    storming = false
    for (const network of networks.values()) network.turn(GOOD)
    const bought = (await Promise.all(buying)).flat()

    expect(bought.length).toBeGreaterThan(BUYERS)
    expect(bought.filter(({ answer, end }) => answer.verdict !== 'accepted' || end !== 'confirmed')).toEqual([])
    expect(new Set(bought.map(({ key }) => key)).size).toBe(bought.length)
    const ids = bought.flatMap(({ answer }) => (answer.verdict === 'accepted' ? [answer.orderId] : []))
    expect(new Set(ids).size).toBe(bought.length)
    expect(await stores.soldUnits()).toBe(bought.length)
    for (const [key, said] of ends) expect([...said], key).toEqual(['confirmed'])
    await vi.waitFor(async () => {
      const findings = await stores.audit(drop)
      expect(findings.filter((finding) => !finding.ok)).toEqual([])
    }, PATIENT)
    await vi.waitFor(() => {
      for (const watch of watches) expect(watch.state?.items[0]?.left).toBe(STOCK - bought.length)
    }, PATIENT)

    expect(frames.faults()).toEqual([])
    expect(frames.count('news')).toBeGreaterThan(BUYERS)
    console.log(
      `${blows() - kills} cuts, ${kills} kills: ${bought.length} orders, ${frames.count('snapshot')} snapshots,`,
      `${frames.count('news')} frames of news, ${frames.count('recovered')} recovered`,
    )
    for (const client of clients) client.close()
  })
})
