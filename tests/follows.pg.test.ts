/** Creators and follows in Postgres, over REST, with their counts in Redis. */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import type { CreatorId, UserId } from '../protocol/ids.ts'
import { apiRoutes } from '../server/api/routes.ts'
import { Accounts } from '../storage/accounts/accounts.ts'
import { Creators } from '../storage/creators/creators.ts'
import { FollowerCounts } from '../storage/follows/follower-counts.ts'
import { FOLLOWS_MAX, Follows } from '../storage/follows/follows.ts'
import { connectRedis, type RedisConnection } from '../storage/redis.ts'
import { type Heard, httpNode } from './builders/http-node.ts'
import { creator as creatorNamed } from './builders/people.ts'
import { restWorld } from './builders/rest-world.ts'
import { type MigratedDatabase, migratedDatabase } from './setup/migrated-database.ts'
import { uniquePrefix } from './setup/prefix.ts'

const prefix = uniquePrefix()
const fake = restWorld()
let database: MigratedDatabase
let redis: RedisConnection
let follows: Follows
let node: Awaited<ReturnType<typeof httpNode>>

beforeAll(async () => {
  database = await migratedDatabase(inject('databaseUrl'))
  redis = await connectRedis(inject('redisUrl'), { name: 'follows-test' })
  follows = new Follows(database.sql)
  const followerCounts = new FollowerCounts(redis, follows, prefix, { warn: () => undefined })
  const creators = new Creators(database.sql)
  const world = { ...fake.world, accounts: new Accounts(database.sql), creators, follows, followerCounts }
  node = await httpNode({ routes: apiRoutes(world), tokens: fake.tokens })
})
afterAll(async () => {
  node.close()
  await redis.close()
  await database.close()
})

let people = 0
async function person(role: 'fan' | 'creator', displayName: string) {
  people += 1
  const account = await new Accounts(database.sql).create({
    ...{ email: `${people}@example.com`, passwordHash: 'x', displayName, role },
  })
  if (account === 'email_taken') throw new Error(account)
  const { token } = await fake.tokens.issue({ user: account.userId, role })
  return { user: account.userId, creator: account.userId as string as CreatorId, token }
}

/** Every page of a list, two at a time. */
async function walk(path: string, token?: string): Promise<Heard['body'][]> {
  const items: Heard['body'][] = []
  const who = token === undefined ? {} : { token }
  let cursor = ''
  for (;;) {
    const page = await node.call('GET', `${path}${path.includes('?') ? '&' : '?'}limit=2${cursor}`, who)
    if (page.status !== 200) throw new Error(page.text)
    items.push(...page.body.items)
    if (page.body.nextCursor === null) return items
    cursor = `&cursor=${page.body.nextCursor}`
  }
}

describe('creators', () => {
  it('[Y1] are found by the beginning of their name, in any case, each once and in order', async () => {
    for (const name of ['Mara', 'marlon', 'MARA', 'Mar%', 'Mira', 'Omar', "Mar'a"]) await person('creator', name)
    await person('fan', 'Marta, a fan')
    const names = async (q: string) =>
      (await walk(`/v1/creators?q=${encodeURIComponent(q)}`)).map((one) => one.displayName)

    expect((await names('MAR')).map((name) => name.toLowerCase())).toEqual(['mar%', "mar'a", 'mara', 'mara', 'marlon'])
    expect(await names('mar%')).toEqual(['Mar%'])
    expect(await names('zz')).toEqual([])
    expect(await names('')).toHaveLength(7)
    expect((await node.call('GET', '/v1/creators?cursor=bm8')).body.errors[0].at).toBe('query.cursor')
  })
})

