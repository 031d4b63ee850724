/** Orders over REST, with rooms that answer what a test tells them to. */
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { IdempotencyKey, OrderId, Sku, UserId } from '../protocol/ids.ts'
import { VERDICTS } from '../protocol/verdicts.ts'
import type { OrderReply } from '../rooms/letters.ts'
import { orderIdOf } from '../rooms/order-id.ts'
import { preferredWaitMs } from '../server/api/prefer.ts'
import { WaitingBuyers } from '../server/api/settlements.ts'
import { httpNode } from './builders/http-node.ts'
import { away, mint, restWorld } from './builders/rest-world.ts'

const open: { close(): void }[] = []
afterEach(() => {
  for (const node of open.splice(0)) node.close()
})
async function sale() {
  const world = restWorld()
  const node = await httpNode({ routes: world.routes, tokens: world.tokens })
  open.push(node)
  const [creator, fan] = [await world.person('creator'), await world.person('fan')]
  const { drop } = world.drop(creator.creator)
  const orderId = orderIdOf(drop, fan.user, 'tap-1' as IdempotencyKey)

  /** What Postgres has of the fan's order. */
  const written = (change: Partial<(typeof world.orders)[number]> = {}) =>
    world.orders.push({
      ...{ orderId, drop, buyer: fan.user, key: 'tap-1' as IdempotencyKey, state: 'confirmed', reason: null },
      ...{ acceptedAtMs: Date.UTC(2030, 4, 1), confirmedAtMs: Date.UTC(2030, 4, 1) + 40 },
      lines: [{ sku: 'SHIRT' as Sku, qty: 1, priceMinor: 3900, currency: 'EUR' }],
      ...change,
    })
  const order = (change: Parameters<typeof node.call>[2] = {}) =>
    node.call('POST', `/v1/drops/${drop}/orders`, {
      token: fan.token,
      key: 'tap-1',
      body: { lines: [{ sku: 'SHIRT', qty: 1 }] },
      ...change,
    })
  return { ...world, ...node, creator, fan, dropId: drop, orderId, written, order }
}

