/** Who may open another socket: the rules by themselves, and on real handshakes. */
import { request } from 'node:http'
import { connect } from 'node:net'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { WebSocket } from 'ws'
import { Addresses } from '../server/inbound/addresses.ts'
import { Doorkeeper, type DoorLimits, type DoorWorld, GREETING_MAX } from '../server/inbound/doorkeeper.ts'
import { PaceMemory, Paces } from '../server/inbound/paces.ts'
import { LoopDelay } from '../server/loop-delay.ts'
import { listen, newApp } from '../server/transports/http-listener.ts'
import { serveNative } from '../server/transports/native.ts'
import { EdgeWorld } from './builders/edge-world.ts'
import { silent } from './builders/logs.ts'

const open: DoorLimits = { socketsPerAddress: undefined, socketsMax: undefined, loopDelayMaxMs: undefined }

function doorOf(limits: Partial<DoorLimits>, world: Partial<DoorWorld> = {}) {
  const said: string[] = []
  const log = { warn: (event: string) => void said.push(event), info: (event: string) => void said.push(event) }
  const keeper = new Doorkeeper({
    ...{ handshakes: undefined, sockets: () => 0, greeting: () => 0, loopDelayMs: () => 0, random: () => 0.5, log },
    isReached: () => true,
    limits: { ...open, ...limits },
    ...world,
  })
  return { keeper, said }
}

describe('the door', () => {
  it('[Q10] counts handshakes of a network, and says when the next one is taken', () => {
    let nowMs = 1
    const handshakes = new Paces({ intervalMs: 50, burst: 40 }, new PaceMemory(), () => nowMs)
    const { keeper } = doorOf({}, { handshakes })

    const turned = Array.from({ length: 100 }, () => keeper.knock('192.0.2.1')).filter((said) => said !== undefined)
    expect(turned).toHaveLength(60)
    expect(turned[0]).toMatchObject({ status: 429, retryAfterMs: 50 })
    expect(keeper.knock('192.0.2.2')).toBeUndefined()

    nowMs += 50
    expect([keeper.knock('192.0.2.1'), keeper.knock('192.0.2.1')?.status]).toEqual([undefined, 429])
  })

  it('[Q10] counts the open sockets of a network, and remembers nothing of one that has none', () => {
    const { keeper } = doorOf({ socketsPerAddress: 2 })

    keeper.entered('a')
    keeper.entered('a')
    expect([keeper.knock('a')?.status, keeper.knock('b')]).toEqual([429, undefined])
    keeper.left('a')
    expect(keeper.knock('a')).toBeUndefined()
    keeper.left('a')
    keeper.entered('a')
    keeper.entered('a')
    expect(keeper.knock('a')?.status).toBe(429)
  })

  it('[Q11] is shut with 503 while the node is full or its loop is late, and each change is said once', () => {
    const node = { sockets: 0, delayMs: 0 }
    const world = { sockets: () => node.sockets, loopDelayMs: () => node.delayMs }
    const { keeper, said } = doorOf({ socketsMax: 10, loopDelayMaxMs: 200 }, world)
    const knock = (sockets: number, delayMs: number) => {
      Object.assign(node, { sockets, delayMs })
      return keeper.knock('a')
    }

    expect([knock(9, 200), knock(10, 0)?.status, knock(10, 0)?.status]).toEqual([undefined, 503, 503])
    expect(said).toEqual(['door.full'])
    expect([knock(0, 201)?.status, knock(0, 200)]).toEqual([503, undefined])
    expect(said).toEqual(['door.full', 'door.open'])
    expect(knock(10, 0)?.retryAfterMs).toBe(3_500)
  })

  it('[DD15] is shut with 503 while too many wait to be greeted', () => {
    let greeting = GREETING_MAX - 1
    const { keeper, said } = doorOf({}, { greeting: () => greeting })

    expect(keeper.knock('a')).toBeUndefined()
    greeting += 1
    expect(keeper.knock('a')).toMatchObject({ status: 503, retryAfterMs: 3_500 })
    greeting -= 1
    expect(keeper.knock('a')).toBeUndefined()
    expect(said).toEqual(['door.full', 'door.open'])
  })

  it('[Q11, MM9] is shut with 503 while the others cannot reach the node', () => {
    let isReached = false
    const { keeper } = doorOf({}, { isReached: () => isReached })

    expect(keeper.knock('a')).toMatchObject({ status: 503, why: 'this node is cut off from the others' })
    isReached = true
    expect(keeper.knock('a')).toBeUndefined()
  })

  it('[Q11] a loop that was held up shows it', async () => {
    const delay = new LoopDelay(100)
    delay.start()
    try {
      await vi.waitFor(() => {
        const until = performance.now() + 150
        while (performance.now() < until) Math.sqrt(2)
        expect(delay.p99Ms).toBeGreaterThan(100)
      }, 10_000)
    } finally {
      delay.stop()
    }
  })
})

const stops: (() => void)[] = []
afterEach(() => {
  for (const stop of stops.splice(0)) stop()
})

