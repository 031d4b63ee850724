/** The creator's hand on the stock, and the buyer's on an order, over REST. */
import { afterEach, describe, expect, it } from 'vitest'
import type { IdempotencyKey, OrderId, Sku } from '../protocol/ids.ts'
import { orderIdOf } from '../rooms/order-id.ts'
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
  const [owner, fan] = [await world.person('creator'), await world.person('fan')]
  const { drop } = world.drop(owner.creator)
  const key = 'tap-1' as IdempotencyKey
  const orderId = orderIdOf(drop, fan.user, key)
  const written = (state: 'confirmed' | 'revoked' | 'cancelled' = 'confirmed') =>
    world.orders.push({
      ...{ orderId, drop, buyer: fan.user, key, state, reason: null, acceptedAtMs: 1, confirmedAtMs: 2 },
      lines: [{ sku: 'SHIRT' as Sku, qty: 2, priceMinor: 3900, currency: 'EUR' }],
    })
  const restock = (lines: unknown, change: Parameters<typeof node.call>[2] = {}) =>
    node.call('POST', `/v1/drops/${drop}/restock`, { token: owner.token, key: 'k', body: { lines }, ...change })
  const cancel = (id: string = orderId, token = fan.token, query = '') =>
    node.call('POST', `/v1/orders/${id}/cancel${query}`, { token })
  return { ...world, ...node, owner, fan, dropId: drop, key, orderId, written, restock, cancel }
}

describe('restock', () => {
  it('[E1] goes to Postgres and then to the room, under one operation', async () => {
    const { restock, asked, answers, dropId } = await sale()
    answers.control = () => ({ done: 'applied', phase: 'open', position: { epoch: 2, seq: 8 } })

    const heard = await restock([{ sku: 'SHIRT', qty: 50 }])

    expect(heard).toMatchObject({
      status: 200,
      body: { id: dropId, phase: 'open', position: { epoch: 2, seq: 8 }, repeated: false },
    })
    const opId = asked.restocks[0]?.opId
    expect(opId).toMatch(/^rest:restock:[0-9a-f]{40}$/)
    expect(asked.restocks).toEqual([{ drop: dropId, opId, lines: [{ sku: 'SHIRT', qty: 50 }] }])
    expect(asked.controls).toEqual([{ drop: dropId, opId, adjustment: { kind: 'restock', lines: 'SHIRT:50' } }])
  })

  it('[E1] whose room could not be asked is 503, and the same key completes it', async () => {
    const { restock, asked, answers } = await sale()
    answers.control = () => ({ done: 'pending', retryAfterMs: 200 })
    expect(await restock([{ sku: 'SHIRT', qty: 5 }])).toMatchObject({ status: 503, body: { verdict: 'pending' } })

    answers.restock = () => 'repeated'
    answers.control = () => ({ done: 'applied', phase: 'open', position: { epoch: 2, seq: 8 } })
    const again = await restock([{ sku: 'SHIRT', qty: 5 }])

    expect(again).toMatchObject({ status: 200, body: { repeated: true } })
    expect(new Set(asked.controls.map(({ opId }) => opId)).size).toBe(1)
  })

  it('[E16] is of thousands as well as of one', async () => {
    const { restock, asked } = await sale()

    expect((await restock([{ sku: 'SHIRT', qty: 250_000 }])).status).toBe(200)
    expect(asked.controls).toMatchObject([{ adjustment: { lines: 'SHIRT:250000' } }])
  })

  it('[E2] of what the drop does not have, or of nothing, is 400 before anything is written', async () => {
    const { restock, asked } = await sale()

    const unknown = await restock([
      { sku: 'SHIRT', qty: 1 },
      { sku: 'HAT', qty: 1 },
    ])

    expect(unknown).toMatchObject({ status: 400, body: { errors: [{ at: 'body.lines.1.sku' }] } })
    for (const lines of [
      [],
      [{ sku: 'SHIRT', qty: 0 }],
      [{ sku: 'SHIRT', qty: -1 }],
      [{ sku: 'SHIRT', qty: 10_000_001 }],
    ]) {
      expect((await restock(lines)).status).toBe(400)
    }
    expect(asked.restocks).toEqual([])
  })

  it('[E2] says what Postgres refused, and asks no room', async () => {
    const { restock, asked, answers } = await sale()
    const heard = async (said: ReturnType<typeof answers.restock>) => {
      answers.restock = () => said
      const { status, body } = await restock([{ sku: 'SHIRT', qty: 1 }])
      return [status, body.code]
    }

    expect(await heard('mismatch')).toEqual([422, 'key_mismatch'])
    expect(await heard('over')).toEqual([409, 'conflict'])
    expect(await heard('unknown_sku')).toEqual([400, 'bad_request'])
    expect(await heard('too_many')).toEqual([400, 'bad_request'])
    expect(asked.controls).toEqual([])
  })

  it('[R21] is the creator’s and an admin’s, under a key', async () => {
    const { restock, person, fan, asked } = await sale()
    const lines = [{ sku: 'SHIRT', qty: 1 }]
    const [other, admin] = [await person('creator'), await person('admin')]

    expect((await restock(lines, { token: fan.token })).status).toBe(403)
    expect((await restock(lines, { token: other.token })).status).toBe(403)
    expect((await restock(lines, { key: '' })).body.code).toBe('key_required')
    expect(asked.restocks).toEqual([])
    expect((await restock(lines, { token: admin.token })).status).toBe(200)
  })
})

