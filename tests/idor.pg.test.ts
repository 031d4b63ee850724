/**
 * Who may reach whose things: every row of the REST table and every message of the socket, by everybody, on real Postgres.
 *
 * The tables here are keyed by the tables of the product: a route or a message that is not listed fails the test until
 * somebody has thought about who may ask it of whom.
 */
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest'
import type { Endpoint, Role } from '../protocol/api/endpoint.ts'
import { ENDPOINTS } from '../protocol/api/endpoints.ts'
import type { Down } from '../protocol/down.ts'
import type { CreatorId, DropId, IdempotencyKey, OrderId, ProductId, Sku, UserId } from '../protocol/ids.ts'
import type { LinesText } from '../protocol/lines.ts'
import { UP_TYPES, type Up } from '../protocol/up.ts'
import { orderIdOf } from '../rooms/order-id.ts'
import { DropPages } from '../server/api/drop-pages.ts'
import { apiRoutes } from '../server/api/routes.ts'
import { Cancellations } from '../server/inbound/cancellations.ts'
import type { Outcomes } from '../server/inbound/outcomes.ts'
import { Accounts } from '../storage/accounts/accounts.ts'
import { AdminActions } from '../storage/accounts/admin-actions.ts'
import { SignIns } from '../storage/accounts/sign-ins.ts'
import { StandingBook } from '../storage/accounts/standings.ts'
import { Products } from '../storage/catalog/products.ts'
import { Creators } from '../storage/creators/creators.ts'
import { Drops } from '../storage/drops/drops.ts'
import { Follows } from '../storage/follows/follows.ts'
import { Inbox } from '../storage/inbox/inbox.ts'
import { OrderReader } from '../storage/orders/order-reader.ts'
import { PostgresDropBook } from '../storage/orders/postgres-drop-book.ts'
import { PostgresStockBook } from '../storage/stock/stock-book.ts'
import { EdgeWorld } from './builders/edge-world.ts'
import { HandClock } from './builders/hand-clock.ts'
import { httpNode } from './builders/http-node.ts'
import { restWorld } from './builders/rest-world.ts'
import { type MigratedDatabase, migratedDatabase } from './setup/migrated-database.ts'

let database: MigratedDatabase
let node: Awaited<ReturnType<typeof httpNode>>
let cancellations: Cancellations
const fake = restWorld()

beforeAll(async () => {
  database = await migratedDatabase(inject('databaseUrl'))
  const { sql } = database
  passwordHash = await fake.world.passwords.hash('a password that nobody here has typed')
  fake.answers.order = (drop) => ({ verdict: drop === NOWHERE.drop ? 'invalid' : 'accepted' })
  const drops = new Drops(sql)
  const stock = new PostgresStockBook(sql)
  const outcomes: Pick<Outcomes, 'of'> = {
    of: async (_, drop, keys) => keys.map((key) => ({ type: 'outcome', drop, key, state: 'unknown' })),
  }
  cancellations = new Cancellations({ stock, outcomes, rooms: fake.world.rooms, secondLookMs: 1 })
  const routes = apiRoutes({
    ...fake.world,
    ...{ drops, stock, cancellations, nowMs: Date.now },
    accounts: new Accounts(sql),
    signIns: new SignIns(sql, Date.now),
    standingBook: new StandingBook(sql, { accountsAreElsewhere: false }),
    actions: new AdminActions(sql),
    creators: new Creators(sql),
    follows: new Follows(sql),
    products: new Products(sql),
    inbox: new Inbox(sql),
    orders: new OrderReader(sql),
    dropPages: new DropPages({
      ...{ drops, clock: new HandClock(), log: { warn: () => undefined } },
      ledger: { read: async () => undefined },
    }),
  })
  node = await httpNode({ routes, tokens: fake.tokens })
})
afterAll(async () => {
  node.close()
  await database.close()
})

// --- the people and their things -----------------------------------------------------------------------------------------

