/** RedisRollCall, on a real Redis and a clock that is wound by hand. */
import { afterAll, beforeAll, describe, inject } from 'vitest'
import { connectRedis, type RedisConnection } from '../storage/redis.ts'
import { RedisRollCall } from '../storage/roll/redis-roll-call.ts'
import { rollCallContract } from './contracts/roll-call.ts'
import { uniquePrefix } from './setup/prefix.ts'

let redis: RedisConnection

beforeAll(async () => {
  redis = await connectRedis(inject('redisUrl'), { name: 'roll-test' })
})
afterAll(() => redis.close())

describe('a roll call in Redis', () => {
  rollCallContract(() => {
    let nowMs = 1_000_000.5
    const passMs = (ms: number) => {
      nowMs += ms
    }
    return { roll: new RedisRollCall(redis, uniquePrefix(), () => nowMs), passMs }
  })
})
