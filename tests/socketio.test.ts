/** Socket.IO itself: callbacks, ends, origins, the change of transport, and everything its own client would never send. */
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { compileFunction } from 'node:vm'
import { io } from 'socket.io-client'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { WebSocket } from 'ws'
import { Client } from '../client/client.ts'
import { socketio } from '../client/socketio.ts'
import { deviceWorld } from '../client/world.ts'
import type { Up } from '../protocol/up.ts'
import type { Turned } from '../server/inbound/doorkeeper.ts'
import type { Session } from '../server/inbound/session.ts'
import type { Door } from '../server/transports/socket-door.ts'
import { SocketIoAcks } from '../server/transports/socketio-acks.ts'
import { type EdgeNode, edgeNode, ORIGIN, SHOES } from './builders/edge-node.ts'
import { at } from './builders/edge-world.ts'
import { buyer } from './builders/people.ts'
import { type Greeting, SocketIoPhone } from './builders/phones.ts'
import { handshake, RawSocket } from './builders/raw-socket.ts'
import { order, seqsOf, tell } from './contracts/transport.ts'

const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

async function serve(...options: Parameters<typeof edgeNode>): Promise<EdgeNode> {
  const node = await edgeNode(...options)
  stops.push(node.stop)
  return node
}

type Transports = ('polling' | 'websocket')[]

async function phoneOf(node: EdgeNode, greeting: Greeting = { token: 'token-of-ana' }, transports?: Transports) {
  const phone = new SocketIoPhone(node, transports ?? ['websocket'], greeting)
  stops.push(() => phone.cut())
  await phone.hears(1)
  return phone
}

/** The same question with a callback. */
const asks = ({ socket }: SocketIoPhone, { type, ...payload }: { type: string }): Promise<unknown> =>
  socket.timeout(5_000).emitWithAck(type, payload)

describe.each([[['websocket']], [['polling']]] as [Transports][])('a callback, by %s', (transports) => {
  it('[CC2] has the answer to each question, with or without an id, and nothing is said as an event', async () => {
    const node = await serve()
    const phone = await phoneOf(node, undefined, transports)
    const { id: _, ...unnamed } = order(1)

    expect(await asks(phone, unnamed)).toMatchObject({ type: 'receipt', key: 'k1', verdict: 'accepted' })
    expect(await asks(phone, unnamed)).not.toHaveProperty('id')
    expect(await asks(phone, order(2))).toMatchObject({ type: 'receipt', id: 2, verdict: 'accepted' })
    const watch = { type: 'watch', drop: SHOES }
    expect(await asks(phone, watch)).toMatchObject({ type: 'snapshot', drop: SHOES, position: at(1, 0) })
    expect(await asks(phone, { ...watch, id: 'w' } as never)).toMatchObject({ type: 'snapshot', id: 'w' })
    expect(await asks(phone, { type: 'outcomes', drop: SHOES, keys: ['k1', 'k2'] } as never)).toMatchObject([
      { type: 'outcome', key: 'k1', state: 'accepted' },
      { type: 'outcome', key: 'k2', state: 'unknown' },
    ])
    expect(await asks(phone, { type: 'clock', t0: 5 } as never)).toMatchObject({ type: 'clock', t0: 5 })
    expect(await asks(phone, { type: 'auth', token: 'token-of-ben' } as never)).toMatchObject({ code: 'forbidden' })
    expect(await asks(phone, { type: 'unwatch', drop: SHOES } as never)).toEqual({ type: 'ok' })
    expect(await asks(phone, { type: 'dance', id: 7 } as never)).toMatchObject({ code: 'unknown_type', id: 7 })
    expect(await asks(phone, { type: 'hello' })).toMatchObject({ code: 'conflict' })
    expect(await phone.socket.timeout(5_000).emitWithAck('order', 'a text')).toMatchObject({ code: 'bad_request' })
    expect(await phone.socket.timeout(5_000).emitWithAck('order')).toMatchObject({ code: 'bad_request' })
    expect(phone.heard).toEqual([])
  })

  it('[CC2] has what was missed, and no event comes beside it', async () => {
    const node = await serve()
    const [phone, keeper] = [await phoneOf(node, undefined, transports), await phoneOf(node)]
    await asks(keeper, { type: 'watch', drop: SHOES } as never)
    for (const seq of [1, 2, 3]) tell(node, seq)

    const answer = await asks(phone, { type: 'watch', drop: SHOES, position: at(1, 0) } as never)

    expect(answer).toMatchObject({ type: 'news', position: at(1, 3), recovered: true })
    expect(seqsOf(phone.heard)).toEqual([])
  })

  it('[CC2] is not one client’s way to another’s answer: an id of ours cannot be chosen', async () => {
    const node = await serve()
    const phone = await phoneOf(node, undefined, transports)

    expect(await asks(phone, { ...order(1), id: -1 } as never)).toMatchObject({ type: 'error', code: 'bad_request' })
    expect(await phone.asks({ ...order(1), id: -1 })).toMatchObject([{ type: 'error', code: 'bad_request' }])
  })
})

