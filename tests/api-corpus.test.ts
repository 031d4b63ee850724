/**
 * Bad input, made from the REST table itself: every text, number, list and object in the example of every endpoint is
 * replaced by everything that has ever broken somebody's server. A new endpoint is attacked without a line here.
 */
import { afterAll, describe, expect, it } from 'vitest'
import type { Endpoint } from '../protocol/api/endpoint.ts'
import { ENDPOINTS } from '../protocol/api/endpoints.ts'
import {
  type DropId,
  isIdempotencyKey,
  isSku,
  type OrderId,
  type ProductId,
  type Sku,
  type UserId,
} from '../protocol/ids.ts'
import { Health } from '../server/health.ts'
import { type Heard, httpNode } from './builders/http-node.ts'
import { restWorld } from './builders/rest-world.ts'
import { NUMBERS, OTHERS, TEXTS } from './corpus/field-values.ts'

/** Free text that is kept as it came. Everything else has a form. */
const FREE = /(?:^|\.)(?:title|description|displayName|password|reason|prefer|accept|text|query\.q)$/

const LEAKS = /\bat .*\.[jt]s:\d+|node_modules|select .* from|insert into|stack|ECONN|postgres:|redis:/i

type Place = (string | number)[]
type Parts = Partial<Record<'params' | 'query' | 'headers' | 'body', unknown>>

/** Every leaf and every branch of an example, by its path. */
function places(value: unknown, at: Place = []): { at: Place; value: unknown }[] {
  if (typeof value !== 'object' || value === null) return [{ at, value }]
  const below = Object.entries(value).flatMap(([name, part]) =>
    places(part, [...at, Array.isArray(value) ? Number(name) : name]),
  )
  return at.length < 2 ? below : [{ at, value }, ...below]
}

function replaced(value: unknown, [first, ...rest]: Place, by: unknown): unknown {
  if (first === undefined) return by
  if (Array.isArray(value)) return value.map((part, index) => (index === first ? replaced(part, rest, by) : part))
  const object = value as Record<string, unknown>
  return { ...object, [first]: replaced(object[first], rest, by) }
}

