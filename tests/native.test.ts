/** The native transport: real sockets of `ws` against real uWebSockets.js on loopback, with stores that are objects. */

import { connect as connectTcp, type Socket } from 'node:net'
import { unpack } from 'msgpackr'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { WebSocket } from 'ws'
import { deviceWorld } from '../client/world.ts'
import { encode } from '../protocol/codec.ts'
import type { Down } from '../protocol/down.ts'
import type { ROLL_LIMITS } from '../server/inbound/session-roll.ts'
import { Heartbeat } from '../server/transports/heartbeat.ts'
import { type EdgeNode, edgeNode, ORIGIN, SHOES } from './builders/edge-node.ts'
import { at } from './builders/edge-world.ts'
import { buyer } from './builders/people.ts'

const JSON_PROTOCOL = 'livedrop.v1.json'
const MSGPACK_PROTOCOL = 'livedrop.v1.msgpack'

const order = (id: number, extra: object = {}) => ({
  type: 'order',
  id,
  drop: SHOES,
  key: `k${id}`,
  lines: [{ sku: 'shoe', qty: 1 }],
  ...extra,
})

async function serve(limits: Partial<typeof ROLL_LIMITS> = {}) {
  const node = await edgeNode(limits)
  stops.push(node.stop)
  return node
}

const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop()
})

/** A client of `ws`, with everything it heard. */
class Phone {
  readonly socket: WebSocket
  readonly heard: Down[] = []
  closed: { code: number; reason: string } | undefined

  constructor(node: EdgeNode, protocols: string | string[] = JSON_PROTOCOL, options: object = {}, query = '') {
    this.socket = new WebSocket(node.url + query, protocols, { perMessageDeflate: false, ...options })
    this.socket.on('message', (bytes: Buffer, isBinary) => {
      const value = isBinary ? unpack(bytes) : JSON.parse(bytes.toString())
      this.heard.push(...(Array.isArray(value) ? value : [value]))
    })
    this.socket.on('close', (code, reason) => {
      this.closed = { code, reason: reason.toString() }
    })
    this.socket.on('error', () => undefined)
    stops.push(() => this.socket.terminate())
  }

  async open(): Promise<this> {
    await vi.waitFor(() => expect(this.socket.readyState).toBe(WebSocket.OPEN), { interval: 5 })
    return this
  }

  /** The HTTP status of a handshake that was refused. */
  refused(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.socket.on('unexpected-response', (_, response) => resolve(response.statusCode ?? 0))
      this.socket.on('open', () => reject(new Error('open')))
    })
  }

  say(message: unknown): void {
    this.socket.send(encode(message as Down, this.socket.protocol === JSON_PROTOCOL ? 'json' : 'msgpack'))
  }

  async hears(count: number): Promise<Down[]> {
    await vi.waitFor(() => expect(this.heard.length).toBeGreaterThanOrEqual(count), { timeout: 5_000, interval: 5 })
    return this.heard.splice(0)
  }

  async asks(message: unknown, count = 1): Promise<Down[]> {
    this.say(message)
    return this.hears(count)
  }

  async end(): Promise<number> {
    await vi.waitFor(() => expect(this.closed).toBeDefined(), { timeout: 10_000, interval: 5 })
    return this.closed?.code ?? 0
  }
}

async function greeted(node: EdgeNode, protocol = JSON_PROTOCOL, name = 'ana'): Promise<Phone> {
  const phone = await new Phone(node, protocol).open()
  await phone.asks({ type: 'hello', token: `token-of-${name}` })
  return phone
}

