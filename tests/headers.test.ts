/** What every answer of the port carries, at every door and with every kind of no. */
import { connect } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { docsRoutes } from '../server/api/docs.ts'
import { Addresses } from '../server/inbound/addresses.ts'
import type { Turned } from '../server/inbound/doorkeeper.ts'
import { PaceMemory, Paces } from '../server/inbound/paces.ts'
import { RestAdmission } from '../server/inbound/rest-admission.ts'
import type { Door } from '../server/transports/socket-door.ts'
import { type EdgeNode, edgeNode, ORIGIN } from './builders/edge-node.ts'
import { httpNode, type Knock } from './builders/http-node.ts'
import { handshake } from './builders/raw-socket.ts'
import { restWorld } from './builders/rest-world.ts'

const HSTS = 'max-age=31536000'
const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

interface Guarded {
  status: number
  nosniff: string | null
  https: string | null
}

const guardOf = (status: number, headers: Headers): Guarded => ({
  ...{ status, nosniff: headers.get('x-content-type-options') },
  https: headers.get('strict-transport-security'),
})
const guarded = (status: number, httpsOnly: boolean): Guarded => ({
  ...{ status, nosniff: 'nosniff', https: httpsOnly ? HSTS : null },
})

describe.each([true, false])('where every way in is https: %s', (httpsOnly) => {
  it('[KK11] REST says it with every answer', async () => {
    const { routes, tokens } = restWorld()
    const once = new Paces({ intervalMs: 60_000, burst: 1 }, new PaceMemory(), () => 1)
    const pace = { perUser: undefined, perNetwork: once }
    const never = { perUser: undefined, perNetwork: undefined }
    const admission = new RestAdmission({ read: never, write: never, admin: never, order: never, sign_in: pace })
    const all = [...routes, ...docsRoutes()]
    const node = await httpNode({ routes: all, tokens, httpsOnly, admission, origins: [ORIGIN] })
    const full = await httpNode({ routes, tokens, httpsOnly }, { inFlight: 0 })
    stops.push(node.close, full.close)
    const etag = (await node.call('GET', '/v1/drops')).headers.get('etag') ?? ''

    const asked: [number, string, string, Knock?][] = [
      [200, 'GET', '/livez'],
      [200, 'GET', '/docs'],
      [304, 'GET', '/v1/drops', { headers: { 'if-none-match': etag } }],
      [204, 'OPTIONS', '/v1/drops', { headers: { origin: ORIGIN } }],
      [400, 'GET', '/v1/drops?limit=x'],
      [401, 'GET', '/v1/me'],
      [403, 'GET', '/v1/drops', { headers: { origin: 'https://evil.example' } }],
      [404, 'GET', '/nowhere'],
      [405, 'DELETE', '/v1/drops'],
      [413, 'POST', '/v1/auth/login', { text: 'x'.repeat(70_000) }],
      [415, 'POST', '/v1/auth/login', { text: '{}', headers: { 'content-type': 'text/plain' } }],
      [429, 'POST', '/v1/auth/login', { body: {} }],
    ]
    for (const [status, method, path, knock] of asked) {
      const { status: heard, headers } = await node.call(method, path, knock)
      expect(guardOf(heard, headers), `${method} ${path}`).toEqual(guarded(status, httpsOnly))
    }
    const { status, headers } = await full.call('GET', '/v1/drops')
    expect(guardOf(status, headers)).toEqual(guarded(503, httpsOnly))
  })

  it('[KK11] a refused WebSocket says it', async () => {
    const { node, turn } = await edge(httpsOnly)
    const shake = (headers: Record<string, string> = {}, path = '/ws') => raw(node, handshake({ path, headers }))

    expect(await shake()).toMatchObject({ status: 101 })
    expect(await shake({ 'Sec-WebSocket-Version': '12' })).toEqual(guarded(400, httpsOnly))
    expect(await shake({}, '/ws?token=x')).toEqual(guarded(400, httpsOnly))
    expect(await shake({ Origin: 'https://evil.example' })).toEqual(guarded(403, httpsOnly))
    for (const status of [429, 503] as const) {
      turn(status)
      expect(await shake()).toEqual(guarded(status, httpsOnly))
    }
  })

  it('[KK11] so does everything under /socket.io/, also what Engine.IO answers by itself', async () => {
    const { node, turn } = await edge(httpsOnly)
    const base = '/socket.io/?EIO=4&transport=polling'
    const ask = async (status: number, query: string, init: RequestInit = {}) => {
      const answer = await fetch(`${node.origin}${query}`, init)
      const text = await answer.text()
      expect(guardOf(answer.status, answer.headers), `${status} ${query}`).toEqual(guarded(status, httpsOnly))
      return text
    }
    const begin = async () => {
      const { sid } = JSON.parse((await ask(200, base)).slice(1)) as { sid: string }
      return `${base}&sid=${sid}`
    }

    const session = await begin()
    await ask(200, session, { method: 'POST', body: '40' })
    await ask(200, session)
    await ask(411, await begin(), { method: 'POST', body: '' })
    await ask(413, await begin(), { method: 'POST', body: 'x'.repeat(17_000) })
    await ask(400, await begin(), {
      method: 'POST',
      body: '40',
      headers: { 'content-type': 'application/octet-stream' },
    })
    await ask(400, `${base}&sid=gone`)
    await ask(400, '/socket.io/?EIO=3&transport=polling')
    await ask(400, '/socket.io/?EIO=4&transport=carrier-pigeon')
    await ask(400, `${base}&token=x`)
    await ask(414, `${base}&sid=${'a=&'.repeat(400)}`)
    await ask(403, base, { headers: { origin: 'https://evil.example' } })
    await ask(405, base, { method: 'PUT' })
    await ask(204, base, { method: 'OPTIONS', headers: { origin: ORIGIN } })
    const upgrade = '/socket.io/?EIO=4&transport=websocket'
    expect(await raw(node, handshake({ path: upgrade }))).toEqual(guarded(101, httpsOnly))
    expect(await raw(node, handshake({ path: `${upgrade}&sid=gone` }))).toEqual(guarded(400, httpsOnly))
    for (const status of [429, 503] as const) {
      turn(status)
      await ask(status, base)
    }
  })
})

async function edge(httpsOnly: boolean): Promise<{ node: EdgeNode; turn(status: Turned['status']): void }> {
  let turned: Turned | undefined
  const keeper = { knock: () => turned, entered: () => undefined, left: () => undefined }
  const door: Door = { keeper, addresses: new Addresses([]) }
  const node = await edgeNode({}, { door, httpsOnly })
  stops.push(async () => {
    await node.stop()
    expect(node.failures).toEqual([])
  })
  return {
    node,
    turn: (status) => {
      turned = { status, why: 'turned away', retryAfterMs: 1_000 }
    },
  }
}

/** The head of the first answer. */
function raw({ port }: EdgeNode, bytes: string): Promise<Guarded> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes))
    let text = ''
    socket.setEncoding('latin1').on('data', (data: string) => {
      text += data
      const [head = '', body] = text.split('\r\n\r\n')
      if (body === undefined) return

      socket.destroy()
      const [first = '', ...lines] = head.split('\r\n')
      const said = lines.map((line): [string, string] => {
        const [name = '', ...value] = line.split(': ')
        return [name, value.join(': ')]
      })
      resolve(guardOf(Number(first.split(' ')[1]), new Headers(said)))
    })
    socket.on('error', reject)
  })
}
