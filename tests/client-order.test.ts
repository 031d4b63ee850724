/** Orders of the client: one key, any number of attempts, one outcome; against a server that says what it is told to. */
import { describe, expect, it } from 'vitest'
import { Client, type ClientOptions, type OrderAnswer } from '../client/client.ts'
import { HandWorld, rested, type ScriptedLink, ScriptedServer } from '../client/testing/scripted-server.ts'
import type { Receipt } from '../protocol/messages/order.ts'
import type { Up } from '../protocol/up.ts'
import { dropOf } from './builders/people.ts'

const SHOES = dropOf('shoes')
const LINES = [{ sku: 'shoe', qty: 1 }]
const ORDER_ID = 'abcdefghijklmnopqrstuvwxy2'

type Ordered = Extract<Up, { type: 'order' }>

async function online(options: Partial<ClientOptions> = {}) {
  const world = new HandWorld()
  const server = new ScriptedServer()
  const client = new Client({ transport: server.transport, world, getToken: async () => 'token', ...options }).connect()
  const link = await server.greeted()
  return { world, server, client, link }
}

/** The promise, and what it has settled to. */
function follow<T>(promise: Promise<T>): { now: T | undefined } {
  const followed: { now: T | undefined } = { now: undefined }
  void promise.then((value) => {
    followed.now = value
  })
  return followed
}

function ordered(link: ScriptedLink): Ordered {
  const [order, ...more] = link.take('order')
  if (order === undefined || more.length > 0) throw new Error(`${more.length + (order ? 1 : 0)} orders were said`)
  return order
}

async function answer(link: ScriptedLink, order: Ordered, verdict: Receipt['verdict'], more: Partial<Receipt> = {}) {
  const { id, drop, key } = order
  const orderId = verdict === 'accepted' || verdict === 'duplicate' ? { orderId: ORDER_ID } : {}
  link.say({ type: 'receipt', id, drop, key, verdict, ...orderId, ...more })
  await rested()
}

async function ends(link: ScriptedLink, key: string, type: 'confirmed' | 'revoked' = 'confirmed') {
  link.say({ type, drop: SHOES, key, orderId: ORDER_ID, reason: 'x' })
  await rested()
}

