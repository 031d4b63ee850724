/**
 * Everything REST asks of a node, made of plain maps: people, products, drops, orders, and rooms that answer what a test
 * tells them to. What they were asked is kept, so that a test can look.
 */

import type { Role } from '../../protocol/api/endpoint.ts'
import type { Readiness } from '../../protocol/api/health.ts'
import { Fault } from '../../protocol/faults.ts'
import type { CreatorId, DropId, OrderId, ProductId, Sku, UserId } from '../../protocol/ids.ts'
import { formatLines, type Line } from '../../protocol/lines.ts'
import type { ControlReply, OrderReply } from '../../rooms/letters.ts'
import type { Adjustment, Claim, RoomNews, RoomState } from '../../rooms/ports.ts'
import type { DropChange, Replanned } from '../../rooms/replanning.ts'
import { DropPages } from '../../server/api/drop-pages.ts'
import { type ApiWorld, apiRoutes } from '../../server/api/routes.ts'
import { WaitingBuyers } from '../../server/api/settlements.ts'
import { Cancellations } from '../../server/inbound/cancellations.ts'
import { Outcomes } from '../../server/inbound/outcomes.ts'
import { Passwords } from '../../server/inbound/passwords.ts'
import { Tokens } from '../../server/inbound/tokens.ts'
import type { Standing } from '../../storage/accounts/standings.ts'
import type { DropRecord } from '../../storage/drops/drops.ts'
import type { OrderRecord } from '../../storage/orders/order-reader.ts'
import type { RestockAnswer, StockBook } from '../../storage/stock/stock-book.ts'
import type { WriteKey, WriteKind } from '../../storage/write-keys.ts'
import { HandClock } from './hand-clock.ts'

export const SECRET = 'a secret for tests, 32 bytes at least, known to nobody'

type Account = { userId: UserId; email: string; displayName: string; role: Role; passwordHash: string }
type Products = ApiWorld['products']
type Product = NonNullable<Awaited<ReturnType<Products['byId']>>>

let minted = 0
/** A fresh id in the form of a UUID v7. */
export function mint<Id extends string>(): Id {
  minted += 1
  return `01890a5d-ac96-774b-bcce-${minted.toString(16).padStart(12, '0')}` as Id
}

export const ready: Readiness = {
  ready: true,
  dependencies: { redis: { ok: true }, postgres: { ok: true }, nats: { ok: true } },
}

