/** Accounts, products and drops over REST, with plain maps behind it. */
import { afterEach, describe, expect, it } from 'vitest'
import type { Sku } from '../protocol/ids.ts'
import type { RoomState } from '../rooms/ports.ts'
import { httpNode } from './builders/http-node.ts'
import { away, mint, restWorld } from './builders/rest-world.ts'

const open: { close(): void }[] = []
afterEach(() => {
  for (const node of open.splice(0)) node.close()
})
async function shop() {
  const world = restWorld()
  const node = await httpNode({ routes: world.routes, tokens: world.tokens })
  open.push(node)
  return { ...world, ...node }
}

const ana = { email: 'Ana@Example.com', password: 'correct horse', displayName: 'Ana', role: 'creator' }
const shirt = {
  title: 'Tour shirt',
  images: ['https://img.example.com/shirt.jpg'],
  variants: [
    { sku: 'SHIRT-M', title: 'M', priceMinor: 3900, currency: 'EUR' },
    { sku: 'SHIRT-L', title: 'L', priceMinor: 4100, currency: 'EUR' },
  ],
}

describe('accounts', () => {
  it('[R16] registering signs in, and the token says who one is', async () => {
    const { call } = await shop()

    const made = await call('POST', '/v1/auth/register', { body: ana })
    expect(made).toMatchObject({ status: 201, body: { user: { email: 'ana@example.com', role: 'creator' } } })
    expect(made.headers.get('cache-control')).toBe('no-store')
    expect(made.text).not.toMatch(/argon2|correct horse/)
    const me = await call('GET', '/v1/me', { token: made.body.token })

    expect(me.body).toEqual(made.body.user)
  })

  it('[R16] an address has one account, whatever its capitals', async () => {
    const { call } = await shop()
    await call('POST', '/v1/auth/register', { body: ana })

    const again = await call('POST', '/v1/auth/register', { body: { ...ana, email: 'ANA@example.com' } })

    expect(again).toMatchObject({ status: 409, body: { code: 'conflict' } })
  })

  it('[R16] nobody makes an admin of themselves', async () => {
    const { call } = await shop()

    expect((await call('POST', '/v1/auth/register', { body: { ...ana, role: 'admin' } })).status).toBe(400)
  })

  it('[R17] a wrong password and an unknown address are answered alike, to the letter', async () => {
    const { call } = await shop()
    await call('POST', '/v1/auth/register', { body: ana })
    const login = (email: string, password: string) =>
      call('POST', '/v1/auth/login', { body: { email, password }, headers: { 'x-request-id': 'same' } })

    const [right, wrong, unknown] = [
      await login('ana@EXAMPLE.com', ana.password),
      await login('ana@example.com', 'wrong horse'),
      await login('bob@example.com', 'wrong horse'),
    ]

    expect(right).toMatchObject({ status: 200, body: { user: { displayName: 'Ana' } } })
    expect(wrong).toMatchObject({ status: 401, body: { code: 'invalid_credentials' } })
    expect(unknown.text).toBe(wrong.text)
  })

  it('[R16] a token whose account is gone is no longer good', async () => {
    const { call, person, accounts } = await shop()
    const fan = await person()
    accounts.delete(fan.user)

    expect((await call('GET', '/v1/me', { token: fan.token })).body.code).toBe('unauthorized')
  })
})

describe('products', () => {
  it('[R9] a creator adds one, everybody reads it, and a fan adds none', async () => {
    const { call, person } = await shop()
    const [creator, fan] = [await person('creator'), await person('fan')]

    const made = await call('POST', '/v1/products', { token: creator.token, body: shirt })
    expect(made).toMatchObject({ status: 201, body: { ...shirt, description: '', creator: creator.user } })
    const read = await call('GET', made.headers.get('location') ?? '')

    expect(read.body).toEqual(made.body)
    expect(read.headers.get('cache-control')).toBe('public, no-cache')
    expect((await call('POST', '/v1/products', { token: fan.token, body: shirt })).status).toBe(403)
    expect((await call('POST', '/v1/products', { body: shirt })).status).toBe(401)
    expect((await call('GET', `/v1/products/${mint()}`)).body.code).toBe('not_found')
    expect((await call('GET', '/v1/products/PRODUCT-1')).body.code).toBe('not_found')
  })

  it('[R28] an address of a picture is kept in its escaped form, whatever was in it', async () => {
    const { call, person } = await shop()
    const { token } = await person('creator')
    const images = ['https://IMG.example.com/a\0b\ud800<script>', 'http://img.example.com/%00']

    const made = await call('POST', '/v1/products', { token, body: { ...shirt, images } })

    expect(made.body.images).toEqual(['https://img.example.com/a%00b%EF%BF%BD%3Cscript%3E', images[1]])
  })

  it('[R18] a repeated key answers the first product; another body or another creator is something else', async () => {
    const { call, person } = await shop()
    const [creator, other] = [await person('creator'), await person('creator')]
    const add = (token: string, body: object = shirt) => call('POST', '/v1/products', { token, key: 'k1', body })

    const one = await add(creator.token)
    const two = await add(creator.token)
    const another = await add(creator.token, { ...shirt, title: 'Another' })
    const theirs = await add(other.token)

    expect(two).toMatchObject({ status: 201, body: one.body })
    expect(another).toMatchObject({ status: 422, body: { code: 'key_mismatch' } })
    expect(theirs.body.id).not.toBe(one.body.id)
  })
})

