/** Every list of the platform over 50,000 rows: an index leads to each page, first and deep, and nothing is skipped over. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import type { CreatorId, ProductId, UserId } from '../protocol/ids.ts'
import { Products } from '../storage/catalog/products.ts'
import { Creators } from '../storage/creators/creators.ts'
import { Follows } from '../storage/follows/follows.ts'
import { Inbox } from '../storage/inbox/inbox.ts'
import { connectPostgres, type Sql } from '../storage/postgres.ts'
import { uuidOf } from './builders/people.ts'
import { type MigratedDatabase, migratedDatabase } from './setup/migrated-database.ts'

const ROWS = 50_000
const star = uuidOf('star') as CreatorId
const fan = uuidOf('fan') as UserId
const DEEP_MS = Date.UTC(2020, 0, 1) + 25_000_000

let database: MigratedDatabase
let sql: Sql
let close: () => Promise<void>
beforeAll(async () => {
  database = await migratedDatabase(inject('databaseUrl'), 1)
  ;({ sql, close } = connectPostgres(database.url, { max: 1, name: 'livedrop-test', statementMs: 60_000 }))
  await seed()
}, 90_000)
afterAll(async () => {
  await close()
  await database.close()
})

/**
 * 50,000 people of whom every tenth is a creator; a star whom all follow, who made half of all products and of all
 * events; a fan who follows 200 creators and has 50,000 notifications of 100,000.
 */
async function seed(): Promise<void> {
  await sql.unsafe(`
    insert into users (id, email, display_name, role) values
      ('${star}', 'star@x.invalid', 'Star', 'creator'), ('${fan}', 'fan@x.invalid', 'Fan', 'fan');
    insert into users (id, email, display_name, role)
      select md5('u' || n)::uuid, n || '@x.invalid', 'Name ' || n, case when n % 10 = 0 then 'creator' else 'fan' end
      from generate_series(1, ${ROWS}) n;
    insert into creators (id, display_name) select id, display_name from users;
    insert into follows (follower_id, creator_id, followed_at)
      select id, '${star}', '2020-01-01Z'::timestamptz + n * interval '1 second'
      from (select id, row_number() over (order by id) as n from users) u;
    insert into follows (follower_id, creator_id, followed_at)
      select '${fan}', id, '2020-01-01Z'::timestamptz from users where role = 'creator' and id <> '${star}' limit 200;
    insert into products (id, creator_id, title)
      select md5('p' || n)::uuid, case when n % 2 = 0 then '${star}' else md5('u' || n)::uuid end, 'Title ' || n
      from generate_series(1, ${ROWS}) n;
    insert into variants (product_id, sku, position, title, price_minor, currency)
      select id, 'M', 0, 'M', 1, 'EUR' from products;
    insert into drops (id, creator_id, product_id, title, opens_at)
      select md5('d' || n)::uuid, case when n % 2 = 0 then '${star}' else md5('u' || n)::uuid end, md5('p' || n)::uuid, 'D', now()
      from generate_series(1, ${ROWS}) n;
    alter table creator_events disable trigger creator_event_is_told;
    insert into creator_events (creator_id, drop_id, kind, title, at)
      select d.creator_id, d.id, 'drop_started', 'D', '2020-01-01Z'::timestamptz + row_number() over () * interval '1 second'
      from drops d;
    insert into notifications (user_id, order_id, kind, drop_id, at)
      select case when n % 2 = 0 then '${fan}' else md5('u' || n % ${ROWS} + 1)::uuid end, 'o' || n, 'order_confirmed',
        md5('d' || n % ${ROWS} + 1)::uuid, '2020-01-01Z'::timestamptz + n * interval '1 second'
      from generate_series(1, ${2 * ROWS}) n;
    analyze;
  `)
}

