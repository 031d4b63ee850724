/**
 * Partitions: nodes in network namespaces of their own, whose packets get lost while a crowd orders.
 *
 * It takes root, iproute2 and nftables. Where they are not there the first test says what is missing, and the others do
 * not run.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type PlannedFault, planOf } from './nemesis/plan.ts'
import { nemesis, type Run } from './nemesis/run.ts'
import { HurtableWorld } from './nemesis/world.ts'
import { whyNoNetworks } from './partitions/node-network.ts'

const missing = whyNoNetworks()

it('[MM1] says whether a network can be cut here', () => {
  console.log(missing === undefined ? 'partitions: in network namespaces' : `NO PARTITIONS ARE TRIED HERE: ${missing}`)
  expect(missing === undefined || missing.length > 0).toBe(true)
})

describe.runIf(missing === undefined)('two nodes whose network is cut', () => {
  let world: HurtableWorld
  const log: string[] = []
  beforeAll(async () => {
    world = await HurtableWorld.open({ nodes: 2, apart: true, onLog: (line) => log.push(line) })
  }, 60_000)
  afterAll(() => world?.close(), 60_000)

  async function storm(seconds: number, faults: PlannedFault[]): Promise<Run> {
    const plan = planOf(1, { seconds, buyers: 100, ordersPerSecond: 200, faults })
    const run = await nemesis(world, plan, { restWithinMs: 20_000, say: (line) => log.push(line) })
    const { counts, costs, latency, quietAfterMs, lost, revoked } = run
    console.log(JSON.stringify({ counts, costs, latency, quietAfterMs, lost: lost.length, revoked: revoked.length }))
    return run
  }

  it('[MM1] lose, oversell and invent nothing when the owner is cut from everything for five seconds', {
    timeout: 120_000,
  }, async () => {
    const run = await storm(7, [{ id: 'F24', atMs: 1_200, forMs: 5_000, who: 'owner' }])

    expect(run.broken).toEqual([])
    expect(run.history.faults).toHaveLength(1)
  })

  it('[MM2] lose nothing to a gateway without NATS, an owner without Redis, a deaf owner and lost packets', {
    timeout: 120_000,
  }, async () => {
    // The gateway first: after a cut of the owner the room may be on its way to the other node.
    const run = await storm(14, [
      { id: 'F24_nats', atMs: 1_000, forMs: 3_600, who: 'other' },
      { id: 'F24_redis', atMs: 5_600, forMs: 2_200, who: 'owner' },
      { id: 'F24_deaf', atMs: 9_000, forMs: 2_200, who: 'owner' },
      { id: 'F24_loss', atMs: 12_200, forMs: 1_500, who: 'owner' },
    ])
    const waited = putOff(run)
    console.log(JSON.stringify({ putOff: waited.length, firstMs: waited[0], lastMs: waited.at(-1) }))

    expect(run.broken).toEqual([])
    expect(run.history.faults).toHaveLength(4)
  })
})

/** Orders that were told `pending` while a gateway was cut from NATS: how long after its healing each was answered, sorted. */
function putOff({ history }: Run): number[] {
  const cut = history.faults.find(({ id }) => id === 'F24_nats')
  if (cut === undefined) return []
  const told = history.attempts.filter(({ verdict, sentMs, repliedMs }) => {
    return verdict === 'pending' && sentMs > cut.atMs && repliedMs < cut.undoneMs
  })
  return [...new Set(told.map(({ orderId }) => orderId))]
    .flatMap((id) => {
      const good = history.attempts.filter(({ orderId, verdict }) => orderId === id && verdict === 'accepted')
      return good.length === 0 ? [] : [Math.round(Math.min(...good.map(({ repliedMs }) => repliedMs)) - cut.undoneMs)]
    })
    .filter((ms) => ms > 0)
    .sort((a, b) => a - b)
}