describe('the handshake', () => {
  it('[S1] agrees on the first known sub-protocol and echoes nothing else', async () => {
    const node = await serve()

    const offers: [string[], string][] = [
      [[JSON_PROTOCOL], JSON_PROTOCOL],
      [[MSGPACK_PROTOCOL, 'bearer.token-of-ana'], MSGPACK_PROTOCOL],
      [['bearer.token-of-ana', 'livedrop.v9.json', JSON_PROTOCOL, MSGPACK_PROTOCOL], JSON_PROTOCOL],
    ]
    for (const [offered, agreed] of offers) {
      expect((await new Phone(node, offered).open()).socket.protocol).toBe(agreed)
    }
  })

  it('[S1] refuses what it does not speak, and says so', async () => {
    const node = await serve()

    expect(await new Phone(node, []).refused()).toBe(400)
    expect(await new Phone(node, ['livedrop.v9.json']).refused()).toBe(400)
    expect(await new Phone(node, ['toString', '__proto__']).refused()).toBe(400)
    expect(await new Phone(node, JSON_PROTOCOL, { protocolVersion: 8 }).refused()).toBe(400)
    expect(await new Phone(node, [JSON_PROTOCOL, `bearer.${'x'.repeat(4_097)}`]).refused()).not.toBe(101)
    expect((await fetch(`http://127.0.0.1:${node.port}/ws`)).status).toBe(404)
  })

  it('[S1] lets browsers in from known origins only', async () => {
    const node = await serve()

    for (const origin of ['https://evil.example', 'null', `${ORIGIN}.evil.example`, ORIGIN.toUpperCase()]) {
      expect(await new Phone(node, JSON_PROTOCOL, { origin }).refused(), origin).toBe(403)
    }
    await new Phone(node, JSON_PROTOCOL, { origin: ORIGIN }).open()
    await new Phone(node, JSON_PROTOCOL).open()
  })

  it('[S1] refuses a token in the URL, where logs would keep it', async () => {
    const node = await serve()

    expect(await new Phone(node, JSON_PROTOCOL, {}, '?token=x').refused()).toBe(400)
    expect(await new Phone(node, JSON_PROTOCOL, {}, '?v=1&access_token=').refused()).toBe(400)
    await new Phone(node, JSON_PROTOCOL, {}, '?v=1').open()
  })

  it('[S2] with a token signs in without a hello', async () => {
    const node = await serve()

    const phone = new Phone(node, [MSGPACK_PROTOCOL, 'bearer.token-of-ana'])

    expect(await phone.hears(1)).toMatchObject([{ type: 'welcome', user: buyer('ana') }])
    expect(await phone.asks(order(1))).toMatchObject([{ type: 'receipt', verdict: 'accepted' }])
  })

  it('[S4] with a bad token ends in 3500, with an expired one in 3005, and so does a hello', async () => {
    const node = await serve()
    const late = await new Phone(node).open()
    const forged = await new Phone(node, MSGPACK_PROTOCOL).open()

    late.say({ type: 'hello', token: 'old' })
    forged.say({ type: 'hello', token: 'eyJhbGciOiJub25lIn0' })

    expect(await new Phone(node, [JSON_PROTOCOL, 'bearer.forged']).end()).toBe(3500)
    expect(await new Phone(node, [JSON_PROTOCOL, 'bearer.old']).end()).toBe(3005)
    expect(await late.end()).toBe(3005)
    expect(await forged.end()).toBe(3500)
    expect(node.roll.size).toBe(0)
  })

  it('[S2] without a hello ends in 3502', async () => {
    const node = await serve({ greetWithinMs: 500, lookEveryMs: 10 })
    const silent = new Phone(node)
    const polite = await new Phone(node).open()
    polite.say({ type: 'hello' })

    expect(await silent.end()).toBe(3502)
    expect(await polite.hears(1)).toMatchObject([{ type: 'welcome' }])
    expect(polite.closed).toBeUndefined()
  })

  it('[S11] that is cut off in the middle, many times, hurts nobody', async () => {
    const node = await serve()
    const head = `GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${'a'.repeat(22)}==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ${JSON_PROTOCOL}, bearer.token-of-ana\r\n\r\n`
    for (let round = 0; round < 20; round += 1) {
      await Promise.all(
        Array.from({ length: 25 }, (_, n) => cut(node.port, head.slice(0, round % 2 === 0 ? head.length : n * 8))),
      )
    }

    expect(await (await greeted(node)).asks({ type: 'clock', t0: 1 })).toHaveLength(1)
    await vi.waitFor(() => expect(node.roll.size).toBe(1))
    expect(node.failures).toEqual([])
  })
})

