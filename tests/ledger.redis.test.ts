/** RedisLedger: the contract on a real Redis, and what only a real one can do. */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import type { DropId } from '../protocol/ids.ts'
import { RedisLeases } from '../storage/leases/redis-leases.ts'
import { keysUnder } from '../storage/ledger/keys.ts'
import { RedisLedger } from '../storage/ledger/redis-ledger.ts'
import { connectRedis, type RedisConnection, readTimeMs } from '../storage/redis.ts'
import { ledgerContract } from './contracts/ledger.ts'
import { ask, fenceAt, type LedgerWorld, openDrop, wholeLog } from './contracts/ledger-world.ts'
import { uniquePrefix } from './setup/prefix.ts'

let redis: RedisConnection
let world: LedgerWorld
const prefix = uniquePrefix()

beforeAll(async () => {
  redis = await connectRedis(inject('redisUrl'), { name: 'ledger-test' })
  world = {
    ledger: new RedisLedger(redis, prefix),
    leases: new RedisLeases(redis, prefix),
    nowMs: async () => Math.floor(await redis.call(readTimeMs)),
  }
})
afterAll(() => redis.close())

describe('a ledger in Redis', () => {
  ledgerContract(async () => world)

  it('[L16] sells on when Redis has forgotten the scripts', async () => {
    const drop = await openDrop(world)
    await drop.order(ask('ana'))
    await redis.call((client) => client.script('FLUSH', 'SYNC'))

    expect(await drop.verdicts(ask('ana'), ask('ben'))).toEqual(['duplicate', 'accepted'])
  })

  it('[L17] is refused a position that is not higher by Redis itself', async () => {
    const drop = await openDrop(world)
    await drop.order(ask('ana'), ask('ben'))
    const { log } = keysUnder(prefix)(drop.drop)
    const add = (id: string) => redis.call((client) => client.xadd(log, id, 'order', 'x'))

    for (const id of ['1-2', '1-1', '0-9']) await expect(add(id)).rejects.toThrow()
    expect(await wholeLog(world.ledger, drop.drop)).toHaveLength(2)
  })

  it('[L7] stops at an entry that nobody of ours wrote, rather than skip an order', async () => {
    const drop = await openDrop(world)
    const { log } = keysUnder(prefix)(drop.drop)
    await redis.call((client) => client.xadd(log, '1-1', 'what', 'ever', 'at', '1'))

    await expect(wholeLog(world.ledger, drop.drop)).rejects.toMatchObject({ code: 'ledger_corrupt' })
  })

  it('[L1] touches only the keys of its drop, all of them on one slot', async () => {
    const drop = await openDrop(world, { limit: 3 })
    await drop.order(ask('ana'))
    await drop.adjust('op', { kind: 'phase', from: ['open'], to: 'closed' })
    const remembered = await wholeLog(world.ledger, drop.drop)
    for (const pages of [1, 2]) {
      await world.ledger.copy(drop.drop, { position: { epoch: 1, seq: pages }, batch: 1, pages }, 0, remembered)
    }

    const found = await redis.call((client) => client.keys(`${prefix}:{${drop.drop}}:*`))

    expect(found.sort()).toEqual(Object.values(keysUnder(prefix)(drop.drop)).sort())
    for (const key of found) expect(await redis.call((client) => client.pttl(key))).toSatisfy(livesAsItShould(key))
  })

  it.each([
    '',
    'x',
    '{}',
    'a}b{c',
    '*',
    '../..',
    '0190a1b2-0000-7000-8000-00000000000',
    '0190a1b2-0000-7000-8000-000000000001\n',
    '0190a1b2-0000-7000-8000-000000000001}:room{',
    '0190A1B2-0000-7000-8000-000000000001',
    'x'.repeat(10_000),
    '\0',
    ['0190a1b2-0000-7000-8000-000000000001'],
    null,
  ])('[L18] takes no drop id that is none: %j', async (hostile) => {
    const drop = hostile as DropId

    await expect(world.ledger.order(drop, fenceAt(1), [ask('ana')])).rejects.toMatchObject({
      code: 'bad_request',
    })
    await expect(world.ledger.read(drop)).rejects.toMatchObject({ code: 'bad_request' })
    await expect(world.leases.holder(drop)).rejects.toMatchObject({ code: 'bad_request' })
  })

  it.each(['', '{x}', 'a b', 'ld:{', 'x'.repeat(40)])('[L18] takes no key prefix that breaks keys: %j', (bad) => {
    expect(() => new RedisLedger(redis, bad)).toThrowError(expect.objectContaining({ code: 'misconfigured' }))
  })
})

/** Nothing of a drop may expire but its lease: an answer that is forgotten is an order that runs twice. */
function livesAsItShould(key: string): (ttlMs: number) => boolean {
  return (ttlMs) => (key.endsWith(':lease') ? ttlMs > 0 : ttlMs === -1)
}
