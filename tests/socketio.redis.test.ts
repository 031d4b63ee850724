/** Socket.IO's reach over nodes, through a real Redis and a cable that can be cut. The other node is only its adapter. */
import { Server } from 'socket.io'
import { afterEach, describe, expect, inject, it, vi } from 'vitest'
import { redisAdapter } from '../server/transports/socketio.ts'
import { type SocketIoReach, SocketIoUsers } from '../server/transports/socketio-reach.ts'
import { RedisFanout } from '../storage/redis-fanout.ts'
import { edgeNode } from './builders/edge-node.ts'
import { buyer } from './builders/people.ts'
import { SocketIoPhone } from './builders/phones.ts'
import { BusProxy } from './contracts/bus-proxy.ts'
import { order } from './contracts/transport.ts'
import { uniquePrefix } from './setup/prefix.ts'

const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

async function fanoutOf(url: string, key: string) {
  const warnings: string[] = []
  const log = { warn: (event: string) => warnings.push(event) }
  const fanout = await RedisFanout.open(url, { name: 'test', key, log })
  stops.push(() => fanout.close())
  return { fanout, warnings }
}

/** A node with sockets behind a cable of its own, and another one without sockets. */
async function twoNodes() {
  const url = new URL(inject('redisUrl'))
  const cable = await BusProxy.before({ host: url.hostname, port: Number(url.port) })
  stops.push(() => cable.close())
  const key = uniquePrefix()
  url.port = String(cable.port)
  const near = await fanoutOf(url.href, key)
  const node = await edgeNode({}, { fanout: near.fanout })
  stops.push(node.stop)

  const far = await fanoutOf(inject('redisUrl'), key)
  const io = new Server({ adapter: redisAdapter(far.fanout) })
  stops.push(() => io.of('/').adapter.close())
  const other: SocketIoReach = new SocketIoUsers(io, far.fanout)
  // Both have subscribed when each sees two.
  await vi.waitFor(async () => expect(await io.of('/').adapter.serverCount()).toBe(2))

  const phone = async (name: string, transport: 'polling' | 'websocket' = 'websocket') => {
    const called = new SocketIoPhone(node, [transport], { token: `token-of-${name}` })
    stops.push(() => called.cut())
    await called.hears(1)
    return called
  }
  return { node, other, io, cable, phone, warnings: near.warnings }
}

describe('Socket.IO over nodes', () => {
  it('[CC8] ends all sockets of a banned user from another node, with 3503, and nobody else’s', async () => {
    const { node, other, phone } = await twoNodes()
    const banned = [await phone('ana'), await phone('ana', 'polling')]
    const fine = await phone('ben')

    await other.disconnectUser(buyer('ana'))

    for (const one of banned) {
      expect(await one.end()).toBe(3503)
      expect(one.heard.at(-1)).toMatchObject({ type: 'error', code: 'forbidden', closeCode: 3503 })
    }
    expect(await fine.asks({ type: 'clock', t0: 1 })).toHaveLength(1)
    await vi.waitFor(() => expect(node.roll.size).toBe(1))
    expect(node.failures).toEqual([])
  })

  it('[CC8, CC10] lists the sockets of every node, without their tokens', async () => {
    const { other, io, phone } = await twoNodes()
    await phone('ana')
    await phone('ben', 'polling')

    const sockets = await other.sockets()

    expect(sockets.map(({ user, transport }) => [user, transport]).sort()).toEqual(
      [
        [buyer('ana'), 'websocket'],
        [buyer('ben'), 'polling'],
      ].sort(),
    )
    const handshakes = (await io.fetchSockets()).map(({ handshake }) => handshake)
    expect(handshakes).toMatchObject([
      { auth: {}, headers: {} },
      { auth: {}, headers: {} },
    ])
    expect(JSON.stringify([sockets, handshakes])).not.toContain('token-of-')
  })

  it('[CC8] without Redis a node serves on, says whom it could not reach, and reaches them when it is back', async () => {
    const { node, other, cable, phone, warnings } = await twoNodes()
    const [ana, ben, cleo] = [await phone('ana'), await phone('ben'), await phone('cleo')]

    cable.cut()
    await expect(node.reach.disconnectUser(buyer('ana'))).rejects.toMatchObject({ code: 'unavailable' })
    await expect(node.reach.sockets()).rejects.toMatchObject({ code: 'unavailable' })
    expect(await ana.end()).toBe(3503)
    expect(await ben.asks(order(1))).toMatchObject([{ verdict: 'accepted' }])
    expect(warnings).toContain('fanout.failed')
    await other.disconnectUser(buyer('ben')) // does not arrive

    cable.mend()
    await vi.waitFor(async () => expect(await other.sockets()).toHaveLength(2), { timeout: 10_000 })
    await other.disconnectUser(buyer('cleo'))

    expect(await cleo.end()).toBe(3503)
    expect(ben.closed).toBeUndefined()
    expect(node.failures).toEqual([])
  })

  it('[CC8] what others say in its channels and nobody can read changes nothing', async () => {
    const url = inject('redisUrl')
    const key = uniquePrefix()
    const { fanout, warnings } = await fanoutOf(url, key)
    const node = await edgeNode({}, { fanout })
    stops.push(node.stop)
    const { fanout: stranger } = await fanoutOf(url, key)
    const ana = new SocketIoPhone(node, ['websocket'], { token: 'token-of-ana' })
    stops.push(() => ana.cut())
    await ana.hears(1)

    for (const noise of ['', 'null', '{', '[1,2', '{"type":5,"requestId":1}']) {
      stranger.pub.publish(`${key}-request#/#`, noise)
      stranger.pub.publish(`${key}#/#`, noise)
      stranger.pub.publish(`${key}-response#/#`, noise)
    }
    await vi.waitFor(() => expect(warnings.length).toBeGreaterThan(5))

    expect(await ana.asks({ type: 'clock', t0: 1 })).toHaveLength(1)
    expect(node.failures).toEqual([])
  })
})
