/**
 * The audit: a good drop passes, and each rule fails on a drop that was spoiled for it. A check that never failed proves
 * nothing.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest'
import type { DropId, OrderId } from '../protocol/ids.ts'
import { formatLines } from '../protocol/lines.ts'
import type { Claim, Entry, Fence } from '../rooms/ports.ts'
import { type AuditedLedger, audit, auditUnits, type Finding } from '../storage/audit.ts'
import { MemoryLeases } from '../storage/leases/memory-leases.ts'
import { MemoryLedger } from '../storage/ledger/memory-ledger.ts'
import { PostgresDropBook } from '../storage/orders/postgres-drop-book.ts'
import { cancelOf, PostgresStockBook } from '../storage/stock/stock-book.ts'
import { ask, dropOf, keyOf, sku } from './builders/people.ts'
import { planDrop } from './contracts/drop-book-postgres.ts'
import { NODE_A } from './contracts/drop-book-world.ts'
import { type MigratedDatabase, migratedDatabase } from './setup/migrated-database.ts'

let database: MigratedDatabase
beforeAll(async () => {
  database = await migratedDatabase(inject('databaseUrl'))
  // What the schema forbids must be written somehow, or its checks could not be seen to fail.
  await database.sql`alter table drop_items drop constraint sold_within_total`
  await database.sql`drop index orders_key`
})
afterAll(() => database.close())

let drop: DropId
let ledger: MemoryLedger
let book: PostgresDropBook

/** Ten shoes and ten hats: ana, ben and cem have ordered, all is written; ana's is the first order. */
beforeEach(async () => {
  const made = await planDrop(database.sql, { stock: { shoe: 10, hat: 10 }, limits: { shoe: 2 }, limit: 3 })
  drop = made.drop
  book = new PostgresDropBook(database.sql)
  const leases = new MemoryLeases()
  ledger = new MemoryLedger(leases)

  await leases.acquire(drop, NODE_A, 60_000)
  const taken = await book.take(drop, NODE_A)
  const fenced = await book.fence(drop, taken?.epoch ?? 0)
  if (fenced === undefined) throw new Error('not fenced')
  const opened = await ledger.rebuild(drop, 1, NODE_A, fenced.seed)
  expect(opened).toEqual({ answer: 'opened' })

  await accept(0, [ask(drop, 'ana', { shoe: 2, hat: 1 }), ask(drop, 'ben'), ask(drop, 'cem', { hat: 2 })])
  await relay()
})

/** What the owner says who knows of everything up to there. */
async function fence(prevSeq: number): Promise<Fence> {
  const prevBatch = (await ledger.read(drop))?.batch ?? 0
  return { epoch: 1, prevSeq, prevBatch, batch: prevBatch + 1 }
}

async function accept(prevSeq: number, claims: Claim[]): Promise<void> {
  const answer = await ledger.order(drop, await fence(prevSeq), claims)
  expect(answer).toMatchObject({ answer: 'ok', seq: prevSeq + claims.length })
}

async function relay(from = { epoch: 0, seq: 0 }): Promise<void> {
  await book.write(drop, 1, await ledger.entries(drop, from, 512))
}

async function findings(over: Partial<AuditedLedger> = {}): Promise<Finding[]> {
  const read: AuditedLedger['read'] = (of) => ledger.read(of)
  const entries: AuditedLedger['entries'] = (of, after, max) => ledger.entries(of, after, max)
  const stores = { sql: database.sql, ledger: { read, entries, ...over } }
  const all = await audit(stores, drop)

  // [NN6] A node asks for its units alone, and finds the very same.
  expect(await auditUnits(stores, drop)).toEqual(all.find((one) => one.rule === 'I3'))
  return all
}
const broken = (all: Finding[]) => all.filter((one) => !one.ok).map((one) => one.rule)
const firstOrder = () => ask(drop, 'ana').orderId

