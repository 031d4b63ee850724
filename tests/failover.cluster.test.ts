/** Whole LiveDrops of child processes: a node or a store is killed in the middle of a storm, and the buyers go on. */
import { afterEach, describe, expect, it, vi } from 'vitest'
import { type Ground, openGround } from '../bench/ground.ts'
import { type StormOptions, type StormResult, storm } from '../bench/storm-run.ts'
import type { LocalServer } from '../stack/local-server.ts'
import { planOf } from './nemesis/plan.ts'
import { nemesis } from './nemesis/run.ts'
import { HurtableWorld } from './nemesis/world.ts'

const RUSH: StormOptions = {
  form: 'rush',
  sockets: 120,
  processes: 1,
  skus: 2,
  stockPerSku: 10_000,
  limitPerBuyer: undefined,
  rushMs: 6_000,
  durationMs: 14_000,
  inFlight: 1,
  killOwnerAfterMs: undefined,
}
const STEADY: StormOptions = { ...RUSH, form: 'steady', durationMs: 6_000, sockets: 60 }

let ground: Ground | undefined

async function on(nodes: number): Promise<Ground> {
  ground = await openGround({ nodes })
  return ground
}

afterEach(async () => {
  await ground?.close()
  ground = undefined
})

function expectNothingLost(result: StormResult): void {
  const { lost, lostConfirmed, revoked, audit } = result
  expect({ lost, lostConfirmed, revoked }).toEqual({ lost: 0, lostConfirmed: 0, revoked: 0 })
  expect(audit.filter((finding) => !finding.ok)).toEqual([])
}

describe('a storm over two nodes', () => {
  it('[F1] sells to fans on every node, from one room', { timeout: 60_000 }, async () => {
    const result = await storm(await on(2), { ...RUSH, stockPerSku: 20, rushMs: 1_000 }, () => undefined)

    expectNothingLost(result)
    const units = result.audit.length
    expect(units).toBeGreaterThan(5)
    expect(result.accepted + (result.refused.sold_out ?? 0)).toBe(RUSH.sockets)
    expect(result.refused.sold_out).toBeGreaterThan(0)
  })

  it('[F2] goes on within three seconds after kill -9 of the owner, and loses nothing', {
    timeout: 90_000,
  }, async () => {
    const result = await storm(await on(2), { ...STEADY, killOwnerAfterMs: 2_000 }, () => undefined)

    expectNothingLost(result)
    expect(result.retried.cut).toBeGreaterThan(0)
    expect(result.longestGapMs).toBeGreaterThan(300)
    expect(result.longestGapMs).toBeLessThanOrEqual(3_000)
  })
})

describe('a dependency that is lost while the node runs', () => {
  it('[F3] is named by readyz, is pending to buyers, and comes back by itself', { timeout: 90_000 }, async () => {
    const { cluster, urls, creator, fanTokens } = await on(1)
    const [url = ''] = urls
    const [token = ''] = await fanTokens(1)
    const redis = cluster?.stack.servers.redis
    const drop = await creator.createDrop({ skus: ['ONE'], stockPerSku: 3, opensAt: new Date(Date.now() + 500) })
    const order = () => placeOrder(url, drop, token)
    const readyz = async () => (await fetch(`${url}/readyz`)).json()

    await vi.waitFor(async () => expect(await order()).toMatchObject({ status: 201 }), 10_000)
    await redis?.kill()
    await vi.waitFor(async () => expect(await readyz()).toMatchObject({ ready: false }), 5_000)
    expect(await readyz()).toMatchObject({ dependencies: { redis: { ok: false }, postgres: { ok: true } } })
    expect(await order()).toMatchObject({ status: 503, verdict: 'pending' })
    await redis?.restart()

    await vi.waitFor(async () => expect(await readyz()).toMatchObject({ ready: true }), 10_000)
    await vi.waitFor(async () => expect(await order()).toMatchObject({ status: 200, verdict: 'duplicate' }), 10_000)
  })

  it('[F4] Redis killed and started again in a storm: nothing lost', { timeout: 90_000 }, async () => {
    const here = await on(1)
    const redis = here.cluster?.stack.servers.redis

    const [result] = await Promise.all([storm(here, STEADY, () => undefined), hurt(here, redis)])

    expectNothingLost(result)
    expect(result.accepted).toBeGreaterThan(100)
  })

  it('[F4] Postgres killed and started again in a storm: orders go on meanwhile', { timeout: 90_000 }, async () => {
    const here = await on(1)
    const postgres = here.cluster?.stack.servers.postgres

    const [result] = await Promise.all([storm(here, STEADY, () => undefined), hurt(here, postgres)])

    expectNothingLost(result)
    expect(result.accepted).toBeGreaterThan(100)
  })

  it('[F4] NATS killed and started again under two nodes: nothing lost', { timeout: 90_000 }, async () => {
    const here = await on(2)
    const nats = here.cluster?.stack.servers.nats

    const [result] = await Promise.all([storm(here, STEADY, () => undefined), hurt(here, nats)])

    expectNothingLost(result)
  })
})

describe('a replica that takes the place of Redis without the end of what was accepted', () => {
  let world: HurtableWorld | undefined
  afterEach(() => world?.close(), 60_000)

  it('[FF10] is noticed and built anew: nothing lost, nothing oversold', { timeout: 120_000 }, async () => {
    world = await HurtableWorld.open({ nodes: 2, replica: true })
    // What the replica misses Postgres misses too: a stranger holds the drop's row.
    const plan = planOf(1, {
      ...{ seconds: 5, buyers: 100, ordersPerSecond: 200 },
      faults: [
        { id: 'F22', atMs: 1_200, forMs: 900, who: 0 },
        { id: 'F13', atMs: 1_300, forMs: 400, who: 0 },
      ],
    })
    const { broken, costs, lost, revoked, counts } = await nemesis(world, plan, { restWithinMs: 20_000 })

    console.log(JSON.stringify({ counts, costs, lost: lost.length, revoked: revoked.length }))
    expect(broken).toEqual([])
    const [cost] = costs.filter(({ id }) => id === 'F13')
    expect(cost?.resumeMs).toBeLessThanOrEqual(3_000)
  })
})

/** One order over REST, always under the same key. */
async function placeOrder(url: string, drop: string, token: string): Promise<{ status: number; verdict?: unknown }> {
  const answer = await fetch(`${url}/v1/drops/${drop}/orders`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}`, 'idempotency-key': 'the-one' },
    body: JSON.stringify({ lines: [{ sku: 'ONE', qty: 1 }] }),
  })
  const { verdict } = (await answer.json()) as { verdict?: unknown }
  return { status: answer.status, verdict }
}

/** Kills a server as soon as something is sold, and starts it again with its data. */
async function hurt(here: Ground, server: LocalServer | undefined): Promise<void> {
  const selling = async () => expect(await here.stores.soldUnits()).toBeGreaterThan(20)
  await vi.waitFor(selling, { timeout: 30_000, interval: 20 })
  await server?.kill()
  await server?.restart()
}