describe('an order', () => {
  it('[J10] settles when it is accepted, and is confirmed later', async () => {
    const { client, link } = await online()
    const told = follow(client.order(SHOES, LINES))
    const order = ordered(link)

    expect(order).toMatchObject({ drop: SHOES, lines: LINES, key: expect.stringMatching(/^[A-Za-z0-9._~-]{10,64}$/) })
    expect(told.now).toBeUndefined()
    await answer(link, order, 'accepted', { position: { epoch: 1, seq: 4 } })
    expect(told.now).toMatchObject({ verdict: 'accepted', key: order.key, orderId: ORDER_ID, position: { seq: 4 } })
    const confirmed = follow(told.now?.verdict === 'accepted' ? told.now.confirmed : Promise.resolve('nothing'))
    await rested()
    expect(confirmed.now).toBeUndefined()
    await ends(link, order.key)

    expect(confirmed.now).toBe('confirmed')
  })

  it('[J10] has a key of its own unless the app names one', async () => {
    const { client, link, world } = await online()
    for (let n = 0; n < 20; n += 1) {
      world.chance = (n + 1) / 33
      void client.order(SHOES, LINES)
    }
    void client.order(SHOES, LINES, { key: 'cart-7' })

    const keys = link.take('order').map(({ key }) => key as string)
    expect(new Set(keys).size).toBe(21)
    expect(keys).toContain('cart-7')
  })

  it('[J10] is sent again under the same key after pending, early, rate_limited, silence and a failure of ours', async () => {
    const { client, link, world } = await online()
    const told = follow(client.order(SHOES, LINES, { timeoutMs: 60_000 }))
    const first = ordered(link)
    const resent = async (ms: number) => {
      await world.advance(ms - 1)
      expect(link.take('order')).toEqual([])
      await world.advance(1)
      const again = ordered(link)
      expect(again).toEqual({ ...first, id: again.id })
      return again
    }

    await answer(link, first, 'pending', { retryAfterMs: 300 })
    const second = await resent(300 + 200)
    await answer(link, second, 'early', { retryAfterMs: 1_234 })
    const third = await resent(1_234)
    await answer(link, third, 'rate_limited', { retryAfterMs: 1_000 })
    const fourth = await resent(1_000 + 800)
    link.say({ type: 'error', id: fourth.id, code: 'overloaded', message: '', retryable: true })
    await resent(200 + 1_600)
    const sixth = await resent(5_000)

    expect(told.now).toBeUndefined()
    await answer(link, sixth, 'duplicate', { state: 'accepted' })
    expect(told.now).toMatchObject({ verdict: 'accepted', orderId: ORDER_ID })
    await world.advance(4_000)
    expect(link.take('order')).toEqual([])
  })

  it.each(['sold_out', 'limit_reached', 'paused', 'closed', 'mismatch', 'invalid'] as const)(
    '[J10] settles as %s at once, and is over',
    async (verdict) => {
      const { client, link, world } = await online()
      const told = follow(client.order(SHOES, LINES, { key: 'k' }))

      await answer(link, ordered(link), verdict, { left: [{ sku: 'shoe' as never, left: 0 }] })

      expect(told.now).toEqual({ verdict, key: 'k', sent: true, left: [{ sku: 'shoe', left: 0 }] })
      await world.advance(14_000)
      expect(link.take('order')).toEqual([])
    },
  )

  it('[J10] that was not understood is invalid, and no other order with it', async () => {
    const { client, link } = await online()
    const bad = follow(client.order(SHOES, [{ sku: '', qty: 1 }], { key: 'bad' }))
    const good = follow(client.order(SHOES, LINES, { key: 'good' }))
    const [first] = link.take('order')

    link.say({ type: 'error', id: first?.id, code: 'bad_request', message: '', retryable: false })
    await rested()

    expect([bad.now, good.now]).toEqual([{ verdict: 'invalid', key: 'bad', sent: true }, undefined])
  })

  it('[J10] goes on over a cut: sent again if it had no answer, asked for if it had', async () => {
    const { client, server, link, world } = await online()
    const open = follow(client.order(SHOES, LINES, { key: 'open' }))
    const accepted = follow(client.order(SHOES, LINES, { key: 'accepted' }))
    const [, second] = link.take('order')
    if (second === undefined) throw new Error('not said')
    await answer(link, second, 'accepted')

    link.cut()
    await world.advance(500)
    const next = await server.greeted()

    const again = ordered(next)
    expect(again.key).toBe('open')
    expect(next.take('outcomes')).toMatchObject([{ drop: SHOES, keys: ['accepted'] }])
    await answer(next, again, 'duplicate', { state: 'confirmed' })
    next.say({ type: 'outcome', drop: SHOES, key: 'accepted', orderId: ORDER_ID, state: 'confirmed' })
    await rested()
    expect([open.now?.verdict, accepted.now?.verdict]).toEqual(['accepted', 'accepted'])
    for (const one of [open.now, accepted.now] as OrderAnswer[]) {
      expect(one.verdict === 'accepted' && (await one.confirmed)).toBe('confirmed')
    }
  })

  it('[J10] made without a link is sent when there is one, once', async () => {
    const world = new HandWorld()
    const server = new ScriptedServer()
    const client = new Client({ transport: server.transport, world, getToken: async () => 't' })

    void client.order(SHOES, LINES, { key: 'k' })
    void client.order(SHOES, LINES, { key: 'k' })
    const link = await server.greeted()

    expect(ordered(link).key).toBe('k')
    expect(server.links).toHaveLength(1)
  })

  it('[J10] under a key that is open is the same order, or a mismatch', async () => {
    const { client, link } = await online()
    const first = client.order(SHOES, LINES, { key: 'k' })

    expect(client.order(SHOES, LINES, { key: 'k' })).toBe(first)
    expect(await client.order(SHOES, [{ sku: 'hat', qty: 1 }], { key: 'k' })).toEqual({
      verdict: 'mismatch',
      key: 'k',
      sent: false,
    })
    expect(ordered(link).lines).toEqual(LINES)
  })
})

