/** Products and drops as the edge makes and reads them. */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import type { CreatorId } from '../protocol/ids.ts'
import { Accounts } from '../storage/accounts/accounts.ts'
import { Products } from '../storage/catalog/products.ts'
import { Drops } from '../storage/drops/drops.ts'
import { dropOf, sku } from './builders/people.ts'
import { type MigratedDatabase, migratedDatabase } from './setup/migrated-database.ts'

let database: MigratedDatabase
let products: Products
let drops: Drops
beforeAll(async () => {
  database = await migratedDatabase(inject('databaseUrl'))
  products = new Products(database.sql)
  drops = new Drops(database.sql)
})
afterAll(() => database.close())

let count = 0
async function aCreator(): Promise<CreatorId> {
  count += 1
  const email = `creator-${count}@example.org`
  const made = await new Accounts(database.sql).create({ email, passwordHash: 'x', displayName: 'C', role: 'creator' })
  if (made === 'email_taken') throw new Error(made)
  return made.userId as string as CreatorId
}

const SHOES = {
  title: 'Shoe',
  description: 'One "quoted", {braced} \\ shoe',
  images: ['https://img.example/a,b.png', 'https://img.example/"c".png'],
  variants: [
    { sku: sku('shoe-43'), title: 'Size 43', priceMinor: 9_900, currency: 'EUR' },
    { sku: sku('shoe-42'), title: 'Size 42', priceMinor: 9_500, currency: 'EUR' },
  ],
}

describe('Products', () => {
  it('[P23] keeps a product as it was given, its variants in their order', async () => {
    const creator = await aCreator()
    const made = await products.create(creator, SHOES)

    expect(made).toEqual({ productId: made.productId, creator, archived: false, ...SHOES })
    expect(await products.byId(made.productId)).toEqual(made)
  })

  it('[P23] knows no product that is not there', async () => {
    expect(await products.byId(dropOf('nothing') as never)).toBeUndefined()
  })
})

describe('Drops', () => {
  it('[P24] schedules a drop with the prices and titles of that moment', async () => {
    const creator = await aCreator()
    const { productId } = await products.create(creator, SHOES)

    const made = await drops.create(creator, {
      productId,
      opensAt: new Date(1_900_000_000_123),
      closesAt: new Date(1_900_000_600_000),
      limitPerBuyer: 3,
      lowStockAt: 5,
      items: [
        { sku: sku('shoe-42'), stock: 10, limitPerBuyer: 2, priceMinor: 100 },
        { sku: sku('shoe-43'), stock: 0 },
      ],
    })
    if ('refused' in made) throw new Error(made.refused)
    await database.sql`update variants set price_minor = 1, title = 'Changed' where product_id = ${productId}`

    expect(await drops.byId(made.drop)).toEqual(made)
    expect(await drops.phases([dropOf('nothing'), made.drop])).toEqual(new Map([[made.drop, 'scheduled']]))
    expect(made).toEqual({
      drop: made.drop,
      creator,
      productId,
      title: 'Shoe',
      phase: 'scheduled',
      opensAtMs: 1_900_000_000_123,
      closesAtMs: 1_900_000_600_000,
      limitPerBuyer: 3,
      lowStockAt: 5,
      position: { epoch: 0, seq: 0 },
      items: [
        { sku: 'shoe-42', title: 'Size 42', priceMinor: 100, currency: 'EUR', total: 10, sold: 0, limit: 2 },
        { sku: 'shoe-43', title: 'Size 43', priceMinor: 9_900, currency: 'EUR', total: 0, sold: 0, limit: null },
      ],
    })
  })

  it('[P24] sells nobody a product of another creator, nor a SKU that the product does not have', async () => {
    const [creator, thief] = [await aCreator(), await aCreator()]
    const { productId } = await products.create(creator, SHOES)
    const plan = { productId, opensAt: new Date(), items: [{ sku: sku('shoe-42'), stock: 1 }] }

    expect(await drops.create(thief, plan)).toEqual({ refused: 'unknown_product' })
    expect(await drops.create(creator, { ...plan, items: [{ sku: sku('hat'), stock: 1 }] })).toEqual({
      refused: 'unknown_sku',
    })
    expect(await database.sql`select from drops where product_id = ${productId}`).toHaveLength(0)
  })

  it('[P24] knows no drop that is not there', async () => {
    expect(await drops.byId(dropOf('nothing'))).toBeUndefined()
    expect(await drops.phases([dropOf('nothing')])).toEqual(new Map())
  })
})
