/** A whole node with real stores under a fuzz of all its doors, while somebody else just wants a pair of shoes. */
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { WebSocket } from 'ws'
import { type Ground, openGround } from '../bench/ground.ts'
import { Client, type OrderEnd, wsTransport } from '../client/client.ts'
import { attack } from './fuzz/attacker.ts'

const SEED = Number(process.env.LIVEDROP_FUZZ_SEED ?? Math.floor(Math.random() * 1_000_000))
const FOR_MS = Number(process.env.LIVEDROP_FUZZ_SECONDS ?? 8) * 1_000
const STOCK = 100_000
/** After a first attack, when everything is warm. Most of it is the young generation: what is kept is weighed in LL8. */
const GROWS_MB_MAX = 64

let ground: Ground
const logged: string[] = []
beforeAll(async () => {
  ground = await openGround({ nodes: 1, onLog: (line) => logged.push(line) })
}, 60_000)
afterAll(() => ground.close(), 30_000)

/** In megabytes, as the kernel counts it. */
const rssOf = (pid: number) => (Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * 4) / 1024

describe(`a whole node under a fuzz of all doors, seed ${SEED}`, () => {
  it('[LL7] lives, keeps its size, and every order of a good client is right', {
    timeout: 60_000 + FOR_MS * 3,
  }, async () => {
    const [node] = ground.cluster?.nodes ?? []
    if (node === undefined) throw new Error('this test attacks its own node only')
    const [good = '', bad = ''] = await ground.fanTokens(2)
    const drop = await ground.creator.createDrop({
      skus: ['ONE'],
      stockPerSku: STOCK,
      opensAt: new Date(Date.now() + 300),
    })
    const client = new Client({
      transport: wsTransport(node.socketUrl, { socketClass: WebSocket }),
      getToken: async () => good,
    })
    const watch = client.watch(drop)
    await vi.waitFor(() => expect(watch.state?.phase).toBe('open'), 15_000)

    await attack({ url: node.url, token: bad, seed: SEED, forMs: FOR_MS / 2 })
    const warmMb = rssOf(node.pid)
    const attacking = attack({ url: node.url, token: bad, seed: SEED + 1, forMs: FOR_MS })
    let attacked = true
    void attacking.finally(() => {
      attacked = false
    })
    const ends: (OrderEnd | undefined)[] = []
    while (attacked) {
      const answer = await client.order(drop, [{ sku: 'ONE', qty: 1 }], { timeoutMs: 15_000 })
      ends.push(answer.verdict === 'accepted' ? await answer.confirmed : undefined)
    }
    const thrown = await attacking
    const grownMb = rssOf(node.pid) - warmMb
    console.log(
      `seed ${SEED}: ${thrown.inputs} inputs on ${thrown.connections} connections, ${ends.length} orders, ${grownMb.toFixed(1)} MB more`,
    )

    expect(thrown.faults).toEqual([])
    expect(logged.filter((line) => /node\.surprised|\.failed|"level":"?(?:error|fatal|50|60)/.test(line))).toEqual([])
    expect(ends.length).toBeGreaterThan(20)
    expect(ends.filter((end) => end !== 'confirmed')).toEqual([])
    expect(await ground.stores.soldUnits()).toBe(ends.length)
    await vi.waitFor(async () => {
      expect((await ground.stores.audit(drop)).filter((finding) => !finding.ok)).toEqual([])
      expect(watch.state?.items[0]?.left).toBe(STOCK - ends.length)
    }, 15_000)
    expect(grownMb).toBeLessThan(GROWS_MB_MAX)
    client.close()
    expect(await node.stop()).toBe(0)
  })
})