async function serve(limits: Partial<DoorLimits>, trusted: string[] = [], burst = 1_000) {
  const world = new EdgeWorld()
  const handshakes = new Paces({ intervalMs: 60_000, burst }, new PaceMemory(), () => 1)
  const { keeper } = doorOf(limits, { handshakes, sockets: () => world.roll.size })
  const app = newApp()
  serveNative(app, {
    gateway: world.gateway,
    log: silent,
    origins: [],
    door: { keeper, addresses: new Addresses(trusted) },
  })
  const { port } = await listen(app, '127.0.0.1', 0)
  stops.push(() => app.close())
  return { world, port, knock: (forwarded: string[] = []) => knock(port, forwarded) }
}

/** A handshake by hand, with as many X-Forwarded-For lines as one likes: its status, and Retry-After. */
function knock(port: number, forwarded: string[]): Promise<[number, string?]> {
  return new Promise((resolve, reject) => {
    const headers = {
      ...{ Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13' },
      ...{ 'Sec-WebSocket-Key': `${'a'.repeat(22)}==`, 'Sec-WebSocket-Protocol': 'livedrop.v1.json' },
      ...(forwarded.length === 0 ? {} : { 'X-Forwarded-For': forwarded }),
    }
    const asked = request({ host: '127.0.0.1', port, path: '/ws', headers })
    asked.on('upgrade', (_, socket) => {
      stops.push(() => socket.destroy())
      resolve([101])
    })
    asked.on('response', (response) => {
      response.resume()
      resolve([response.statusCode ?? 0, response.headers['retry-after'] ?? ''])
    })
    asked.on('error', reject)
    asked.end()
  })
}

describe('a handshake', () => {
  it('[Q10] too many from one address is 429 with Retry-After, until one of its sockets has closed', async () => {
    const { port, knock: again, world } = await serve({ socketsPerAddress: 1 })
    const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`, 'livedrop.v1.json')
    await vi.waitFor(() => expect(socket.readyState).toBe(WebSocket.OPEN))

    expect(await again()).toEqual([429, '10'])
    socket.close()
    await vi.waitFor(() => expect(world.roll.size).toBe(0))
    expect(await again()).toEqual([101])
  })

  it('[Q10] too often from one address is 429, also when each of them was no good', async () => {
    const { port, knock: again } = await serve({}, [], 3)
    for (let bad = 0; bad < 3; bad += 1) {
      const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`, 'nonsense')
      const status = await new Promise((resolve) => {
        socket.on('error', () => undefined)
        socket.on('unexpected-response', (_, response) => resolve(response.statusCode))
      })
      expect(status).toBe(400)
    }

    expect(await again()).toEqual([429, '60'])
  })

  it('[Q11] at a full node is 503 with Retry-After', async () => {
    const { knock: again } = await serve({ socketsMax: 1 })

    expect([await again(), await again()]).toEqual([[101], [503, '4']])
  })

  it('[Q10, Q11, DD15] is counted while it waits for its turn: of three hundred at once not one too many gets in', async () => {
    const all = Array.from({ length: 300 })
    for (const [limits, no] of [[{ socketsPerAddress: 100 }, 429] as const, [{ socketsMax: 100 }, 503] as const]) {
      const { knock: again, world } = await serve(limits)
      const said = await Promise.all(all.map(() => again()))

      expect(said.filter(([status]) => status === 101)).toHaveLength(100)
      expect(said.filter(([status]) => status === no)).toHaveLength(200)
      expect(world.roll.size).toBe(100)
    }
  })

  it('[DD15] whose sender has gone when its turn comes leaves nothing behind', async () => {
    const { port, knock: again, world } = await serve({ socketsPerAddress: 300 })
    const head = [
      ...['GET /ws HTTP/1.1', 'Host: localhost', 'Connection: Upgrade', 'Upgrade: websocket'],
      ...['Sec-WebSocket-Version: 13', `Sec-WebSocket-Key: ${'a'.repeat(22)}==`],
      ...['Sec-WebSocket-Protocol: livedrop.v1.json', '', ''],
    ]
    const gone = Array.from({ length: 300 }, () => {
      const socket = connect(port, '127.0.0.1')
      socket.on('error', () => undefined)
      return new Promise<void>((resolve) => {
        socket.on('close', () => resolve())
        socket.write(head.join('\r\n'), () => socket.destroy())
      })
    })
    await Promise.all(gone)

    await vi.waitFor(() => expect(world.roll.size).toBe(0))
    // All of the address' places are free again.
    const said = await Promise.all(gone.map(() => again()))
    expect(said.filter(([status]) => status === 101)).toHaveLength(300)
  })

  it('[Q4] that names another address is counted where it came from, unless a trusted proxy brought it', async () => {
    const stranger = await serve({ socketsPerAddress: 1 })
    expect(await stranger.knock(['198.51.100.1'])).toEqual([101])
    expect(await stranger.knock(['198.51.100.2'])).toEqual([429, '10'])

    const proxy = await serve({ socketsPerAddress: 1 }, ['127.0.0.1'])
    expect(await proxy.knock(['198.51.100.1'])).toEqual([101])
    expect(await proxy.knock(['198.51.100.2'])).toEqual([101])
    // The proxy adds its line behind whatever the client has sent, in the same line or in one of its own.
    expect(await proxy.knock(['203.0.113.1, 198.51.100.2'])).toEqual([429, '10'])
    expect(await proxy.knock(['203.0.113.2', '198.51.100.2'])).toEqual([429, '10'])
  })
})
