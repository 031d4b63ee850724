/** How often a password may be tried, over nodes that share a Redis, and over nodes that have lost it. */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { Fault } from '../protocol/faults.ts'
import type { Pace } from '../server/inbound/gcra.ts'
import { PaceMemory, Paces } from '../server/inbound/paces.ts'
import { SignInGuard } from '../server/inbound/sign-in-guard.ts'
import { KNOWN_FOR_S, KnownNetworks } from '../storage/paces/known-networks.ts'
import { RedisPaces } from '../storage/paces/redis-paces.ts'
import { connectRedis, type RedisConnection } from '../storage/redis.ts'
import { uniquePrefix } from './setup/prefix.ts'

/** So slow that nothing comes back while a test runs. */
const HOUR_MS = 3_600_000
const PASSWORDS: Pace = { intervalMs: HOUR_MS, burst: 10 }
const SIGN_INS: Pace = { intervalMs: HOUR_MS, burst: 60 }

let redis: RedisConnection
beforeAll(async () => {
  redis = await connectRedis(inject('redisUrl'), { name: 'guard-test' })
})
afterAll(() => redis.close())

type Shared = Pick<RedisPaces, 'take'>

function nodes(shared: Shared, count = 2, passwords: Pace | undefined = PASSWORDS) {
  const said: string[] = []
  const log = { warn: (event: string) => void said.push(event), info: (event: string) => void said.push(event) }
  const guards = Array.from({ length: count }, () => {
    const paces = (pace: Pace) => new Paces(pace, new PaceMemory(), () => 1)
    const account = passwords === undefined ? undefined : paces(passwords)
    const known = new KnownNetworks(redis, uniquePrefix())
    return new SignInGuard({ shared, known, account, network: paces(SIGN_INS), log })
  })
  /** So many tries, one after another over all nodes: how many were let in. */
  const tries = async (times: number, email: string, network: string) => {
    let passed = 0
    for (let at = 0; at < times; at += 1) passed += (await guards[at % count]?.take(email, network)) === 0 ? 1 : 0
    return passed
  }
  return { guards, tries, said }
}

describe('a password', () => {
  it('[Q14] is tried so often from one address, over all nodes together', async () => {
    const { tries, guards } = nodes(new RedisPaces(redis, uniquePrefix()))

    expect(await tries(50, 'ana@example.com', '203.0.113.1')).toBe(10)
    const waitMs = await guards[0]?.take('ANA@example.com', '203.0.113.1')
    expect(waitMs).toBeGreaterThan(HOUR_MS - 60_000)
    expect(waitMs).toBeLessThanOrEqual(HOUR_MS)
  })

  it('[Q14] is never locked to its owner by what strangers do, from however many addresses', async () => {
    const { tries } = nodes(new RedisPaces(redis, uniquePrefix()))

    let guesses = 0
    for (let stranger = 0; stranger < 20; stranger += 1) {
      guesses += await tries(11, 'ana@example.com', `203.0.113.${stranger}`)
    }

    expect(guesses).toBe(200)
    expect(await tries(1, 'ana@example.com', '198.51.100.7')).toBe(1)
  })

  it('[Q14] list tried account by account from one address ends at that address’ own pace, and only there', async () => {
    const { guards, tries } = nodes(new RedisPaces(redis, uniquePrefix()))

    const tried = await Promise.all(
      Array.from({ length: 200 }, (_, at) => guards[at % 2]?.take(`fan${at}@example.com`, '203.0.113.1')),
    )

    expect(tried.filter((waitMs) => waitMs === 0)).toHaveLength(60)
    expect(await tries(1, 'fan199@example.com', '198.51.100.7')).toBe(1)
  })

  it('[Q15] leaves only short keys behind, under the prefix, that name nobody and end by themselves', async () => {
    const prefix = uniquePrefix()
    await nodes(new RedisPaces(redis, prefix)).tries(3, 'ana@example.com', '203.0.113.1')

    const keys = await redis.call((client) => client.keys(`*${prefix}*`))
    expect(keys).toHaveLength(2)
    for (const key of keys) {
      expect(key).toMatch(new RegExp(`^${prefix}:pace:(password|sign-in):[A-Za-z0-9_-]{43}$`))
      const endsInMs = await redis.call((client) => client.pttl(key))
      expect(endsInMs).toBeGreaterThan(2 * HOUR_MS)
      expect(endsInMs).toBeLessThanOrEqual(3 * HOUR_MS)
    }
  })

  it('[Q15] may be tried again after the time that was told, at a pace that is not a whole number of ms', async () => {
    const paces = new RedisPaces(redis, uniquePrefix())
    const third: Pace = { intervalMs: 1000 / 3, burst: 2 }
    expect([await paces.take('x', 'a', third), await paces.take('x', 'a', third)]).toEqual([0, 0])

    const waitMs = await paces.take('x', 'a', third)
    expect(waitMs).toBeGreaterThan(0)
    expect(waitMs).toBeLessThanOrEqual(334)
    await expect.poll(() => paces.take('x', 'a', third), { timeout: 5_000, interval: 20 }).toBe(0)
  })

  it('[Q16] is counted by each node for itself while Redis does not answer, which is said once', async () => {
    const shared = new RedisPaces(redis, uniquePrefix())
    let isAway = false
    const flaky: Shared = {
      take: async (...asked) => {
        if (isAway) throw new Fault('unavailable')
        return shared.take(...asked)
      },
    }
    const { tries, said } = nodes(flaky)
    expect(await tries(20, 'ana@example.com', '203.0.113.1')).toBe(10)

    isAway = true
    expect(await tries(100, 'ana@example.com', '203.0.113.1')).toBe(20)
    expect(await tries(1, 'ben@example.com', '198.51.100.7')).toBe(1)
    expect(said).toEqual(['sign_ins.counted_here', 'sign_ins.counted_here'])

    isAway = false
    expect(await tries(10, 'ana@example.com', '203.0.113.1')).toBe(0)
    expect(said.slice(2)).toEqual(['sign_ins.shared', 'sign_ins.shared'])
  })
})

