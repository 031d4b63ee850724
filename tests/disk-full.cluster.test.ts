/**
 * Full disks: Redis and Postgres on disks of their own that are as small as what is on them, while a crowd orders.
 *
 * It takes Linux and root. Where they are not there the first test says so, and the others do not run.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ServerName } from '../stack/server-name.ts'
import { type PlannedFault, planOf } from './nemesis/plan.ts'
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

  async function storm(seconds: number, ...faults: PlannedFault[]): Promise<{ run: Run; ended: ServerName[] }> {
    const plan = planOf(1, { seconds, buyers: 100, ordersPerSecond: 200, faults })
    const run = await nemesis(world, plan, { restWithinMs: 20_000, say: (line) => log.push(line) })
    const { counts, costs, quietAfterMs, lost, revoked } = run
    const ended = world.storesLost.splice(0)
    const unconfirmedMs = longestUnconfirmedMs(run)
    const gone = { lost: lost.length, revoked: revoked.length }
    console.log(JSON.stringify({ counts, costs, quietAfterMs, unconfirmedMs, ...gone, ended }))
    return { run, ended }
  }

  it('[FF8] Redis ends by itself, sells again within three seconds of the room it was given, and lost nothing', {
    timeout: 120_000,
  }, async () => {
    const { run, ended } = await storm(6, { id: 'F12', atMs: 1_500, forMs: 2_500, who: 0 })

    expect(run.broken).toEqual([])
    expect(ended).toContain('redis')
    expect(run.costs[0]?.gapMs).toBeGreaterThan(1_000)
    expect(run.costs[0]?.resumeMs).toBeLessThanOrEqual(3_000)
  })

  it('[FF8] what Redis had answered is on its disk, though its owner dies and Postgres has none of it', {
    timeout: 120_000,
  }, async () => {
    const { run, ended } = await storm(
      8,
      { id: 'F22', atMs: 700, forMs: 5_000, who: 0 },
      { id: 'F12', atMs: 1_500, forMs: 2_500, who: 0 },
      { id: 'F1', atMs: 2_500, forMs: 0, who: 'owner' },
    )

    expect(run.broken).toEqual([])
    expect(ended).toContain('redis')
    expect(run.history.faults.map(({ id, to }) => `${id} ${to}`)).toContain('F1 the owner')
  })

  it('[FF9] Postgres refuses, the drop sells on, and everything is confirmed later', { timeout: 120_000 }, async () => {
    const { run } = await storm(7.5, { id: 'F21', atMs: 1_500, forMs: 4_000, who: 0 })

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