describe.each([JSON_PROTOCOL, MSGPACK_PROTOCOL])('a socket of %s', (protocol) => {
  it('[S7] carries orders and receipts, one or many in a frame', async () => {
    const node = await serve()
    const phone = await greeted(node, protocol)

    expect(await phone.asks(order(1))).toMatchObject([{ type: 'receipt', id: 1, key: 'k1', verdict: 'accepted' }])
    const receipts = await phone.asks(
      Array.from({ length: 20 }, (_, n) => order(n)),
      20,
    )

    expect(receipts.map((receipt) => 'id' in receipt && receipt.id)).toEqual(Array.from({ length: 20 }, (_, n) => n))
    expect(await phone.asks({ type: 'clock', t0: 5 })).toMatchObject([{ type: 'clock', t0: 5 }])
  })

  it('[H1] carries a snapshot and then the news of the drop', async () => {
    const node = await serve()
    const phone = await greeted(node, protocol)
    const [snapshot] = await phone.asks({ type: 'watch', id: 'w', drop: SHOES })

    for (let seq = 1; seq <= 50; seq += 1) node.hub.news(node.world.left(SHOES, at(1, seq - 1), at(1, seq), 9))

    expect(snapshot).toMatchObject({ type: 'snapshot', id: 'w', position: at(1, 0), mine: [] })
    const news = await phone.hears(50)
    expect(news.map((one) => one.type === 'news' && one.position.seq)).toEqual(
      Array.from({ length: 50 }, (_, n) => n + 1),
    )
  })

  it('[H1] hears a snapshot and the news of the same tick in their order', async () => {
    const node = await serve()
    const phone = await greeted(node, protocol)
    await phone.asks({ type: 'watch', id: 0, drop: SHOES })
    let seq = 0
    const tell = () => {
      seq += 1
      node.hub.news(node.world.left(SHOES, at(1, seq - 1), at(1, seq), 9))
    }
    // The room answers in the same turn in which it has news, before and after the answer.
    node.world.order = async () => {
      tell()
      node.hub.settled([])
      return { verdict: 'accepted', position: at(1, seq) }
    }

    phone.say([order(1), { type: 'watch', id: 1, drop: SHOES }, order(2), { type: 'watch', id: 2, drop: SHOES }])
    tell()
    const heard = await phone.hears(7)

    const seqs = heard.flatMap((one) => (one.type === 'news' || one.type === 'snapshot' ? [one.position.seq] : []))
    expect(seqs).toEqual([...seqs].sort((a, b) => a - b))
    expect(seqs.length).toBeGreaterThanOrEqual(5)
  })

  it('[S9] answers each error of the protocol and stays open', async () => {
    const node = await serve()
    const phone = await greeted(node, protocol)
    const rows: [unknown, object][] = [
      [
        { type: 'dance', id: 1 },
        { code: 'unknown_type', id: 1, retryable: false },
      ],
      [order(2, { lines: [{ sku: 'shoe', qty: -1 }] }), { code: 'bad_request', id: 2 }],
      [order(3, { key: undefined }), { code: 'bad_request', id: 3 }],
      [
        { type: 'watch', id: 4, drop: '../../etc' },
        { code: 'bad_request', id: 4 },
      ],
      [{ type: 'hello' }, { code: 'conflict' }],
      [[{ type: 'dance', id: 5 }], { code: 'unknown_type', id: 5 }],
      ['a text', { code: 'bad_frame' }],
      [[], { code: 'bad_frame' }],
    ]
    for (const [message, error] of rows) {
      expect(await phone.asks(message), JSON.stringify(message)).toMatchObject([{ type: 'error', ...error }])
    }
    expect(phone.closed).toBeUndefined()
  })

  it('[S9] ends in 3501 after three frames of the other kind, or of none', async () => {
    const node = await serve()
    const phone = await greeted(node, protocol)

    phone.socket.send(Buffer.from('{"type":"clock","t0":1}'), { binary: protocol === JSON_PROTOCOL })
    phone.socket.send(protocol === JSON_PROTOCOL ? '{"type":' : Buffer.from([0xc1]))
    phone.socket.send(protocol === JSON_PROTOCOL ? '' : Buffer.alloc(0))

    expect(await phone.end()).toBe(3501)
    expect(phone.heard.map((one) => one.type === 'error' && one.code)).toEqual(['bad_frame', 'bad_frame', 'bad_frame'])
  })

  it('[S9] is cut off by a frame of more than 4096 bytes', async () => {
    const node = await serve()
    const phone = await greeted(node, protocol)

    phone.say({ type: 'clock', t0: 1, pad: 'x'.repeat(5_000) })

    expect([1006, 1009]).toContain(await phone.end())
    await vi.waitFor(() => expect(node.roll.size).toBe(0))
  })

  it('[S11] may be given garbage a thousand times: the node lives and every socket is let go', async () => {
    const node = await serve()
    let random = 11
    const byte = () => {
      random = (random * 48_271) % 2_147_483_647
      return random & 0xff
    }
    for (let round = 0; round < 40; round += 1) {
      const phone = await greeted(node, protocol)
      for (let n = 0; n < 25; n += 1) {
        const garbage = Buffer.from(Array.from({ length: byte() }, byte))
        phone.socket.send(n % 2 === 0 ? garbage : garbage.toString('utf8'), { binary: n % 2 === 0 })
      }
      expect(await phone.end()).toBe(3501)
    }

    expect(await (await greeted(node, protocol)).asks({ type: 'clock', t0: 1 })).toHaveLength(1)
    expect(node.roll.size).toBe(1)
    expect(node.failures).toEqual([])
  })

  it('[S11] keeps nothing of a frame that the library takes back', async () => {
    const node = await serve()
    const claims: string[] = []
    node.world.order = async (_, claim) => {
      await new Promise((resolve) => setImmediate(resolve))
      claims.push(`${claim.key} ${claim.lines}`)
      return { verdict: 'accepted' }
    }
    const phone = await greeted(node, protocol)

    for (let n = 0; n < 50; n += 1) phone.say(order(n, { key: `a-key-that-is-long-enough-to-be-sliced-${n}` }))
    await phone.hears(50)

    expect(claims).toEqual(Array.from({ length: 50 }, (_, n) => `a-key-that-is-long-enough-to-be-sliced-${n} shoe:1`))
  })

  it('[S10] that does not read ends in 3008, and the others hear everything', async () => {
    const node = await serve({ lookEveryMs: 10, pauseAboveBytes: Number.POSITIVE_INFINITY })
    const slow = await greeted(node, protocol, 'slow')
    const fine = await greeted(node, protocol, 'fine')
    await Promise.all([slow, fine].map((phone) => phone.asks({ type: 'watch', id: 1, drop: SHOES })))
    const tcp = (slow.socket as unknown as { _socket: Socket })._socket

    tcp.pause()
    const seqs = await tellUntil(node, () => node.roll.look())
    tcp.resume()

    expect(await slow.end()).toBe(3008)
    expect(fine.closed).toBeUndefined()
    await vi.waitFor(() => expect(fine.heard).toHaveLength(seqs.length))
    expect(positionsOf(slow)).toEqual(seqs.slice(0, slow.heard.length))
  }, 30_000)

  it('[S10] that is flooded faster than anyone looks is cut off, and the node lives', async () => {
    const node = await serve()
    const slow = await greeted(node, protocol, 'slow')
    const fine = await greeted(node, protocol, 'fine')
    await Promise.all([slow, fine].map((phone) => phone.asks({ type: 'watch', id: 1, drop: SHOES })))
    const tcp = (slow.socket as unknown as { _socket: Socket })._socket

    tcp.pause()
    const seqs = await tellUntil(node, () => undefined, 40)
    tcp.resume()

    expect([1006, 3008]).toContain(await slow.end())
    await vi.waitFor(() => expect(fine.heard).toHaveLength(seqs.length))
    expect(positionsOf(slow)).toEqual(seqs.slice(0, slow.heard.length))
    expect(await fine.asks({ type: 'clock', t0: 1 }, 1)).toBeDefined()
  }, 30_000)
})