describe('drops', () => {
  const plan = (productId: string) => ({
    productId,
    opensAt: '2030-05-01T20:00:00+02:00',
    closesAt: '2030-05-01T19:00:00.5Z',
    limitPerBuyer: 2,
    items: [{ sku: 'SHIRT-M', stock: 200, limitPerBuyer: 1 }],
  })

  it('[R19] is scheduled in any offset, kept in UTC, and put on the agenda, once more by a repeat', async () => {
    const { call, person, asked } = await shop()
    const creator = await person('creator')
    const product = await call('POST', '/v1/products', { token: creator.token, body: shirt })
    const body = plan(product.body.id)

    const made = await call('POST', '/v1/drops', { token: creator.token, key: 'k1', body })
    await call('POST', '/v1/drops', { token: creator.token, key: 'k1', body })

    expect(made).toMatchObject({
      status: 201,
      body: {
        phase: 'scheduled',
        opensAt: '2030-05-01T18:00:00.000Z',
        closesAt: '2030-05-01T19:00:00.500Z',
        lowStockAt: null,
        live: false,
        items: [{ sku: 'SHIRT-M', title: 'M', priceMinor: 3900, stock: 200, left: 200, limitPerBuyer: 1 }],
      },
    })
    expect(asked.agendas).toBe(2)
    expect((await call('GET', made.headers.get('location') ?? '')).body).toEqual(made.body)
  })

  it('[R19] of a product or SKU that is not the creator’s is refused, and so is one that closes before it opens', async () => {
    const { call, person, asked } = await shop()
    const [creator, other] = [await person('creator'), await person('creator')]
    const product = await call('POST', '/v1/products', { token: creator.token, body: shirt })
    const body = plan(product.body.id)
    const at = async (token: string, change: object) => {
      const heard = await call('POST', '/v1/drops', { token, body: { ...body, ...change } })
      return [heard.status, heard.body.errors?.[0].at]
    }

    expect(await at(other.token, {})).toEqual([400, 'body.productId'])
    expect(await at(creator.token, { productId: mint() })).toEqual([400, 'body.productId'])
    expect(await at(creator.token, { items: [{ sku: 'HAT', stock: 1 }] })).toEqual([400, 'body.items'])
    expect(await at(creator.token, { closesAt: body.opensAt })).toEqual([400, 'body.closesAt'])
    expect(await at(creator.token, { items: [body.items[0], body.items[0]] })).toEqual([400, 'body.items'])
    for (const opensAt of ['2030-05-01', '2030-05-01T20:00:00', '2030-02-30T20:00:00Z', '9999-12-31T23:59:59Z', 0]) {
      expect(await at(creator.token, { opensAt })).toEqual([400, 'body.opensAt'])
    }
    expect(asked.agendas).toBe(0)
  })

  const room = (change: Partial<RoomState> = {}): RoomState => ({
    ...{
      epoch: 1,
      seq: 9,
      batch: 4,
      phase: 'paused',
      opensAtMs: Date.UTC(2030, 4, 2),
      closesAtMs: null,
      limitPerBuyer: 2,
    },
    items: [{ sku: 'SHIRT' as Sku, left: 3, limit: null }],
    nowMs: 0,
    ...change,
  })

  it('[R20] counts are the ledger’s while it has the drop', async () => {
    const { call, person, drop, rooms } = await shop()
    const { creator } = await person('creator')
    const record = drop(creator)
    rooms.set(record.drop, room())

    const heard = await call('GET', `/v1/drops/${record.drop}`)

    expect(heard.body).toMatchObject({
      live: true,
      phase: 'paused',
      opensAt: '2030-05-02T00:00:00.000Z',
      position: { epoch: 1, seq: 9 },
      items: [{ stock: 10, left: 3 }],
    })
  })

  it('[R20] and Postgres’ when the ledger has no room, is behind, or is away', async () => {
    const { call, person, drop, answers, asked } = await shop()
    const { creator } = await person('creator')
    const record = drop(creator)
    const states = [() => undefined, () => room({ seq: 4 }), away]

    for (const ledger of states) {
      answers.ledger = ledger
      const heard = await call('GET', `/v1/drops/${record.drop}`)
      expect(heard).toMatchObject({
        status: 200,
        body: { live: false, phase: 'open', position: { epoch: 1, seq: 5 }, items: [{ stock: 10, left: 6 }] },
      })
    }
    expect(asked.logged.map(({ event }) => event)).toEqual(['api.ledger_not_read'])
    expect((await call('GET', `/v1/drops/${mint()}`)).status).toBe(404)
  })
})