export function restWorld() {
  const accounts = new Map<UserId, Account>()
  const products = new Map<ProductId, Product>()
  const drops = new Map<DropId, DropRecord>()
  const rooms = new Map<DropId, RoomState>()
  const orders: OrderRecord[] = []
  /** Read marks. */
  const marks = new Map<UserId, number>()
  /** By refresh token. */
  const signIns = new Map<string, UserId>()
  /** Follower and creator. */
  const follows = new Set<string>()
  const creators = () =>
    [...accounts.values()]
      .filter(({ role }) => role === 'creator')
      .map(({ userId, displayName }) => ({ creator: userId as string as CreatorId, displayName }))
      .sort((a, b) => (a.creator < b.creator ? -1 : 1))
  const asked = {
    orders: [] as { drop: DropId; claim: Claim }[],
    restocks: [] as { drop: DropId; opId: string; lines: readonly Line[] }[],
    changes: [] as { drop: DropId; change: DropChange }[],
    news: [] as RoomNews[],
    controls: [] as { drop: DropId; opId: string; adjustment: Adjustment }[],
    agendas: 0,
    follows: [] as UserId[],
    standings: [] as Standing[],
    logged: [] as { event: string; facts: Record<string, unknown> | undefined }[],
  }
  const answers = {
    /** How long somebody must wait with a password. */
    signIn: (_email: string, _network: string): number => 0,
    order: (_drop: DropId, _claim: Claim): OrderReply | Promise<OrderReply> => ({ verdict: 'accepted' }),
    replan: (): Replanned => ({ said: 'changed' }),
    restock: (): RestockAnswer => 'done',
    control: (): ControlReply => ({ done: 'applied', phase: 'open', position: { epoch: 1, seq: 1 } }),
    ledger: (drop: DropId): RoomState | undefined => rooms.get(drop),
    /** Orders that the ledger has accepted. */
    accepted: new Set<OrderId>(),
    readiness: ready,
  }
  const tokens = new Tokens(SECRET)
  const settlements = new WaitingBuyers()
  const log = (event: string, facts?: Record<string, unknown>) => void asked.logged.push({ event, facts })

  const control: ApiWorld['rooms']['control'] = async (drop, opId, adjustment) => {
    asked.controls.push({ drop, opId, adjustment })
    return answers.control()
  }
  const stock: Pick<StockBook, 'restock' | 'cancel'> = {
    restock: async (drop, opId, lines) => {
      asked.restocks.push({ drop, opId, lines })
      return answers.restock()
    },
    cancel: async (orderId, buyer) => {
      const order = orders.find((one) => one.orderId === orderId && one.buyer === buyer)
      if (order === undefined) return undefined
      const { drop, key, state } = order
      const isOver = drops.get(drop)?.phase === 'closed'
      const said = state !== 'confirmed' ? state : isOver ? 'over' : 'now'
      if (said === 'now') order.state = 'cancelled'
      return { said, drop, key, lines: formatLines(order.lines) }
    },
  }
  const bans = new Map<UserId, Date>()
  const isBanned = (user: UserId) => (bans.get(user)?.getTime() ?? 0) > Date.UTC(2030, 4, 1)
  const standingOf = (user: UserId, { until }: { until?: Date }): Standing => {
    if (until !== undefined) bans.set(user, until)
    const role = accounts.get(user)?.role ?? 'fan'
    const bannedUntilMs = bans.get(user)?.getTime() ?? 0
    return { user, number: 1, atMs: 1, role, tokensFrom: 1, revokedBeforeMs: 1, bannedUntilMs }
  }
  const beginFor = (user: UserId) => {
    const issued = { refreshToken: `${mint()}.${'x'.repeat(43)}`, expiresAtMs: Date.UTC(2100, 0, 1) }
    signIns.set(issued.refreshToken, user)
    return { ...issued, role: accounts.get(user)?.role ?? 'fan', standing: 0 }
  }
  const writeKeys = new MemoryWriteKeys()
  const world: ApiWorld = {
    signInGuard: {
      take: async (email, network) => answers.signIn(email, network),
      placeOf: async (_, network) => ({ neighbourhood: network, isKnown: false }),
      welcome: () => undefined,
    },
    accounts: {
      create: async (account) => {
        if ([...accounts.values()].some((known) => known.email === account.email)) return 'email_taken'
        const made = { ...account, userId: mint<UserId>() }
        accounts.set(made.userId, made)
        return made
      },
      byEmail: async (email) => {
        const account = [...accounts.values()].find((known) => known.email === email)
        return account && { ...account, isBanned: isBanned(account.userId) }
      },
      passwordHashOf: async (user) => accounts.get(user)?.passwordHash,
      byId: async (user) => accounts.get(user),
    },
    // As cheap as argon2id may be: what is tested with it here is not its cost.
    passwords: new Passwords({ memoryKiB: 8, passes: 1, lanes: 1 }),
    tokens,
    products: {
      create: async (creator, product) => {
        const made = { productId: mint<ProductId>(), creator, archived: false, ...product }
        products.set(made.productId, made)
        return made
      },
      createOnce: async (creator, product, under) => {
        const before = writeKeys.claim('product', under)
        if (before === 'key_mismatch') return before
        if (before !== undefined) return products.get(before as ProductId) ?? 'unknown'
        const made = await world.products.create(creator, product)
        writeKeys.keep('product', under, made.productId)
        return made
      },
      byId: async (productId) => products.get(productId),
      list: async ({ creator, beginning = '', limit, after = 'g' }) =>
        [...products.values()]
          .filter((one) => !one.archived && (creator ?? one.creator) === one.creator)
          .filter((one) => one.title.toLowerCase().startsWith(beginning.toLowerCase()) && one.productId < after)
          .sort((a, b) => (a.productId < b.productId ? 1 : -1))
          .slice(0, limit),
      change: async (creator, productId, change) => {
        const known = products.get(productId)
        if (known?.creator !== creator) return known === undefined ? 'unknown' : 'not_yours'
        const changed = { ...known, ...(Object.fromEntries(Object.entries(change)) as object) }
        products.set(productId, changed)
        return changed
      },
      remove: async (creator, productId) => {
        const known = products.get(productId)
        if (known?.creator !== creator) return known === undefined ? 'unknown' : 'not_yours'
        if ([...drops.values()].some((record) => record.productId === productId)) return 'archived'
        products.delete(productId)
        return 'deleted'
      },
    },
    signIns: {
      begin: async (user) => beginFor(user),
      renew: async (refreshToken) => {
        const user = signIns.get(refreshToken)
        const account = user === undefined ? undefined : accounts.get(user)
        if (account === undefined || user === undefined) return 'unknown'
        signIns.delete(refreshToken)
        return { account, refresh: beginFor(user) }
      },
      endEverywhere: async (refreshToken) => {
        const user = signIns.get(refreshToken)
        return user === undefined ? undefined : standingOf(user, {})
      },
      end: async (refreshToken) => void signIns.delete(refreshToken),
    },
    standingBook: {
      changePassword: async (user, oldHash, newHash) => {
        const account = accounts.get(user)
        if (account?.passwordHash !== oldHash) return undefined
        account.passwordHash = newHash
        return standingOf(user, {})
      },
      ban: async (_, user, { until }) => (accounts.has(user) ? standingOf(user, { until }) : undefined),
      unban: async (_, user) => (accounts.has(user) ? standingOf(user, { until: new Date(0) }) : undefined),
      changeRole: async (_, user, role) => {
        const account = accounts.get(user)
        if (account === undefined) return undefined
        account.role = role
        return standingOf(user, {})
      },
    },
    standings: { tell: (standing) => void asked.standings.push(standing) },
    actions: { list: async () => [] },
    publicKeys: () => [],
    creators: {
      search: async ({ beginning = '', limit, after = '' }) =>
        [...creators()]
          .filter(({ displayName }) => displayName.toLowerCase().startsWith(beginning.toLowerCase()))
          .filter(({ creator }) => creator > after)
          .slice(0, limit),
      byId: async (id) => creators().find(({ creator }) => creator === id),
    },
    follows: {
      follow: async (user, creator) => {
        if (!accounts.has(user)) return 'unknown_user'
        if (!accounts.has(creator as string as UserId)) return 'unknown_creator'
        if (follows.has(`${user} ${creator}`)) return 'unchanged'
        follows.add(`${user} ${creator}`)
        return 'followed'
      },
      unfollow: async (user, creator) => {
        if (!accounts.has(creator as string as UserId)) return 'unknown_creator'
        return follows.delete(`${user} ${creator}`) ? 'unfollowed' : 'unchanged'
      },
      followers: async () => [],
      following: async () => [],
    },
    followerCounts: {
      of: async (creator) => [...follows].filter((follow) => follow.endsWith(creator)).length,
      moved: async () => undefined,
    },
    announceFollows: (user) => void asked.follows.push(user),
    drops: {
      create: async (creator, plan, under) => {
        const before = under && writeKeys.claim('drop', under)
        if (before !== undefined) return drops.get(before as DropId) ?? { refused: 'key_mismatch' }
        const product = products.get(plan.productId)
        if (product?.creator !== creator) return { refused: 'unknown_product' }
        const items = plan.items.map((item) => ({
          plan: item,
          variant: product.variants.find((variant) => variant.sku === item.sku),
        }))
        if (items.some(({ variant }) => variant === undefined)) return { refused: 'unknown_sku' }
        const record: DropRecord = {
          ...{ drop: mint<DropId>(), creator, productId: plan.productId, title: product.title, phase: 'scheduled' },
          opensAtMs: plan.opensAt.getTime(),
          closesAtMs: plan.closesAt?.getTime() ?? null,
          limitPerBuyer: plan.limitPerBuyer ?? null,
          lowStockAt: plan.lowStockAt ?? null,
          position: { epoch: 0, seq: 0 },
          items: items.map(({ plan: item, variant }) => ({
            sku: item.sku,
            title: variant?.title ?? '',
            priceMinor: item.priceMinor ?? variant?.priceMinor ?? 0,
            currency: variant?.currency ?? 'EUR',
            ...{ total: item.stock, sold: 0, limit: item.limitPerBuyer ?? null },
          })),
        }
        drops.set(record.drop, record)
        if (under !== undefined) writeKeys.keep('drop', under, record.drop)
        return record
      },
      announce: async (drop, under, tell) => {
        const before = writeKeys.claim('announcement', under)
        if (before !== undefined) return before === 'key_mismatch' ? before : 'repeated'
        writeKeys.keep('announcement', under, drop)
        tell()
        return 'told'
      },
      byId: async (drop) => drops.get(drop),
      list: async ({ phase, creator, from, after, limit }) =>
        [...drops.values()]
          .filter((one) => (phase ?? one.phase) === one.phase && (creator ?? one.creator) === one.creator)
          .filter((one) => one.opensAtMs >= (from?.getTime() ?? 0))
          .sort((a, b) => a.opensAtMs - b.opensAtMs || (a.drop < b.drop ? -1 : 1))
          .filter((one) => after === undefined || [one.opensAtMs, one.drop] > [after.opensAtMs, after.drop])
          .slice(0, limit),
    },
    dropPages: new DropPages({
      drops: { byId: async (drop) => drops.get(drop) },
      ledger: { read: async (drop) => answers.ledger(drop) },
      clock: new HandClock(),
      log: { warn: log },
    }),
    rooms: {
      order: async (drop, claim) => {
        asked.orders.push({ drop, claim })
        return answers.order(drop, claim)
      },
      control,
    },
    replanning: {
      change: async (drop, change) => {
        asked.changes.push({ drop, change })
        return answers.replan()
      },
    },
    herald: { news: (news) => void asked.news.push(news) },
    nowMs: () => Date.UTC(2030, 4, 1),
    stock,
    cancellations: new Cancellations({
      stock,
      outcomes: new Outcomes(
        {
          known: async (asked) =>
            asked.map(({ drop, orderIds }) => ({
              isWhole: answers.ledger(drop) !== undefined,
              positions: orderIds.map((id) => (answers.accepted.has(id) ? { epoch: 1, seq: 9 } : undefined)),
            })),
        },
        { states: async () => new Map() },
        {
          phases: async (ids) => new Map(ids.flatMap((id) => drops.get(id) ?? []).map((one) => [one.drop, one.phase])),
        },
        new HandClock(),
      ),
      rooms: { control },
      secondLookMs: 1,
      lastLookMs: 20,
    }),
    announceAgenda: () => {
      asked.agendas += 1
    },
    orders: {
      byId: async (orderId, buyer) => orders.find((order) => order.orderId === orderId && order.buyer === buyer),
      listOfDrop: async (drop, { state, after, limit }) =>
        orders
          .filter((order) => order.drop === drop && (state ?? order.state) === order.state)
          .sort((a, b) => (`${a.buyer} ${a.key}` < `${b.buyer} ${b.key}` ? -1 : 1))
          .filter((order) => after === undefined || `${order.buyer} ${order.key}` > `${after.buyer} ${after.key}`)
          .slice(0, limit),
      list: async (buyer, { drop, state, limit, after }) =>
        orders
          .filter((order) => order.buyer === buyer && (drop ?? order.drop) === order.drop)
          .filter((order) => (state ?? order.state) === order.state)
          .sort((a, b) => b.acceptedAtMs - a.acceptedAtMs)
          .filter((order) => after === undefined || order.acceptedAtMs < after.acceptedAtMs)
          .slice(0, limit),
    },
    inbox: {
      page: async () => [],
      readUpTo: async (user) => marks.get(user),
      read: async (user, upTo) => {
        marks.set(user, upTo.getTime())
        return upTo.getTime()
      },
    },
    settlements,
    health: { readiness: async () => answers.readiness },
    secondLookMs: 1,
  }

  /** Somebody with an account and a token. */
  async function person(role: Role = 'fan') {
    const user = mint<UserId>()
    accounts.set(user, { userId: user, email: `${user}@example.com`, displayName: role, role, passwordHash: '' })
    return { user, creator: user as string as CreatorId, token: (await tokens.issue({ user, role })).token }
  }

  /** A drop of 10 shirts that exists in Postgres. */
  function drop(creator: CreatorId, change: Partial<DropRecord> = {}): DropRecord {
    const record: DropRecord = {
      ...{ drop: mint<DropId>(), creator, productId: mint<ProductId>(), title: 'Tour shirt', phase: 'open' },
      ...{ opensAtMs: Date.UTC(2030, 4, 1), closesAtMs: null, limitPerBuyer: 2, lowStockAt: null },
      position: { epoch: 1, seq: 5 },
      items: [
        { sku: 'SHIRT' as Sku, title: 'Shirt', priceMinor: 3900, currency: 'EUR', total: 10, sold: 4, limit: null },
      ],
      ...change,
    }
    drops.set(record.drop, record)
    return record
  }

  return {
    products,
    world,
    routes: apiRoutes(world),
    tokens,
    settlements,
    accounts,
    marks,
    signIns,
    follows,
    drops,
    rooms,
    orders,
    asked,
    answers,
    person,
    drop,
  }
}

/** As storage/write-keys.ts, for one node and without transactions: nothing here waits between claim and keep. */
class MemoryWriteKeys {
  readonly #kept = new Map<string, { fingerprint: string; made: string }>()

  claim(what: WriteKind, under: WriteKey): string | undefined {
    const before = this.#kept.get(`${what}|${under.user}|${under.key}`)
    return before === undefined || before.fingerprint === under.fingerprint ? before?.made : 'key_mismatch'
  }

  keep(what: WriteKind, { user, key, fingerprint }: WriteKey, made: string): void {
    this.#kept.set(`${what}|${user}|${key}`, { fingerprint, made })
  }
}

export function away(): never {
  throw new Fault('unavailable', { dependency: 'redis', host: 'redis.internal:6379' })
}