describe('who has signed in before', () => {
  const guardOf = (known: Pick<KnownNetworks, 'has' | 'add'>) => {
    const log = { warn: () => undefined, info: () => undefined }
    return new SignInGuard({ shared: { take: async () => 0 }, known, account: undefined, network: undefined, log })
  }

  it('[KK15] is known from the neighbourhood they came from, on every node, and from nowhere else', async () => {
    const prefix = uniquePrefix()
    const [one, other] = [0, 1].map(() => guardOf(new KnownNetworks(redis, prefix)))
    const isKnown = async (email: string, network: string) => (await other?.placeOf(email, network))?.isKnown

    expect(await isKnown('ana@example.com', '203.0.113.1')).toBe(false)
    one?.welcome('ana@example.com', '203.0.113.1')
    one?.welcome('ana@example.com', '2001:db8:a:1::/64')
    await expect.poll(() => isKnown('ANA@example.com', '203.0.113.200')).toBe(true)
    await expect.poll(() => isKnown('ana@example.com', '2001:db8:a:ffff::/64')).toBe(true)
    expect(await isKnown('ana@example.com', '203.0.114.1')).toBe(false)
    expect(await isKnown('ana@example.com', '2001:db8:b:1::/64')).toBe(false)
    expect(await isKnown('ben@example.com', '203.0.113.1')).toBe(false)

    const keys = await redis.call((client) => client.keys(`*${prefix}*`))
    expect(keys).toHaveLength(2)
    for (const key of keys) {
      expect(key).toMatch(new RegExp(`^${prefix}:known:[A-Za-z0-9_-]{43}$`))
      expect(await redis.call((client) => client.ttl(key))).toBeGreaterThan(KNOWN_FOR_S - 60)
    }
  })

  it('[KK15] is a stranger while Redis is away, and signs in all the same', async () => {
    const away = async () => Promise.reject(new Fault('unavailable'))
    const guard = guardOf({ has: away, add: away })

    guard.welcome('ana@example.com', '203.0.113.1')
    expect(await guard.placeOf('ana@example.com', '203.0.113.1')).toEqual({
      neighbourhood: '203.0.113',
      isKnown: false,
    })
  })
})