describe('audit', () => {
  it('[P17] finds nothing wrong with a drop that is well, and says what it counted', async () => {
    const all = await findings()

    expect(broken(all)).toEqual([])
    expect(all.map((one) => one.rule)).toEqual(['I1', 'I2', 'I3', 'I4', 'I5', 'I10', 'I11', 'I15'])
    expect(all[2]?.figures).toEqual({ total: 20, sold: 6, accepted: 0, left: 14, twice: 0, lost: 0, quiet: 1 })
    expect(all[5]?.figures).toMatchObject({ entries: 3, unwritten: 0 })
  })

  it('[P17] finds nothing wrong while accepted orders are on their way', async () => {
    await accept(3, [ask(drop, 'dia', { shoe: 1, hat: 1 }), ask(drop, 'eli', { hat: 3 })])

    const all = await findings()

    expect(broken(all)).toEqual([])
    expect(all[2]?.figures).toMatchObject({ accepted: 5, left: 9, quiet: 0 })
  })

  it('[P17] finds nothing wrong with a drop whose room is lost, revoked orders and all', async () => {
    await accept(3, [ask(drop, 'dia', { hat: 3 })])
    await database.sql`update drop_items set limit_per_buyer = 2 where drop_id = ${drop} and sku = 'hat'`
    await relay({ epoch: 1, seq: 3 })
    expect(broken(await findings())).toEqual([])
    ledger.wipe()

    expect(broken(await findings())).toEqual([])
  })

  it('[P17] knows no drop that is not there', async () => {
    await expect(audit({ sql: database.sql, ledger }, dropOf('nothing'))).rejects.toMatchObject({ code: 'not_found' })
  })

  it('[P17] I1 fails on more sold than there is, in either store', async () => {
    const room = await ledger.read(drop)
    const below = { ...room, items: room?.items.map((item) => ({ ...item, left: -1 })) } as typeof room
    expect(broken(await findings({ read: async () => below }))).toContain('I1')

    await database.sql`update drop_items set total = 1 where drop_id = ${drop} and sku = 'shoe'`
    expect(broken(await findings())).toContain('I1')
  })

  it('[P17] I2 fails on a sold count that its orders do not add up to', async () => {
    await database.sql`update drop_items set sold = sold + 1 where drop_id = ${drop} and sku = 'hat'`

    expect(broken(await findings())).toContain('I2')
  })

  it('[P17] I2 fails on an order that was cancelled without giving its units back', async () => {
    await database.sql`update orders set state = 'cancelled' where id = ${firstOrder()}`

    expect(broken(await findings())).toContain('I2')
  })

  it('[P17] I3 fails on a unit that is there twice, and on one that is lost', async () => {
    await database.sql`update drop_items set total = total - 1 where drop_id = ${drop} and sku = 'hat'`
    expect(broken(await findings())).toEqual(['I3'])

    await database.sql`update drop_items set total = total + 2 where drop_id = ${drop} and sku = 'hat'`
    const lost = await findings()
    expect(broken(lost)).toEqual(['I3'])
    expect(lost[2]?.detail).toBe('hat: 1 units are lost')
  })

  it('[P17] I4 fails on a buyer over a limit, and on units that are not those of the orders', async () => {
    await database.sql`update drop_items set limit_per_buyer = 1 where drop_id = ${drop} and sku = 'shoe'`
    expect(broken(await findings())).toEqual(['I4'])

    await database.sql`update drop_items set limit_per_buyer = 2 where drop_id = ${drop} and sku = 'shoe'`
    await database.sql`update drops set limit_per_buyer = 2 where id = ${drop}`
    expect(broken(await findings())).toEqual(['I4'])

    await database.sql`update drops set limit_per_buyer = 3 where id = ${drop}`
    await database.sql`update drop_buyers set units = units - 1 where drop_id = ${drop} and sku = 'shoe'`
    expect(broken(await findings())).toEqual(['I4'])
  })

  it('[P17] I5 fails on a key with two orders, in Postgres and in the log', async () => {
    const twin = 'a'.repeat(26) as OrderId
    await database.sql`
      insert into orders select ${twin}, drop_id, buyer_id, key, 'revoked', 'limit', epoch, 99, accepted_at, null
      from orders where id = ${firstOrder()}`
    expect(broken(await findings())).toContain('I5')
    await database.sql`delete from orders where id = ${twin}`

    const forged = { ...ask(drop, 'ben', { hat: 1 }, 'k2'), key: keyOf('k1') }
    await accept(3, [forged])
    expect(broken(await findings())).toContain('I5')
  })

  it('[P17] I10 fails on a hole in the log, before and after the watermark', async () => {
    const without = (seq: number) => async (of: DropId, after: Parameters<AuditedLedger['entries']>[1], max: number) =>
      (await ledger.entries(of, after, max)).filter((entry: Entry) => entry.position.seq !== seq)
    await accept(3, [ask(drop, 'dia'), ask(drop, 'eli'), ask(drop, 'fay')])

    expect(broken(await findings())).toEqual([])
    expect(broken(await findings({ entries: without(2) }))).toEqual(['I10'])
    expect(broken(await findings({ entries: without(4) }))).toEqual(['I10'])
    expect(broken(await findings({ entries: without(5) }))).toEqual(['I10'])
    expect(broken(await findings({ entries: without(6) }))).toEqual(['I10'])
  })

  it('[P17] I10 fails on an order before the watermark that Postgres does not have', async () => {
    await database.sql`delete from orders where id = ${firstOrder()}`

    expect(broken(await findings())).toContain('I10')
  })

  /** As the edge does it: Postgres first, then the ledger, then the log comes to Postgres. */
  async function giveBack(name: string, prevSeq: number): Promise<void> {
    const { orderId, buyer, lines } = ask(drop, name, { hat: 2 })
    expect(await new PostgresStockBook(database.sql).cancel(orderId, buyer)).toMatchObject({ said: 'now', lines })
    await ledger.adjust(drop, await fence(prevSeq), cancelOf(orderId), { kind: 'release', orderId, buyer, lines })
    await relay({ epoch: 1, seq: prevSeq })
  }

  it('[P17, E4] finds nothing wrong with restocks and orders given back, at any of their steps', async () => {
    const stock = new PostgresStockBook(database.sql)
    const more = [{ sku: sku('shoe'), qty: 5 }]
    await stock.restock(drop, 'op-1', more)
    expect(broken(await findings())).toEqual([])
    await ledger.adjust(drop, await fence(3), 'op-1', { kind: 'restock', lines: formatLines(more) })
    expect(broken(await findings())).toEqual([])
    await relay({ epoch: 1, seq: 3 })
    await giveBack('cem', 4)

    const all = await findings()

    expect(broken(all)).toEqual([])
    expect(all[2]?.figures).toEqual({ total: 25, sold: 4, accepted: 0, left: 21, twice: 0, lost: 0, quiet: 1 })
    expect(all[6]?.figures).toMatchObject({ transitions: 4 })
    expect(all[7]?.figures).toEqual({ restocks: 1, cancelled: 1, unreturned: 0, unfounded: 0 })
  })

  it('[P17] I11 and I15 fail on an order given back that is not told, or whose units nobody owes', async () => {
    await giveBack('cem', 3)
    await database.sql`delete from outbox where drop_id = ${drop} and kind = 'order_cancelled'`
    expect(broken(await findings())).toEqual(['I11'])

    await database.sql`update drop_ops set op_id = ${cancelOf(firstOrder())} where drop_id = ${drop}`
    const last = (await findings()).at(-1)
    expect(last).toMatchObject({ ok: false, figures: { unreturned: 1, unfounded: 1 } })
    expect(last?.detail).toContain('that Postgres did not do first')
  })

  it('[P17] I15 fails on units that went into the stock before Postgres had them', async () => {
    await ledger.adjust(drop, await fence(3), 'op-1', {
      kind: 'restock',
      lines: formatLines([{ sku: sku('hat'), qty: 1 }]),
    })

    expect(broken(await findings())).toContain('I15')
  })

  it('[P17] I11 fails on a transition that is not told, told twice, or of no order', async () => {
    await database.sql`insert into outbox (drop_id, kind, body) select drop_id, kind, body from outbox where drop_id = ${drop}`
    expect(broken(await findings())).toEqual(['I11'])

    await database.sql`delete from outbox where drop_id = ${drop}`
    expect(broken(await findings())).toEqual(['I11'])

    const all = ['ana', 'ben', 'cem', 'nobody'].map((name) => ({ orderId: ask(drop, name).orderId }))
    await database.sql`
      insert into outbox (drop_id, kind, body) values (${drop}, 'order_confirmed', ${database.sql.json(all)})`
    expect(broken(await findings())).toEqual(['I11'])
  })
})
