/**
 * Wall clocks that are wrong: two real nodes under faketime, whose opening, leases and tokens must not care.
 *
 * Where there is no faketime the first test says so, and the others do not run.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type PlannedFault, planOf } from './nemesis/plan.ts'
import { nemesis } from './nemesis/run.ts'
import { whyNoWallClock } from './nemesis/wall-clock.ts'
import { HurtableWorld } from './nemesis/world.ts'

const missing = whyNoWallClock()
const HOUR_MS = 3_600_000

it('[FF12] says whether a node can have a clock of its own here', () => {
  console.log(missing === undefined ? 'wrong clocks: by faketime' : `NO WRONG CLOCKS ARE TRIED HERE: ${missing}`)
  expect(missing === undefined || missing.length > 0).toBe(true)
})

describe.runIf(missing === undefined)('two nodes whose wall clocks are wrong', () => {
  let world: HurtableWorld
  beforeAll(async () => {
    world = await HurtableWorld.open({ nodes: 2, clocks: true })
  }, 60_000)
  afterAll(() => world?.close(), 60_000)

  function set(...aheadS: [number, number]): void {
    for (const [at, { clock }] of world.places.entries()) clock?.set(aheadS[at] ?? 0)
  }

  async function sale(seconds: number, faults: PlannedFault[]) {
    const plan = planOf(1, { seconds, buyers: 80, ordersPerSecond: 200, faults })
    const { counts, costs, broken, history } = await nemesis(world, plan, { restWithinMs: 20_000 })
    console.log(JSON.stringify({ counts, costs }))
    const epochs = new Set(history.rows.map(({ position }) => position.epoch))
    return { broken, costs, epochs: [...epochs], accepted: counts.accepted }
  }

  it('[FF12] two seconds ahead and behind: one start, nobody early, nobody late', { timeout: 60_000 }, async () => {
    set(2, -2)

    const { broken, epochs, accepted } = await sale(2, [])

    expect({ broken, epochs }).toEqual({ broken: [], epochs: [1] })
    expect(accepted).toBeGreaterThan(100)
    const starts = await world.postgres.sql<{ n: number }[]>`
      select count(*)::int as n from outbox where kind = 'drop_phase' and body ->> 'phase' = 'open'`
    expect(starts).toMatchObject([{ n: 1 }])
  })

  it('[FF12] an owner whose clock jumps by an hour, ahead and back: it stays the owner', {
    timeout: 60_000,
  }, async () => {
    const { broken, costs, epochs } = await sale(5, [{ id: 'F30', atMs: 1_200, forMs: 3_000, who: 'owner' }])

    expect({ broken, epochs }).toEqual({ broken: [], epochs: [1] })
    expect(costs[0]?.gapMs).toBeLessThanOrEqual(1_000)
  })

  it('[FF12] tokens end by the clock of the drops, whatever the node’s own says', async () => {
    const [good] = await world.buyers(1, HOUR_MS / 2)
    const [old] = await world.buyers(1, -HOUR_MS / 60)

    for (const aheadS of [0, 3_600, -3_600]) {
      set(aheadS, aheadS)
      const said = await Promise.all([good, old].map((who) => statusOf(world, who?.token ?? '')))
      expect([aheadS, ...said]).toEqual([aheadS, 200, 401])
    }
  })
})

async function statusOf({ places }: HurtableWorld, token: string): Promise<number> {
  const [place] = places
  const answer = await fetch(`http://${place?.host}:${place?.port}/v1/orders`, {
    headers: { authorization: `Bearer ${token}` },
  })
  return answer.status
}
