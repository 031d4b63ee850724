/** A whole node that may do in Redis, NATS and Postgres what it needs, and nothing else. */
import { randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import { connect as connectNats, type NatsError } from 'nats'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { examineUsers } from '../cli/store-users.ts'
import { readConfig } from '../server/config.ts'
import { Tokens } from '../server/inbound/tokens.ts'
import { removeDataFolder, temporaryDataFolder } from '../stack/data-folder.ts'
import { type LocalNode, startNode } from '../stack/local-node.ts'
import { type LocalStack, startStack } from '../stack/local-stack.ts'
import { Accounts } from '../storage/accounts/accounts.ts'
import { migrate } from '../storage/migrate.ts'
import { connectPostgres, type Postgres } from '../storage/postgres.ts'

const dataDir = temporaryDataFolder()
const logged: string[] = []
const secret = randomBytes(32).toString('hex')
const rolePassword = randomBytes(12).toString('hex')
const stops: (() => unknown)[] = []
let stack: LocalStack
let owner: Postgres
let node: LocalNode
let env: Record<string, string>

beforeAll(async () => {
  stack = await startStack({ dataDir, fresh: true })
  stops.push(() => removeDataFolder(dataDir), stack.stop)
  owner = connectPostgres(stack.databaseUrl, { max: 2, name: 'livedrop-test' })
  stops.push(owner.close)
  await migrate(owner.sql)
  // As docs/security.md says it.
  await owner.sql.unsafe(`
    create role livedrop_node login password '${rolePassword}';
    grant usage on schema public to livedrop_node;
    grant select, insert, update, delete on all tables in schema public to livedrop_node;
    grant usage on all sequences in schema public to livedrop_node;
    revoke insert, update, delete on migrations from livedrop_node;`)
  const database = Object.assign(new URL(stack.databaseUrl), { username: 'livedrop_node', password: rolePassword })
  env = {
    ...{ REDIS_URL: stack.nodeUrls.redisUrl, NATS_URL: stack.nodeUrls.natsUrl, DATABASE_URL: database.href },
    ...{ LIVEDROP_JWT_SECRET: secret, LIVEDROP_PORT: '0', LIVEDROP_HOST: '127.0.0.1' },
  }
  node = await startNode({ name: 'least', nodeId: 'least-1', env, onLog: (line) => void logged.push(line) })
  stops.push(() => node.stop())
}, 60_000)
afterAll(async () => {
  for (const stop of stops.reverse()) await stop()
})

describe('a node with users of its own', () => {
  it('[KK7] sells a drop from the first order to the last notification', async () => {
    const accounts = new Accounts(owner.sql)
    const tokens = new Tokens(secret)
    const person = async (role: 'fan' | 'creator') => {
      const account = { email: `${role}@example.com`, passwordHash: '', displayName: role, role }
      const made = await accounts.create(account)
      if (made === 'email_taken') throw new Error(made)
      return (await tokens.issue({ user: made.userId, role })).token
    }
    const [creator, fan] = [await person('creator'), await person('fan')]
    const call = async (method: string, path: string, token: string, body?: object, headers: object = {}) => {
      const answer = await fetch(`${node.url}${path}`, {
        method,
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      return (await answer.json()) as { id: string; state: string; items: object[] }
    }
    const variants = [{ sku: 'S', title: 'S', priceMinor: 100, currency: 'EUR' }]
    const product = await call('POST', '/v1/products', creator, { title: 'Shirt', variants })
    const plan = { productId: product.id, opensAt: new Date(Date.now() + 3_600_000), items: [{ sku: 'S', stock: 5 }] }
    const drop = await call('POST', '/v1/drops', creator, plan)
    await call('POST', `/v1/drops/${drop.id}/open`, creator, undefined, { 'idempotency-key': 'open' })

    const lines = [{ sku: 'S', qty: 1 }]
    const wait = { prefer: 'wait', 'idempotency-key': 'tap-1' }
    const ordered = await call('POST', `/v1/drops/${drop.id}/orders`, fan, { lines }, wait)

    expect(ordered.state).toBe('confirmed')
    // Through the outbox, JetStream and its consumer.
    await vi.waitFor(
      async () => {
        const { items } = await call('GET', '/v1/notifications', fan)
        expect(items).toHaveLength(1)
      },
      { timeout: 15_000, interval: 100 },
    )
    const ready = await fetch(`${node.url}/readyz`)
    expect(await ready.json()).toMatchObject({ ready: true })
    expect(logged.filter((line) => /NOPERM|permission|fanout.failed/i.test(line))).toEqual([])
  })

  it('[KK7] may not empty, end, reconfigure or watch Redis, nor touch what is not its own', async () => {
    const redis = new Redis(stack.nodeUrls.redisUrl, { maxRetriesPerRequest: 0 })
    stops.push(() => redis.disconnect())

    for (const words of [
      ...[['flushall'], ['flushdb'], ['shutdown'], ['config', 'set', 'appendfsync', 'no'], ['monitor'], ['keys', '*']],
      ...[
        ['acl', 'setuser', 'node', '+@all'],
        ['script', 'flush'],
        ['replicaof', 'x', '1'],
      ],
      ...[
        ['set', 'other:key', '1'],
        ['get', 'other:key'],
        ['publish', 'other', 'x'],
        ['client', 'kill', 'id', '1'],
      ],
    ]) {
      const [command = '', ...args] = words
      await expect(redis.call(command, ...args), words.join(' ')).rejects.toThrow(/^NOPERM/)
    }
    // Nor by way of a script.
    await expect(redis.eval("return redis.call('set', KEYS[1], '1')", 1, 'other:key')).rejects.toThrow(
      /^NOPERM|user executing the script/,
    )
    await expect(redis.eval("return redis.call('flushall')", 0)).rejects.toThrow(/^NOPERM|user executing the script/)
  })

  it('[KK7] may not speak or listen beside its own subjects, nor change another stream', async () => {
    const nats = await connectNats({
      servers: new URL(stack.nodeUrls.natsUrl).host,
      reconnect: false,
      ...credentials(),
    })
    stops.push(() => nats.close())
    const refused: string[] = []
    void (async () => {
      for await (const { data } of nats.status()) refused.push(String(data))
    })()

    nats.publish('other.subject', 'x')
    nats.publish('$JS.API.STREAM.DELETE.other-events', '{}')
    nats.publish('$JS.API.STREAM.LIST', '{}')
    const heard: (NatsError | null)[] = []
    nats.subscribe('>', { callback: (error) => void heard.push(error) })

    await vi.waitFor(() => expect(heard[0]?.message).toMatch(/permissions violation/i), 10_000)
    await vi.waitFor(() => expect(refused.filter((one) => /PERMISSIONS_VIOLATION/.test(one))).toHaveLength(4), 10_000)

    function credentials() {
      const { username, password } = new URL(stack.nodeUrls.natsUrl)
      return { user: username, pass: password }
    }
  })

  it('[KK7] may not make, change or empty a table', async () => {
    const { sql, close } = connectPostgres(readConfig(env).databaseUrl, { max: 1, name: 'livedrop-test' })
    stops.push(close)

    for (const text of [
      ...['create table mine (id int)', 'alter table orders add column x int', 'drop table orders', 'truncate orders'],
      ...["insert into migrations (name) values ('9999.sql')", 'create role other', 'create schema other'],
    ]) {
      await expect(sql.unsafe(text), text).rejects.toThrow(/permission denied|must be owner/)
    }
  })

  it('[KK12] is what `livedrop doctor` finds nothing too much with', async () => {
    const found = await examineUsers(readConfig(env), 3_000)

    expect(found.map(({ what, isLeast }) => [what, isLeast])).toEqual([
      ['Redis user', true],
      ['NATS user', true],
      ['Postgres user', true],
    ])
  })

  it('[KK10] says within two seconds that a store was made unsafe under it, and that it is safe again', async () => {
    const redis = new Redis(stack.redisUrl, { maxRetriesPerRequest: 0 })
    stops.push(() => redis.disconnect())
    const system = async (change: string) => {
      await owner.sql.unsafe(`alter system ${change}`)
      await owner.sql`select pg_reload_conf()`
    }
    const isSaid = async (words: string, change: () => Promise<unknown>) => {
      const from = logged.length
      const beganMs = performance.now()
      await change()
      await vi.waitFor(() => expect(logged.slice(from).join('\n')).toMatch(words), { timeout: 5_000, interval: 10 })
      expect(performance.now() - beganMs, words).toBeLessThan(2_000)
    }

    await isSaid('appendfsync is everysec, needs always', () => redis.config('SET', 'appendfsync', 'everysec'))
    await isSaid('policy is allkeys-lru', () => redis.config('SET', 'maxmemory-policy', 'allkeys-lru'))
    await isSaid('appendfsync is no,', () => redis.config('SET', 'appendfsync', 'no'))
    await redis.config('SET', 'appendfsync', 'always')
    await isSaid('"Redis","event":"settings.safe"', () => redis.config('SET', 'maxmemory-policy', 'noeviction'))
    await isSaid('full_page_writes is off', () => system('set full_page_writes = off'))
    await system('reset full_page_writes')
  })
})