const CALLERS = ['nobody', 'buyer', 'stranger', 'creator', 'rival', 'admin'] as const
type Caller = (typeof CALLERS)[number]
const ROLE_OF: Record<Exclude<Caller, 'nobody'>, Role> = {
  ...{ buyer: 'fan', stranger: 'fan', creator: 'creator', rival: 'creator', admin: 'admin' },
}
const KEY = 'tap-1' as IdempotencyKey
let passwordHash = ''
let people = 0

async function person(role: Role): Promise<{ user: UserId; token: string }> {
  people += 1
  const account = { email: `p${people}@example.com`, displayName: `P ${people}`, role, passwordHash }
  const made = await new Accounts(database.sql).create(account)
  if (made === 'email_taken') throw new Error(made)
  return { user: made.userId, token: (await fake.tokens.issue({ user: made.userId, role })).token }
}

/** A buyer with an order in a creator's drop of the creator's product, and everybody else beside them. */
async function shop() {
  const { sql } = database
  const who = {} as Record<Exclude<Caller, 'nobody'>, { user: UserId; token: string }>
  for (const [caller, role] of Object.entries(ROLE_OF)) who[caller as keyof typeof who] = await person(role)

  const creator = who.creator.user as string as CreatorId
  const variants = [{ sku: 'SHIRT-M' as Sku, title: 'M', priceMinor: 3900, currency: 'EUR' }]
  const shirt = { title: 'Shirt', description: '', images: [], variants }
  const { productId } = await new Products(sql).create(creator, shirt)
  const items = [{ sku: 'SHIRT-M' as Sku, stock: 9 }]
  const made = await new Drops(sql).create(creator, { productId, opensAt: new Date(Date.UTC(2090, 4, 1)), items })
  if ('refused' in made) throw new Error(made.refused)

  const order = orderIdOf(made.drop, who.buyer.user, KEY)
  await new PostgresDropBook(sql).write(made.drop, 0, [
    {
      ...{ kind: 'order', position: { epoch: 0, seq: 1 }, atMs: Date.now(), orderId: order, key: KEY },
      ...{ buyer: who.buyer.user, lines: 'SHIRT-M:1' as LinesText },
    },
  ])
  return { who, things: { product: productId, drop: made.drop, order, user: who.buyer.user, creator } }
}

interface Things {
  product: ProductId
  drop: DropId
  order: OrderId
  user: UserId
  creator: CreatorId
}

const NOWHERE: Things = {
  product: '01890a5d-ac96-774b-bcce-b302099a0001' as ProductId,
  drop: '01890a5d-ac96-774b-bcce-b302099a0002' as DropId,
  order: 'a'.repeat(26) as OrderId,
  user: '01890a5d-ac96-774b-bcce-b302099a0003' as UserId,
  creator: '01890a5d-ac96-774b-bcce-b302099a0004' as CreatorId,
}

/** Every word of every table, as one: whatever is refused leaves it as it was. */
async function everything(): Promise<string> {
  const { sql } = database
  const tables = await sql<{ name: string }[]>`
    select tablename as name from pg_tables where schemaname = 'public' order by tablename`
  const words = await Promise.all(
    tables.map(async ({ name }) => {
      const [row] = await sql`select md5(string_agg(t::text, ',' order by t::text)) as sum from ${sql(name)} t`
      return `${name} ${row?.sum}`
    }),
  )
  return words.join('\n')
}

// --- REST ----------------------------------------------------------------------------------------------------------------

type Statuses = readonly [
  nobody: number,
  buyer: number,
  stranger: number,
  creator: number,
  rival: number,
  admin: number,
]
const ANYBODY: Statuses = [200, 200, 200, 200, 200, 200]
const SIGNED_IN: Statuses = [401, 200, 200, 200, 200, 200]
/** One's own, whoever one is; what it shows is looked at below. */
const OWN = SIGNED_IN
const CREATORS_OWN: Statuses = [401, 403, 403, 200, 403, 200]
const ADMINS: Statuses = [401, 403, 403, 403, 403, 200]

