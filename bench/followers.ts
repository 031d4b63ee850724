/**
 * Does a drop's start cost the same whoever follows?
 *
 *   npm run livedrop -- bench followers <url of an empty database> [followers] [--json] [--out file]
 *
 * Two creators in an empty database, one with 10 followers and one with as many as asked for (a million if not said).
 * Drops of both are opened in turn, and what each opening wrote is counted and timed; then the first pages of the
 * celebrity's followers and of a fan's inbox are read. PASS or FAIL by the bars of the design.
 */
import { parseArgs } from 'node:util'
import type { CreatorId, DropId, Sku, UserId } from '../protocol/ids.ts'
import { Accounts } from '../storage/accounts/accounts.ts'
import { Products } from '../storage/catalog/products.ts'
import { Drops } from '../storage/drops/drops.ts'
import { Follows } from '../storage/follows/follows.ts'
import { Inbox } from '../storage/inbox/inbox.ts'
import { migrate } from '../storage/migrate.ts'
import { PostgresDropBook } from '../storage/orders/postgres-drop-book.ts'
import { connectPostgres, type Sql } from '../storage/postgres.ts'
import { newHistogram, percentiles, recordMs } from './histogram.ts'
import { number, report } from './report.ts'
import { ms, type Row, whole } from './table.ts'

const FEW = 10
const DROPS = 200
const READS = 500
const TIME_RATIO_MAX = 1.2
const PAGE_P99_MS = 20

async function measure(url: string, many: number): Promise<Row[]> {
  const { sql, close } = connectPostgres(url, { max: 2, name: 'livedrop-bench', statementMs: 600_000 })
  try {
    await migrate(sql)
    const [small, large] = [await creatorWith(sql, 'small', FEW), await creatorWith(sql, 'large', many)]
    await sql.unsafe('analyze')
    return [...(await openings(sql, small, large)), ...(await pages(sql, large))]
  } finally {
    await close()
  }
}

async function creatorWith(sql: Sql, name: string, followers: number): Promise<CreatorId> {
  const account = { email: `${name}@bench.invalid`, passwordHash: '', displayName: name, role: 'creator' } as const
  const made = await new Accounts(sql).create(account)
  if (made === 'email_taken') throw new Error('not an empty database')

  // Straight to SQL and without the library's bound on answers: a million rows take their time.
  await sql.unsafe(`
    insert into users (id, email, display_name, role)
      select md5('${name}' || n)::uuid, '${name}' || n || '@bench.invalid', 'Fan ' || n, 'fan' from generate_series(1, ${followers}) n;
    insert into follows (follower_id, creator_id, followed_at)
      select md5('${name}' || n)::uuid, '${made.userId}', now() - n * interval '1 second' from generate_series(1, ${followers}) n;`)
  return made.userId as string as CreatorId
}

/** In turns, so that whatever else the machine does happens to both. */
async function openings(sql: Sql, small: CreatorId, large: CreatorId): Promise<Row[]> {
  const book = new PostgresDropBook(sql)
  const sides = await Promise.all(
    [small, large].map(async (creator) => ({ drops: await planned(sql, creator), took: newHistogram(), rows: 0 })),
  )
  for (let n = 0; n < DROPS; n += 1) {
    for (const side of sides) {
      const drop = side.drops[n]
      if (drop === undefined) throw new Error('a drop is missing')
      const begun = performance.now()
      const entry = {
        kind: 'phase',
        phase: 'open',
        opId: 'open',
        position: { epoch: 1, seq: 1 },
        atMs: Date.now(),
      } as const
      await book.write(drop, 1, [entry])
      recordMs(side.took, performance.now() - begun)
      const [written] = await sql<{ rows: number }[]>`
        select (select count(*) from creator_events where drop_id = ${drop} and kind = 'drop_started')
          + (select count(*) from outbox where drop_id = ${drop} and kind = 'creator_event')
          + (select count(*) from notifications where drop_id = ${drop}) as rows`
      side.rows += written?.rows ?? 0
    }
  }
  const [few, many] = sides.map(({ took, rows }) => ({ rows, p50Ms: percentiles(took).p50Ms }))
  if (few === undefined || many === undefined) throw new Error('two sides')

  const ratio = many.p50Ms / few.p50Ms
  return [
    {
      what: 'rows and messages an opening',
      value: `${few.rows / DROPS} and ${many.rows / DROPS}`,
      bar: 'the same',
      pass: few.rows === many.rows,
    },
    { what: 'time of an opening, median', value: `${ms(few.p50Ms)} and ${ms(many.p50Ms)}` },
    { what: 'ratio', value: ratio.toFixed(2), bar: `at most ${TIME_RATIO_MAX}`, pass: ratio <= TIME_RATIO_MAX },
  ]
}

async function planned(sql: Sql, creator: CreatorId): Promise<DropId[]> {
  const sku = 'shoe' as Sku
  const variants = [{ sku, title: 'Shoe', priceMinor: 9900, currency: 'EUR' }]
  const { productId } = await new Products(sql).create(creator, {
    title: 'Shoe',
    description: '',
    images: [],
    variants,
  })
  const drops: DropId[] = []
  for (let n = 0; n < DROPS; n += 1) {
    const made = await new Drops(sql).create(creator, { productId, opensAt: new Date(), items: [{ sku, stock: 10 }] })
    if ('refused' in made) throw new Error(made.refused)
    drops.push(made.drop)
  }
  return drops
}

async function pages(sql: Sql, large: CreatorId): Promise<Row[]> {
  const follows = new Follows(sql)
  const inbox = new Inbox(sql)
  const fans = (await follows.followers(large, { limit: 100 })).map((fan) => fan.user)
  const p99 = async (read: (fan: UserId) => Promise<readonly unknown[]>) => {
    const took = newHistogram()
    for (let n = 0; n < READS; n += 1) {
      const begun = performance.now()
      const rows = await read(fans[n % fans.length] as UserId)
      if (rows.length === 0) throw new Error('an empty page')
      recordMs(took, performance.now() - begun)
    }
    return percentiles(took).p99Ms
  }
  const row = (what: string, figure: number): Row => ({
    ...{ what, value: ms(figure), bar: `under ${PAGE_P99_MS} ms`, pass: figure < PAGE_P99_MS },
  })
  return [
    row('first page of followers, p99', await p99(() => follows.followers(large, { limit: 20 }))),
    row('first page of an inbox, p99', await p99((fan) => inbox.page(fan, { limit: 20 }))),
  ]
}

const { values: said, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean', default: false }, out: { type: 'string' } },
})
const [url, followers = '1000000'] = positionals
if (url === undefined) {
  console.error('usage: livedrop bench followers <database url of an empty database> [followers] [--json] [--out file]')
  process.exit(2)
}
const many = number(followers)
const rows = await measure(url, many)
report(
  `opening a drop: ${FEW} followers and ${whole(many)}`,
  rows,
  { few: FEW, many, rows },
  { json: said.json, out: said.out },
)