describe('the callbacks that wait', () => {
  it('[CC2] are bounded, and each is called once', () => {
    const acks = new SocketIoAcks()
    const called: unknown[] = []
    const call = (answer: unknown) => called.push(answer)
    const asked: Up[] = []
    for (let t0 = 0; t0 < 100; t0 += 1) acks.expect({ type: 'clock', t0 }, undefined, call)
    while (!acks.full) {
      const message = acks.expect({ type: 'unwatch', id: 0, drop: SHOES }, undefined, call)
      if (message !== undefined) asked.push(message)
    }

    expect(asked).toHaveLength(156)
    for (const message of asked) {
      const answer = { type: 'ok' as const, id: 'id' in message ? message.id : '' }
      expect([acks.take(answer), acks.take(answer)]).toEqual([true, false])
    }
    expect(acks.take({ type: 'clock', t0: 100, t1: 0, t2: 0 })).toBe(false)
    expect(acks.take({ type: 'clock', t0: 99, t1: 0, t2: 0 })).toBe(true)
    expect(called).toHaveLength(157)
    expect(acks.full).toBe(false)
  })
})

describe('the end of a Socket.IO socket', () => {
  it('[CC3] that may come back is let go, and a stock client comes back by itself', async () => {
    const node = await serve()
    const phone = new SocketIoPhone(node, ['websocket'], { token: 'old' })
    stops.push(() => phone.cut())
    phone.socket.io.reconnectionDelay(10)
    phone.socket.io.reconnection(true)
    const reasons: string[] = []
    phone.socket.on('disconnect', (reason) => reasons.push(reason))

    const heard = await phone.hears(3)

    const goaway = { type: 'goaway', closeCode: 3005 }
    expect(heard.slice(0, 3)).toMatchObject([goaway, goaway, goaway])
    expect(new Set(reasons)).toEqual(new Set(['transport close']))
  })

  it('[CC3] that must stay away is disconnected, and a stock client stays away', async () => {
    const node = await serve()
    for (const transports of [['websocket'], ['polling']] as Transports[]) {
      const phone = new SocketIoPhone(node, transports, { token: 'forged' })
      stops.push(() => phone.cut())
      phone.socket.io.reconnection(true)
      const reason = await new Promise((resolve) => phone.socket.on('disconnect', resolve))

      expect(phone.heard).toMatchObject([{ type: 'error', code: 'unauthorized', retryable: false, closeCode: 3500 }])
      expect(reason).toBe('io server disconnect')
      expect(phone.socket.active).toBe(false)
    }
    await vi.waitFor(() => expect(node.roll.size).toBe(0))
  })

  it('[CC3] is 3501 for an `auth` that nobody could mean', async () => {
    const node = await serve()
    for (const auth of [{ token: 5 }, { resume: 'yesterday' }, { resume: { drops: [{}], open: [] } }]) {
      const phone = new SocketIoPhone(node, ['websocket'], auth as never)
      stops.push(() => phone.cut())
      expect(await phone.end(), JSON.stringify(auth)).toBe(3501)
    }
  })

  it('[CC3] by the client leaves nothing behind', async () => {
    const node = await serve()
    const phone = await phoneOf(node, undefined, ['polling'])
    await phone.asks({ type: 'watch', id: 1, drop: SHOES })
    expect(node.pollers.size).toBeGreaterThan(0)

    phone.cut()

    await vi.waitFor(() => expect([node.roll.size, node.pollers.size, node.hub.watchers(SHOES)]).toEqual([0, 0, 0]))
  })
})