/** What is said of the shop's things, and of things that do not exist where the route names one. */
const REST: Record<string, { of: Statuses; unknown?: Statuses }> = {
  register: { of: [201, 201, 201, 201, 201, 201] },
  login: { of: [401, 401, 401, 401, 401, 401] },
  refresh: { of: [401, 401, 401, 401, 401, 401] },
  logout: { of: ANYBODY },
  me: { of: OWN },
  changePassword: { of: [401, 401, 401, 401, 401, 401] },
  readKeys: { of: ANYBODY },
  listCreators: { of: ANYBODY },
  readCreator: { of: ANYBODY, unknown: [404, 404, 404, 404, 404, 404] },
  followCreator: { of: SIGNED_IN, unknown: [401, 404, 404, 404, 404, 404] },
  unfollowCreator: { of: SIGNED_IN, unknown: [401, 404, 404, 404, 404, 404] },
  listFollowers: { of: SIGNED_IN, unknown: [401, 404, 404, 404, 404, 404] },
  listFollows: { of: OWN },
  createProduct: { of: [401, 403, 403, 201, 201, 403] },
  listProducts: { of: ANYBODY },
  readProduct: { of: ANYBODY, unknown: [404, 404, 404, 404, 404, 404] },
  changeProduct: { of: [401, 403, 403, 200, 403, 403], unknown: [401, 403, 403, 404, 404, 403] },
  removeProduct: { of: [401, 403, 403, 200, 403, 403], unknown: [401, 403, 403, 404, 404, 403] },
  createDrop: { of: [401, 403, 403, 201, 400, 403], unknown: [401, 403, 403, 400, 400, 403] },
  readDrop: { of: ANYBODY, unknown: [404, 404, 404, 404, 404, 404] },
  listDrops: { of: ANYBODY },
  changeDrop: { of: CREATORS_OWN, unknown: [401, 403, 403, 404, 404, 404] },
  openDrop: { of: CREATORS_OWN, unknown: [401, 403, 403, 404, 404, 404] },
  pauseDrop: { of: CREATORS_OWN, unknown: [401, 403, 403, 404, 404, 404] },
  resumeDrop: { of: CREATORS_OWN, unknown: [401, 403, 403, 404, 404, 404] },
  closeDrop: { of: CREATORS_OWN, unknown: [401, 403, 403, 404, 404, 404] },
  cancelDrop: { of: CREATORS_OWN, unknown: [401, 403, 403, 404, 404, 404] },
  restockDrop: { of: CREATORS_OWN, unknown: [401, 403, 403, 404, 404, 404] },
  announceDrop: { of: CREATORS_OWN, unknown: [401, 403, 403, 404, 404, 404] },
  placeOrder: { of: [401, 201, 201, 201, 201, 201], unknown: [401, 404, 404, 404, 404, 404] },
  listOrders: { of: OWN },
  listDropOrders: { of: CREATORS_OWN, unknown: [401, 403, 403, 404, 404, 404] },
  readOrder: { of: [401, 200, 404, 404, 404, 404], unknown: [401, 404, 404, 404, 404, 404] },
  cancelOrder: { of: [401, 200, 404, 404, 404, 404], unknown: [401, 404, 404, 404, 404, 404] },
  listNotifications: { of: OWN },
  readNotifications: { of: OWN },
  banUser: { of: ADMINS, unknown: [401, 403, 403, 403, 403, 404] },
  unbanUser: { of: ADMINS, unknown: [401, 403, 403, 403, 403, 404] },
  changeRole: { of: ADMINS, unknown: [401, 403, 403, 403, 403, 404] },
  listActions: { of: ADMINS },
  livez: { of: ANYBODY },
  readyz: { of: ANYBODY },
  readContract: { of: ANYBODY },
  readSocketContract: { of: ANYBODY },
}

/** Who is shown that the buyer has this order, by what. */
const SHOWS_ORDER = new Set(['buyer', 'creator listDropOrders', 'admin listDropOrders'])

function thingOf({ path }: Endpoint): keyof Things | undefined {
  const [, kind] = /^\/v1\/(?:admin\/)?(\w+)s\/:id/.exec(path) ?? []
  return kind as keyof Things | undefined
}

