/** A room that is built anew from a Postgres in which very much was done by hand: on a real Redis and Postgres. */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { afterAll, beforeAll, expect, inject, it } from 'vitest'
import type { DropId, NodeId, OrderId } from '../protocol/ids.ts'
import type { LinesText } from '../protocol/lines.ts'
import { ORIGIN } from '../protocol/position.ts'
import type { Adjustment, Fence } from '../rooms/ports.ts'
import { takeOver } from '../rooms/takeover.ts'
import { RedisLeases } from '../storage/leases/redis-leases.ts'
import { RedisLedger } from '../storage/ledger/redis-ledger.ts'
import { PostgresDropBook } from '../storage/orders/postgres-drop-book.ts'
import type { Sql } from '../storage/postgres.ts'
import { connectRedis, type RedisConnection } from '../storage/redis.ts'
import { cancelOf } from '../storage/stock/stock-book.ts'
import { HandClock } from './builders/hand-clock.ts'
import { buyer } from './builders/people.ts'
import { planDrop } from './contracts/drop-book-postgres.ts'
import { type MigratedDatabase, migratedDatabase } from './setup/migrated-database.ts'
import { uniquePrefix } from './setup/prefix.ts'

const NODE = 'node-a' as NodeId
const CANCELLED = 300_000
const KEPT = 1_000
const STOCK = 2_000
const SHOE = 'shoe:1' as LinesText

let database: MigratedDatabase
let redis: RedisConnection
let ledger: RedisLedger
const prefix = uniquePrefix()

beforeAll(async () => {
  database = await migratedDatabase(inject('databaseUrl'))
  redis = await connectRedis(inject('redisUrl'), { name: 'rebuild-test' })
  ledger = new RedisLedger(redis, prefix)
})
afterAll(async () => {
  await redis.call((client) => client.eval(FORGET, 0, `${prefix}:*`))
  await Promise.all([database.close(), redis.close()])
})
const FORGET = `for _, key in ipairs(redis.call('KEYS', ARGV[1])) do redis.call('UNLINK', key) end`

it('[FF7] builds a room anew whose buyers gave back 300,000 orders, and takes none of them back twice', {
  timeout: 120_000,
}, async () => {
  const { drop } = await planDrop(database.sql, { stock: { shoe: STOCK } })
  await muchGivenBack(database.sql, drop)
  await new RedisLeases(redis, prefix).acquire(drop, NODE, 120_000)
  const book = new PostgresDropBook(database.sql)
  const neighbours = { live: () => [NODE], knowsEveryone: true, surrender: async () => [], wake: async () => undefined }
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined }
  const world = { ledger, book, neighbours, clock: new HandClock(), log, node: NODE }

  const cost = measuring()
  const { took } = await takeOver(world, drop, { journal: [], position: ORIGIN, batch: 0 })
  console.log(`a rebuild with ${CANCELLED} orders given back: ${JSON.stringify(await cost.end())}`)

  expect(took).toBe('room')
  expect((await ledger.read(drop))?.items).toEqual([{ sku: 'shoe', left: STOCK - KEPT, limit: null }])
  const fence: Fence = { epoch: 1, prevSeq: 0, prevBatch: 0, batch: 1 }
  for (const n of [1, 2, CANCELLED / 2, CANCELLED]) {
    const again = await ledger.adjust(drop, fence, cancelOf(orderNo(n)), release(n))
    expect(again).toMatchObject({ answer: 'repeated', position: { epoch: 1, seq: 0 } })
  }
  const next = CANCELLED + 1
  expect(await ledger.adjust(drop, fence, cancelOf(orderNo(next)), release(next))).toMatchObject({
    answer: 'applied',
    left: [{ sku: 'shoe', left: STOCK - KEPT + 1 }],
  })
})

const orderNo = (n: number) => String(n).padStart(26, 'a') as OrderId
const release = (n: number): Adjustment => ({ kind: 'release', orderId: orderNo(n), buyer: buyer('ana'), lines: SHOE })

/** Written by the thousand, as years of one order after the other would have left it. */
async function muchGivenBack(sql: Sql, drop: DropId): Promise<void> {
  for (let from = 1; from <= CANCELLED + KEPT; from += 25_000) {
    const to = Math.min(from + 24_999, CANCELLED + KEPT)
    await sql`
      insert into orders (id, drop_id, buyer_id, key, state, epoch, seq, accepted_at)
      select lpad(n::text, 26, 'a'), ${drop}, ${buyer('ana')}, n::text,
        case when n <= ${CANCELLED} then 'cancelled' else 'confirmed' end, 0, n, now()
      from generate_series(${from}::int, ${to}::int) n`
    await sql`
      insert into order_lines (order_id, sku, qty, price_minor, currency)
      select lpad(n::text, 26, 'a'), 'shoe', 1, 1000, 'EUR' from generate_series(${from}::int, ${to}::int) n`
    await sql`
      insert into drop_ops (drop_id, op_id, kind, applied)
      select ${drop}, 'cancel:' || lpad(n::text, 26, 'a'), 'release', true
      from generate_series(${from}::int, ${Math.min(to, CANCELLED)}::int) n`
  }
  await sql`update drop_items set sold = ${KEPT} where drop_id = ${drop}`
}

/** What it costs this process, and how long Redis serves nobody else at a time. */
function measuring() {
  const startedMs = performance.now()
  const rssBefore = process.memoryUsage.rss()
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  let rssMost = rssBefore
  const looking = setInterval(() => {
    rssMost = Math.max(rssMost, process.memoryUsage.rss())
  }, 10)
  return {
    async end() {
      clearInterval(looking)
      delay.disable()
      const slow = (await redis.call((client) => client.slowlog('GET', 128))) as [number, number, number, string[]][]
      const ours = slow.filter(([, , , args]) => args.some((arg) => arg.includes(prefix)))
      return {
        ms: Math.round(performance.now() - startedMs),
        rssGrewMb: Math.round((rssMost - rssBefore) / 1e6),
        loopHeldUpMs: Math.round(delay.max / 1e6),
        redisHeldUpMs: Math.max(0, ...ours.map(([, , micros]) => micros)) / 1_000,
      }
    },
  }
}
