/**
 * Partitions: three nodes in network namespaces of their own, whose packets get lost while a crowd orders.
 *
 * It takes root, iproute2 and nftables. Where they are not there the first test says what is missing, and the others do
 * not run. Longer storms: `npm run partitions`.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { HurtableWorld } from './nemesis/world.ts'
import { whyNoNetworks } from './partitions/node-network.ts'
import { figuresOf, STORMS, type StormName, type Weathered, weather } from './partitions/storms.ts'

const missing = whyNoNetworks()
/** Less than the rule allows, so that it is seen when TCP is waited for. */
const IN_STEP_MS = 1_500
const SOLD_ELSEWHERE_MS = 5_000

it('[MM1] says whether a network can be cut here', () => {
  console.log(missing === undefined ? 'partitions: in network namespaces' : `NO PARTITIONS ARE TRIED HERE: ${missing}`)
  expect(missing === undefined || missing.length > 0).toBe(true)
})

describe.runIf(missing === undefined)('three nodes, one of which is cut off,', { timeout: 120_000 }, () => {
  let world: HurtableWorld
  const log: string[] = []
  beforeAll(async () => {
    world = await HurtableWorld.open({ nodes: 3, apart: true, onLog: (line) => log.push(line) })
  }, 60_000)
  afterAll(() => world?.close(), 60_000)

  async function storm(name: StormName): Promise<Weathered> {
    const weathered = await weather(world, STORMS[name], log)
    console.log(figuresOf(name, weathered))
    expect(weathered.run.broken).toEqual([])
    expect(weathered.run.history.faults).toHaveLength(STORMS[name].faults.length)
    return weathered
  }

  it('[MM1] lose, oversell and invent nothing when the owner is alone against two for five seconds', async () => {
    const { run } = await storm('alone')

    // Others sell while it lasts.
    const [cut] = STORMS.alone.faults
    expect(run.costs[0]?.gapMs).toBeLessThan(cut.forMs - 500)
  })

  it('[MM2] lose nothing to an owner without Redis, a deaf owner and lost packets', async () => {
    await storm('redis_deaf_loss')
  })

  it('[MM8] lose nothing to an owner without Postgres, who sells on, and to one that is refused by everybody', async () => {
    const { run } = await storm('postgres_reset')

    expect(run.costs.find(({ id }) => id === 'F24_postgres')?.gapMs).toBeLessThan(1_000)
  })

  it('[MM7] have a gateway without NATS in step within two seconds of the healing', async () => {
    const { inStep } = await storm('gateway_without_nats')

    expect(inStep).toMatchObject([{ putOff: expect.toSatisfy((orders: number) => orders > 0) }])
    for (const { newsMs, ordersMs } of inStep) expect(Math.max(newsMs, ordersMs)).toBeLessThan(IN_STEP_MS)
  })

  it('[MM3] [MM4] sell again elsewhere within five seconds when the owner has no NATS, and change hands once', async () => {
    const { inStep, wakes } = await storm('owner_without_nats')

    for (const { gapElsewhereMs } of inStep) expect(gapElsewhereMs).toBeLessThan(SOLD_ELSEWHERE_MS)
    expect(Math.max(...wakes)).toBe(2)
  })
})
