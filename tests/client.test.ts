/** The client against a real node on loopback: tickets, news, and orders whose socket is cut at any moment. */

import type { AddressInfo } from 'node:net'
import { connect as connectTcp, createServer, type Socket } from 'node:net'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { WebSocket } from 'ws'
import { Client, json, type OrderAnswer, wsTransport } from '../client/client.ts'
import { msgpack } from '../client/msgpack.ts'
import { deviceWorld } from '../client/world.ts'
import { at } from './builders/edge-world.ts'
import { buyer } from './builders/people.ts'
import { SHOES, type ShopHabits, shopNode } from './builders/shop-node.ts'

const LINES = [{ sku: 'shoe', qty: 1 }]
const AT_ONCE: ShopHabits = { carryMs: () => 0, answerMs: () => 0, confirmMs: 30 }

const stops: (() => void)[] = []
afterEach(() => {
  for (const stop of stops.splice(0).reverse()) stop()
})

async function node(habits: ShopHabits = AT_ONCE) {
  const shop = await shopNode(habits)
  stops.push(shop.stop)
  return shop
}

function clientOf(url: string, format = json): Client {
  const transport = wsTransport(url, { socketClass: WebSocket, format })
  const client = new Client({ transport, getToken: async () => 'ana', world: quick })
  stops.push(() => client.close())
  return client.connect()
}

/** As a device, but its back-off is a thousand times shorter. */
const quick = { ...deviceWorld, random: () => Math.random() / 1_000 }

/** A network between client and node that can be cut, between any two bytes. */
async function tunnel(url: string) {
  const { hostname, port } = new URL(url)
  const pairs = new Set<() => void>()
  const server = createServer((near) => {
    const far = connectTcp(Number(port), hostname)
    const end = () => {
      near.destroy()
      far.destroy()
      pairs.delete(end)
    }
    pairs.add(end)
    const carry = (from: Socket, to: Socket) => {
      from.on('data', (bytes) => to.write(bytes))
      from.on('error', end)
      from.on('close', end)
    }
    carry(near, far)
    carry(far, near)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const cut = () => {
    for (const end of [...pairs]) end()
  }
  stops.push(() => {
    cut()
    server.close()
  })
  return { url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/ws`, cut }
}

const until = (what: () => void) => vi.waitFor(what, { timeout: 10_000, interval: 2 })

describe('the client and a node', () => {
  it.each([json, msgpack])(
    '[J9, J19] speak the same language: snapshot, news, order, end, clock in $subprotocol',
    async (format) => {
      const shop = await node()
      const client = clientOf(shop.url, format)
      const watch = client.watch(SHOES)
      await until(() => expect(watch.state?.position).toEqual(at(1, 0)))

      shop.hub.news(shop.world.left(SHOES, at(1, 0), at(1, 3), 7))
      await until(() => expect(watch.state).toMatchObject({ position: at(1, 3), items: [{ left: 7 }, {}] }))
      const answer = await client.order(SHOES, LINES)

      expect(answer).toMatchObject({ verdict: 'accepted', position: at(1, 1) })
      expect(answer.verdict === 'accepted' && (await answer.confirmed)).toBe('confirmed')
      expect(client.connection).toMatchObject({ name: 'online', user: buyer('ana'), role: 'fan' })
      await until(() => expect(client.clock.errorMs).toBeLessThan(500))
      expect(Math.abs(client.clock.now() - Date.now())).toBeLessThan(500)
    },
  )

  it('[J8] come together again by ticket, and every missed change is brought', async () => {
    const shop = await node()
    const network = await tunnel(shop.url)
    const client = clientOf(network.url)
    const watch = client.watch(SHOES)
    const seen: number[] = []
    watch.on('left', ({ left }) => seen.push(left))
    await until(() => expect(watch.state).toBeDefined())

    for (let n = 1; n <= 20; n += 1) {
      if (n % 2 === 0) network.cut()
      shop.hub.news(shop.world.left(SHOES, at(1, n - 1), at(1, n), 100 - n))
      await until(() => expect(watch.state?.position).toEqual(at(1, n)))
    }

    expect(seen).toEqual(Array.from({ length: 20 }, (_, n) => 99 - n))
    expect(shop.tokensChecked()).toBe(1)
  })
})

describe('an order whose socket is cut', () => {
  it('[J17] at a random moment, 200 times, is one order with one outcome each', async () => {
    const random = (ms: number) => Math.random() * ms
    const shop = await node({ carryMs: () => random(4), answerMs: () => random(4), confirmMs: 3 })
    const network = await tunnel(shop.url)
    const client = clientOf(network.url)
    await until(() => expect(client.connection.name).toBe('online'))
    const answers: OrderAnswer[] = []
    const settled = new Map<string, string[]>()

    for (let n = 0; n < 200; n += 1) {
      const cut = setTimeout(network.cut, random(10))
      const answer = await client.order(SHOES, LINES, { key: `k${n}` })
      answers.push(answer)
      if (answer.verdict === 'accepted')
        settled.set(answer.key, [...(settled.get(answer.key) ?? []), await answer.confirmed])
      clearTimeout(cut)
    }

    expect(answers.map(({ verdict }) => verdict)).toEqual(Array(200).fill('accepted'))
    expect([...settled.values()]).toEqual(Array(200).fill(['confirmed']))
    const ids = answers.map((answer) => answer.verdict === 'accepted' && answer.orderId)
    expect(new Set(ids)).toEqual(new Set(shop.orders.keys()))
    expect(shop.orders.size).toBe(200)
    const resent = [...shop.attempts.values()].filter((attempts) => attempts > 1).length
    console.log(`${resent} of 200 orders were sent again`)
    expect(resent).toBeGreaterThan(10)
    expect(shop.tokensChecked()).toBe(1)
    expect(shop.failures).toEqual([])
  }, 60_000)

  it('[J17] among many at once, is still one order each', async () => {
    const shop = await node({ carryMs: () => Math.random() * 30, answerMs: () => Math.random() * 30, confirmMs: 20 })
    const network = await tunnel(shop.url)
    const client = clientOf(network.url)
    const orders = Array.from({ length: 64 }, (_, n) => client.order(SHOES, LINES, { key: `k${n}` }))
    const cutting = setInterval(network.cut, 25)
    setTimeout(() => clearInterval(cutting), 1_000)

    const answers = await Promise.all(orders)
    const ends = await Promise.all(answers.map((answer) => answer.verdict === 'accepted' && answer.confirmed))

    expect(answers.map(({ verdict }) => verdict)).toEqual(Array(64).fill('accepted'))
    expect(ends).toEqual(Array(64).fill('confirmed'))
    expect(shop.orders.size).toBe(64)
    expect(shop.failures).toEqual([])
  }, 30_000)
})