describe('changing a scheduled drop', () => {
  it('[E14] is the creator’s, in the words of the plan', async () => {
    const { call, owner, person, asked, dropId, world, drops } = await sale()
    const record = await world.drops.byId(dropId)
    if (record !== undefined) drops.set(dropId, { ...record, phase: 'scheduled' })
    const patch = (body: unknown, token = owner.token) => call('PATCH', `/v1/drops/${dropId}`, { token, body })

    const heard = await patch({
      opensAt: '2030-05-01T20:00:00+02:00',
      closesAt: null,
      items: [{ sku: 'SHIRT', stock: 3 }],
    })

    expect(heard).toMatchObject({ status: 200, body: { id: dropId, phase: 'scheduled' } })
    expect(asked.changes).toEqual([
      {
        drop: dropId,
        change: { opensAtMs: Date.UTC(2030, 4, 1, 18), closesAtMs: null, items: [{ sku: 'SHIRT', stock: 3 }] },
      },
    ])
    expect(asked.agendas).toBe(1)
    expect((await patch({ title: 'x' }, (await person('creator')).token)).status).toBe(403)
    expect((await patch({})).status).toBe(400)
    expect((await patch({ phase: 'open' })).status).toBe(400)
  })

  it('[E14] says why not', async () => {
    const { call, owner, answers, asked, dropId, world, drops } = await sale()
    const patch = () => call('PATCH', `/v1/drops/${dropId}`, { token: owner.token, body: { title: 'x' } })
    expect(await patch()).toMatchObject({ status: 409, body: { phase: 'open' } })
    expect(asked.changes).toEqual([])
    const record = await world.drops.byId(dropId)
    if (record !== undefined) drops.set(dropId, { ...record, phase: 'scheduled' })

    const statuses = {
      not_scheduled: 409,
      too_soon: 409,
      closes_first: 400,
      unknown_sku: 400,
      unknown_drop: 404,
      elsewhere: 503,
    }
    for (const [said, status] of Object.entries(statuses)) {
      answers.replan = () => ({ said: said as keyof typeof statuses })
      expect([said, (await patch()).status]).toEqual([said, status])
    }
  })
})

describe('announce', () => {
  it('[E13] is said to the watchers once under a key, by the creator or an admin only', async () => {
    const { call, owner, person, asked, dropId } = await sale()
    const say = (text: unknown, token = owner.token, key = 'k') =>
      call('POST', `/v1/drops/${dropId}/announce`, { token, key, body: { text } })

    expect(await say(' Soon! ')).toMatchObject({ status: 200, body: { id: dropId, text: 'Soon!' } })
    expect((await say('Soon!')).status).toBe(200)
    expect((await say('Later.')).body.code).toBe('key_mismatch')
    expect((await say('Soon!', (await person('creator')).token)).status).toBe(403)
    for (const text of ['', 'a\nb', 'x'.repeat(281), 7]) expect((await say(text, owner.token, 'k2')).status).toBe(400)
    expect(asked.news).toEqual([
      expect.objectContaining({ drop: dropId, changes: [{ kind: 'announcement', text: 'Soon!' }] }),
    ])
  })
})

