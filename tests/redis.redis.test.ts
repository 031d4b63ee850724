/** The door to Redis, on a server that is well. What happens when it is not: tests/redis.cluster.test.ts. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, expect, inject, it } from 'vitest'
import { removeDataFolder, temporaryDataFolder } from '../stack/data-folder.ts'
import { checkRedisSettings, connectRedis, type RedisConnection, readScript, readTimeMs } from '../storage/redis.ts'
import { uniquePrefix } from './setup/prefix.ts'

const prefix = uniquePrefix()
const folder = temporaryDataFolder()
let redis: RedisConnection

beforeAll(async () => {
  redis = await connectRedis(inject('redisUrl'), { name: 'door-test' })
})
afterAll(async () => {
  await redis.close()
  removeDataFolder(folder)
})

function script(name: string, source: string) {
  const file = join(folder, `${name}.lua`)
  writeFileSync(file, source)
  return readScript(pathToFileURL(file))
}

it('[L16] runs a script that Redis has never seen, and again by its hash', async () => {
  const echo = script('echo', `#!lua\nreturn { KEYS[1], ARGV[1], '${prefix}' }`)

  const first = await redis.run(echo, [`${prefix}:key`], ['one'])
  const second = await redis.run(echo, [`${prefix}:key`], [2])

  expect(first).toEqual([`${prefix}:key`, 'one', prefix])
  expect(second).toEqual([`${prefix}:key`, '2', prefix])
})

it('[L24] names a script that breaks its contract', async () => {
  const broken = script('broken', `#!lua\nreturn redis.call('LPUSH', KEYS[1], 'x')`)
  await redis.call((client) => client.set(`${prefix}:text`, 'x'))

  await expect(redis.run(broken, [`${prefix}:text`], [])).rejects.toMatchObject({
    code: 'ledger_corrupt',
    facts: { redis: 'door-test', script: 'broken', said: expect.stringContaining('WRONGTYPE') },
  })
})

it('[L24] reads a script whose name and contract are its own', () => {
  const { name, sha } = readScript(new URL('../storage/ledger/lua/order_batch.lua', import.meta.url))

  expect(name).toBe('order_batch')
  expect(sha).toMatch(/^[0-9a-f]{40}$/)
})

it('[L25] finds the settings of the local stack safe', async () => {
  expect(await checkRedisSettings(redis)).toEqual({ answer: 'checked', unsafe: [] })
})

it('[L26] reads the time of Redis in ms', async () => {
  const timeMs = await redis.call(readTimeMs)

  expect(Math.abs(timeMs - Date.now())).toBeLessThan(5_000)
})

it('[L24] gives up on a server that is not there, with the reason', async () => {
  const began = performance.now()
  const asked = connectRedis('redis://127.0.0.1:1', { name: 'nobody', readyWithinMs: 200 })

  await expect(asked).rejects.toMatchObject({ code: 'unavailable', cause: { code: 'ECONNREFUSED' } })
  expect(performance.now() - began).toBeLessThan(2_000)
})