async function attackedNode() {
  const world = restWorld()
  const health = new Health(
    { redis: async () => 1, postgres: async () => 1, nats: async () => 1 },
    { info: () => undefined, warn: () => undefined },
  )
  world.world.health = health
  world.answers.order = (_drop, { orderId }) => {
    world.settlements.settled([{ orderId, state: 'confirmed' }])
    return { verdict: 'accepted' }
  }
  const node = await httpNode({ routes: world.routes, tokens: world.tokens })
  const [creator, fan, admin] = [await world.person('creator'), await world.person('fan'), await world.person('admin')]
  const tokenFor = (who: Endpoint['who']) =>
    (who === 'signed_in' ? fan : who.includes('creator') ? creator : admin).token
  const { password } = examples('changePassword').body as { password: string }
  const fanAccount = world.accounts.get(fan.user)
  if (fanAccount !== undefined) fanAccount.passwordHash = await world.world.passwords.hash(password)
  const { id: userId } = examples('banUser').params as { id: UserId }
  world.accounts.set(userId, {
    ...{ userId, email: 'somebody@example.com', displayName: 'Somebody', role: 'fan', passwordHash: '' },
  })

  const ids = examples('readDrop').params as { id: DropId }
  world.drop(creator.creator, {
    ...{ drop: ids.id, productId: (examples('readProduct').params as { id: ProductId }).id },
    phase: 'scheduled',
    items: [{ sku: 'SHIRT-M' as Sku, title: 'M', priceMinor: 1, currency: 'EUR', total: 9, sold: 0, limit: null }],
  })
  await node.call('POST', '/v1/auth/register', { body: examples('register').body })
  const { id: productId, ...product } = examples('createProduct').answers[201] as { id: ProductId }
  await world.world.products.create(creator.creator, examples('createProduct').body as never)
  world.products.set(productId, { productId, ...product, creator: creator.creator } as never)
  world.orders.push({
    ...(examples('readOrder').answers[200] as { drop: DropId; key: never; state: 'confirmed'; lines: never }),
    ...{ orderId: (examples('readOrder').params as { id: OrderId }).id, buyer: fan.user, reason: null },
    ...{ acceptedAtMs: 1, confirmedAtMs: 2 },
  })
  const { id: creatorId } = examples('readCreator').params as { id: UserId }
  world.accounts.set(creatorId, {
    ...{ userId: creatorId, email: 'cleo@example.com', displayName: 'Cleo', role: 'creator', passwordHash: '' },
  })
  world.signIns.set((examples('refresh').body as { refreshToken: string }).refreshToken, fan.user)
  let calls = 0

  /** Sends an endpoint's example with some parts of it changed. */
  async function send(row: Endpoint, parts: Parts): Promise<Heard> {
    calls += 1
    const { params = {}, query = {}, headers = {}, body } = { ...row.example, ...parts } as Parts
    const path = row.path.replace(/:(\w+)/g, (_, name) => escaped((params as Record<string, string>)[name] ?? ''))
    const search = Object.entries(query as object).map(([name, value]) => `${name}=${escaped(String(value))}`)
    const who = row.who === 'anyone' ? {} : { token: tokenFor(row.who) }
    return node.call(row.method.toUpperCase(), path + (search.length === 0 ? '' : `?${search.join('&')}`), {
      ...who,
      ...(row.key === 'none' ? {} : { key: `key-${calls}` }),
      headers: headers as Record<string, string>,
      ...(body === undefined ? {} : { body }),
    })
  }

  /** Everything that a request could have changed. */
  const state = () =>
    JSON.stringify([
      [...world.accounts.values()],
      [...world.products.values()],
      [...world.drops.values()],
      [...world.follows],
      [...world.marks.values()],
      [...world.signIns.values()],
      ...[world.orders, world.asked.orders, world.asked.controls, world.asked.agendas],
    ])
  return { ...world, ...node, send, state, fan }
}

const examples = (name: string) => {
  const row = ENDPOINTS.find((one) => one.name === name)
  if (row === undefined) throw new Error(`no endpoint ${name}`)
  return row.example
}
/** Every byte that could be taken for part of the address. */
const escaped = (text: string) =>
  [...Buffer.from(text)]
    .map((byte) =>
      /\w|-/.test(String.fromCharCode(byte)) ? String.fromCharCode(byte) : `%${byte.toString(16).padStart(2, '0')}`,
    )
    .join('')

const node = await attackedNode()
afterAll(() => node.close())