describe('the door of Socket.IO', () => {
  it('[CC4] lets pages of known origins read by polling, credentials and all, and no others', async () => {
    const node = await serve()
    const url = `${node.origin}/socket.io/?EIO=4&transport=polling`

    const known = await fetch(url, { headers: { origin: ORIGIN } })
    const unknown = await fetch(url, { headers: { origin: 'https://evil.example' } })
    const asked = await fetch(url, { method: 'OPTIONS', headers: { origin: ORIGIN } })

    for (const answer of [known, asked]) {
      expect(answer.headers.get('access-control-allow-origin')).toBe(ORIGIN)
      expect(answer.headers.get('access-control-allow-credentials')).toBe('true')
      expect(answer.headers.get('vary')).toBe('origin')
    }
    expect([known.status, asked.status, unknown.status]).toEqual([200, 204, 403])
    expect(asked.headers.get('access-control-allow-methods')).toBe('GET, POST, OPTIONS')
    expect(unknown.headers.get('access-control-allow-origin')).toBeNull()
  })

  it('[CC4] asks every request where it is from, not only the first', async () => {
    const node = await serve()
    const { sid } = await shaken(node)
    const url = `${node.origin}/socket.io/?EIO=4&transport=polling&sid=${sid}`

    const said = await fetch(url, { method: 'POST', body: '40', headers: { origin: 'https://evil.example' } })

    expect(said.status).toBe(403)
    expect(node.roll.size).toBe(0)
  })

  it('[CC4] counts the sockets of each network, whatever carries them, and turns away who is too many', async () => {
    const inside: string[] = []
    let turned: Turned | undefined
    let knocks = 0
    const keeper: Door['keeper'] = {
      knock: () => {
        knocks += 1
        return turned
      },
      entered: (network) => inside.push(network),
      left: (network) => inside.splice(inside.indexOf(network), 1),
    }
    const addresses = { networkOf: (address: string) => address, readsForwarded: false }
    const node = await serve({}, { door: { keeper, addresses } })
    const phones = [await phoneOf(node), await phoneOf(node, undefined, ['polling', 'websocket'])]
    await vi.waitFor(() => expect(phones[1]?.engine.transport.name).toBe('websocket'))
    expect(inside).toEqual(['127.0.0.1', '127.0.0.1'])

    turned = { status: 429, retryAfterMs: 1_500, why: 'too many' }
    const url = `${node.origin}/socket.io/?EIO=4&transport=polling`
    const said = await fetch(url, { headers: { origin: ORIGIN } })
    expect([said.status, said.headers.get('retry-after'), await said.json()]).toEqual([
      ...[429, '2', { code: 4, message: 'too many' }],
    ])
    expect(await refusedUpgrade(node, 'EIO=4&transport=websocket')).toBe(429)
    expect(await phones[1]?.asks({ type: 'clock', t0: 1 })).toHaveLength(1)
    for (const phone of phones) phone.cut()
    await vi.waitFor(() => expect(inside).toEqual([]))
    expect(knocks).toBe(4)

    turned = undefined
    node.roll.shut()
    expect((await fetch(url)).status).toBe(503)
  })

  it('[CC5] answers what is no handshake, and the process lives', async () => {
    const node = await serve()
    const { sid } = await shaken(node)
    const rows: [string, number, string?][] = [
      ['', 400],
      ['?EIO=3&transport=polling', 400],
      ['?EIO=4&transport=__proto__', 400],
      ['?EIO=4&transport=constructor', 400],
      ['?EIO=4&transport=websocket', 400],
      ['?EIO=4&transport=polling&transport=websocket', 400],
      ['?EIO=4&transport=polling&sid=__proto__', 400],
      ['?EIO=4&transport=polling&sid=toString', 400],
      ['?EIO=4&transport=polling&sid=gone', 400],
      [`?EIO=3&transport=polling&sid=${sid}`, 400],
      ['?EIO=4&transport=polling', 400, 'POST'],
      ['?EIO=4&transport=polling', 405, 'DELETE'],
      [`?EIO=4&transport=polling&sid=${sid}`, 405, 'PUT'],
      [`?EIO=4&transport=websocket&sid=${sid}`, 400],
    ]
    for (const [query, status, method = 'GET'] of rows) {
      const answer = await fetch(`${node.origin}/socket.io/${query}`, { method })
      expect(answer.status, `${method} ${query}`).toBe(status)
    }
    for (const query of [
      'EIO=4&transport=polling',
      `EIO=4&transport=polling&sid=${sid}`,
      'EIO=3&transport=websocket',
    ]) {
      expect(await refusedUpgrade(node, query), query).toBe(400)
    }
    await isWell(node)
  })

  it('[CC5] answers under any ack id, another namespace, and an answer that nobody asked for', async () => {
    const node = await serve()
    const raw = await connected(node)

    raw.say('421180591620717411303424["clock",{"t0":3}]') // an ack id of 2^70
    expect(await raw.hears('43')).toContain('"t0":3')
    raw.say('40/admin,')
    expect(await raw.hears('44/admin,')).toContain('Invalid namespace')
    raw.say('431[{}]') // an answer that nobody asked for
    raw.say('42["clock",{"t0":4}]')
    expect(await raw.hears('42["clock"')).toContain('"t0":4')
  })

  it('[CC5] ends who leaves the namespace, and who never enters one', async () => {
    const node = await serve({ shakeWithinMs: 300 })
    const gone = await connected(node)
    gone.say('41')
    await gone.ended('41')

    const silent = await upgraded(node)
    await silent.ended('silent')
    expect(node.roll.size).toBe(0)
  })

  it('[HH10] upgrades no request that only looks like a handshake', async () => {
    const { port } = await serve()
    const path = '/socket.io/?EIO=4&transport=websocket'
    const statusOf = async (headers: Record<string, string | string[] | undefined>) => {
      const socket = new RawSocket(port)
      await socket.send(handshake({ path, headers: { 'Sec-WebSocket-Protocol': undefined, ...headers } }))
      const head = await socket.head()
      socket.destroy()
      return head.slice(9, 12)
    }

    expect(await statusOf({})).toBe('101')
    expect(await statusOf({ Upgrade: undefined })).toBe('400')
    expect(await statusOf({ Connection: 'close' })).toBe('400')
    expect(await statusOf({ 'Sec-WebSocket-Version': '12' })).toBe('400')
    expect(await statusOf({ 'Sec-WebSocket-Key': '!'.repeat(24) })).toBe('400')
    expect(await statusOf({ Origin: ['http://localhost', 'https://evil.example'] })).toBe('400')
  })

  it('[CC5] lives through handshakes that are cut off anywhere, and through two of one', async () => {
    const node = await serve()
    const { sid } = await shaken(node)
    const upgrade = `Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${'a'.repeat(22)}==\r\nSec-WebSocket-Version: 13\r\n\r\n`
    const heads = [
      `GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\n${upgrade}`,
      'GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n',
      `GET /socket.io/?EIO=4&transport=polling&sid=${sid} HTTP/1.1\r\nHost: x\r\n\r\n`,
      `GET /socket.io/?EIO=4&transport=websocket&sid=${sid} HTTP/1.1\r\nHost: x\r\n${upgrade}`,
      'POST /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n40',
    ]
    for (let round = 0; round < 40; round += 1) {
      await Promise.all(
        heads.flatMap((head) =>
          Array.from({ length: 5 }, (_, n) => cut(node.port, round % 2 === 0 ? head : head.slice(0, 20 + n * 30))),
        ),
      )
    }
    const twice = await shaken(node)
    const sockets = [1, 2, 3].map(() => new WebSocket(`${socketUrl(node)}&sid=${twice.sid}`))
    for (const socket of sockets) socket.on('error', () => undefined)
    stops.push(() => sockets.map((socket) => socket.terminate()))
    await vi.waitFor(() => expect(sockets.filter(({ readyState }) => readyState === WebSocket.OPEN)).toHaveLength(1))

    await isWell(node)
  })

  it('[CC5] bounds what is posted', async () => {
    const node = await serve()
    const rows: [RequestInit, number][] = [
      [{ body: 'x'.repeat(17_000) }, 413],
      [{ body: '' }, 411],
      [{ body: 'x', headers: { 'content-type': 'application/octet-stream' } }, 400],
    ]
    for (const [init, status] of rows) {
      const { sid } = await shaken(node)
      const url = `${node.origin}/socket.io/?EIO=4&transport=polling&sid=${sid}`
      expect((await fetch(url, { method: 'POST', ...init })).status).toBe(status)
    }
    await isWell(node)
  })
})

