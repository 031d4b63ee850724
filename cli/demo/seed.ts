/**
 * Puts the demo world (world.ts) into a LiveDrop that has none yet.
 *
 * Accounts and follows go straight into Postgres, because sixty sign-ups from one address are what sign-up limits are
 * for. Everything else goes in as anybody's would: products, drops and orders over REST, so that what the demo shows has
 * gone the way of every order.
 */

import { fileURLToPath } from 'node:url'
import type { Role } from '../../protocol/api/endpoint.ts'
import type { CreatorId, UserId } from '../../protocol/ids.ts'
import { Passwords } from '../../server/inbound/passwords.ts'
import type { Tokens } from '../../server/inbound/tokens.ts'
import { type Account, Accounts } from '../../storage/accounts/accounts.ts'
import { Follows } from '../../storage/follows/follows.ts'
import { connectPostgres, type Sql } from '../../storage/postgres.ts'
import { call, type Rest } from '../rest.ts'
import { CREATORS, type DemoCreator, type DemoDrop, DROPS, FANS, ORDER_BY_HAND } from './world.ts'

const UNFINISHED = 'the demo world was begun and not finished: remove the data folder, or start with --no-world'

/** A folder. */
export const DEMO_PICTURES = fileURLToPath(new URL('./pictures/', import.meta.url))
export const DEMO_PASSWORD = 'once upon a drop'
export const addressOf = (name: string): string => `${name}@demo.example`

/** What a person needs to go on by hand. */
export interface DemoWorld {
  drop: string
  sku: string
  creatorToken: string
  fanToken: string
}

export interface DemoPlace {
  url: string
  databaseUrl: string
  tokens: Tokens
  tokenTtlMs: number
}

/** Seeds once; a world that is there already is left as it is, but for a drop that one can order from. */
export async function demoWorld(place: DemoPlace): Promise<DemoWorld> {
  const { sql, close } = connectPostgres(place.databaseUrl, { max: 2, name: 'livedrop-demo' })
  try {
    const accounts = new Accounts(sql)
    if ((await accounts.byEmail(addressOf(ORDER_BY_HAND.creator))) === undefined) await seed(place, sql)
    return await byHand(place, accounts)
  } finally {
    await close()
  }
}

async function seed(place: DemoPlace, sql: Sql): Promise<void> {
  const accounts = new Accounts(sql)
  // One hash for all: what costs time is the hashing, and the password is no secret.
  const passwordHash = await new Passwords().hash(DEMO_PASSWORD)
  const join = async (name: string, displayName: string, role: Role): Promise<Account> => {
    const account = await accounts.create({ email: addressOf(name), displayName, role, passwordHash })
    if (account === 'email_taken') throw new Error(UNFINISHED)
    return account
  }

  const fans: Account[] = []
  for (let n = 1; n <= FANS; n += 1) fans.push(await join(`fan${n}`, `Fan ${n}`, 'fan'))
  const products = new Map<string, string>()
  const makers = new Map<string, Rest>()
  for (const creator of CREATORS) {
    const account = await join(creator.name, creator.displayName, 'creator')
    const rest = await as(place, account)
    makers.set(creator.name, rest)
    for (const [name, id] of await offer(rest, creator)) products.set(name, id)
    await follow(sql, fans.slice(0, creator.followers), account.userId)
  }
  for (const plan of DROPS) {
    const [maker, product] = [makers.get(plan.creator), products.get(`${plan.creator} ${plan.product}`)]
    if (maker === undefined || product === undefined) throw new Error(`nobody makes ${plan.product}`)
    await hold(place, maker, product, plan, fans)
  }
}

async function offer(rest: Rest, { name, products }: DemoCreator): Promise<(readonly [string, string])[]> {
  const offered: (readonly [string, string])[] = []
  for (const [product, { title, description, picture, variants }] of Object.entries(products)) {
    const made = (await call(rest, 'POST', '/v1/products', {
      ...{ title, description, images: [`${rest.url}/pictures/${picture}`] },
      variants: variants.map(([sku, variant, priceMinor]) => ({ sku, title: variant, priceMinor, currency: 'EUR' })),
    })) as { id: string }
    offered.push([`${name} ${product}`, made.id])
  }
  return offered
}

async function follow(sql: Sql, fans: readonly Account[], creator: UserId): Promise<void> {
  const follows = new Follows(sql)
  for (const fan of fans) await follows.follow(fan.userId, creator as string as CreatorId)
}

async function hold(
  place: DemoPlace,
  maker: Rest,
  productId: string,
  plan: DemoDrop,
  fans: readonly Account[],
): Promise<string> {
  const { opensInS, becomes, stock, limitPerBuyer, lowStockAt, orders } = plan
  const { id } = (await call(maker, 'POST', '/v1/drops', {
    ...{ productId, opensAt: new Date(Date.now() + opensInS * 1_000).toISOString() },
    items: Object.entries(stock).map(([sku, units]) => ({ sku, stock: units })),
    ...(limitPerBuyer === undefined ? {} : { limitPerBuyer }),
    ...(lowStockAt === undefined ? {} : { lowStockAt }),
  })) as { id: string }
  if (becomes === 'coming') return id

  await open(maker, id)
  for (const [at, fan] of fans.entries()) {
    const [sku, qty] = orders[at] ?? []
    if (sku === undefined) break
    await call(await as(place, fan), 'POST', `/v1/drops/${id}/orders`, { lines: [{ sku, qty }] })
  }
  if (becomes === 'over') await call(maker, 'POST', `/v1/drops/${id}/close`)
  return id
}

/** Its time has come already, so the node may be quicker than its creator's hand, and then says that it is open. */
async function open(maker: Rest, drop: string): Promise<void> {
  try {
    await call(maker, 'POST', `/v1/drops/${drop}/open`)
  } catch (cause) {
    if (!String(cause).includes('"phase":"open"')) throw cause
  }
}

async function byHand(place: DemoPlace, accounts: Accounts): Promise<DemoWorld> {
  const [creator, fan] = [
    await accounts.byEmail(addressOf(ORDER_BY_HAND.creator)),
    await accounts.byEmail(addressOf('fan32')),
  ]
  if (creator === undefined || fan === undefined) throw new Error(UNFINISHED)

  const [maker, buyer] = [await as(place, creator), await as(place, fan)]
  const drop =
    (await firstOf(buyer, `/v1/drops?creator=${creator.userId}&phase=open`)) ?? (await another(place, maker, creator))
  return { drop, sku: ORDER_BY_HAND.sku, creatorToken: maker.token, fanToken: buyer.token }
}

/** Of an earlier run the live drop may be over by now. */
async function another(place: DemoPlace, maker: Rest, creator: Account): Promise<string> {
  const plan = DROPS.find(({ creator: name, becomes }) => name === ORDER_BY_HAND.creator && becomes === 'live')
  const product = await firstOf(maker, `/v1/products?creator=${creator.userId}`)
  if (plan === undefined || product === undefined) throw new Error(UNFINISHED)
  return hold(place, maker, product, plan, [])
}

async function firstOf(rest: Rest, path: string): Promise<string | undefined> {
  const { items } = (await call(rest, 'GET', path)) as { items: { id: string }[] }
  return items[0]?.id
}

async function as({ url, tokens, tokenTtlMs }: DemoPlace, { userId, role }: Account): Promise<Rest> {
  const { token } = await tokens.issue({ user: userId, role }, tokenTtlMs)
  return { url, token }
}
