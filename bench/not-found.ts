/**
 * Whether the time of an answer tells somebody else's order from none.
 *
 *   npx tsx bench/not-found.ts [--pairs 5000] [--json] [--out file]
 *
 * Pairs of questions by one stranger, in turn first, one after another over one connection to a real edge on a real
 * Postgres: for an order of somebody else's and for an id that nobody has, never the same one twice. The quarter of a
 * second in which a node looks a second time is left out, for it would hide what is looked for.
 *
 * Shown are the medians, the median of the differences with its 95 % interval from 2,000 resamplings, and how often the
 * foreign one of a pair took longer: 50 % is what a coin says.
 */
import { randomBytes } from 'node:crypto'
import { Agent, request } from 'node:http'
import { parseArgs } from 'node:util'
import type { IdempotencyKey, OrderId, UserId } from '../protocol/ids.ts'
import { orderIdOf } from '../rooms/order-id.ts'
import { orderRoutes } from '../server/api/orders.ts'
import { removeDataFolder, temporaryDataFolder } from '../stack/data-folder.ts'
import { startStack } from '../stack/local-stack.ts'
import { migrate } from '../storage/migrate.ts'
import { OrderReader } from '../storage/orders/order-reader.ts'
import { connectPostgres, type Sql } from '../storage/postgres.ts'
import { httpNode } from '../tests/builders/http-node.ts'
import { buyer } from '../tests/builders/people.ts'
import { restWorld } from '../tests/builders/rest-world.ts'
import { postgresWorld } from '../tests/contracts/drop-book-postgres.ts'
import { at, order } from '../tests/contracts/drop-book-world.ts'
import { number, report } from './report.ts'
import { type Row, whole } from './table.ts'

const WARM_UP = 500
const RESAMPLINGS = 2_000
const A_BATCH = 500

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    out: { type: 'string' },
    pairs: { type: 'string', default: '5000' },
  },
})
const pairs = number(values.pairs)

const dataDir = temporaryDataFolder()
const given = { redisUrl: 'redis://not-needed', natsUrl: 'nats://not-needed' }
const stack = await startStack({ dataDir, fresh: true, given })
const { sql, close } = connectPostgres(stack.databaseUrl, { max: 2, name: 'bench' })
try {
  await migrate(sql)
  const foreign = await ordersOfAna(sql, pairs + WARM_UP)
  await sql.unsafe('vacuum analyze')
  const { world, tokens } = restWorld()
  const node = await httpNode({
    routes: orderRoutes({ ...world, orders: new OrderReader(sql), secondLookMs: 0 }),
    tokens,
  })
  const { token } = await tokens.issue({ user: buyer('eve') as UserId, role: 'fan' })
  const asked = asker(node.port, token)
  const foreignMs: number[] = []
  const unknownMs: number[] = []
  for (const [turn, id] of foreign.entries()) {
    const nobodys = orderIdOf(randomDrop(), buyer('ana'), 'k' as IdempotencyKey)
    const isForeignFirst = turn % 2 === 0
    const one = await asked(isForeignFirst ? id : nobodys)
    const other = await asked(isForeignFirst ? nobodys : id)
    if (turn < WARM_UP) continue
    foreignMs.push(isForeignFirst ? one : other)
    unknownMs.push(isForeignFirst ? other : one)
  }
  const found = compared(foreignMs, unknownMs)
  report('somebody else’s order and none', rowsOf(found), found, { json: values.json, out: values.out })
  node.close()
} finally {
  await close()
  await stack.stop()
  removeDataFolder(dataDir)
}
process.exit(0)

async function ordersOfAna(to: Sql, count: number): Promise<OrderId[]> {
  const { book, plan } = postgresWorld(to)
  const { drop } = await plan({ stock: { shoe: count }, limits: { shoe: count } })
  const keys = Array.from({ length: count }, (_, seq) => `k${seq}` as IdempotencyKey)
  for (let from = 0; from < count; from += A_BATCH) {
    const batch = keys.slice(from, from + A_BATCH)
    await book.write(
      drop,
      1,
      batch.map((key, index) => order(drop, 'ana', at(1, from + index + 1), { shoe: 1 }, key)),
    )
  }
  return keys.map((key) => orderIdOf(drop, buyer('ana'), key))
}

function randomDrop() {
  const hex = randomBytes(16).toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-7${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}` as never
}

/** Milliseconds until the last byte of a 404. */
function asker(port: number, token: string): (id: OrderId) => Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const headers = { authorization: `Bearer ${token}` }
  return (id) =>
    new Promise((resolve, reject) => {
      const beganMs = performance.now()
      const sent = request({ host: '127.0.0.1', port, path: `/v1/orders/${id}`, agent, headers }, (answer) => {
        answer.resume().once('end', () => {
          if (answer.statusCode === 404) resolve(performance.now() - beganMs)
          else reject(new Error(`answered ${answer.statusCode}`))
        })
      })
      sent.once('error', reject).end()
    })
}

function compared(foreign: readonly number[], unknown: readonly number[]) {
  const differences = foreign.map((ms, index) => ms - (unknown[index] ?? 0))
  const resampled = Array.from({ length: RESAMPLINGS }, () =>
    median(differences.map(() => differences[Math.floor(Math.random() * differences.length)] ?? 0)),
  ).sort((a, b) => a - b)
  const us = (ms: number) => Math.round(ms * 1_000)
  return {
    pairs: differences.length,
    foreignMedianUs: us(median(foreign)),
    unknownMedianUs: us(median(unknown)),
    differenceUs: us(median(differences)),
    from: us(resampled[Math.floor(RESAMPLINGS * 0.025)] ?? 0),
    to: us(resampled[Math.floor(RESAMPLINGS * 0.975)] ?? 0),
    foreignSlowerPercent: Math.round((1_000 * differences.filter((ms) => ms > 0).length) / differences.length) / 10,
  }
}

function rowsOf(found: ReturnType<typeof compared>): Row[] {
  return [
    { what: 'pairs', value: whole(found.pairs) },
    {
      what: 'median of the foreign, of the unknown',
      value: `${found.foreignMedianUs} us, ${found.unknownMedianUs} us`,
    },
    { what: 'median of the differences', value: `${found.differenceUs} us` },
    { what: '  with 95 %', value: `${found.from} to ${found.to} us` },
    { what: 'the foreign one took longer', value: `${found.foreignSlowerPercent} % of the pairs` },
  ]
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? 0
}