describe('giving an order back', () => {
  it('[E4] is Postgres’ word, then the room’s stock; again is again, and asks no room', async () => {
    const { cancel, written, asked, orderId, dropId, fan } = await sale()
    written()

    const first = await cancel()
    const again = await cancel()

    expect(first).toMatchObject({ status: 200, body: { orderId, drop: dropId, state: 'cancelled', repeated: false } })
    expect(again).toMatchObject({ status: 200, body: { state: 'cancelled', repeated: true } })
    expect(asked.controls).toEqual([
      {
        drop: dropId,
        opId: `cancel:${orderId}`,
        adjustment: { kind: 'release', orderId, buyer: fan.user, lines: 'SHIRT:2' },
      },
    ])
  })

  it('[E4] stands when the room cannot be asked: the stock comes back later', async () => {
    const { cancel, written, answers, call, fan, orderId } = await sale()
    written()
    answers.control = () => ({ done: 'pending', retryAfterMs: 200 })

    expect(await cancel()).toMatchObject({ status: 200, body: { state: 'cancelled' } })
    expect((await call('GET', `/v1/orders/${orderId}`, { token: fan.token })).body.state).toBe('cancelled')
  })

  it('[E5] of somebody else, or of nobody, is 404; too late is 409', async () => {
    const { cancel, written, person, world, drops, dropId, orders, asked } = await sale()
    written()
    const other = await person()

    expect((await cancel(undefined, other.token)).body.code).toBe('not_found')
    expect((await cancel('a'.repeat(26))).body.code).toBe('not_found')
    const record = await world.drops.byId(dropId)
    if (record !== undefined) drops.set(dropId, { ...record, phase: 'closed' })
    expect(await cancel()).toMatchObject({ status: 409, body: { code: 'closed' } })
    orders.splice(0)
    written('revoked')
    expect(await cancel()).toMatchObject({ status: 409, body: { code: 'conflict', state: 'revoked' } })
    expect(asked.controls).toEqual([])
  })

  it('[E5] is pending while the order is not written, for the one who can name it', async () => {
    const { cancel, answers, dropId, key, orderId, person } = await sale()
    answers.accepted.add(orderId)
    const other = await person()
    const named = `?drop=${dropId}&key=${key}`

    expect((await cancel()).status).toBe(404)
    expect((await cancel(undefined, other.token, named)).status).toBe(404)
    expect((await cancel(undefined, undefined, `?drop=${mint()}&key=${key}`)).status).toBe(404)
    expect(await cancel(undefined, undefined, named)).toMatchObject({
      status: 503,
      body: { code: 'unavailable', verdict: 'pending', retryAfterMs: 250 },
    })
  })

  it('[EE11] of an accepted order is pending, and not unknown, while the ledger is built anew', async () => {
    const { cancel, rooms, dropId, key } = await sale()
    const named = `?drop=${dropId}&key=${key}`

    expect(await cancel(undefined, undefined, named)).toMatchObject({ status: 503, body: { code: 'unavailable' } })
    rooms.set(dropId, {
      ...{ epoch: 2, seq: 0, batch: 0, phase: 'open', opensAtMs: 0, closesAtMs: null, limitPerBuyer: null },
      ...{ items: [], nowMs: 1 },
    })
    expect((await cancel(undefined, undefined, named)).status).toBe(404)
  })

  it('[EE11] of an accepted order is found, though its ledger had just gone back to before it', async () => {
    const { cancel, answers, rooms, written, dropId, key } = await sale()
    rooms.set(dropId, {
      ...{ epoch: 1, seq: 0, batch: 0, phase: 'open', opensAtMs: 0, closesAtMs: null, limitPerBuyer: null },
      ...{ items: [], nowMs: 1 },
    })
    const look = answers.ledger
    let looks = 0
    answers.ledger = (drop) => {
      looks += 1
      // The room sees it now, and writes what it remembers.
      setImmediate(() => written())
      return look(drop)
    }

    expect(await cancel(undefined, undefined, `?drop=${dropId}&key=${key}`)).toMatchObject({ status: 200 })
    expect(looks).toBe(1)
  })

  it('[E6] leaves its key used: a resend of the order is a duplicate that was cancelled', async () => {
    const { cancel, written, answers, call, fan, dropId, key } = await sale()
    written()
    await cancel()
    answers.order = () => ({ verdict: 'duplicate', position: { epoch: 1, seq: 1 } })

    const body = { lines: [{ sku: 'SHIRT', qty: 2 }] }
    const heard = await call('POST', `/v1/drops/${dropId}/orders`, { token: fan.token, key, body })

    expect(heard).toMatchObject({ status: 200, body: { verdict: 'duplicate', state: 'cancelled' } })
  })

  it('[E4] is not known, and so 503, when Postgres is away', async () => {
    const world = restWorld()
    const { token } = await world.person()
    world.world.cancellations = { cancel: away }
    const { apiRoutes } = await import('../server/api/routes.ts')
    const node = await httpNode({ routes: apiRoutes(world.world), tokens: world.tokens })
    open.push(node)

    expect((await node.call('POST', `/v1/orders/${'a'.repeat(26) as OrderId}/cancel`, { token })).status).toBe(503)
  })
})
