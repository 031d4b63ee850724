/** People in Postgres. */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { Accounts } from '../storage/accounts/accounts.ts'
import { buyer } from './builders/people.ts'
import { type MigratedDatabase, migratedDatabase } from './setup/migrated-database.ts'

let database: MigratedDatabase
let accounts: Accounts
beforeAll(async () => {
  database = await migratedDatabase(inject('databaseUrl'))
  accounts = new Accounts(database.sql)
})
afterAll(() => database.close())

const ana = { email: 'Ana@example.org', passwordHash: '$hash', displayName: 'Ana', role: 'fan' } as const

describe('Accounts', () => {
  it('[P22] keeps an account and finds it again, by address whatever its capitals', async () => {
    const made = await accounts.create(ana)
    if (made === 'email_taken') throw new Error(made)

    expect(made).toEqual({ userId: made.userId, email: 'Ana@example.org', displayName: 'Ana', role: 'fan' })
    expect(await accounts.byId(made.userId)).toEqual(made)
    expect(await accounts.byEmail('ANA@example.ORG')).toEqual({ ...made, passwordHash: '$hash', isBanned: false })
  })

  it('[P22] gives an address to one account only, also when two ask at once', async () => {
    const asked = { ...ana, email: 'ben@example.org' }
    const both = await Promise.all([accounts.create(asked), accounts.create({ ...asked, email: 'BEN@example.org' })])

    expect(both.filter((one) => one === 'email_taken')).toHaveLength(1)
  })

  it('[P22] knows nobody who is not there', async () => {
    expect(await accounts.byEmail("' or 1=1 --")).toBeUndefined()
    expect(await accounts.byId(buyer('nobody'))).toBeUndefined()
  })

  it('[P22] makes a creator of an account in that role, under the same id', async () => {
    const made = await accounts.create({ ...ana, email: 'cem@example.org', role: 'creator' })
    if (made === 'email_taken') throw new Error(made)

    expect(await database.sql`select id, display_name from creators`).toEqual([
      { id: made.userId, display_name: 'Ana' },
    ])
  })

  it('[P22] makes many fans at once who exist and cannot sign in', async () => {
    const ids = await accounts.createMany(5_001)

    expect(new Set(ids).size).toBe(5_001)
    const [last] = ids.slice(-1)
    const one = last && (await accounts.byId(last))
    expect(one).toMatchObject({ role: 'fan', displayName: 'Fan 5001' })
    expect(one && (await accounts.byEmail(one.email))?.passwordHash).toBeNull()
  })
})