describe('a flood', () => {
  it('[CC6] faster than anyone looks cuts off who does not read, before a single word is lost', async () => {
    const node = await serve({ lookEveryMs: 60_000 })
    const [slow, fine] = [await phoneOf(node, { token: 'token-of-slow' }), await phoneOf(node)]
    await Promise.all([slow, fine].map((phone) => phone.asks({ type: 'watch', id: 1, drop: SHOES })))

    await slow.stopReading()
    let last = 0
    while (node.roll.size === 2 && last < 20_000) {
      for (let n = 0; n < 40; n += 1) {
        last += 1
        tell(node, last, 'x'.repeat(4_000))
      }
      await new Promise((resolve) => setImmediate(resolve))
    }
    slow.readOn()

    expect([1006, 3008]).toContain(await slow.end())
    expect(seqsOf(slow.heard)).toEqual(Array.from({ length: seqsOf(slow.heard).length }, (_, n) => n + 1))
    await vi.waitFor(() => expect(seqsOf(fine.heard)).toHaveLength(last), { timeout: 10_000 })
  }, 30_000)
})

describe('from polling to WebSocket', () => {
  it('[CC7] nothing is missed and nothing is heard twice', async () => {
    const node = await serve()
    for (let round = 0; round < 5; round += 1) {
      const phone = await phoneOf(node, undefined, ['polling', 'websocket'])
      const [snapshot] = await phone.asks({ type: 'watch', id: 1, drop: SHOES })
      const [from = 0] = seqsOf(snapshot === undefined ? [] : [snapshot])
      let seq = from
      while (phone.engine.transport.name === 'polling' || seq < from + 100) {
        seq += 1
        tell(node, seq)
        await new Promise((resolve) => setImmediate(resolve))
      }
      await vi.waitFor(() => expect(seqsOf(phone.heard).at(-1)).toBe(seq))

      expect(seqsOf(phone.heard)).toEqual(Array.from({ length: seq - from }, (_, n) => from + 1 + n))
      phone.cut()
      expect(node.pollers.size).toBe(0)
    }
  })
})

