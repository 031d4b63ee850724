/**
 * Full disks: Redis and Postgres on disks of their own that are as small as what is on them, while a crowd orders.
 *
 * It takes Linux and root. Where they are not there the first test says so, and the others do not run.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { FaultId } from './nemesis/catalogue.ts'
import { planOf } from './nemesis/plan.ts'
import { nemesis, type Run } from './nemesis/run.ts'
import { HurtableWorld } from './nemesis/world.ts'
import { whyNoTightDisk } from './power/tight-disk.ts'

const missing = whyNoTightDisk()

it('[FF8] says whether a disk can be full here', () => {
  console.log(missing === undefined ? 'full disks: on small ones' : `NO FULL DISKS ARE TRIED HERE: ${missing}`)
  expect(missing === undefined || missing.length > 0).toBe(true)
})

describe.runIf(missing === undefined)('a store whose disk is full', () => {
  let world: HurtableWorld
  const log: string[] = []
  beforeAll(async () => {
    world = await HurtableWorld.open({ nodes: 2, tight: true, onLog: (line) => log.push(line) })
  }, 60_000)
  afterAll(() => world?.close(), 60_000)

  async function storm(id: FaultId, forMs: number): Promise<Run> {
    const faults = [{ id, atMs: 1_500, forMs, who: 0 }]
    const plan = planOf(1, { seconds: (1_500 + forMs) / 1_000 + 2, buyers: 100, ordersPerSecond: 200, faults })
    const run = await nemesis(world, plan, { restWithinMs: 20_000, say: (line) => log.push(line) })
    const { counts, costs, quietAfterMs, lost, revoked } = run
    const ended = world.storesLost.splice(0)
    const unconfirmedMs = longestUnconfirmedMs(run)
    const gone = { lost: lost.length, revoked: revoked.length }
    console.log(JSON.stringify({ counts, costs, quietAfterMs, unconfirmedMs, ...gone, ended }))
    return run
  }

  it('[FF8] Redis ends by itself, sells again within three seconds of the room it was given, and lost nothing', {
    timeout: 120_000,
  }, async () => {
    const run = await storm('F12', 2_500)

    expect(run.broken).toEqual([])
    expect(run.costs[0]?.gapMs).toBeGreaterThan(1_000)
    expect(run.costs[0]?.resumeMs).toBeLessThanOrEqual(3_000)
  })

  it('[FF9] Postgres refuses, the drop sells on, and everything is confirmed later', { timeout: 120_000 }, async () => {
    const run = await storm('F21', 4_000)

    expect(run.broken).toEqual([])
    expect(longestUnconfirmedMs(run)).toBeGreaterThan(2_000)
    expect(run.costs[0]?.gapMs).toBeLessThanOrEqual(1_000)
  })
})

function longestUnconfirmedMs({ history }: Run): number {
  const toldMs = history.told.filter(({ what }) => what === 'confirmed').map(({ atMs }) => atMs)
  const gaps = toldMs.sort((a, b) => a - b).map((atMs, at) => atMs - (toldMs[at - 1] ?? atMs))
  return Math.max(0, ...gaps)
}
