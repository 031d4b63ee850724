/** A deploy in the middle of a storm: three real nodes leave one after the other, and nobody loses anything. */
import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { WebSocket } from 'ws'
import { type Ground, type GroundOptions, openGround } from '../bench/ground.ts'
import { Client, type OrderAnswer, type OrderEnd, type Transport, wsTransport } from '../client/client.ts'
import type { LocalNode } from '../stack/local-node.ts'
import { WatchedFrames } from './builders/watched-frames.ts'

const BUYERS = 12
const STOCK = 1_000_000
/** A node that does not pass its rooms on leaves its leases behind, and they stand for two seconds. */
const GAP_MAX_MS = 1_800
/** Twice the bar of three seconds, for a machine that does other things too; 2.1 to 2.6 s on two quiet cores. */
const VIEWERS_MAX_MS = 6_000

interface Bought {
  answer: OrderAnswer
  end: OrderEnd | undefined
}

const grounds: Ground[] = []
let ground: Ground
const passedBy = new Set<string>()
beforeAll(async () => {
  ground = await open({
    nodes: 3,
    env: { LIVEDROP_LOG_LEVEL: 'info' },
    onLog: (line) => {
      const node = /"node":"([^"]+)".*"event":"room.passed"/.exec(line)?.[1]
      if (node !== undefined) passedBy.add(node)
    },
  })
}, 60_000)
afterAll(() => Promise.all(grounds.map((one) => one.close())), 60_000)

async function open(options: GroundOptions): Promise<Ground> {
  const opened = await openGround(options)
  grounds.push(opened)
  return opened
}

/** Orders one thing after the other until it is told to stop, and waits for the end of each. */
async function buy(client: Client, drop: string, goesOn: () => boolean, accepted: () => void): Promise<Bought[]> {
  const bought: Bought[] = []
  while (goesOn()) {
    const answer = await client.order(drop, [{ sku: 'ONE', qty: 1 }], { timeoutMs: 30_000 })
    if (answer.verdict === 'accepted') accepted()
    bought.push({ answer, end: answer.verdict === 'accepted' ? await answer.confirmed : undefined })
    await pause(10)
  }
  return bought
}

/** What a load balancer hears until the node is gone. */
async function askReadiness(node: LocalNode): Promise<string[]> {
  const heard = new Set<string>()
  let gone = false
  void node.exited.then(() => {
    gone = true
  })
  while (!gone) {
    try {
      const answer = await fetch(`${node.url}/readyz`, { signal: AbortSignal.timeout(2_000) })
      const { why = '' } = (await answer.json()) as { why?: string }
      heard.add(`${answer.status} ${why}`.trim())
    } catch {
      heard.add('gone')
    }
    await pause(5)
  }
  return [...heard]
}

