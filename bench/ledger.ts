/**
 * The ceiling of one room: how many orders a second the ledger accepts, one batch in flight, at several batch sizes.
 *
 *   npm run livedrop -- bench ledger [--seconds 2] [--batches 1,8,64] [--json] [--out file]
 *
 * Against REDIS_URL, or a private Redis with the settings that `accepted` needs (appendfsync always). Every order is a new
 * one of a new buyer, checked against fence, key, limit and stock, and written to the log: the most expensive case.
 * `in Redis` is the time of the script itself, which is what a second room on the same Redis would have to share.
 */
import { randomBytes, randomUUID } from 'node:crypto'
import { parseArgs } from 'node:util'
import type { DropId, IdempotencyKey, NodeId, OrderId, Sku, UserId } from '../protocol/ids.ts'
import type { LinesText } from '../protocol/lines.ts'
import type { Claim } from '../rooms/ports.ts'
import { removeDataFolder, temporaryDataFolder } from '../stack/data-folder.ts'
import { startStack } from '../stack/local-stack.ts'
import { RedisLeases } from '../storage/leases/redis-leases.ts'
import { keysUnder } from '../storage/ledger/keys.ts'
import { RedisLedger } from '../storage/ledger/redis-ledger.ts'
import { checkRedisSettings, connectRedis, type RedisConnection } from '../storage/redis.ts'
import { report } from './report.ts'
import { type Row, whole } from './table.ts'

interface Measured {
  batch: number
  ordersPerSecond: number
  p50Ms: number
  p99Ms: number
  /** Time in the script, per order. */
  redisUsPerOrder: number
}

const PREFIX = 'bench'
const NODE = 'bench-1' as NodeId
const SKU = 'shoe' as Sku
const WARM_UP_MS = 300
const ORDERS_MOST = 300_000
/** Batching is the reason why rooms exist: a full batch must cost each order at most half of what it costs alone. */
const GAIN_AT_LEAST = 2

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    out: { type: 'string' },
    seconds: { type: 'string', default: '2' },
    batches: { type: 'string', default: '1,8,32,64,128,256' },
  },
})
const batches = values.batches.split(',').map(Number)
const measureMs = Number(values.seconds) * 1_000

const server = await aRedis()
const redis = await connectRedis(server.url, { name: 'bench' })
const measured: Measured[] = []
try {
  const settings = await checkRedisSettings(redis)
  for (const batch of batches) {
    process.stderr.write(`batch of ${batch} … `)
    const row = await measure(redis, batch)
    process.stderr.write(`${row.ordersPerSecond.toLocaleString('en')} orders/s\n`)
    measured.push(row)
  }
  const isDurable = settings.answer === 'checked' && settings.unsafe.length === 0
  report(
    'ledger: one room, one batch at a time',
    rowsOf(measured, isDurable),
    { isDurable, measured },
    { json: values.json, out: values.out },
  )
} finally {
  await redis.close()
  await server.stop()
}

async function aRedis(): Promise<{ url: string; stop(): Promise<void> }> {
  if (process.env.REDIS_URL) return { url: process.env.REDIS_URL, stop: async () => undefined }

  const dataDir = temporaryDataFolder()
  // The other two are not needed, and what is given is not started.
  const stack = await startStack({ dataDir, fresh: true, given: { natsUrl: 'none', databaseUrl: 'none' } })
  return {
    url: stack.redisUrl,
    async stop() {
      await stack.stop()
      removeDataFolder(dataDir)
    },
  }
}

async function measure(connection: RedisConnection, batch: number): Promise<Measured> {
  const drop = randomUUID() as DropId
  const ledger = new RedisLedger(connection, PREFIX)
  await new RedisLeases(connection, PREFIX).acquire(drop, NODE, 600_000)
  const items = [{ sku: SKU, left: 1_000_000_000, limit: null }]
  const seed = { phase: 'open' as const, opensAtMs: 1, closesAtMs: null, limitPerBuyer: 4, items }
  await ledger.rebuild(drop, 1, NODE, seed)

  let seq = 0
  let calls = 0
  const run = async (claims: Claim[][], forMs: number) => {
    const tripsMs: number[] = []
    const began = performance.now()
    for (const batchOfClaims of claims) {
      const sent = performance.now()
      if (sent - began > forMs) break
      const answer = await ledger.order(
        drop,
        { epoch: 1, prevSeq: seq, prevBatch: calls, batch: calls + 1 },
        batchOfClaims,
      )
      if (answer.answer !== 'ok') throw new Error(`the ledger refused: ${answer.answer}`)
      if (answer.seq > seq) calls += 1
      seq = answer.seq
      tripsMs.push(performance.now() - sent)
    }
    return { tripsMs, tookMs: performance.now() - began }
  }

  await run(someClaims(batch, 30_000), WARM_UP_MS)
  const claims = someClaims(batch, ORDERS_MOST)
  const [scriptUsBefore, seqBefore] = [await scriptUs(connection), seq]
  const { tripsMs, tookMs } = await run(claims, measureMs)
  const accepted = seq - seqBefore
  if (accepted !== tripsMs.length * batch) throw new Error('an order was not accepted')

  tripsMs.sort((a, b) => a - b)
  const quantile = (q: number) => Number((tripsMs[Math.floor((tripsMs.length - 1) * q)] ?? 0).toFixed(2))
  const redisUs = (await scriptUs(connection)) - scriptUsBefore
  await connection.call((client) => client.unlink(...Object.values(keysUnder(PREFIX)(drop))))
  return {
    batch,
    ordersPerSecond: Math.round((accepted * 1_000) / tookMs),
    p50Ms: quantile(0.5),
    p99Ms: quantile(0.99),
    redisUsPerOrder: Number((redisUs / accepted).toFixed(1)),
  }
}

function someClaims(batch: number, orders: number): Claim[][] {
  return Array.from({ length: Math.floor(orders / batch) }, () => Array.from({ length: batch }, newClaim))
}

function newClaim(): Claim {
  return {
    orderId: `${randomBytes(13).toString('hex')}` as OrderId, // as long as a real one, which is all that matters here
    buyer: randomUUID() as UserId,
    key: randomBytes(8).toString('hex') as IdempotencyKey,
    lines: `${SKU}:1` as LinesText,
  }
}

async function scriptUs(connection: RedisConnection): Promise<number> {
  const stats = await connection.call((client) => client.info('commandstats'))
  return Number(/cmdstat_evalsha:calls=\d+,usec=(\d+)/.exec(stats)?.[1] ?? 0)
}

function rowsOf(measured: readonly Measured[], isDurable: boolean): Row[] {
  const rates = measured.map(({ ordersPerSecond }) => ordersPerSecond)
  const gain = Math.max(...rates) / Math.min(...rates)
  return [
    ...measured.flatMap(({ batch, ordersPerSecond, p50Ms, p99Ms, redisUsPerOrder }): Row[] => [
      { what: `batches of ${batch}: orders/s`, value: whole(ordersPerSecond) },
      { what: '  p50, p99 of a batch', value: `${p50Ms.toFixed(2)} ms, ${p99Ms.toFixed(2)} ms` },
      { what: '  in Redis, an order', value: `${redisUsPerOrder} us` },
    ]),
    {
      what: 'batching gains',
      value: `${gain.toFixed(1)}x`,
      ...(measured.length < 2 ? {} : { bar: `at least ${GAIN_AT_LEAST}x`, pass: gain >= GAIN_AT_LEAST }),
    },
    { what: 'settings of Redis', value: isDurable ? 'safe' : 'NOT what `accepted` needs' },
  ]
}
