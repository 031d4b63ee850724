/** Keys of writes that have no room, on real Postgres: kept with what they made, whichever node is asked. */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import type { CreatorId, DropId, IdempotencyKey, ProductId, Sku, UserId } from '../protocol/ids.ts'
import { writeKeyOf } from '../server/api/write-key.ts'
import { Accounts } from '../storage/accounts/accounts.ts'
import { type NewProduct, Products } from '../storage/catalog/products.ts'
import { Drops } from '../storage/drops/drops.ts'
import { connectPostgres, type Postgres } from '../storage/postgres.ts'
import { type MigratedDatabase, migratedDatabase } from './setup/migrated-database.ts'

let database: MigratedDatabase
/** Of another node: connections of its own. */
let elsewhere: Postgres
let creator: CreatorId
let user: UserId

beforeAll(async () => {
  database = await migratedDatabase(inject('databaseUrl'))
  elsewhere = connectPostgres(database.url, { max: 2, name: 'another node' })
  const account = await new Accounts(database.sql).create({
    ...{ email: 'cleo@example.com', passwordHash: 'x', displayName: 'Cleo', role: 'creator' },
  })
  if (account === 'email_taken') throw new Error(account)
  user = account.userId
  creator = user as string as CreatorId
})
afterAll(async () => {
  await elsewhere.close()
  await database.close()
})

const shirt: NewProduct = {
  ...{ title: 'Tour shirt', description: 'Warm.', images: [] },
  variants: [{ sku: 'SHIRT-M' as Sku, title: 'M', priceMinor: 3900, currency: 'EUR' }],
}
const under = (key: string, body: object = shirt) => writeKeyOf(user, key as IdempotencyKey, body)

describe('the key of a write without a room', () => {
  it('[R18] two nodes that are asked at once add one product, and a later node knows it too', async () => {
    const [here, there] = [new Products(database.sql), new Products(elsewhere.sql)]

    const both = await Promise.all([
      here.createOnce(creator, shirt, under('k1')),
      there.createOnce(creator, shirt, under('k1')),
      here.createOnce(creator, shirt, under('k1')),
    ])
    const later = await new Products(elsewhere.sql).createOnce(creator, shirt, under('k1'))

    expect(later).toMatchObject({ title: 'Tour shirt', creator })
    for (const answer of both) expect(answer).toEqual(later)
    expect(await here.list({ creator, limit: 100 })).toHaveLength(1)
    expect(await there.createOnce(creator, shirt, under('k1', { other: 'body' }))).toBe('key_mismatch')
  })

  it('[R18] a deleted product is not made again by its old key', async () => {
    const products = new Products(database.sql)
    const made = await products.createOnce(creator, shirt, under('k2'))
    if (typeof made === 'string') throw new Error(made)

    await products.remove(creator, made.productId)

    expect(await products.createOnce(creator, shirt, under('k2'))).toBe('unknown')
  })

  it('[R18] a refused drop leaves its key free, and a made one keeps it', async () => {
    const [drops, products] = [new Drops(database.sql), new Products(database.sql)]
    const plan = (productId: ProductId) => ({
      ...{ productId, opensAt: new Date(Date.UTC(2030, 4, 1)) },
      items: [{ sku: 'SHIRT-M' as Sku, stock: 5 }],
    })
    const product = await products.create(creator, shirt)
    const nobodys = '01890a5d-ac96-774b-bcce-b302099a8058' as ProductId

    expect(await drops.create(creator, plan(nobodys), under('k3'))).toEqual({ refused: 'unknown_product' })
    const [one, two] = await Promise.all([
      drops.create(creator, plan(product.productId), under('k3')),
      new Drops(elsewhere.sql).create(creator, plan(product.productId), under('k3')),
    ])

    expect(one).toMatchObject({ phase: 'scheduled' })
    expect(two).toEqual(one)
    expect(await drops.create(creator, plan(product.productId), under('k3', {}))).toEqual({ refused: 'key_mismatch' })
  })

  it('[E15] an announcement is told once, also by two nodes, and again when telling it failed', async () => {
    const drops = new Drops(database.sql)
    const drop = '01890a5d-ac96-774b-bcce-b302099a8059' as DropId
    let told = 0
    const tell = () => {
      told += 1
    }

    const failed = drops.announce(drop, under('k4'), () => {
      throw new Error('no bus')
    })
    await expect(failed).rejects.toThrow()
    const both = await Promise.all([
      drops.announce(drop, under('k4'), tell),
      new Drops(elsewhere.sql).announce(drop, under('k4'), tell),
    ])

    expect(both.sort()).toEqual(['repeated', 'told'])
    expect(told).toBe(1)
    expect(await drops.announce(drop, under('k4', { text: 'other' }), tell)).toBe('key_mismatch')
  })
})
