/** Three faults one after the other, on real stores: Postgres writes nothing, Redis forgets, and then every node dies. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { judge } from './nemesis/laws.ts'
import { planOf } from './nemesis/plan.ts'
import { nemesis } from './nemesis/run.ts'
import { HurtableWorld } from './nemesis/world.ts'

describe('while the row of a drop is locked', () => {
  let world: HurtableWorld
  beforeAll(async () => {
    world = await HurtableWorld.open({ nodes: 2 })
  }, 60_000)
  afterAll(() => world?.close(), 60_000)

  it.each([
    { forgets: 'F7', how: 'forgets all' },
    { forgets: 'F8', how: 'goes back in time' },
  ] as const)(
    '[Z12] and Redis $how, every node may die: nothing that was accepted is gone',
    { timeout: 60_000 },
    async ({ forgets }) => {
      const plan = planOf(1, {
        ...{ seconds: 6, buyers: 100, ordersPerSecond: 200 },
        faults: [
          { id: 'F22', atMs: 1_000, forMs: 4_000, who: 0 },
          { id: forgets, atMs: 2_000, forMs: 700, who: 0 },
          // Whoever has the lease by now: nobody is left who remembers.
          { id: 'F1', atMs: 3_500, forMs: 0, who: 'owner' },
          { id: 'F1', atMs: 3_500, forMs: 0, who: 'other' },
        ],
      })
      const { broken, counts, histories } = await nemesis(world, plan, { restWithinMs: 20_000 })
      // As if it were a single fault: not even an order that its buyer has found again by asking is excused.
      const withoutExcuse = histories.flatMap((one) => judge(one, []).broken)

      console.log(JSON.stringify({ forgets, counts, broken: withoutExcuse.length, first: withoutExcuse.slice(0, 3) }))
      expect([...broken, ...withoutExcuse]).toEqual([])
      expect(counts.accepted).toBeGreaterThan(200)
    },
  )
})