describe('following', () => {
  it('[Y2] is idempotent, counted once, and told to every node once', async () => {
    const [cleo, ana] = [await person('creator', 'Cleo'), await person('fan', 'Ana')]
    const path = `/v1/creators/${cleo.creator}`
    const count = async () => (await node.call('GET', path)).body.followers
    fake.asked.follows.length = 0

    expect(await count()).toBe(0)
    for (const _ of [1, 2]) {
      const heard = await node.call('PUT', `${path}/follow`, { token: ana.token })
      expect(heard).toMatchObject({ status: 200, body: { creator: cleo.creator, following: true } })
      expect(await count()).toBe(1)
    }
    const [before] = (await node.call('GET', '/v1/me/follows', { token: ana.token })).body.items
    expect(before).toMatchObject({ id: cleo.creator, displayName: 'Cleo' })
    for (const _ of [1, 2]) {
      const heard = await node.call('DELETE', `${path}/follow`, { token: ana.token })
      expect(heard).toMatchObject({ status: 200, body: { following: false } })
      expect(await count()).toBe(0)
    }

    expect(fake.asked.follows).toEqual([ana.user, ana.user])
    expect((await node.call('GET', '/v1/me/follows', { token: ana.token })).body.items).toEqual([])
  })

  it('[Y2] is for somebody who is there, of a creator who is there', async () => {
    const [cleo, fan] = [await person('creator', 'Cleo'), await person('fan', 'Fan')]
    const gone = {
      token: (await fake.tokens.issue({ user: creatorNamed('gone') as string as UserId, role: 'fan' })).token,
    }
    const follow = (id: string, token?: string) =>
      node.call('PUT', `/v1/creators/${id}/follow`, token === undefined ? {} : { token })

    expect((await follow(fan.user, fan.token)).status).toBe(404)
    expect((await follow(creatorNamed('nobody'), fan.token)).status).toBe(404)
    expect((await follow(cleo.creator, gone.token)).status).toBe(401)
    expect((await follow(cleo.creator)).status).toBe(401)
    expect((await node.call('DELETE', `/v1/creators/${fan.user}/follow`, { token: fan.token })).status).toBe(404)
    expect((await node.call('GET', `/v1/creators/${fan.user}`)).status).toBe(404)
    expect((await node.call('GET', `/v1/creators/${fan.user}/followers`, { token: fan.token })).status).toBe(404)
  })

  it('[Y3] is listed both ways, the latest first, each once, also those of one millisecond', async () => {
    const cleo = await person('creator', 'Cleo')
    const fans = await Promise.all(Array.from({ length: 5 }, (_, at) => person('fan', `Fan ${at}`)))
    const others = await Promise.all(Array.from({ length: 5 }, (_, at) => person('creator', `Star ${at}`)))
    const [one] = fans
    if (one === undefined) throw new Error('no fan')
    for (const fan of fans) await follows.follow(fan.user, cleo.creator)
    for (const star of others) await follows.follow(one.user, star.creator)
    await database.sql`update follows set followed_at = date_trunc('hour', followed_at) where creator_id = ${cleo.creator}`

    const followers = await walk(`/v1/creators/${cleo.creator}/followers`, one.token)
    const followed = await walk('/v1/me/follows', one.token)

    expect(followers.map((fan) => fan.id).sort()).toEqual(fans.map((fan) => fan.user).sort())
    expect(followed.map((star) => star.displayName)).toEqual(['Star 4', 'Star 3', 'Star 2', 'Star 1', 'Star 0', 'Cleo'])
  })

  it('[Y2] is bounded for one user', async () => {
    const [cleo, ana] = [await person('creator', 'Cleo'), await person('fan', 'Ana')]
    await database.sql`
      with u as (insert into users (id, email, display_name, role)
        select gen_random_uuid(), 'many' || n || '@x.invalid', 'Many', 'creator' from generate_series(1, ${FOLLOWS_MAX}::int) n
        returning id),
      c as (insert into creators (id, display_name) select id, 'Many' from u returning id)
      select count(*) from c`
    await database.sql`
      insert into follows (follower_id, creator_id) select ${ana.user}, id from creators where display_name = 'Many'`

    expect(await follows.follow(ana.user, cleo.creator)).toBe('too_many')
    const [many] = await follows.following(ana.user, { limit: 1 })
    expect(many && (await follows.follow(ana.user, many.creator))).toBe('unchanged')
  })
})

describe('the count of followers', () => {
  it('[Y4] expires, so that whatever it missed is repaired from Postgres', async () => {
    const [cleo, ana] = [await person('creator', 'Cleo'), await person('fan', 'Ana')]
    const counts = new FollowerCounts(redis, follows, prefix, { warn: () => undefined })
    const key = `${prefix}:followers:${cleo.creator}`
    expect(await counts.of(cleo.creator)).toBe(0)

    await follows.follow(ana.user, cleo.creator) // and the node died before it moved the count
    expect(await counts.of(cleo.creator)).toBe(0)
    const livesS = await redis.call((client) => client.ttl(key))
    expect(livesS).toBeGreaterThan(0)
    await counts.moved(cleo.creator, 1)
    expect(await redis.call((client) => client.ttl(key))).toBeGreaterThan(0)
    await redis.call((client) => client.del(key))
    await counts.moved(cleo.creator, 1)

    expect(await counts.of(cleo.creator)).toBe(1)
  })

  it('[Y4] is counted once for all who ask at once, and also while Redis is away', async () => {
    const warned: string[] = []
    const lost = await connectRedis(inject('redisUrl'), { name: 'lost' })
    await lost.close()
    let counted = 0
    const count = async () => {
      counted += 1
      return 7
    }
    const counts = new FollowerCounts(lost, { count }, prefix, { warn: (event) => void warned.push(event) })
    const cleo = creatorNamed('cleo')

    expect(await Promise.all([counts.of(cleo), counts.of(cleo), counts.of(cleo)])).toEqual([7, 7, 7])
    await counts.moved(cleo, 1)

    expect(counted).toBe(1)
    expect(new Set(warned)).toEqual(new Set(['followers.not_cached']))
  })
})