type Ask = (sql: Sql) => Promise<unknown>
const middle = uuidOf('middle')
const lists: Record<string, Ask> = {
  'creators, first': (sql) => new Creators(sql).search({ limit: 21 }),
  'creators by name, deep': (sql) => new Creators(sql).search({ beginning: 'NAME 4', limit: 21, after: star }),
  'followers, first': (sql) => new Follows(sql).followers(star, { limit: 21 }),
  'followers, deep': (sql) =>
    new Follows(sql).followers(star, { limit: 21, after: { atMs: DEEP_MS, id: middle as UserId } }),
  'follows, first': (sql) => new Follows(sql).following(fan, { limit: 21 }),
  'follows, deep': (sql) =>
    new Follows(sql).following(fan, { limit: 21, after: { atMs: DEEP_MS, id: middle as CreatorId } }),
  'whom a crowd follows': (sql) =>
    new Follows(sql).creatorsOf([fan, ...Array.from({ length: 20 }, (_, n) => uuidOf(`${n}`) as UserId)]),
  'products, first': (sql) => new Products(sql).list({ limit: 21 }),
  'products, deep': (sql) => new Products(sql).list({ limit: 21, after: middle as ProductId }),
  'products of a creator': (sql) => new Products(sql).list({ creator: star, limit: 21, after: middle as ProductId }),
  'products by title': (sql) => new Products(sql).list({ beginning: 'title 4', limit: 21 }),
  'products by title, of a creator': (sql) =>
    new Products(sql).list({ creator: star, beginning: 'title 4', limit: 21 }),
  'the inbox, first': (sql) => new Inbox(sql).page(fan, { limit: 21 }),
  'the inbox, deep': (sql) =>
    new Inbox(sql).page(fan, { limit: 21, after: { atMs: DEEP_MS, source: 'event', id: 25_000 } }),
  'the inbox, unread': (sql) => new Inbox(sql).page(fan, { limit: 21, laterThanMs: DEEP_MS }),
}

interface Plan {
  'Node Type': string
  'Relation Name'?: string
  'Actual Rows': number
  'Actual Loops': number
  'Rows Removed by Filter'?: number
  Plans?: Plan[]
}

/** The statement that `ask` sends, explained as it runs with the plan that is kept for any parameters. */
async function planOf(ask: Ask): Promise<Plan> {
  const plans: Plan[] = []
  const explain = async (text: string, parameters: readonly unknown[]) => {
    const [row] = await sql.begin(async (one) => {
      await one`set local plan_cache_mode = force_generic_plan`
      return one.unsafe(`explain (analyze, format json) ${text}`, parameters as never[], { prepare: true })
    })
    plans.push(...((row?.['QUERY PLAN'] ?? []) as { Plan: Plan }[]).map((said) => said.Plan))
    return []
  }
  // A door to Postgres that explains instead of answering: every page is empty.
  await ask({ unsafe: explain } as unknown as Sql)
  const [plan] = plans
  if (plan === undefined || plans.length > 1) throw new Error(`${plans.length} statements`)
  return plan
}

const nodes = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodes)]

describe('a list over 50,000 rows', () => {
  it.each(Object.entries(lists))(
    '[Y17] %s: no sequential scan, and no more rows read than the page needs',
    async (name, ask) => {
      const all = nodes(await planOf(ask))

      expect(all.filter((node) => node['Node Type'] === 'Seq Scan').map((node) => node['Relation Name'])).toEqual([])
      const read = all.map(
        (node) => ((node['Actual Rows'] ?? 0) + (node['Rows Removed by Filter'] ?? 0)) * node['Actual Loops'],
      )
      // Of the inbox: a page of each of the 201 creators at most. Of the crowd: 201 follows.
      expect(Math.max(...read)).toBeLessThanOrEqual(name.startsWith('the inbox') ? 21 * 201 : 250)
    },
  )

  it('[Y17] no statement skips over rows', () => {
    const root = join(import.meta.dirname, '../storage')
    const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) => /\.(sql|ts)$/.test(file))
    const skipping = files.filter((file) => /\boffset\s+(\$|\d)/i.test(readFileSync(join(root, file), 'utf8')))

    expect(files.length).toBeGreaterThan(20)
    expect(skipping).toEqual([])
  })
})