describe('the bad-input corpus', () => {
  it.each(ENDPOINTS.map((row) => [row.name, row] as const))('[R28] %s answers its own example', async (name, row) => {
    const body = name === 'register' ? { ...(row.example.body as object), email: 'new@example.com' } : row.example.body

    const heard = await node.send(row, body === undefined ? {} : { body })

    expect([heard.status, heard.text.slice(0, 300)]).toEqual([
      expect.toSatisfy((status) => status < 300),
      heard.text.slice(0, 300),
    ])
  })

  it.each(ENDPOINTS.map((row) => [row.name, row] as const))(
    '[R28] %s refuses every hostile field by name',
    async (_, row) => {
      const { params, query, headers, body } = row.example
      const example: Parts = { params, query, headers, body }
      for (const { at, value } of places(example)) {
        const [part, ...inside] = at
        if (value === undefined) continue
        const hostiles = hostileTo(part as keyof Parts, value).filter(
          (hostile) => part !== 'headers' || /^[\t\x20-\x7e]*$/.test(String(hostile)),
        )
        const before = node.state()

        const all = await Promise.all(
          hostiles.map((hostile) =>
            node.send(row, { [String(part)]: replaced(example[part as keyof Parts], inside, hostile) }),
          ),
        )

        const wrong = all.flatMap((heard, index) => {
          const which = `${at.join('.')} = ${JSON.stringify(hostiles[index])?.slice(0, 60)} -> ${heard.status}`
          if (heard.status >= 500 || LEAKS.test(heard.text)) return [`${which} ${heard.text}`]
          return heard.status >= 400 || mayBeTaken(row.name, at, hostiles[index]) ? [] : [`${which} was taken`]
        })
        expect(wrong).toEqual([])
        if (all.every((heard) => heard.status >= 400)) expect(node.state()).toBe(before)
      }
      expect(node.failures).toEqual([])
    },
  )

  it.each(ENDPOINTS.filter((row) => row.method !== 'get').map((row) => [row.name, row] as const))(
    '[R3] %s takes no field that it does not know, however deep',
    async (_, row) => {
      const body = row.example.body ?? {}
      const objects = [[], ...places({ body }).map((place) => place.at.slice(1))].filter((at) =>
        isObject(inside(body, at)),
      )
      for (const at of objects) {
        for (const name of ['more', '__proto__', 'userId', '$where']) {
          // Not by assignment, which would set the prototype and send nothing.
          const more = JSON.parse(`${JSON.stringify(inside(body, at)).slice(0, -1)},"${name}":1}`.replace('{,', '{'))
          const heard = await node.send(row, { body: replaced(body, at, more) })
          expect([at, name, heard.status]).toEqual([at, name, 400])
        }
      }
    },
  )

  it.each(ENDPOINTS.filter((row) => row.who !== 'anyone').map((row) => [row.name, row] as const))(
    '[R28] %s takes nothing from a hostile token or key',
    async (_, row) => {
      const path = row.path.replace(/:\w+/g, (row.example.params as { id?: string })?.id ?? '')
      const before = node.state()
      for (const text of TEXTS.filter((one) => /^[\t\x20-\x7e]*$/.test(one) && one.length < 5_000)) {
        for (const authorization of [text, `Bearer ${text}`, `Basic ${text}`, `Bearer ${text}.${text}.${text}`]) {
          const heard = await node.call(row.method.toUpperCase(), path, { headers: { authorization } })
          expect([authorization, heard.status]).toEqual([authorization, 401])
        }
        if (row.key === 'none' || /^\s*[\w.~-]{1,64}\s*$/.test(text)) continue
        const token = (await node.person(row.who === 'signed_in' ? 'fan' : 'creator')).token
        const heard = await node.call(row.method.toUpperCase(), path, { token, key: text, body: row.example.body })
        if (text.trim() !== '' || row.key === 'required') expect([text, heard.status]).toEqual([text, 400])
      }
      if (row.key === 'none') expect(node.state()).toBe(before)
    },
  )
})

const isObject = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value)
const inside = (value: unknown, at: Place): unknown =>
  at.reduce((part: unknown, name) => (part as Record<string | number, unknown>)[name], value)

function hostileTo(part: keyof Parts, value: unknown): unknown[] {
  if (part !== 'body') return TEXTS
  if (typeof value === 'string') return [...TEXTS, ...OTHERS]
  if (typeof value === 'number') return [...NUMBERS, ...OTHERS.filter((one) => typeof one !== 'number')]
  return ['', 'text', ...OTHERS]
}

/** What may be said yes to although it looks hostile: free text, a SKU `constructor`, an empty list of pictures, nothing at all. */
function mayBeTaken(row: string, at: Place, hostile: unknown): boolean {
  const takenAway = ['closesAt', 'limitPerBuyer', 'lowStockAt'].includes(String(at.at(-1)))
  if (row === 'changeDrop' && takenAway && hostile === null) return true

  const name = at.filter((part) => typeof part === 'string').join('.')
  if (name === 'body.everywhere') return hostile === true
  if (name === 'body.images') return Array.isArray(hostile) && hostile.length === 0
  if (name === 'query.unread') return hostile === 'true'
  if (typeof hostile !== 'string') return false
  if (name === 'query.key') return isIdempotencyKey(hostile)
  return name.endsWith('.sku') ? isSku(hostile) : FREE.test(name) && !/[\0\ud800]/.test(hostile)
}