describe('the promise of an order', () => {
  it('[J11] settles as pending when its time is up, and says whether anything left the device', async () => {
    const { client, link, world } = await online()
    const sent = follow(client.order(SHOES, LINES, { key: 'sent', timeoutMs: 3_000 }))
    link.cut()
    const unsent = follow(client.order(SHOES, LINES, { key: 'unsent', timeoutMs: 3_000 }))

    await world.advance(2_999)
    expect([sent.now, unsent.now]).toEqual([undefined, undefined])
    await world.advance(1)

    expect(sent.now).toEqual({ verdict: 'pending', key: 'sent', sent: true })
    expect(unsent.now).toEqual({ verdict: 'pending', key: 'unsent', sent: false })
  })

  it('[J11] settles as early, with the time that is missing, when the drop opens later than it would wait', async () => {
    const { client, link } = await online()
    const told = follow(client.order(SHOES, LINES, { key: 'k', timeoutMs: 3_000 }))

    await answer(link, ordered(link), 'early', { retryAfterMs: 60_000 })

    expect(told.now).toEqual({ verdict: 'early', key: 'k', sent: true, retryAfterMs: 60_000 })
  })

  it('[J11] settles at once when 64 orders are open, and when the client is closed', async () => {
    const { client, link, world } = await online()
    const many = Array.from({ length: 65 }, (_, n) => follow(client.order(SHOES, LINES, { key: `k${n}` })))
    const accepted = link.take('order')[0]
    if (accepted === undefined) throw new Error('not said')
    await answer(link, accepted, 'accepted')
    const [first] = many
    const end = follow(first?.now?.verdict === 'accepted' ? first.now.confirmed : Promise.resolve('nothing'))

    expect(many[64]?.now).toEqual({ verdict: 'rate_limited', key: 'k64', sent: false })
    client.close()
    await rested()

    expect(many.slice(1, 64).map(({ now }) => now?.verdict)).toEqual(Array(63).fill('pending'))
    expect(end.now).toBe('unknown')
    expect(await client.order(SHOES, LINES, { key: 'late' })).toEqual({ verdict: 'pending', key: 'late', sent: false })
    expect(world.timers).toBe(0)
    expect(client.connection).toEqual({ name: 'closed', code: 1000, reason: 'left' })
  })

  it('[J11] settles when the server sends the client away for good', async () => {
    const { client, link } = await online()
    const told = follow(client.order(SHOES, LINES, { key: 'k' }))

    link.cut(3503, 'banned')
    await rested()

    expect(told.now).toMatchObject({ verdict: 'pending', sent: true })
    expect(client.connection).toEqual({ name: 'closed', code: 3503, reason: 'banned' })
  })
})

describe('the end of an order', () => {
  it('[J12] is asked for, less and less often, when nobody tells it', async () => {
    const { client, link, world } = await online()
    const told = follow(client.order(SHOES, LINES, { key: 'k' }))
    await answer(link, ordered(link), 'accepted')

    const asked: number[] = []
    for (let second = 0; second < 60; second += 1) {
      await world.advance(1_000)
      for (const _ of link.take('clock')) link.say({ type: 'clock', t0: 0, t1: 0, t2: 0 })
      if (link.take('outcomes').length > 0) asked.push(second + 1)
    }
    expect(asked).toEqual([8, 23, 53])
    link.say({ type: 'outcome', id: 'o', drop: SHOES, key: 'k', orderId: ORDER_ID, state: 'revoked' })
    await rested()

    expect(told.now?.verdict === 'accepted' && (await told.now.confirmed)).toBe('revoked')
  })

  it('[J12] that comes before the receipt says both', async () => {
    const { client, link } = await online()
    const told = follow(client.order(SHOES, LINES, { key: 'k' }))
    const order = ordered(link)

    await ends(link, 'k')
    await answer(link, order, 'accepted')

    expect(told.now).toMatchObject({ verdict: 'accepted', orderId: ORDER_ID })
    expect(told.now?.verdict === 'accepted' && (await told.now.confirmed)).toBe('confirmed')
  })

  it('[J12] of an accepted order that nobody remembers is found by ordering again', async () => {
    const { client, link, world } = await online()
    const told = follow(client.order(SHOES, LINES, { key: 'k' }))
    await answer(link, ordered(link), 'accepted')
    await world.advance(7_500)
    expect(link.take('outcomes')).toHaveLength(1)

    link.say({ type: 'outcome', drop: SHOES, key: 'k', state: 'unknown' })
    await rested()
    await answer(link, ordered(link), 'sold_out')

    expect(told.now?.verdict === 'accepted' && (await told.now.confirmed)).toBe('revoked')
  })

  it('[J12] is also heard of orders that were made elsewhere', async () => {
    const { client, link } = await online()
    const heard: string[] = []
    client.on('settled', ({ type, key }) => heard.push(`${type} ${key}`))

    await ends(link, 'other-phone')
    await ends(link, 'other-phone', 'revoked')

    expect(heard).toEqual(['confirmed other-phone', 'revoked other-phone'])
  })
})