describe('leaving', () => {
  it('[S15] says goaway and closes with 3001 and a time to come back', async () => {
    const node = await serve()
    const phones = await Promise.all([greeted(node), greeted(node, MSGPACK_PROTOCOL)])

    await node.roll.goaway(1_000)

    for (const phone of phones) {
      expect(await phone.end()).toBe(3001)
      const [goaway] = phone.heard
      expect(goaway?.type).toBe('goaway')
      expect(phone.closed?.reason).toBe(
        JSON.stringify({ retryAfterMs: goaway?.type === 'goaway' && goaway.retryAfterMs }),
      )
    }
    expect(node.failures).toEqual([])
  })

  it('[DD2] refuses handshakes with 503 and a time while it leaves, and keeps those who are here', async () => {
    const node = await serve()
    const early = await greeted(node)
    node.roll.shut()

    const late = new Phone(node)
    const retryAfter = new Promise((resolve) => {
      late.socket.on('unexpected-response', (_, response) => resolve(response.headers['retry-after']))
    })

    expect(await late.refused()).toBe(503)
    expect(await retryAfter).toBe('1')
    expect(await early.asks({ type: 'clock', t0: 1 })).toMatchObject([{ type: 'clock' }])
  })

  it('[S11] an exception in a handler is logged and does not reach the library', async () => {
    const node = await serve()
    node.roll.add = () => {
      throw new Error('a bug')
    }
    const unlucky = new Phone(node)

    await vi.waitFor(() => expect(node.failures.join()).toContain('a bug'))
    await unlucky.open()
    unlucky.say({ type: 'hello' })
    unlucky.socket.close()
    await unlucky.end()
    Reflect.deleteProperty(node.roll, 'add')

    expect(await (await greeted(node)).asks({ type: 'clock', t0: 1 })).toHaveLength(1)
  })
})

