/**
 * How many orders a second become rows: the drop book's `write` alone, no ledger and no sockets.
 *
 * One line of batches as a room's relay sends them, one after the other, every order from another buyer; then four drops
 * at once, to see what the database has left.
 *
 *   npm run livedrop -- bench writer <database url> [orders per run] [--json] [--out file]
 *
 * Against a server of your own: it makes a database, and drops it again.
 */
import { randomUUID } from 'node:crypto'
import { parseArgs } from 'node:util'
import type { CreatorId, DropId, IdempotencyKey, Sku, UserId } from '../protocol/ids.ts'
import type { LinesText } from '../protocol/lines.ts'
import { orderIdOf } from '../rooms/order-id.ts'
import type { Entry } from '../rooms/ports.ts'
import { Accounts } from '../storage/accounts/accounts.ts'
import { Products } from '../storage/catalog/products.ts'
import { Drops } from '../storage/drops/drops.ts'
import { migrate } from '../storage/migrate.ts'
import { PostgresDropBook } from '../storage/orders/postgres-drop-book.ts'
import { connectPostgres, type Sql } from '../storage/postgres.ts'
import { number, report } from './report.ts'
import { whole } from './table.ts'

const BATCHES = [64, 256, 512]
const AT_ONCE = [1, 4]

interface Measured {
  batch: number
  dropsAtOnce: number
  ordersPerSecond: number
  msPerBatch: number
}

async function measure(url: string, orders: number): Promise<Measured[]> {
  const admin = connectPostgres(url, { max: 1, name: 'bench-writer' })
  const name = `bench_${randomUUID().replaceAll('-', '').slice(0, 12)}`
  await admin.sql.unsafe(`create database ${name}`)
  const own = new URL(url)
  own.pathname = `/${name}`
  const { sql, close } = connectPostgres(own.href, { max: 8, name: 'bench-writer' })
  try {
    await migrate(sql)
    const plan = await shop(sql)
    await run(sql, await plan(), 512, 20_000) // warm: pages, plans, the compiler

    const measured: Measured[] = []
    for (const atOnce of AT_ONCE) {
      for (const batch of BATCHES) {
        const drops = await Promise.all(Array.from({ length: atOnce }, plan))
        const ms = Math.max(...(await Promise.all(drops.map((drop) => run(sql, drop, batch, orders / atOnce)))))
        const ordersPerSecond = Math.round((orders / ms) * 1_000)
        measured.push({ batch, dropsAtOnce: atOnce, ordersPerSecond, msPerBatch: (ms * batch) / (orders / atOnce) })
      }
    }
    return measured
  } finally {
    await close()
    await admin.sql.unsafe(`drop database ${name} with (force)`)
    await admin.close()
  }
}

async function shop(sql: Sql): Promise<() => Promise<DropId>> {
  const creator = await new Accounts(sql).create({
    email: 'bench@livedrop.invalid',
    passwordHash: 'none',
    displayName: 'Bench',
    role: 'creator',
  })
  if (creator === 'email_taken') throw new Error('not an empty database')

  const creatorId = creator.userId as string as CreatorId
  const variants = [{ sku: 'shoe-42' as Sku, title: 'Shoe 42', priceMinor: 9900, currency: 'EUR' }]
  const product = await new Products(sql).create(creatorId, { title: 'Shoe', description: '', images: [], variants })
  return async () => {
    const made = await new Drops(sql).create(creatorId, {
      productId: product.productId,
      opensAt: new Date(),
      limitPerBuyer: 2,
      items: [{ sku: 'shoe-42' as Sku, stock: 10_000_000, limitPerBuyer: 2 }],
    })
    if ('refused' in made) throw new Error(made.refused)
    return made.drop
  }
}

/** Milliseconds from the first batch to the last commit. The entries are made beforehand. */
async function run(sql: Sql, drop: DropId, batch: number, orders: number): Promise<number> {
  const book = new PostgresDropBook(sql)
  const batches: Entry[][] = []
  for (let from = 0; from < orders; from += batch) {
    batches.push(Array.from({ length: Math.min(batch, orders - from) }, (_, n) => entry(drop, from + n + 1)))
  }

  const begun = performance.now()
  for (const entries of batches) {
    const outcomes = await book.write(drop, 1, entries)
    const bad = outcomes === 'fenced' ? outcomes : outcomes.find((one) => one.outcome !== 'confirmed')
    if (bad !== undefined) throw new Error(`not confirmed: ${JSON.stringify(bad)}`)
  }
  return performance.now() - begun
}

function entry(drop: DropId, seq: number): Entry {
  const buyer = randomUUID() as UserId
  const key = `k-${seq}` as IdempotencyKey
  const claim = { orderId: orderIdOf(drop, buyer, key), buyer, key, lines: 'shoe-42:1' as LinesText }
  return { kind: 'order', position: { epoch: 1, seq }, atMs: Date.now(), ...claim }
}

const { values: said, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean', default: false }, out: { type: 'string' } },
})
const [url, orders = '50000'] = positionals
if (url === undefined) {
  console.error('usage: livedrop bench writer <database url> [orders per run] [--json] [--out file]')
  process.exit(2)
}
const measured = await measure(url, number(orders))
report(
  `writer: ${whole(number(orders))} orders a run`,
  measured.map(({ batch, dropsAtOnce, ordersPerSecond, msPerBatch }) => ({
    what: `batches of ${batch}, ${dropsAtOnce === 1 ? 'one drop' : `${dropsAtOnce} drops at once`}`,
    value: `${whole(ordersPerSecond)} orders/s, ${msPerBatch.toFixed(1)} ms a batch`,
  })),
  { measured },
  { json: said.json, out: said.out },
)