function ask({ name, method, path, key, example }: Endpoint, things: Things, token: string | undefined) {
  const thing = thingOf({ path } as Endpoint)
  const body = structuredClone(example.body) as Record<string, unknown> | undefined
  if (body !== undefined && 'productId' in body) body.productId = things.product
  if (name === 'register') Object.assign(body ?? {}, { email: `new${++people}@example.com` })
  if (name === 'changeDrop') Object.assign(body ?? {}, { opensAt: '2091-05-01T20:00:00Z', closesAt: null, items: [] })
  if (name === 'banUser') Object.assign(body ?? {}, { until: '2099-01-01T00:00:00Z' })
  if (name === 'changeDrop') Object.assign(body ?? {}, { items: undefined })
  return node.call(method.toUpperCase(), path.replace(':id', thing === undefined ? '' : things[thing]), {
    ...(token === undefined ? {} : { token }),
    ...(key === 'none' ? {} : { key: 'another-tap' }),
    ...(body === undefined ? {} : { body }),
  })
}

describe('every route of the table', () => {
  it('[KK4] is in this table, and no other', () => {
    expect(Object.keys(REST).sort()).toEqual(ENDPOINTS.map(({ name }) => name).sort())
    const nameThings = ENDPOINTS.filter(({ path }) => path.includes(':')).map((endpoint) => [
      ...[endpoint.name, thingOf(endpoint) !== undefined, REST[endpoint.name]?.unknown !== undefined],
    ])
    expect(nameThings).toEqual(nameThings.map(([name]) => [name, true, true]))
  })

  it.each(ENDPOINTS.map((endpoint) => [endpoint.name, endpoint] as const))(
    '[KK4] %s is answered by who asks it of whose',
    async (name, endpoint) => {
      const expected = REST[name]
      let world: Awaited<ReturnType<typeof shop>> | undefined
      const heard: Record<string, number> = {}
      const wanted: Record<string, number> = {}
      for (const [at, caller] of CALLERS.entries()) {
        world ??= await shop()
        const { who, things } = world
        const token = caller === 'nobody' ? undefined : who[caller].token
        const before = await everything()
        if (expected?.unknown !== undefined) {
          const answer = await ask(endpoint, { ...NOWHERE }, token)
          heard[`${caller}, unknown`] = answer.status
          wanted[`${caller}, unknown`] = expected.unknown[at] ?? 0
          expect([name, caller, await everything()]).toEqual([name, caller, before])
        }
        const answer = await ask(endpoint, things, token)
        heard[caller] = answer.status
        wanted[caller] = expected?.of[at] ?? 0
        if (answer.status >= 400) expect([name, caller, await everything()]).toEqual([name, caller, before])
        else if (endpoint.method !== 'get') world = undefined
        const shown = answer.text.includes(things.order)
        const mayBeShown = SHOWS_ORDER.has(caller) || SHOWS_ORDER.has(`${caller} ${name}`)
        expect([name, caller, shown && !mayBeShown]).toEqual([name, caller, false])
      }
      expect(heard).toEqual(wanted)
    },
  )

  it('[KK5] says the same of an order of somebody else’s as of none, word for word', async () => {
    const { who, things } = await shop()
    const said = async (caller: Exclude<Caller, 'nobody'>, method: string, order: OrderId, tail: string) => {
      const { status, headers, body } = await node.call(method, `/v1/orders/${order}${tail}`, who[caller])
      const { 'x-request-id': _, date: __, ...rest } = Object.fromEntries(headers)
      return { status, rest, body: { ...body, requestId: '' } }
    }

    for (const caller of ['stranger', 'creator', 'rival', 'admin'] as const) {
      for (const [method, tail] of [
        ['GET', ''],
        ['POST', '/cancel'],
        ['POST', `/cancel?drop=${things.drop}&key=${KEY}`],
      ] as const) {
        const foreign = await said(caller, method, things.order, tail)
        expect(foreign.status).toBe(404)
        expect(foreign).toEqual(await said(caller, method, NOWHERE.order, tail))
      }
    }
  })
})

// --- the socket ----------------------------------------------------------------------------------------------------------

