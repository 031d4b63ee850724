/** The inbox over REST on real Postgres: creators' events and one's own orders, merged. */
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest'
import type { CreatorId, DropId, UserId } from '../protocol/ids.ts'
import { apiRoutes } from '../server/api/routes.ts'
import { Accounts } from '../storage/accounts/accounts.ts'
import { Follows } from '../storage/follows/follows.ts'
import { Inbox } from '../storage/inbox/inbox.ts'
import { type Heard, httpNode } from './builders/http-node.ts'
import { ask } from './builders/people.ts'
import { restWorld } from './builders/rest-world.ts'
import { planDrop, postgresWorld } from './contracts/drop-book-postgres.ts'
import { at, phase } from './contracts/drop-book-world.ts'
import { type MigratedDatabase, migratedDatabase } from './setup/migrated-database.ts'

const fake = restWorld()
let database: MigratedDatabase
let inbox: Inbox
let follows: Follows
let node: Awaited<ReturnType<typeof httpNode>>
let ana: { user: UserId; token: string }
let people = 0

beforeAll(async () => {
  database = await migratedDatabase(inject('databaseUrl'))
  inbox = new Inbox(database.sql)
  follows = new Follows(database.sql)
  node = await httpNode({ routes: apiRoutes({ ...fake.world, inbox }), tokens: fake.tokens })
})
afterAll(async () => {
  node.close()
  await database.close()
})

beforeEach(async () => {
  people += 1
  const account = await new Accounts(database.sql).create({
    ...{ email: `${people}@example.com`, passwordHash: 'x', displayName: 'Ana', role: 'fan' },
  })
  if (account === 'email_taken') throw new Error(account)
  ana = { user: account.userId, token: (await fake.tokens.issue({ user: account.userId, role: 'fan' })).token }
})

async function followedSince(creator: CreatorId, time: string): Promise<void> {
  await follows.follow(ana.user, creator)
  await database.sql`
    update follows set followed_at = ${time}::text::timestamptz where follower_id = ${ana.user} and creator_id = ${creator}`
}

async function event(creator: CreatorId, drop: DropId, kind: string, time: string): Promise<void> {
  await database.sql`
    insert into creator_events (creator_id, drop_id, kind, title, at)
    values (${creator}, ${drop}, ${kind}, 'Things', ${time}::text::timestamptz)`
}

const list = (query = '') => node.call('GET', `/v1/notifications?${query}`, { token: ana.token })
const kinds = (heard: Heard) => heard.body.items.map((item: { kind: string }) => item.kind)
const read = (upTo: string) => node.call('POST', '/v1/notifications/read', { token: ana.token, body: { upTo } })

async function walk(query = ''): Promise<Heard['body'][]> {
  const items: Heard['body'][] = []
  let cursor = ''
  for (;;) {
    const page = await list(`limit=2&${query}${cursor}`)
    if (page.status !== 200) throw new Error(page.text)
    items.push(...page.body.items)
    if (page.body.nextCursor === null) return items
    cursor = `&cursor=${page.body.nextCursor}`
  }
}

