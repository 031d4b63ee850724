/** The client over the stock socket.io-client, against the library's own server, which speaks as protocol/README.md says. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Server, type Socket } from 'socket.io'
import { io } from 'socket.io-client'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { Client, type ClientOptions, type ConnectionState } from '../client/client.ts'
import { socketio } from '../client/socketio.ts'
import { deviceWorld } from '../client/world.ts'
import { dropOf } from './builders/people.ts'

const SHOES = dropOf('shoes')
const LINES = [{ sku: 'shoe', qty: 1 }]
const at = (epoch: number, seq: number) => ({ epoch, seq })
const item = { sku: 'shoe', title: 'Shoe', priceMinor: 1, currency: 'EUR', stock: 10, left: 10, limit: null }
const until = (what: () => void) => vi.waitFor(what, { timeout: 10_000, interval: 5 })
/** As a device, but its back-off is a thousand times shorter. */
const quick = { ...deviceWorld, random: () => Math.random() / 1_000 }

const stops: (() => void)[] = []
afterEach(() => {
  for (const stop of stops.splice(0).reverse()) stop()
})

/** A shop of one drop. A key is one order however often it comes; the first answer to it may be lost with its socket. */
async function shop({ loses = false } = {}) {
  const http = createServer()
  const server = new Server(http)
  const hellos: object[] = []
  const watched: object[] = []
  const orders = new Map<string, string>()
  const attempts: string[] = []
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => {
    const { token, resume } = socket.handshake.auth as { token?: string; resume?: { ticket?: string } }
    hellos.push(socket.handshake.auth)
    sockets.add(socket)
    socket.on('disconnect', () => sockets.delete(socket))
    if (token === 'banned') {
      socket.emit('error', { code: 'forbidden', message: 'banned', retryable: false, closeCode: 3503 })
      return socket.disconnect(true)
    }
    if (resume?.ticket === 'old') {
      socket.emit('goaway', { retryAfterMs: 0, closeCode: 3005 })
      return socket.conn.close()
    }
    const ticket = token === 'short' ? 'old' : 'ticket'
    socket.emit('welcome', { session: socket.id, user: token, serverTimeMs: Date.now(), heartbeatMs: 32_000, ticket })
    socket.on('clock', ({ t0 }) => socket.emit('clock', { t0, t1: Date.now(), t2: Date.now() }))
    socket.on('watch', ({ id, drop, position }) => {
      watched.push({ drop, position })
      const state = { drop, position: at(1, 3), phase: 'open', opensAtMs: 5, items: [item], viewers: 1, mine: [] }
      socket.emit('snapshot', { id, ...state, recovered: false })
    })
    socket.on('order', ({ id, drop, key }) => {
      attempts.push(key)
      const isFirst = !orders.has(key)
      const orderId = orders.get(key) ?? `order-${orders.size}`
      orders.set(key, orderId)
      if (loses && isFirst) return socket.conn.close()
      socket.emit('receipt', { id, drop, key, orderId, verdict: isFirst ? 'accepted' : 'duplicate' })
      socket.emit('confirmed', { drop, key, orderId })
    })
  })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  stops.push(() => void server.close())
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
  return { url, hellos, watched, orders, attempts, sockets, http }
}

function clientOf(url: string, transports: ('websocket' | 'polling')[], options: Partial<ClientOptions> = {}) {
  const transport = socketio(io, url, { transports })
  const client = new Client({ transport, getToken: async () => 'ana', world: quick, ...options })
  const states: ConnectionState[] = []
  client.on('connection', (state) => states.push(state))
  stops.push(() => client.close())
  return { client: client.connect(), states }
}

describe.each(['websocket', 'polling'] as const)('the client over Socket.IO by %s', (way) => {
  it('[J21] greets with CONNECT, watches, orders, and hears the end', async () => {
    const { url, hellos } = await shop()
    const { client, states } = clientOf(url, [way])
    const watch = client.watch(SHOES)
    await until(() => expect(watch.state).toMatchObject({ position: at(1, 3), items: [item] }))
    const answer = await client.order(SHOES, LINES)

    expect(answer).toMatchObject({ verdict: 'accepted', orderId: 'order-0' })
    expect(answer.verdict === 'accepted' && (await answer.confirmed)).toBe('confirmed')
    expect(hellos).toEqual([{ token: 'ana' }])
    expect(states.map(({ name }) => name)).toEqual(['connecting', 'online'])
    await until(() => expect(client.clock.errorMs).toBeLessThan(1_000))
  })

  it('[J21] comes back by itself, by ticket and position, and an order that was cut off is one order', async () => {
    const { url, hellos, watched, orders, attempts, sockets } = await shop({ loses: true })
    const { client, states } = clientOf(url, [way])
    const watch = client.watch(SHOES)
    await until(() => expect(watch.state).toBeDefined())
    for (const socket of sockets) socket.emit('news', { drop: SHOES, position: at(1, 7), at: 0, changes: [] })
    await until(() => expect(watch.state?.position).toEqual(at(1, 7)))
    const answer = await client.order(SHOES, LINES, { key: 'k' })

    expect(answer).toMatchObject({ verdict: 'accepted', orderId: 'order-0' })
    expect([[...orders], attempts]).toEqual([[['k', 'order-0']], ['k', 'k']])
    expect(hellos).toEqual([{ token: 'ana' }, { resume: { ticket: 'ticket', drops: [], open: [] } }])
    expect(watched).toEqual([{ drop: SHOES }, { drop: SHOES, position: at(1, 7) }])
    expect(states.find(({ name }) => name === 'waiting')).toMatchObject({ code: 1006 })
  })

  it('[J21] stays away or fetches a new token as the last thing that it heard says', async () => {
    const { url, hellos, sockets } = await shop()
    const banned = clientOf(url, [way], { getToken: async () => 'banned' })
    await until(() => expect(banned.client.connection).toMatchObject({ name: 'closed', code: 3503 }))
    hellos.length = 0

    const tokens = ['short', 'fresh']
    const { client } = clientOf(url, [way], { getToken: async () => tokens.shift() })
    await until(() => expect(client.connection).toMatchObject({ name: 'online', user: 'short' }))
    for (const socket of sockets) socket.conn.close()
    await until(() => expect(client.connection).toMatchObject({ name: 'online', user: 'fresh' }))

    expect(hellos).toEqual([{ token: 'short' }, { resume: { ticket: 'old', drops: [], open: [] } }, { token: 'fresh' }])
  })

  it('[J21] tries again where nobody answers, and leaves nothing behind when it is closed', async () => {
    const { url, sockets, http } = await shop()
    const { client, states } = clientOf(url, [way])
    await until(() => expect(sockets.size).toBe(1))
    client.close()
    await until(() => expect(sockets.size).toBe(0))
    await new Promise((resolve) => http.close(resolve).closeAllConnections())

    client.connect()
    await until(() => expect(states.filter(({ name }) => name === 'waiting').length).toBeGreaterThan(1))
    expect(states.at(-1)).toMatchObject({ name: expect.stringMatching(/waiting|connecting/) })
  })
})