/** Long news, until one of two sockets is gone; answers the seqs of what was told. */
async function tellUntil(node: EdgeNode, afterEach: () => void, atOnce = 2): Promise<number[]> {
  const seqs: number[] = []
  while (node.roll.size === 2 && seqs.length < 20_000) {
    for (let n = 0; n < atOnce; n += 1) {
      const seq = seqs.length + 1
      seqs.push(seq)
      const phase = { kind: 'phase' as const, phase: 'open' as const }
      const changes = [phase, { kind: 'announcement' as const, text: 'x'.repeat(4_000) }]
      node.hub.news({ drop: SHOES, from: at(1, seq - 1), position: at(1, seq), atMs: 0, changes })
    }
    await new Promise((resolve) => setImmediate(resolve))
    afterEach()
  }
  return seqs
}

const positionsOf = (phone: Phone) => phone.heard.map((one) => (one.type === 'news' ? one.position.seq : -1))

function cut(port: number, text: string): Promise<void> {
  return new Promise((resolve) => {
    const socket = connectTcp(port, '127.0.0.1', () => {
      socket.write(text, () => socket.resetAndDestroy())
    })
    socket.on('error', () => undefined)
    socket.on('close', () => resolve())
  })
}

describe('the heartbeat', () => {
  it('[OO1] pings whoever is quiet and keeps who answers; who does not is ended with 3012, and sees it on waking up', async () => {
    const heartbeat = new Heartbeat(deviceWorld, { lookEveryMs: 10, pingAfterMs: 50, lostAfterMs: 2_000 })
    stops.push(() => heartbeat.stop())
    heartbeat.start()
    const node = await edgeNode({}, { heartbeat })
    stops.push(node.stop)
    const quiet = await new Phone(node).open()
    const mute = await new Phone(node, JSON_PROTOCOL, { autoPong: false }).open()
    const asleep = await new Phone(node).open()
    const pings = vi.fn()
    quiet.socket.on('ping', pings)
    asleep.socket.pause()

    expect(await mute.end()).toBe(3012)
    await vi.waitFor(() => expect(node.roll.size).toBe(1))
    asleep.socket.resume()

    expect(await asleep.end()).toBe(3012)
    expect(pings.mock.calls.length).toBeGreaterThan(1)
    expect(quiet.closed).toBeUndefined()
    expect(await quiet.asks({ type: 'hello' })).toMatchObject([{ type: 'welcome' }])
  })
})
