/**
 * A year of bad networks in a second: one client, a shop that keeps a room's promises, and a network that loses whatever
 * it can, all from one seed in time that is wound by hand. A failing seed replays.
 */
import { describe, expect, it } from 'vitest'
import { Client, type OrderAnswer } from '../client/client.ts'
import { HandWorld, type ScriptedLink, ScriptedServer } from '../client/testing/scripted-server.ts'
import type { Up } from '../protocol/up.ts'
import type { Verdict } from '../protocol/verdicts.ts'
import { dropOf } from './builders/people.ts'

const SHOES = dropOf('shoes')
const ORDERS = 12
/** What a node takes at most to carry an order out, and its letters' deadline. */
const CARRY_MS = 2_900

function dice(seed: number): () => number {
  let state = seed * 2_654_435_761 + 1
  return () => {
    state = (state * 48_271) % 2_147_483_647
    return (state & 0xffff) / 0x10000
  }
}

async function storm(seed: number) {
  const roll = dice(seed + 1)
  const world = new HandWorld()
  const server = new ScriptedServer()
  const shop = new Map<string, { orderId: string; state: 'accepted' | 'confirmed' }>()
  let stock = 4
  const isLive = (link: ScriptedLink) => server.links.at(-1) === link && link.isOpen
  const tell = (link: ScriptedLink, message: object) => {
    if (isLive(link) && roll() > 0.15) link.say(message)
  }

  const carryOut = (link: ScriptedLink, { id, drop, key }: Extract<Up, { type: 'order' }>) => {
    const known = shop.get(key)
    const receipt = (verdict: Verdict, more: object = {}) =>
      tell(link, { type: 'receipt', id, drop, key, verdict, ...more })
    if (known !== undefined) return receipt('duplicate', known)
    if (roll() < 0.15) return receipt('pending', { retryAfterMs: 100 })
    if (stock === 0 && roll() < 0.25) stock += 1 // somebody gave theirs back
    if (stock === 0) return receipt('sold_out')

    stock -= 1
    const order = { orderId: `order-of-${key}`, state: 'accepted' as const }
    shop.set(key, order)
    receipt('accepted', order)
    world.after(roll() * 6_000, () => {
      shop.set(key, { ...order, state: 'confirmed' })
      tell(server.link, { type: 'confirmed', drop, key, orderId: order.orderId })
    })
  }
  const hear = (link: ScriptedLink) => {
    for (const order of link.take('order'))
      world.after(roll() < 0.5 ? 50 : roll() * CARRY_MS, () => carryOut(link, order))
    for (const { t0 } of link.take('clock')) tell(link, { type: 'clock', t0, t1: 0, t2: 0 })
    for (const { id, drop, keys } of link.take('outcomes')) {
      for (const key of keys) {
        const known = shop.get(key)
        tell(link, { type: 'outcome', id, drop, key, ...(known ?? { state: 'unknown' }) })
      }
    }
  }

  const client = new Client({ transport: server.transport, world, getToken: async () => 't' })
  const answers = new Map<string, OrderAnswer>()
  const ends = new Map<string, string>()
  for (let n = 0; n < ORDERS; n += 1) {
    world.after(roll() * 20_000, () => {
      void client.order(SHOES, [{ sku: 'shoe', qty: 1 }], { key: `k${n}`, timeoutMs: 240_000 }).then((answer) => {
        answers.set(answer.key, answer)
        if (answer.verdict === 'accepted') void answer.confirmed.then((end) => ends.set(answer.key, end))
      })
    })
  }
  for (let tick = 0; tick < 2_600; tick += 1) {
    await world.advance(100)
    world.chance = roll()
    const [link] = server.links.slice(-1)
    if (link === undefined) continue
    if (!link.isOpen && link.leftWith === undefined && client.connection.name === 'connecting') {
      if (roll() < 0.3) link.cut()
      else link.open().welcome()
    } else if (link.isOpen) hear(link)
    if (tick < 800 && link.isOpen && roll() < 0.12) link.cut(roll() < 0.5 ? 1006 : 3008)
  }
  client.close()
  await world.advance(0)
  return { shop, answers, ends }
}

describe('a client in bad networks', () => {
  it('[J13, J17] tells of every order what the shop knows, over 200 storms', async () => {
    let refused = 0
    for (let seed = 1; seed <= 200; seed += 1) {
      const { shop, answers, ends } = await storm(seed)

      expect(answers.size, `seed ${seed}`).toBe(ORDERS)
      for (const [key, { verdict }] of answers) {
        expect(['accepted', 'sold_out'], `seed ${seed} ${key}`).toContain(verdict)
        expect(shop.has(key), `seed ${seed} ${key} ${verdict}`).toBe(verdict === 'accepted')
        if (verdict === 'accepted') expect(ends.get(key), `seed ${seed} ${key}`).toBe('confirmed')
        else refused += 1
      }
    }

    expect(refused).toBeGreaterThan(50)
  }, 60_000)
})