describe('the example in protocol/README.md', () => {
  it('[CC2] works as it stands, with the stock client', async () => {
    const node = await serve()
    const text = readFileSync(join(import.meta.dirname, '../protocol/README.md'), 'utf8')
    const [, example = ''] = /```js\nimport [^\n]*\n(.*?)```/s.exec(text) ?? []
    const here = example.replace('https://drops.example.com', node.origin)
    const run = compileFunction(`return (async () => { ${here}; return { socket, shown, receipt, seen } })()`, [
      ...['io', 'getToken', 'drop', 'console'],
    ])

    const { socket, shown, receipt, seen } = await run(io, async () => 'token-of-ana', SHOES, { log: () => undefined })
    stops.push(() => socket.disconnect())

    expect(shown).toMatchObject({ type: 'snapshot', drop: SHOES })
    expect(receipt).toMatchObject({ type: 'receipt', key: 'cart-7', verdict: 'accepted' })
    tell(node, 1)
    await vi.waitFor(() => expect(seen.get(SHOES)).toEqual(at(1, 1)))

    // A tunnel: it comes back by itself, from where it was.
    socket.io.reconnectionDelay(10)
    socket.io.engine.close()
    tell(node, 2)
    await vi.waitFor(() => expect(seen.get(SHOES)).toEqual(at(1, 2)))
  })
})