describe('the creator’s hand', () => {
  it('[R21] is theirs and an admin’s, under a key', async () => {
    const { call, person, drop, asked } = await shop()
    const [owner, other, fan, admin] = [
      await person('creator'),
      await person('creator'),
      await person('fan'),
      await person('admin'),
    ]
    const path = `/v1/drops/${drop(owner.creator).drop}/pause`

    expect((await call('POST', path, { token: owner.token })).body.code).toBe('key_required')
    expect((await call('POST', path, { token: other.token, key: 'k' })).body.code).toBe('forbidden')
    expect((await call('POST', path, { token: fan.token, key: 'k' })).status).toBe(403)
    expect((await call('POST', `/v1/drops/${mint()}/pause`, { token: owner.token, key: 'k' })).status).toBe(404)
    expect(asked.controls).toEqual([])
    expect((await call('POST', path, { token: owner.token, key: 'k' })).status).toBe(200)
    expect((await call('POST', path, { token: admin.token, key: 'k' })).status).toBe(200)
  })

  it('[R21] a resend is the same operation, anything else another one', async () => {
    const { call, person, drop, asked } = await shop()
    const [owner, admin] = [await person('creator'), await person('admin')]
    const { drop: id } = drop(owner.creator)
    const press = (action: string, key: string, token = owner.token) =>
      call('POST', `/v1/drops/${id}/${action}`, { token, key })

    for (const _ of [1, 2]) await press('pause', 'k1')
    await press('pause', 'k2')
    await press('resume', 'k1')
    await press('pause', 'k1', admin.token)

    const ids = asked.controls.map(({ opId }) => opId)
    expect(ids[0]).toMatch(/^[a-z0-9:-]{1,64}$/)
    expect(ids[1]).toBe(ids[0])
    expect(new Set(ids).size).toBe(4)
  })

  it.each([
    ['open', { kind: 'phase', from: ['scheduled'], to: 'open', early: true }],
    ['pause', { kind: 'phase', from: ['open'], to: 'paused' }],
    ['resume', { kind: 'phase', from: ['paused'], to: 'open' }],
    ['close', { kind: 'phase', from: ['open', 'paused'], to: 'closed' }],
    ['cancel', { kind: 'phase', from: ['scheduled', 'open', 'paused'], to: 'cancelled' }],
  ])('[R21] %s asks the room for that and nothing else', async (action, adjustment) => {
    const { call, person, drop, asked } = await shop()
    const owner = await person('creator')
    const { drop: id } = drop(owner.creator)

    await call('POST', `/v1/drops/${id}/${action}`, { token: owner.token, key: 'k' })

    expect(asked.controls).toMatchObject([{ drop: id, adjustment }])
  })

  it('[R21] the room’s answer is said in HTTP', async () => {
    const { call, person, drop, answers } = await shop()
    const owner = await person('creator')
    const path = `/v1/drops/${drop(owner.creator).drop}/resume`
    const press = () => call('POST', path, { token: owner.token, key: 'k' })
    const position = { epoch: 2, seq: 3 }

    answers.control = () => ({ done: 'repeated', phase: 'open', position })
    expect(await press()).toMatchObject({ status: 200, body: { phase: 'open', position, repeated: true } })
    answers.control = () => ({ done: 'wrong_phase', phase: 'scheduled' })
    expect(await press()).toMatchObject({ status: 409, body: { code: 'conflict', phase: 'scheduled' } })
    answers.control = () => ({ done: 'early', opensAtMs: Date.UTC(2030, 0, 1), nowMs: Date.UTC(2029, 11, 31) })
    expect(await press()).toMatchObject({ status: 409, body: { code: 'early', opensAt: '2030-01-01T00:00:00.000Z' } })
    answers.control = () => ({ done: 'pending', retryAfterMs: 400 })
    const pending = await press()
    expect(pending).toMatchObject({ status: 503, body: { code: 'unavailable', verdict: 'pending', retryAfterMs: 400 } })
    expect(pending.headers.get('retry-after')).toBe('1')
  })

  it('[R21] over is over: no room is woken, and closing again is no news', async () => {
    const { call, person, drop, asked } = await shop()
    const owner = await person('creator')
    const [closed, cancelled] = [drop(owner.creator, { phase: 'closed' }), drop(owner.creator, { phase: 'cancelled' })]
    const press = (id: string, action: string) =>
      call('POST', `/v1/drops/${id}/${action}`, { token: owner.token, key: 'k' })

    expect(await press(closed.drop, 'close')).toMatchObject({ status: 200, body: { phase: 'closed', repeated: true } })
    expect(await press(closed.drop, 'open')).toMatchObject({ status: 409, body: { phase: 'closed' } })
    expect(await press(cancelled.drop, 'cancel')).toMatchObject({ status: 200, body: { repeated: true } })
    expect(await press(closed.drop, 'cancel')).toMatchObject({ status: 409, body: { phase: 'closed' } })
    expect(await press(cancelled.drop, 'close')).toMatchObject({ status: 409, body: { phase: 'cancelled' } })
    expect(asked.controls).toEqual([])
  })
})