describe('a rolling restart of three nodes in a storm', () => {
  it('[DD7, DD9] loses no order, no watcher misses news, and viewers are counted right after a kill -9', {
    timeout: 120_000,
  }, async () => {
    const { cluster, creator, stores } = ground
    if (cluster === undefined) throw new Error('this test ends its own nodes only')
    const drop = await creator.createDrop({ skus: ['ONE'], stockPerSku: STOCK, opensAt: new Date(Date.now() + 500) })
    const urls = cluster.nodes.map((node) => node.socketUrl)
    const frames = new WatchedFrames()
    let turn = 0
    const balanced: Transport = (ears) => {
      turn += 1
      return wsTransport(urls[turn % urls.length] ?? '', { socketClass: WebSocket })(ears)
    }
    let tokensAsked = 0
    const clients = (await ground.fanTokens(BUYERS)).map((token, at) => {
      return new Client({
        transport: frames.through(`fan ${at}`, balanced),
        getToken: async () => {
          tokensAsked += 1
          return token
        },
      })
    })
    const watches = clients.map((client) => client.watch(drop))
    await vi.waitFor(() => expect(watches.every((watch) => watch.state?.phase === 'open')).toBe(true), 15_000)

    let storming = true
    let lastMs = performance.now()
    let gapMs = 0
    const accepted = () => {
      gapMs = Math.max(gapMs, performance.now() - lastMs)
      lastMs = performance.now()
    }
    const buying = clients.map((client) => buy(client, drop, () => storming, accepted))
    const exits: (number | null)[] = []
    const readiness: string[] = []
    const passed: string[] = []
    for (const node of [...cluster.nodes]) {
      if ((await stores.owner(drop)) === node.nodeId) passed.push(node.nodeId)
      urls.splice(urls.indexOf(node.socketUrl), 1)
      const asking = askReadiness(node)
      exits.push(await node.stop())
      readiness.push(...(await asking))
      urls.push((await cluster.addNode()).socketUrl)
    }
    storming = false
    const bought = (await Promise.all(buying)).flat()

    expect(exits).toEqual([0, 0, 0])
    expect(readiness).toContain('503 shutting down')
    expect(passed.length).toBeGreaterThan(0)
    expect(passed.filter((node) => !passedBy.has(node))).toEqual([])

    expect(bought.length).toBeGreaterThan(BUYERS * 5)
    expect(bought.filter(({ answer, end }) => answer.verdict !== 'accepted' || end !== 'confirmed')).toEqual([])
    const ids = bought.flatMap(({ answer }) => (answer.verdict === 'accepted' ? [answer.orderId] : []))
    expect(new Set(ids).size).toBe(bought.length)
    expect(await stores.soldUnits()).toBe(bought.length)
    await vi.waitFor(async () => {
      const findings = await stores.audit(drop)
      expect(findings.filter((finding) => !finding.ok)).toEqual([])
    }, 15_000)

    await vi.waitFor(() => {
      for (const watch of watches) expect(watch.state?.items[0]?.left).toBe(STOCK - bought.length)
    }, 15_000)
    expect(frames.faults()).toEqual([])
    expect(frames.count('news')).toBeGreaterThan(BUYERS * 10)
    // Everybody came back by ticket: a deploy is no storm on whoever issues tokens.
    expect(tokensAsked).toBe(BUYERS)
    expect(gapMs).toBeLessThan(GAP_MAX_MS)

    // Those of the node that dies come back to the others; the one that does not come back is missed everywhere.
    const lonely = new WebSocket(urls[0] ?? '', 'livedrop.v1.json')
    lonely.on('error', () => undefined)
    lonely.on('open', () => {
      lonely.send(JSON.stringify([{ type: 'hello' }, { type: 'watch', id: 'w', drop }]))
    })
    const viewers = () => watches.map((watch) => watch.state?.viewers)
    await vi.waitFor(() => expect(viewers()).toEqual(Array(BUYERS).fill(BUYERS + 1)), 15_000)
    const [dying] = urls.splice(0, 1)
    const killedMs = performance.now()
    cluster.nodes.find((node) => node.socketUrl === dying)?.kill()
    await vi.waitFor(() => expect(viewers()).toEqual(Array(BUYERS).fill(BUYERS)), 15_000)
    const missedMs = Math.round(performance.now() - killedMs)
    console.log(`viewers are right again ${missedMs} ms after a kill -9`)
    expect(missedMs).toBeLessThan(VIEWERS_MAX_MS)
    for (const client of clients) client.close()
  })
})

describe('a node that cannot leave in order', () => {
  it('[DD11] ends with 3 when it is asked again, and when its time is over', { timeout: 120_000 }, async () => {
    const { cluster } = await open({ nodes: 2, env: { LIVEDROP_GRACE_MS: '3000' } })
    const postgres = cluster?.stack.servers.postgres?.pid
    if (cluster === undefined || postgres === undefined) throw new Error('this test stops its own servers only')

    // Every second a node asks it for drops that are due; and it does not answer.
    const frozen = [postgres, ...childrenOf(postgres)]
    for (const pid of frozen) process.kill(pid, 'SIGSTOP')
    try {
      const [twice, late] = cluster.nodes
      twice?.kill('SIGTERM')
      late?.kill('SIGTERM')
      await pause(1_000)
      twice?.kill('SIGTERM')

      expect(await twice?.exited).toBe(3)
      expect(await late?.exited).toBe(3)
    } finally {
      for (const pid of frozen) process.kill(pid, 'SIGCONT')
    }
  })
})

/** A connection of Postgres is a process of its own. */
function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number)
}