describe('every message of the socket', () => {
  const answerOf = (said: Down | undefined) => {
    if (said?.type === 'error') return said.code
    return said?.type === 'receipt' ? `receipt ${said.verdict}` : said?.type
  }

  /** Three sockets on one edge: of the buyer, of a stranger and of nobody. The order is in Postgres. */
  async function sockets() {
    const { who, things } = await shop()
    const world = new EdgeWorld()
    world.cancel = (asked) => cancellations.cancel(asked)
    world.addDrop(things.drop)
    world.rows.set(things.order, { state: 'confirmed', buyer: who.buyer.user })
    const connected = async (caller: 'buyer' | 'stranger') => {
      const client = world.connect()
      await client.asks({ type: 'hello', token: world.token(caller, { user: who[caller].user }) })
      return client
    }
    world.token('third')
    const clients = { nobody: await world.anonymous(), stranger: await connected('stranger') }
    return { world, who, things, clients: { ...clients, buyer: await connected('buyer') } }
  }
  type Asker = 'nobody' | 'stranger' | 'buyer'

  const SOCKET: Record<Up['type'], { say: (things: Things) => Omit<Up, 'type'>; hear: Record<Asker, string> }> = {
    hello: {
      say: () => ({ token: 'token-of-buyer' }),
      hear: { nobody: 'conflict', stranger: 'conflict', buyer: 'conflict' },
    },
    auth: {
      say: () => ({ token: 'token-of-third', id: 1 }),
      hear: { nobody: 'unauthorized', stranger: 'forbidden', buyer: 'forbidden' },
    },
    watch: {
      say: ({ drop }) => ({ drop, id: 1 }),
      hear: { nobody: 'snapshot', stranger: 'snapshot', buyer: 'snapshot' },
    },
    unwatch: { say: ({ drop }) => ({ drop, id: 1 }), hear: { nobody: 'ok', stranger: 'ok', buyer: 'ok' } },
    order: {
      say: ({ drop }) => ({ drop, key: KEY, id: 1, lines: [{ sku: 'shoe', qty: 1 }] }) as never,
      hear: { nobody: 'receipt unauthorized', stranger: 'receipt accepted', buyer: 'receipt accepted' },
    },
    cancel: {
      say: ({ order, drop }) => ({ orderId: order, drop, key: KEY, id: 1 }) as never,
      hear: { nobody: 'receipt unauthorized', stranger: 'receipt invalid', buyer: 'receipt accepted' },
    },
    outcomes: {
      say: ({ drop }) => ({ drop, keys: [KEY], id: 1 }),
      hear: { nobody: 'unauthorized', stranger: 'outcome', buyer: 'outcome' },
    },
    clock: { say: () => ({ t0: 1 }), hear: { nobody: 'clock', stranger: 'clock', buyer: 'clock' } },
  }

  it('[KK4] is in this table, and no other', () => {
    expect(Object.keys(SOCKET).sort()).toEqual([...UP_TYPES].sort())
  })

  it.each(Object.entries(SOCKET))('[KK4] %s is answered by who says it of whose', async (type, { say, hear }) => {
    const { world, who, things, clients } = await sockets()
    const before = await everything()
    for (const asker of ['nobody', 'stranger', 'buyer'] as const) {
      const { peer } = clients[asker]
      peer.take()
      clients[asker].say({ type, ...say(things) })
      await vi.waitFor(async () => {
        await world.clock.advance(50)
        expect(peer.heard.length).toBeGreaterThan(0)
      }, 10_000)
      expect([asker, answerOf(peer.heard[0])]).toEqual([asker, hear[asker]])
      if (asker === 'buyer') continue

      // Nothing of the buyer's is shown or touched, and nobody becomes anybody else.
      // (A refused cancellation repeats the id that it was asked for.)
      if (type !== 'cancel') expect(JSON.stringify(peer.heard)).not.toContain(things.order)
      expect(await everything()).toBe(before)
      const outcome = peer.heard.find((said) => said.type === 'outcome')
      if (outcome !== undefined) expect(outcome).toMatchObject({ state: 'unknown' })
    }
    expect(world.claims.map(({ claim }) => claim.buyer)).toEqual(
      type === 'order' ? [who.stranger.user, who.buyer.user] : [],
    )
  })
})
