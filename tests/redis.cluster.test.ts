/**
 * The door to Redis when things go wrong, on a Redis of its own that may be hurt: nothing is sent twice, nothing waits for
 * long, and what is not safe is said.
 */
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest'
import { removeDataFolder, temporaryDataFolder } from '../stack/data-folder.ts'
import { type LocalStack, startStack } from '../stack/local-stack.ts'
import { RedisLeases } from '../storage/leases/redis-leases.ts'
import { RedisLedger } from '../storage/ledger/redis-ledger.ts'
import { checkRedisSettings, connectRedis, type RedisConnection, readTimeMs } from '../storage/redis.ts'
import { ask, type DropOwner, type LedgerWorld, lines, openDrop, wholeLog } from './contracts/ledger-world.ts'

const dataDir = temporaryDataFolder()
let stack: LocalStack
let redis: RedisConnection
let world: LedgerWorld

beforeAll(async () => {
  const given = { natsUrl: inject('natsUrl'), databaseUrl: inject('databaseUrl') }
  stack = await startStack({ dataDir, fresh: true, given })
  redis = await connectRedis(stack.redisUrl, { name: 'hurt' })
  world = {
    ledger: new RedisLedger(redis, 'hurt'),
    leases: new RedisLeases(redis, 'hurt'),
    nowMs: async () => Math.floor(await redis.call(readTimeMs)),
  }
})
afterAll(async () => {
  await redis?.close()
  await stack?.stop()
  removeDataFolder(dataDir)
})

const config = (setting: string, value: string) => redis.call((client) => client.config('SET', setting, value))
const server = () => stack.servers.redis

describe('a reply that never comes', () => {
  it('[L23] is an unknown outcome: the command is not sent again after the reconnect', async () => {
    const proxy = await cutAfterRequest('incr')
    const url = new URL(stack.redisUrl)
    url.port = String(proxy.port)
    const cut = await connectRedis(url.href, { name: 'cut' })

    await expect(cut.call((client) => client.incr('counted'))).rejects.toMatchObject({ code: 'unavailable' })
    expect(await cut.ready(2_000)).toBe(true)
    // whatever was to be sent again has been sent before this answer
    await cut.call((client) => client.ping())

    expect(await redis.call((client) => client.get('counted'))).toBe('1')
    await cut.close()
    await proxy.close()
  })

  it('[L23] is given up after 800 ms, and the command has run once when Redis wakes up', async () => {
    const drop = await openDrop(world)
    await drop.order() // Redis knows the script now: one that it does not know would not have run at all
    await server()?.kill('SIGSTOP')
    const began = performance.now()

    const asked = world.ledger.order(drop.drop, drop.fence, [ask('ana')])
    await expect(asked).rejects.toMatchObject({ code: 'unavailable', facts: { script: 'order_batch' } })
    expect(performance.now() - began).toBeLessThan(1_200)

    await server()?.kill('SIGCONT')
    await vi.waitFor(async () => expect(await drop.left()).toEqual({ shoe: 2 }), { timeout: 5_000 })
    expect(await wholeLog(world.ledger, drop.drop)).toHaveLength(1)
    // as a room does: read back where it stands, then ask with the same key
    const { seq, batch } = (await world.ledger.read(drop.drop)) ?? {}
    Object.assign(drop, { seq, batch })
    expect(await drop.verdicts(ask('ana'))).toEqual(['duplicate'])
  })
})

describe('a Redis that is killed', () => {
  it('[L23] refuses at once while it is away, tells so, and keeps what it accepted', async () => {
    const states: boolean[] = []
    const watched = await connectRedis(stack.redisUrl, {
      name: 'watched',
      onState: (connected) => states.push(connected),
    })
    const drop = await openDrop(world)
    await drop.order(ask('ana'))

    await server()?.kill('SIGKILL')
    await vi.waitFor(() => expect(states).toEqual([true, false]))
    await vi.waitFor(() => expect(redis.connected).toBe(false))
    const began = performance.now()
    await expect(drop.order(ask('ben'))).rejects.toMatchObject({ code: 'unavailable' })
    expect(performance.now() - began).toBeLessThan(100)

    await server()?.restart()
    expect(await redis.ready(2_000)).toBe(true)
    expect(await drop.verdicts(ask('ana'), ask('ben'))).toEqual(['duplicate', 'accepted'])
    await vi.waitFor(() => expect(states).toEqual([true, false, true]))
    await watched.close()
  })
})