describe('a refusal', () => {
  it('[J13] is not believed while an attempt that was cut off may still be carried out', async () => {
    const { client, server, link, world } = await online()
    const told = follow(client.order(SHOES, LINES, { key: 'k' }))
    link.cut()
    await world.advance(250)
    const next = await server.greeted()

    await answer(next, ordered(next), 'sold_out')
    expect(told.now).toBeUndefined()
    await world.advance(3_749)
    expect(next.take('order')).toEqual([])
    await world.advance(1)
    await answer(next, ordered(next), 'sold_out')

    expect(told.now).toMatchObject({ verdict: 'sold_out', sent: true })
  })

  it('[J13] is overruled by the attempt that was carried out late', async () => {
    const { client, server, link, world } = await online()
    const told = follow(client.order(SHOES, LINES, { key: 'k' }))
    link.cut()
    await world.advance(250)
    const next = await server.greeted()

    await answer(next, ordered(next), 'sold_out')
    await world.advance(3_750)
    await answer(next, ordered(next), 'duplicate', { state: 'accepted' })

    expect(told.now).toMatchObject({ verdict: 'accepted', orderId: ORDER_ID })
  })

  it('[J13] for want of a good token is believed after a new token was tried', async () => {
    const asked: boolean[] = []
    const getToken = async ({ refresh }: { refresh: boolean }) => {
      asked.push(refresh)
      return `token-${asked.length}`
    }
    const { client, link } = await online({ getToken })
    const told = follow(client.order(SHOES, LINES, { key: 'k' }))

    await answer(link, ordered(link), 'unauthorized')
    expect(link.take('auth')).toEqual([{ type: 'auth', id: 'auth', token: 'token-2' }])
    link.say({ type: 'auth', id: 'auth', expiresAtMs: 0, ticket: 't' })
    await rested()
    await answer(link, ordered(link), 'accepted')

    expect(asked).toEqual([false, true])
    expect(told.now?.verdict).toBe('accepted')
    const other = follow(client.order(SHOES, LINES, { key: 'other' }))
    await answer(link, ordered(link), 'unauthorized')
    link.say({ type: 'error', id: 'auth', code: 'unauthorized', message: '', retryable: false })
    await rested()
    await answer(link, ordered(link), 'unauthorized')
    expect(other.now).toMatchObject({ verdict: 'unauthorized' })
  })
})

describe('an order that is given back', () => {
  const cancels = (link: ScriptedLink) =>
    link.take('cancel').map(({ id, orderId, drop, key }) => ({ id, orderId, drop, key }))

  it('[J24] is asked for once, again after pending, a limit, silence and a cut, and settles with what the drop says', async () => {
    const { client, server, link, world } = await online()
    const asked = { id: `c${ORDER_ID}`, orderId: ORDER_ID, drop: SHOES, key: 'k' }
    const told = follow(client.cancel({ orderId: ORDER_ID, drop: SHOES, key: 'k' }))
    void client.cancel({ orderId: ORDER_ID })
    expect(cancels(link)).toEqual([asked])

    link.say({ type: 'receipt', id: asked.id, orderId: ORDER_ID, verdict: 'pending', retryAfterMs: 250 })
    await world.advance(349)
    expect(cancels(link)).toEqual([])
    await world.advance(1)
    expect(cancels(link)).toEqual([asked])
    link.say({ type: 'error', id: asked.id, code: 'rate_limited', message: '', retryable: true, retryAfterMs: 900 })
    await world.advance(1_000)
    expect(cancels(link)).toEqual([asked])
    await world.advance(5_000)
    expect(cancels(link)).toEqual([asked])
    link.cut()
    await world.advance(1_000)
    const second = await server.greeted()
    expect(cancels(second)).toEqual([asked])
    second.say({ type: 'receipt', id: asked.id, drop: SHOES, key: 'k', verdict: 'accepted', state: 'cancelled' })
    await rested()

    expect(told.now).toBe('cancelled')
    await world.advance(20_000)
    expect(cancels(second)).toEqual([])
  })

  it.each([
    ['duplicate', 'cancelled'],
    ['closed', 'too_late'],
    ['invalid', 'no_such_order'],
    ['unauthorized', 'unauthorized'],
  ] as const)('[J24] is told %s as %s, and the order’s own promise is not touched', async (verdict, said) => {
    const { client, link } = await online()
    const order = follow(client.order(SHOES, LINES, { key: 'k' }))
    await answer(link, ordered(link), 'accepted')
    const end = follow(order.now?.verdict === 'accepted' ? order.now.confirmed : Promise.resolve('nothing'))
    const told = follow(client.cancel({ orderId: ORDER_ID }))
    link.say({ type: 'receipt', id: `c${ORDER_ID}`, drop: SHOES, key: 'k', verdict, state: 'confirmed' })
    await rested()

    expect([told.now, end.now]).toEqual([said, undefined])
    link.say({ type: 'cancelled', drop: SHOES, key: 'k', orderId: ORDER_ID })
    await rested()
    expect(end.now).toBe('cancelled')
  })

  it('[J24] is unknown when its time is up, past sixteen at once, and when the client is closed', async () => {
    const { client, world } = await online()
    const late = follow(client.cancel({ orderId: 'late' }, { timeoutMs: 1_000 }))
    await world.advance(1_000)
    expect(late.now).toBe('unknown')
    const many = Array.from({ length: 17 }, (_, n) => follow(client.cancel({ orderId: `o${n}` })))
    await rested()
    expect(many.map(({ now }) => now)).toEqual([...Array(16).fill(undefined), 'unknown'])
    client.close()
    await rested()

    expect(many.map(({ now }) => now)).toEqual(Array(17).fill('unknown'))
    expect([await client.cancel({ orderId: 'o' }), world.timers]).toEqual(['unknown', 0])
  })
})