describe.each([[['websocket']], [['polling']]] as [Transports][])('the packaged client, by %s', (transports) => {
  it('[CC1] watches, orders, and comes back from a cut over Socket.IO', async () => {
    const node = await serve()
    const sessions: Session[] = []
    const add = node.roll.add.bind(node.roll)
    node.roll.add = (session) => {
      sessions.push(session)
      add(session)
    }
    const client = new Client({
      transport: socketio(io, node.origin, { transports }),
      getToken: async () => 'token-of-ana',
      world: { ...deviceWorld, random: () => Math.random() / 1_000 },
    })
    stops.push(() => client.close())
    const watch = client.connect().watch(SHOES)
    await vi.waitFor(() => expect(watch.state?.position).toEqual(at(1, 0)))
    tell(node, 1)
    await vi.waitFor(() => expect(watch.state?.position).toEqual(at(1, 1)))
    expect(await client.order(SHOES, [{ sku: 'shoe', qty: 1 }])).toMatchObject({ verdict: 'accepted' })

    for (const session of sessions) session.peer.close('insufficient_state', 0)
    tell(node, 2)

    await vi.waitFor(() => expect(watch.state?.position).toEqual(at(1, 2)))
    expect(await client.order(SHOES, [{ sku: 'shoe', qty: 1 }])).toMatchObject({ verdict: 'accepted' })
    expect(node.failures).toEqual([])
  })
})

describe('what Socket.IO knows of a socket', () => {
  it('[CC10] is whose it is, and neither its token nor its headers', async () => {
    const node = await serve()
    const phone = await phoneOf(node)

    const sockets = await node.reach.sockets()

    expect(sockets).toEqual([{ session: expect.any(String), user: buyer('ana'), transport: 'websocket' }])
    expect(phone.closed).toBeUndefined()
  })
})

// --- by hand -------------------------------------------------------------------------------------------------------------

const socketUrl = (node: EdgeNode, query = 'EIO=4&transport=websocket') =>
  `ws://127.0.0.1:${node.port}/socket.io/?${query}`

async function shaken(node: EdgeNode): Promise<{ sid: string }> {
  const answer = await fetch(`${node.origin}/socket.io/?EIO=4&transport=polling`)
  return JSON.parse((await answer.text()).slice(1)) as { sid: string }
}

class Raw {
  readonly socket: WebSocket
  readonly heard: string[] = []

  constructor(socket: WebSocket) {
    this.socket = socket
    socket.on('message', (bytes) => this.heard.push(String(bytes)))
    socket.on('error', () => undefined)
    stops.push(() => socket.terminate())
  }

  say(packet: string): void {
    this.socket.send(packet)
  }

  async hears(beginning: string): Promise<string> {
    let found: string | undefined
    await vi.waitFor(() => {
      found = this.heard.find((packet) => packet.startsWith(beginning))
      expect(found, `${beginning} in ${this.heard.join(' ')}`).toBeDefined()
    })
    this.heard.length = 0
    return found ?? ''
  }

  async ended(what: string): Promise<void> {
    await vi.waitFor(() => expect(this.socket.readyState, what).toBe(WebSocket.CLOSED), { timeout: 5_000 })
  }
}

async function upgraded(node: EdgeNode): Promise<Raw> {
  const raw = new Raw(new WebSocket(socketUrl(node)))
  await raw.hears('0{')
  return raw
}

async function connected(node: EdgeNode): Promise<Raw> {
  const raw = await upgraded(node)
  raw.say('40{"token":"token-of-ana"}')
  await raw.hears('42["welcome"')
  return raw
}

function refusedUpgrade(node: EdgeNode, query: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(socketUrl(node, query))
    socket.on('unexpected-response', (_, response) => {
      resolve(response.statusCode ?? 0)
      socket.terminate()
    })
    socket.on('open', () => reject(new Error('open')))
    socket.on('error', () => undefined)
  })
}

function cut(port: number, text: string): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.write(text, () => socket.resetAndDestroy())
    })
    socket.on('error', () => undefined)
    socket.on('close', () => resolve())
  })
}

/** Nothing was thrown where it should not, and who comes next is served. */
async function isWell(node: EdgeNode): Promise<void> {
  const phone = await phoneOf(node, { token: 'token-of-cleo' }, ['polling'])
  expect(await asks(phone, order(1))).toMatchObject({ verdict: 'accepted' })
  expect(node.failures).toEqual([])
}