describe('placing an order', () => {
  it('[R22] an accepted one is 201, under the id that every retry computes', async () => {
    const { order, answers, asked, orderId, dropId, fan } = await sale()
    answers.order = () => ({
      verdict: 'accepted',
      position: { epoch: 3, seq: 41 },
      left: [{ sku: 'SHIRT' as Sku, left: 5 }],
    })

    const heard = await order()

    expect(heard).toMatchObject({
      status: 201,
      body: {
        ...{ orderId, drop: dropId, key: 'tap-1', verdict: 'accepted', state: 'accepted' },
        lines: [{ sku: 'SHIRT', qty: 1 }],
        position: { epoch: 3, seq: 41 },
        left: [{ sku: 'SHIRT', left: 5 }],
      },
    })
    expect(heard.headers.get('location')).toBe(`/v1/orders/${orderId}`)
    expect(asked.orders).toEqual([
      { drop: dropId, claim: { orderId, buyer: fan.user, key: 'tap-1', lines: 'SHIRT:1' } },
    ])
  })

  it('[R22] a duplicate is 200 with what became of the first', async () => {
    const { order, answers, written } = await sale()
    answers.order = () => ({ verdict: 'duplicate' })
    expect(await order()).toMatchObject({ status: 200, body: { verdict: 'duplicate', state: 'accepted' } })

    written()
    expect(await order()).toMatchObject({ status: 200, body: { verdict: 'duplicate', state: 'confirmed' } })

    answers.order = () => ({ verdict: 'duplicate', state: 'cancelled' })
    expect(await order()).toMatchObject({ status: 200, body: { state: 'cancelled' } })
  })

  const refused: [OrderReply, number, string][] = [
    [{ verdict: 'sold_out', left: [{ sku: 'SHIRT' as Sku, left: 0 }] }, 409, 'sold_out'],
    [{ verdict: 'limit_reached' }, 409, 'limit_reached'],
    [{ verdict: 'early', retryAfterMs: 90_000 }, 409, 'early'],
    [{ verdict: 'paused' }, 409, 'paused'],
    [{ verdict: 'closed' }, 409, 'closed'],
    [{ verdict: 'mismatch' }, 422, 'key_mismatch'],
    [{ verdict: 'rate_limited', retryAfterMs: 10 }, 429, 'rate_limited'],
    [{ verdict: 'pending', retryAfterMs: 250 }, 503, 'unavailable'],
    [{ verdict: 'unauthorized' }, 401, 'unauthorized'],
  ]

  it.each(refused)('[R22] the verdict of %j is said as %i %s', async (reply, status, code) => {
    const { order, answers } = await sale()
    answers.order = () => reply

    const heard = await order()

    expect(heard).toMatchObject({ status, body: { code, ...reply } })
    expect(heard.headers.get('retry-after')).toBe(
      reply.retryAfterMs === undefined ? null : String(Math.ceil(reply.retryAfterMs / 1000)),
    )
  })

  it('[R22] every verdict has its place', () => {
    const said = [...refused.map(([reply]) => reply.verdict), 'accepted', 'duplicate', 'invalid']

    expect(said.sort()).toEqual([...VERDICTS].sort())
  })

  it('[R22] a room that does not know is looked up in Postgres: unknown, over, another SKU, or an old order', async () => {
    const { order, call, answers, fan, dropId, drops, written } = await sale()
    answers.order = () => ({ verdict: 'invalid' })
    const lines = (sku: string, qty = 1) => ({ body: { lines: [{ sku, qty }] } })

    const nowhere = await call('POST', `/v1/drops/${mint()}/orders`, { token: fan.token, key: 'k', ...lines('SHIRT') })
    expect(nowhere).toMatchObject({ status: 404, body: { code: 'not_found' } })
    expect(await order(lines('HAT'))).toMatchObject({
      status: 400,
      body: { code: 'bad_request', verdict: 'invalid', errors: [{ at: 'body.lines.0.sku' }] },
    })
    const record = drops.get(dropId)
    if (record !== undefined) record.phase = 'closed'
    expect(await order()).toMatchObject({ status: 409, body: { code: 'closed', verdict: 'closed' } })
    written()
    expect(await order()).toMatchObject({ status: 200, body: { verdict: 'duplicate', state: 'confirmed' } })
    expect(await order(lines('SHIRT', 2))).toMatchObject({ status: 422, body: { verdict: 'mismatch' } })
  })

  it('[R22] without a key nothing is asked, and the buyer is the token’s whatever the body says', async () => {
    const { order, call, asked, dropId, fan } = await sale()
    const body = { lines: [{ sku: 'SHIRT', qty: 1 }] }

    const keyless = await call('POST', `/v1/drops/${dropId}/orders`, { token: fan.token, body })
    expect(keyless).toMatchObject({ status: 400, body: { code: 'key_required' } })
    expect((await order({ body: { ...body, buyer: mint<UserId>() } })).status).toBe(400)
    expect((await call('POST', `/v1/drops/${dropId}/orders`, { key: 'k', body })).status).toBe(401)
    expect(asked.orders).toEqual([])
  })

  it.each([0, -1, 1.5, 1e21, '1', 2 ** 53 + 1, null, [1], true, 1001])(
    '[R22] a quantity of %j is no quantity',
    async (qty) => {
      const { order, asked } = await sale()

      const heard = await order({ body: { lines: [{ sku: 'SHIRT', qty }] } })

      expect(heard.body.code).toBe('bad_request')
      expect(heard.body.errors[0].at).toBe('body.lines.0.qty')
      expect(asked.orders).toEqual([])
    },
  )

  it('[R22] a dependency that is away is 503, and nothing of it is said', async () => {
    const { order, answers } = await sale()
    answers.order = away

    const heard = await order()

    expect(heard).toMatchObject({ status: 503, body: { code: 'unavailable' } })
    expect(heard.text).not.toContain('redis')
  })
})