describe('the inbox', () => {
  it('[Y12] holds what followed creators did since they were followed, and nothing of others', async () => {
    const [one, two] = [await planDrop(database.sql), await planDrop(database.sql)]
    await event(one.creator, one.drop, 'low_stock', '2030-01-01T00:00:00Z')
    await event(one.creator, one.drop, 'sold_out', '2030-01-02T00:00:00Z')
    await event(two.creator, two.drop, 'sold_out', '2030-01-02T00:00:00Z')
    await followedSince(one.creator, '2030-01-01T12:00:00Z')

    const heard = await list()

    expect(heard.body).toEqual({
      items: [
        {
          ...{ id: expect.stringMatching(/^e\d+$/), kind: 'sold_out', drop: one.drop, creator: one.creator },
          ...{ title: 'Things', at: '2030-01-02T00:00:00.000Z', read: false },
        },
      ],
      nextCursor: null,
      readUpTo: null,
    })
    await follows.unfollow(ana.user, one.creator)
    expect(kinds(await list())).toEqual([])
  })

  it('[Y12] holds that a drop was scheduled, started and closed, as it happened', async () => {
    const { book, plan } = postgresWorld(database.sql)
    const { drop } = await plan()
    const [{ creator } = { creator: '' }] =
      await database.sql`select creator_id as creator from drops where id = ${drop}`
    await followedSince(creator as CreatorId, '1970-01-01T00:00:00Z')

    await book.write(drop, 1, [phase('open', at(1, 1)), phase('paused', at(1, 2)), phase('closed', at(1, 3))])

    expect(kinds(await list()).sort()).toEqual(['drop_closed', 'drop_scheduled', 'drop_started'])
  })

  it('[Y13] holds the ends of my orders once, however often they are told, and of nobody else’s', async () => {
    const { drop, creator } = await planDrop(database.sql)
    const { orderId } = ask(drop, 'ana')
    const confirmed = { user: ana.user, orderId, drop, kind: 'order_confirmed' }
    const other = { ...confirmed, user: creator as string as UserId, orderId: ask(drop, 'other').orderId }

    expect(await inbox.add([confirmed, other, confirmed])).toBe(2)
    expect(await inbox.add([confirmed, other])).toBe(0)
    expect(await inbox.add([{ ...confirmed, kind: 'order_cancelled' }])).toBe(1)

    const { items } = (await list()).body
    expect(items.map((item: { kind: string }) => item.kind)).toEqual(['order_cancelled', 'order_confirmed'])
    expect(items[1]).toMatchObject({ id: expect.stringMatching(/^o\d+$/), orderId, drop, creator, title: 'Things' })
  })

  it('[Y14] is walked in one order over both kinds, each once, also those of one millisecond', async () => {
    const time = '2030-02-02T00:00:00.001Z'
    const planned = [await planDrop(database.sql), await planDrop(database.sql), await planDrop(database.sql)]
    for (const { creator, drop } of planned) {
      await followedSince(creator, '2030-01-01T00:00:00Z')
      await event(creator, drop, 'low_stock', time)
      await event(creator, drop, 'sold_out', '2030-02-02T00:00:00.002Z')
      const mine = { user: ana.user, orderId: ask(drop, 'ana').orderId, drop }
      await inbox.add([{ ...mine, kind: 'order_confirmed' }])
      await inbox.add([{ ...mine, kind: 'order_cancelled' }])
    }
    await database.sql`update notifications set at = ${time}::text::timestamptz where user_id = ${ana.user}`

    const items = await walk()

    expect(items).toHaveLength(12)
    expect(new Set(items.map((item) => item.id)).size).toBe(12)
    const whole = (await list('limit=100')).body.items
    expect(items).toEqual(whole)
    expect(items.slice(0, 3).every((item) => item.kind === 'sold_out')).toBe(true)
  })

  it('[Y14] refuses a cursor that it did not give out', async () => {
    for (const place of [
      [1],
      { atMs: 1, source: 'x', id: 1 },
      { atMs: 1e300, source: 'own', id: 1 },
      { atMs: 1, source: 'own', id: -1 },
    ]) {
      const cursor = Buffer.from(JSON.stringify(place)).toString('base64url')
      expect((await list(`cursor=${cursor}`)).body.errors[0].at).toBe('query.cursor')
    }
  })

  it('[Y15] is read up to a mark that only moves forward, and never past now', async () => {
    const { drop, creator } = await planDrop(database.sql)
    await followedSince(creator, '1970-01-01T00:00:00Z')
    await database.sql`update creator_events set at = '2020-01-01' where drop_id = ${drop}`
    for (const [kind, time] of [
      ['drop_started', '2020-01-02T00:00:00.123Z'],
      ['sold_out', '2020-01-03T00:00:00Z'],
    ] as const) {
      await event(creator, drop, kind, time)
    }

    expect((await read('2020-01-02T01:00:00.123+01:00')).body).toEqual({ readUpTo: '2020-01-02T00:00:00.123Z' })
    expect((await list()).body.items.map((item: { read: boolean }) => item.read)).toEqual([false, true, true])
    expect(kinds(await list('unread=true'))).toEqual(['sold_out'])
    expect(kinds(await list('unread=false'))).toHaveLength(3)
    expect((await read('2019-01-01T00:00:00Z')).body).toEqual({ readUpTo: '2020-01-02T00:00:00.123Z' })
    const future = (await read('2099-01-01T00:00:00Z')).body.readUpTo
    expect(Date.parse(future)).toBeLessThanOrEqual(Date.now() + 1_000)
    expect((await walk('unread=true')).length).toBe(0)
    expect((await list()).body.readUpTo).toBe(future)
  })

  it('[Y9] an event of a creator is one row and one message, however many follow', async () => {
    const { drop, creator } = await planDrop(database.sql)
    await database.sql`
      with u as (insert into users (id, email, display_name, role)
        select gen_random_uuid(), 'f' || n || '@x.invalid', 'F', 'fan' from generate_series(1, 5000) n returning id)
      insert into follows (follower_id, creator_id) select id, ${creator} from u`
    const { book } = postgresWorld(database.sql)
    await book.write(drop, 1, [phase('open', at(1, 1))])

    const events = await database.sql`select id from creator_events where drop_id = ${drop} and kind = 'drop_started'`
    const told = await database.sql`
      select body from outbox where drop_id = ${drop} and kind = 'creator_event' and body ->> 'kind' = 'drop_started'`
    const own = await database.sql`select from notifications where drop_id = ${drop}`

    expect([events.length, told.length, own.length]).toEqual([1, 1, 0])
    expect(told[0]?.body).toMatchObject({ id: events[0]?.id, creator, title: 'Things', atMs: expect.any(Number) })
  })
})