describe('a Redis without memory', () => {
  it('[L27] refuses a batch as a whole, and sells on when there is some again', async () => {
    const drop = await openDrop(world, { stock: { shoe: 5 } })
    await drop.order(ask('ana'))
    const before = await pictureOf(drop)

    await config('maxmemory', '1mb')
    await expect(drop.order(ask('ben'), ask('cem'))).rejects.toMatchObject({
      code: 'unavailable',
      facts: { said: expect.stringContaining('OOM') },
    })
    await expect(drop.adjust('op', { kind: 'restock', lines: lines({ shoe: 1 }) })).rejects.toMatchObject({
      code: 'unavailable',
    })
    const after = await pictureOf(drop)
    await config('maxmemory', '0')

    expect(after).toEqual(before)
    expect(await drop.verdicts(ask('ben'), ask('cem'))).toEqual(['accepted', 'accepted'])
  })
})

describe('a Redis that was demoted', () => {
  it('[L27] refuses a batch as a whole, and the connection looks for the master again', async () => {
    const states: boolean[] = []
    const own = await connectRedis(stack.redisUrl, { name: 'demoted', onState: (connected) => states.push(connected) })
    const drop = await openDrop(world)
    await redis.call((client) => client.replicaof('127.0.0.1', '1'))

    const asked = new RedisLedger(own, 'hurt').order(drop.drop, drop.fence, [ask('ana')])
    await expect(asked).rejects.toMatchObject({
      code: 'unavailable',
      facts: { said: expect.stringContaining('READONLY') },
    })
    await vi.waitFor(() => expect(states).toEqual([true, false, true]))

    await redis.call((client) => client.replicaof('NO', 'ONE'))
    expect(await drop.verdicts(ask('ana'))).toEqual(['accepted'])
    await own.close()
  })
})

describe('unsafe settings', () => {
  it('[L25] are named one by one', async () => {
    await config('appendfsync', 'everysec')
    await config('maxmemory-policy', 'allkeys-lru')
    await config('no-appendfsync-on-rewrite', 'yes')

    const found = await checkRedisSettings(redis)

    await config('appendfsync', 'always')
    await config('maxmemory-policy', 'noeviction')
    await config('no-appendfsync-on-rewrite', 'no')
    expect(found).toEqual({
      answer: 'checked',
      unsafe: [
        { setting: 'appendfsync', found: 'everysec', needed: 'always' },
        { setting: 'no-appendfsync-on-rewrite', found: 'yes', needed: 'no' },
        { setting: 'maxmemory-policy', found: 'allkeys-lru', needed: 'noeviction' },
      ],
    })
  })

  it('[L25] that may not be looked at are said to be unknown', async () => {
    await redis.call((client) => client.acl('SETUSER', 'app', 'on', '>secret', '~*', '+@all', '-config'))
    const url = new URL(stack.redisUrl)
    url.username = 'app'
    url.password = 'secret'
    const app = await connectRedis(url.href, { name: 'app' })

    expect(await checkRedisSettings(app)).toEqual({ answer: 'forbidden', reason: expect.stringContaining('NOPERM') })
    await app.close()
  })
})

async function pictureOf({ drop }: DropOwner) {
  const { nowMs: _, ...room } = (await world.ledger.read(drop)) ?? { nowMs: 0 }
  return { room, log: await wholeLog(world.ledger, drop) }
}

/** A proxy that passes a request on and cuts the line before the reply, once, when the request holds `word`. */
async function cutAfterRequest(word: string): Promise<{ port: number; close(): Promise<void> }> {
  let armed = true
  const sockets = new Set<Socket>()
  const proxy = createServer((near) => {
    const far = createConnection({ host: '127.0.0.1', port: server()?.port ?? 0 })
    const cut = () => {
      near.destroy()
      far.destroy()
    }
    let deaf = false
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.on('error', cut).on('close', cut)
    }
    near.on('data', (bytes) => {
      far.write(bytes)
      if (!armed || !bytes.toString('latin1').includes(word)) return
      armed = false
      deaf = true
    })
    far.on('data', (bytes) => {
      // The reply shows that Redis has run it; nobody else will hear so.
      if (deaf) cut()
      else near.write(bytes)
    })
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  return {
    port: (proxy.address() as AddressInfo).port,
    close: () => {
      for (const socket of sockets) socket.destroy()
      return new Promise((resolve) => proxy.close(() => resolve()))
    },
  }
}
