/**
 * RFC 6455 against a real edge, byte for byte: raw sockets, a real uWebSockets.js, the real gateway.
 *
 * The tables are in tests/conformance/ws-*.ts. Where uWebSockets.js does something else than the RFC asks for, the row
 * says what and why we live with it, so that an update of the library that changes either is noticed here.
 */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { listen, newApp } from '../server/transports/http-listener.ts'
import { serveNative } from '../server/transports/native.ts'
import { EdgeWorld } from './builders/edge-world.ts'
import { failureLog } from './builders/logs.ts'
import { ACCEPT, bounded, frame, handshake, OP, RawSocket } from './builders/raw-socket.ts'
import { clock, WS_GROUPS } from './conformance/ws-cases.ts'
import { HANDSHAKES, type HandshakeCase } from './conformance/ws-handshakes.ts'
import { outcomeOf } from './conformance/ws-outcome.ts'

const AT_ONCE = 16
const { log, failures } = failureLog()
const app = newApp()
let world: EdgeWorld
let port = 0

beforeAll(async () => {
  world = new EdgeWorld()
  serveNative(app, { gateway: world.gateway, log, origins: ['https://drops.example'] })
  app.any('/*', (res) => {
    res.writeStatus('404 Not Found').end('no such page')
  })
  port = (await listen(app, '127.0.0.1', 0)).port
})
afterAll(() => app.close())

/** The status; behind a 101 the sub-protocol, and what is wrong with it. */
async function answerTo(change: HandshakeCase[1]): Promise<string> {
  const socket = new RawSocket(port)
  try {
    await socket.send(handshake(change))
    const head = await socket.head()
    const status = /^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1] ?? `no answer: ${head}`
    const header = (name: string) => new RegExp(`^${name}: (.*)\r$`, 'im').exec(head)?.[1]
    if (status !== '101') return status

    const wrong = [
      header('Sec-WebSocket-Accept') === ACCEPT ? '' : ' with a wrong Accept',
      header('Sec-WebSocket-Extensions') === undefined ? '' : ' with an extension',
    ]
    return `101 ${header('Sec-WebSocket-Protocol')}${wrong.join('')}`
  } finally {
    socket.destroy()
  }
}

describe('a handshake', () => {
  it('[HH8, HH10] is answered as the table says', async () => {
    const answers = await bounded(HANDSHAKES, AT_ONCE, async ([name, change]) => [name, await answerTo(change)])

    expect(answers).toEqual(HANDSHAKES.map(([name, , answer]) => [name, answer]))
  })

  it('[HH8] is over when it is answered: what a client says before is not read, and what it says then is', async () => {
    const socket = new RawSocket(port)
    await socket.send(Buffer.concat([Buffer.from(handshake()), frame(OP.text, '{"type":"hello"}')]))

    expect(await socket.head()).toMatch(/^HTTP\/1\.1 101 /)
    await socket.send(frame(OP.text, clock(7)))
    const heard = await socket.next()
    socket.destroy()

    expect(typeof heard === 'string' ? heard : heard.payload.toString()).toContain('"code":"unauthorized"')
  })

  it('[HH8] may come byte by byte', async () => {
    const socket = new RawSocket(port)
    for (const letter of handshake()) await socket.send(letter)
    const head = await socket.head()
    socket.destroy()

    expect(head).toMatch(/^HTTP\/1\.1 101 /)
  })
})

describe('the table of frames', () => {
  it('[HH9] has a reason wherever it deviates from the RFC, and each name once', () => {
    for (const { about, cases } of WS_GROUPS) {
      expect(cases.filter(({ asks, here, why }) => (asks !== here) !== (why !== undefined))).toEqual([])
      expect([about, new Set(cases.map(({ name }) => name)).size]).toEqual([about, cases.length])
    }
    expect(WS_GROUPS.flatMap(({ cases }) => cases).length).toBeGreaterThan(220)
  })
})

describe.each(WS_GROUPS)('$about', ({ cases }) => {
  it('[HH9] ends as the table says', async () => {
    const outcomes = await bounded(cases, AT_ONCE, async (one) => [one.name, await outcomeOf(port, one)])

    expect(outcomes).toEqual(cases.map(({ name, here }) => [name, here]))
  })
})

describe('after all of it', () => {
  it('[HH9] nobody is left on the roll, nothing was thrown, and the next one is served', async () => {
    await vi.waitFor(() => expect(world.roll.size).toBe(0), { timeout: 10_000 })

    expect(failures).toEqual([])
    expect(await answerTo({})).toBe('101 livedrop.v1.json')
  })
})