describe('waiting for the end', () => {
  const wait = { headers: { prefer: 'wait' } }

  it('[R25] answers confirmed once Postgres has it, even if that is before the receipt', async () => {
    const { order, answers, settlements, orderId } = await sale()
    answers.order = () => {
      settlements.settled([{ orderId, state: 'confirmed' }])
      return { verdict: 'accepted' }
    }

    const heard = await order(wait)

    expect(heard).toMatchObject({ status: 201, body: { verdict: 'accepted', state: 'confirmed' } })
    expect(heard.headers.get('preference-applied')).toBe('wait')
    expect(settlements.count).toBe(0)
  })

  it('[R25] is told of the rare order that had to be revoked', async () => {
    const { order, settlements, orderId } = await sale()
    const asked = order(wait)
    await vi.waitFor(() => expect(settlements.count).toBe(1))
    settlements.settled([{ orderId, state: 'revoked' }])

    expect(await asked).toMatchObject({ status: 409, body: { code: 'conflict', orderId, state: 'revoked' } })
  })

  it('[R25] past its time it looks into Postgres, and says accepted when nothing is there', async () => {
    const { order, written } = await sale()
    const shortly = { headers: { prefer: 'respond-async, wait=0' } }

    expect(await order(shortly)).toMatchObject({ status: 201, body: { state: 'accepted' } })
    written()
    expect(await order(shortly)).toMatchObject({ status: 201, body: { state: 'confirmed' } })
  })

  it('[R25] a duplicate of what is confirmed already is not waited for', async () => {
    const { order, answers, written, settlements } = await sale()
    answers.order = () => ({ verdict: 'duplicate' })
    written()

    expect(await order(wait)).toMatchObject({ status: 200, body: { state: 'confirmed' } })
    expect(settlements.count).toBe(0)
  })

  it('[R25] a refusal is not waited for, and nobody is left waiting', async () => {
    const { order, answers, settlements } = await sale()
    answers.order = () => ({ verdict: 'sold_out' })

    expect((await order(wait)).status).toBe(409)
    expect(settlements.count).toBe(0)
  })

  it.each([
    ['wait', 5_000],
    ['wait=2', 2_000],
    ['wait=600', 5_000],
    ['Wait="3"', 3_000],
    ['return=minimal, wait=1; foo', 1_000],
    ['wait=0', 0],
    ['await', undefined],
    ['wait=-1', undefined],
    ['wait=1e3', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('[R25] Prefer: %s is a wish for %s ms', (prefer, ms) => {
    expect(preferredWaitMs(prefer, 5_000)).toBe(ms)
  })

  it('[R25] so many may wait, and each hears of their own order only', async () => {
    const waiting = new WaitingBuyers(2)
    const [a, b] = ['a'.repeat(26) as OrderId, 'b'.repeat(26) as OrderId]

    const told = [waiting.wait(a, 5_000), waiting.wait(a, 5_000), waiting.wait(b, 5_000)]
    waiting.settled([{ orderId: b, state: 'revoked' }])
    waiting.settled([{ orderId: a, state: 'confirmed' }])

    expect(await Promise.all(told)).toEqual(['confirmed', 'confirmed', 'unheard'])
    expect(waiting.count).toBe(0)
  })
})

describe('reading orders', () => {
  it('[R26] mine is mine, and everybody else’s is as unknown as one that is not there', async () => {
    const { call, written, orderId, fan, creator, person } = await sale()
    written()
    const admin = await person('admin')
    const read = (token: string, id: string = orderId) =>
      call('GET', `/v1/orders/${id}`, { token, headers: { 'x-request-id': 'same' } })

    expect((await read(fan.token)).body).toEqual({
      id: orderId,
      drop: expect.any(String),
      key: 'tap-1',
      state: 'confirmed',
      lines: [{ sku: 'SHIRT', qty: 1, priceMinor: 3900, currency: 'EUR' }],
      placedAt: '2030-05-01T00:00:00.000Z',
      confirmedAt: '2030-05-01T00:00:00.040Z',
    })
    const unknown = await read(fan.token, 'a'.repeat(26))
    expect(unknown).toMatchObject({ status: 404, body: { code: 'not_found' } })
    for (const other of [creator, admin]) expect((await read(other.token)).text).toBe(unknown.text)
    expect((await call('GET', `/v1/orders/${orderId}`)).status).toBe(401)
  })

  it('[R26] an order that is written a moment later is found', async () => {
    const { call, world, written, orderId, fan } = await sale()
    const { byId } = world.orders
    world.orders.byId = async (...asked) => {
      const found = await byId(...asked)
      if (found === undefined) written()
      return found
    }

    expect((await call('GET', `/v1/orders/${orderId}`, { token: fan.token })).status).toBe(200)
  })

  it('[R27] pages are walked by cursor, each order once, to the last', async () => {
    const { call, written, fan } = await sale()
    for (let at = 0; at < 7; at += 1) {
      written({ orderId: String.fromCharCode(97 + at).repeat(26) as OrderId, acceptedAtMs: Date.UTC(2030, 4, 1) + at })
    }
    const pages: string[] = []
    let cursor = ''
    do {
      const heard = await call('GET', `/v1/orders?limit=3${cursor}`, { token: fan.token })
      pages.push(heard.body.items.map((item: { id: string }) => item.id[0]).join(''))
      cursor = heard.body.nextCursor === null ? '' : `&cursor=${heard.body.nextCursor}`
    } while (cursor !== '')

    expect(pages).toEqual(['gfe', 'dcb', 'a'])
    expect((await call('GET', '/v1/orders?limit=7', { token: fan.token })).body.nextCursor).toBeNull()
  })

  it('[R27] filters by drop and state, and only for the one who asks', async () => {
    const { call, written, fan, dropId, person } = await sale()
    written()
    written({ orderId: 'b'.repeat(26) as OrderId, state: 'revoked', acceptedAtMs: 1 })
    written({ orderId: 'c'.repeat(26) as OrderId, buyer: (await person()).user })
    const count = async (query: string) =>
      (await call('GET', `/v1/orders${query}`, { token: fan.token })).body.items.length

    expect(await count('')).toBe(2)
    expect(await count('?state=revoked')).toBe(1)
    expect(await count(`?drop=${dropId}&state=confirmed`)).toBe(1)
    expect(await count(`?drop=${mint()}`)).toBe(0)
  })

  it.each([
    'limit=0',
    'limit=101',
    'limit=-1',
    'limit=1e1',
    'limit=ten',
    'limit=',
    'state=accepted',
    'state=',
    'drop=x',
    'cursor=',
    'cursor=..',
    'cursor=AAAA',
    `cursor=${Buffer.from('[1,"x"]').toString('base64url')}`,
    `cursor=${Buffer.from('{"acceptedAtMs":-1,"orderId":"aaaaaaaaaaaaaaaaaaaaaaaaaa"}').toString('base64url')}`,
    `cursor=${Buffer.from('{"acceptedAtMs":1e400,"orderId":"aaaaaaaaaaaaaaaaaaaaaaaaaa"}').toString('base64url')}`,
    `cursor=${Buffer.from('{"length":2}').toString('base64url')}`,
  ])('[R27] ?%s is refused by name', async (query) => {
    const { call, fan } = await sale()

    const heard = await call('GET', `/v1/orders?${query}`, { token: fan.token })

    expect(heard).toMatchObject({ status: 400, body: { code: 'bad_request' } })
    expect(heard.body.errors[0].at).toBe(`query.${query.split('=')[0]}`)
  })
})
