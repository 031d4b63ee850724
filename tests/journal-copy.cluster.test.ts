/** Three faults one after the other, on real stores: Postgres writes nothing, Redis forgets, and who remembers dies. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { planOf } from './nemesis/plan.ts'
import { nemesis } from './nemesis/run.ts'
import { HurtableWorld } from './nemesis/world.ts'

describe('while the row of a drop is locked', () => {
  let world: HurtableWorld
  let said: string[] = []
  beforeAll(async () => {
    world = await HurtableWorld.open({ nodes: 2, onLog: (line) => said.push(line) })
  }, 60_000)
  afterAll(() => world?.close(), 60_000)

  /** kill -9 of the one node that remembers, as soon as it has said that it has set its journal down. */
  async function killWhoRemembers(): Promise<void> {
    const isCopied = (line: string) => line.includes('journal.copied')
    await vi.waitFor(() => expect(said.some(isCopied)).toBe(true), { timeout: 20_000, interval: 20 })
    const line = said.find(isCopied) ?? ''
    const place = world.places.find(({ node }) => node !== undefined && line.includes(String(node.nodeId)))
    if (place === undefined) throw new Error(`nobody of ours said: ${line}`)

    // The world asks of a node that ends whether anybody had hurt it.
    place.state = 'hurt'
    place.node?.kill('SIGKILL')
  }

  it.each([
    { forgets: 'F7', how: 'forgets all' },
    { forgets: 'F8', how: 'goes back in time' },
  ] as const)(
    '[Z12] and Redis $how, the node that remembers may die: nothing that was accepted is gone',
    { timeout: 60_000 },
    async ({ forgets }) => {
      said = []
      const plan = planOf(1, {
        ...{ seconds: 6, buyers: 100, ordersPerSecond: 200 },
        faults: [
          { id: 'F22', atMs: 1_000, forMs: 4_000, who: 0 },
          { id: forgets, atMs: 2_000, forMs: 700, who: 0 },
        ],
      })
      // The death is no fault of the plan, so nothing is excused: not even an order that its buyer found again by asking.
      const [{ broken, counts }] = await Promise.all([
        nemesis(world, plan, { restWithinMs: 20_000 }),
        killWhoRemembers(),
      ])

      console.log(JSON.stringify({ forgets, counts, broken: broken.length, first: broken.slice(0, 3) }))
      expect(broken).toEqual([])
      expect(counts.accepted).toBeGreaterThan(200)
    },
  )
})
