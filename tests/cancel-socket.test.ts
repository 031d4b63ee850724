/** Giving an order back over a socket, and who hears of it. */
import { describe, expect, it } from 'vitest'
import { Fault } from '../protocol/faults.ts'
import type { Cancellation } from '../server/inbound/cancellations.ts'
import { readSettled } from '../server/outbound/event-ears.ts'
import { EdgeWorld, gate } from './builders/edge-world.ts'
import { ask, buyer, dropOf, keyOf } from './builders/people.ts'

const SHOES = dropOf('shoes')
const { orderId } = ask(SHOES, 'ana')
const cancel = { type: 'cancel', id: 7, orderId }
const named = { drop: SHOES, key: keyOf('k1') }

describe('cancel', () => {
  it.each<[Cancellation, object]>([
    [
      { said: 'now', ...named },
      { ...named, verdict: 'accepted', state: 'cancelled' },
    ],
    [
      { said: 'cancelled', ...named },
      { ...named, verdict: 'duplicate', state: 'cancelled' },
    ],
    [
      { said: 'revoked', ...named },
      { ...named, verdict: 'invalid', state: 'revoked' },
    ],
    [
      { said: 'over', ...named },
      { ...named, verdict: 'closed', state: 'confirmed' },
    ],
    [{ said: 'unknown' }, { verdict: 'invalid' }],
    [
      { said: 'not_written', retryAfterMs: 250 },
      { verdict: 'pending', state: 'accepted', retryAfterMs: 250 },
    ],
  ])('[E5] is answered with a receipt: %j', async (said, receipt) => {
    const world = new EdgeWorld()
    const ana = await world.signedIn('ana')
    world.cancel = async () => said

    expect(await ana.asks({ ...cancel, ...named })).toEqual([{ type: 'receipt', id: 7, orderId, ...receipt }])
    expect(world.cancels).toEqual([{ orderId, buyer: buyer('ana'), ...named }])
  })

  it('[S6] is for the signed in only', async () => {
    const world = new EdgeWorld()
    const nobody = await world.anonymous()

    expect(await nobody.asks(cancel)).toEqual([{ type: 'receipt', id: 7, orderId, verdict: 'unauthorized' }])
    expect(world.cancels).toEqual([])
  })

  it('[E4] is pending when it is not known what became of it', async () => {
    const world = new EdgeWorld()
    const ana = await world.signedIn('ana')
    world.cancel = async () => {
      throw new Fault('unavailable', { dependency: 'postgres' })
    }

    expect(await ana.asks(cancel)).toEqual([expect.objectContaining({ type: 'receipt', id: 7, verdict: 'pending' })])
    expect(ana.session.ordersInFlight).toBe(0)
  })

  it('[S8] counts among the orders in flight', async () => {
    const world = new EdgeWorld()
    const ana = await world.signedIn('ana')
    const wait = gate()
    world.cancel = async () => {
      await wait.wait()
      return { said: 'unknown' }
    }

    for (let n = 0; n < 64; n += 1) ana.say({ ...cancel, id: n })
    const [over] = await ana.asks({ ...cancel, id: 99 })

    expect(over).toMatchObject({ type: 'receipt', id: 99, verdict: 'pending' })
    expect(world.cancels).toHaveLength(64)
  })
})

describe('a resend', () => {
  it('[E6] of an order that was given back is a duplicate that says so; of one not written yet, accepted', async () => {
    const world = new EdgeWorld()
    const ana = await world.signedIn('ana')
    world.order = async () => ({ verdict: 'duplicate', position: { epoch: 1, seq: 1 } })
    const again = { type: 'order', id: 1, drop: SHOES, key: 'k1', lines: [{ sku: 'shoe', qty: 1 }] }

    expect(await ana.asks(again)).toMatchObject([{ verdict: 'duplicate', orderId, state: 'accepted' }])
    world.rows.set(orderId, { state: 'cancelled', buyer: buyer('ana') })
    expect(await ana.asks(again)).toMatchObject([{ verdict: 'duplicate', orderId, state: 'cancelled' }])
    world.before.states = async () => {
      throw new Fault('unavailable', { dependency: 'postgres' })
    }
    const [without] = await ana.asks(again)
    expect(without).toMatchObject({ verdict: 'duplicate', orderId })
    expect(without).not.toHaveProperty('state')
  })
})

describe('cancelled', () => {
  it('[E7] comes out of the outbox for every session of the buyer, once, and for nobody else', async () => {
    const world = new EdgeWorld()
    const [phone, laptop, ben] = [
      await world.signedIn('ana'),
      await world.signedIn('ana', 'msgpack'),
      await world.signedIn('ben'),
    ]
    const event = { id: 1, drop: SHOES, kind: 'order_cancelled', body: [{ orderId, buyer: buyer('ana'), key: 'k1' }] }
    const heard = readSettled(event) ?? []

    world.hub.settled(heard)
    world.hub.settled(heard)

    const message = { type: 'cancelled', orderId, ...named }
    expect(phone.peer.take()).toEqual([message])
    expect(laptop.peer.take()).toEqual([message])
    expect(ben.peer.take()).toEqual([])
  })
})
