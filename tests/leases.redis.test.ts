/** RedisLeases, on a real Redis. */
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, inject } from 'vitest'
import { RedisLeases } from '../storage/leases/redis-leases.ts'
import { connectRedis, type RedisConnection } from '../storage/redis.ts'
import { leasesContract } from './contracts/leases.ts'
import { uniquePrefix } from './setup/prefix.ts'

let redis: RedisConnection

beforeAll(async () => {
  redis = await connectRedis(inject('redisUrl'), { name: 'leases-test' })
})
afterAll(() => redis.close())

describe('a lease in Redis', () => {
  leasesContract(async () => ({ leases: new RedisLeases(redis, uniquePrefix()), passMs: (ms) => pause(ms) }))
})
