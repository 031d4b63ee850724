/** The HTTP wrapper by itself: real uWebSockets.js, routes that do what a test wants, and clients with bad manners. */
import { connect } from 'node:net'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import { type Endpoint, endpoint } from '../protocol/api/endpoint.ts'
import { Fault } from '../protocol/faults.ts'
import type { UserId } from '../protocol/ids.ts'
import { refuse } from '../server/api/refusal.ts'
import { answer, type Route, route } from '../server/api/route.ts'
import { Addresses } from '../server/inbound/addresses.ts'
import { Tokens } from '../server/inbound/tokens.ts'
import type { HttpLimits, HttpWorld } from '../server/transports/http.ts'
import { httpNode } from './builders/http-node.ts'
import { restWorld, SECRET } from './builders/rest-world.ts'
import { BEGINNINGS } from './corpus/beginnings.ts'

const row = {
  name: 'row',
  tag: 'test',
  summary: '',
  who: 'anyone',
  limit: 'none',
  key: 'none',
  cache: 'private',
  refusals: [],
  example: { answers: {} },
} as const satisfies Partial<Endpoint>
const anything = z.looseObject({})
const tokens = new Tokens(SECRET)

const echo = endpoint({
  ...row,
  method: 'post',
  path: '/echo',
  query: z.object({ colour: z.string().max(5).optional() }),
  body: z.strictObject({ word: z.string().max(70_000) }),
  answers: { 200: anything },
})
const things = endpoint({
  ...row,
  method: 'get',
  path: '/things/:id',
  cache: 'public',
  params: z.object({ id: z.string().regex(/^[a-z]+$/) }),
  answers: { 200: anything },
})
const poke = endpoint({ ...row, method: 'post', path: '/things/:id', key: 'optional', answers: { 200: anything } })
const secret = endpoint({ ...row, method: 'get', path: '/secret', who: ['admin'], answers: { 200: anything } })
const work = endpoint({ ...row, limit: 'read', method: 'get', path: '/work', answers: { 200: anything } })

function routes(doWork: () => Promise<Record<string, unknown>> = async () => ({})): Route[] {
  return [
    route(echo, async ({ body, query }) => answer(200, { ...body, ...query })),
    route(things, async ({ params }) => answer(200, params)),
    route(poke, async ({ key }) => answer(200, { key: key ?? null })),
    route(secret, async ({ caller }) => answer(200, { user: caller.user })),
    route(work, async () => answer(200, await doWork())),
  ]
}

const open: { close(): void }[] = []
afterEach(() => {
  for (const node of open.splice(0)) node.close()
})
async function node(world: Partial<HttpWorld> = {}, limits: Partial<HttpLimits> = {}) {
  const made = await httpNode({ routes: routes(), tokens, ...world }, limits)
  open.push(made)
  return made
}

const HOST = 'Host: x\r\n'

describe('paths and methods', () => {
  it('[R1] a path that is not there is 404, and a method it does not understand 405 with what it does', async () => {
    const { call } = await node()

    expect(await call('GET', '/nowhere')).toMatchObject({ status: 404, body: { code: 'not_found' } })
    const wrong = await call('PUT', '/things/one')
    expect(wrong).toMatchObject({ status: 405, body: { code: 'method_not_allowed' } })
    expect(wrong.headers.get('allow')).toBe('GET, HEAD, POST, OPTIONS')
  })

  it('[R1] HEAD answers what GET answers, without the body', async () => {
    const { call, raw } = await node()

    const get = await call('GET', '/things/one')
    const head = await call('HEAD', '/things/one')

    expect(head.status).toBe(200)
    expect(head.text).toBe('')
    expect(head.headers.get('content-length')).toBe(String(get.text.length))
    expect((await call('HEAD', '/nowhere')).status).toBe(404)
    // Nothing of a body on the wire either, or the next answer on the connection would begin with it.
    const { text } = await raw(`HEAD /things/one HTTP/1.1\r\n${HOST}\r\n`)
    expect(text.split('\r\n\r\n')[1]).toBe('')
  })

  it.each([
    '//things/one',
    '/things//one',
    '/things/one/',
    '/things/%6fne',
    '/%74hings/one',
    '/things/%00',
    '/things/..',
    '/%2e%2e/things/one',
    '/things/%2e%2e%2fsecret',
    '/THINGS/one',
    '/things/one;x=1',
    '/things/\u00e9',
    '/things/one#two',
    '/things/one////////////////////////////',
    '/',
  ])('[R2] a path is never decoded or tidied: %j names nothing', async (path) => {
    const { raw } = await node()

    const { text } = await raw(Buffer.from(`GET ${path} HTTP/1.1\r\n${HOST}\r\n`, 'latin1'))

    expect(text).toMatch(/^HTTP\/1\.1 404 /)
    expect(text).toContain('"code":"not_found"')
  })

  it.each(['TRACE', 'FOO', 'PATCH', '__proto__', 'constructor'])('[R1] %s on a known path is 405', async (method) => {
    const { raw } = await node()

    expect((await raw(`${method} /echo HTTP/1.1\r\n${HOST}\r\n`)).text).toMatch(/^HTTP\/1\.1 405 /)
  })

  it('[R1] two routes for the same method and path are refused when the table is built', async () => {
    const twice = [...routes(), ...routes()]

    await expect(httpNode({ routes: twice, tokens })).rejects.toThrow('two routes')
  })
})

describe('bodies', () => {
  it('[R3] takes JSON only', async () => {
    const { call } = await node()
    const word = JSON.stringify({ word: 'yes' })
    const typed = (type: string) => call('POST', '/echo', { text: word, headers: { 'content-type': type } })

    expect((await typed('application/json')).body).toEqual({ word: 'yes' })
    expect((await typed('application/json; charset=UTF-8')).status).toBe(200)
    expect((await typed('text/plain')).body.code).toBe('unsupported_media_type')
    expect((await typed('application/json; charset=latin1')).status).toBe(415)
    expect((await typed('application/x-www-form-urlencoded')).status).toBe(415)
    const zipped = { 'content-type': 'application/json', 'content-encoding': 'gzip' }
    expect((await call('POST', '/echo', { text: word, headers: zipped })).status).toBe(415)
  })

  it.each([
    ['not JSON', '{"word":'],
    ['nothing', ''],
    ['another kind', '[]'],
    ['null', 'null'],
    ['a field of another kind', '{"word":["yes"]}'],
    ['an unknown field', '{"word":"yes","admin":true}'],
    ['a prototype', '{"word":"yes","__proto__":{"admin":true}}'],
    ['a constructor', '{"word":"yes","constructor":{"prototype":{}}}'],
    ['sixty thousand brackets', '['.repeat(60_000)],
    ['a thousand unknown fields', `{${Array.from({ length: 1000 }, (_, at) => `"f${at}":1`).join(',')}}`],
  ])('[R3] refuses %s as bad_request, without repeating it', async (_, text) => {
    const { call } = await node()

    const heard = await call('POST', '/echo', { text, headers: { 'content-type': 'application/json' } })

    expect(heard).toMatchObject({ status: 400, body: { code: 'bad_request' } })
    expect(heard.body.errors.length).toBeGreaterThan(0)
    expect(heard.text.length).toBeLessThan(3000)
  })

  it('[R3] refuses bytes that are not UTF-8', async () => {
    const { raw } = await node()
    const body = Buffer.from([...Buffer.from('{"word":"'), 0xc3, 0x28, ...Buffer.from('"}')])
    const head = `POST /echo HTTP/1.1\r\n${HOST}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`

    expect((await raw(Buffer.concat([Buffer.from(head), body]))).text).toMatch(/^HTTP\/1\.1 400 /)
  })

  it('[R3] names every wrong field at once', async () => {
    const { call } = await node()

    const heard = await call('POST', '/echo?colour=crimson', { body: { word: 7, more: 1 } })

    expect(heard.body.errors.map((error: { at: string }) => error.at).sort()).toEqual([
      'body.more',
      'body.word',
      'query.colour',
    ])
  })

  it('[R3] a query field that comes twice is refused, and one that the row does not know is not looked at', async () => {
    const { call } = await node()

    expect((await call('POST', '/echo?colour=a&colour=b', { body: { word: 'yes' } })).status).toBe(400)
    expect((await call('POST', '/echo?utm=a&__proto__=1', { body: { word: 'yes' } })).status).toBe(200)
  })

  it('[R4] a body of more than 64 KiB is 413, whether or not its length is declared', async () => {
    const { call, raw } = await node()
    const fits = { word: 'a'.repeat(64 * 1024 - 11) }
    const chunk = `4000\r\n${'a'.repeat(0x4000)}\r\n`
    const chunked = `POST /echo HTTP/1.1\r\n${HOST}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`

    expect((await call('POST', '/echo', { body: fits })).status).toBe(200)
    expect((await call('POST', '/echo', { body: { word: `${fits.word}a` } })).body.code).toBe('too_large')
    const declared = await raw(`POST /echo HTTP/1.1\r\n${HOST}Content-Length: 4000000000\r\n\r\n`)
    expect(declared.text).toMatch(/^HTTP\/1\.1 413 /)
    const undeclared = await raw(chunked + chunk.repeat(5))
    expect(undeclared.text).toMatch(/^HTTP\/1\.1 413 /)
    expect(undeclared.closed).toBe(true)
  })

  it('[R3] a body that comes in single bytes is one body', async () => {
    const { raw } = await node()
    const bytes = [...'{"word":"yes"}'].map((byte) => `1\r\n${byte}\r\n`).join('')
    const head = `POST /echo HTTP/1.1\r\n${HOST}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`

    expect((await raw(`${head}${bytes}0\r\n\r\n`)).text).toContain('{"word":"yes"}')
  })

  it('[R3] a body where none belongs: ignored on GET, refused on POST, and `{}` is as good as nothing', async () => {
    const { call, raw } = await node()

    const get = await raw(`GET /things/one HTTP/1.1\r\n${HOST}Content-Length: 3\r\n\r\nabc`)
    expect(get.text).toMatch(/^HTTP\/1\.1 200 /)
    expect((await call('POST', '/things/one', { body: { more: 1 } })).status).toBe(400)
    expect((await call('POST', '/things/one', { body: {} })).status).toBe(200)
    expect((await call('POST', '/things/one')).status).toBe(200)
  })

  it('[R3] what is left of a refused body is not taken for the next request', async () => {
    const { raw } = await node()
    const inside = `GET /things/smuggled HTTP/1.1\r\n${HOST}\r\n`
    const post = `POST /nowhere HTTP/1.1\r\n${HOST}Content-Length: ${inside.length}\r\n\r\n${inside}`

    const { text } = await raw(`${post}GET /things/next HTTP/1.1\r\n${HOST}\r\n`)

    expect(text).toContain('404')
    expect(text).not.toContain('smuggled')
  })
})

describe('headers', () => {
  it.each([
    ['authorization', 'Authorization: Bearer a\r\nAuthorization: Bearer b\r\n'],
    ['idempotency-key', 'Idempotency-Key: a\r\nIdempotency-Key: b\r\n'],
    ['host', 'Host: y\r\n'],
  ])('[R5] two %s headers are refused and the connection closed', async (_, headers) => {
    const { raw } = await node()

    const { text, closed } = await raw(`POST /things/one HTTP/1.1\r\n${HOST}${headers}\r\n`)

    expect(text).toMatch(/^HTTP\/1\.1 400 /)
    expect(closed).toBe(true)
  })

  it.each([
    ['a length and chunks', 'Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n'],
    ['a negative length', 'Content-Length: -1\r\n\r\nabcd'],
    ['a length without end', 'Content-Length: 99999999999999999999\r\n\r\nabcd'],
    ['a chunk size that is no number', 'Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n'],
  ])('[R5] a request with %s is refused and the connection closed', async (_, rest) => {
    const { raw, call } = await node()

    const { text, closed } = await raw(`POST /echo HTTP/1.1\r\n${HOST}${rest}`)

    expect(text).toMatch(/^HTTP\/1\.1 4\d\d /)
    expect(text.match(/HTTP\/1\.1/g)).toHaveLength(1)
    expect(closed).toBe(true)
    expect((await call('GET', '/things/one')).status).toBe(200)
  })

  it('[R5] every answer carries the request id that was sent, or a new one', async () => {
    const { call } = await node()

    const given = await call('GET', '/nowhere', { headers: { 'x-request-id': 'trace-7' } })
    expect(given.headers.get('x-request-id')).toBe('trace-7')
    expect(given.body.requestId).toBe('trace-7')
    const forged = await call('GET', '/things/one', { headers: { 'x-request-id': 'a b\u00e9' } })
    expect(forged.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
  })

  it('[R6] what is private is never stored, and nothing is sniffed', async () => {
    const { call } = await node()

    const [open, closed, wrong] = [
      await call('GET', '/things/one'),
      await call('GET', '/work'),
      await call('GET', '/x'),
    ]
    expect(open.headers.get('cache-control')).toBe('public, no-cache')
    expect(closed.headers.get('cache-control')).toBe('no-store')
    expect(wrong.headers.get('cache-control')).toBe('no-store')
    for (const heard of [open, closed, wrong]) expect(heard.headers.get('x-content-type-options')).toBe('nosniff')
  })

  it('[R7] a key is read with or without quotes, and one of another form is refused', async () => {
    const { call } = await node()
    const keyed = async (key: string) => (await call('POST', '/things/one', { key })).body

    expect(await keyed('tap-1')).toEqual({ key: 'tap-1' })
    expect(await keyed('"tap-1"')).toEqual({ key: 'tap-1' })
    for (const key of ['a b', 'a|b', '{a}', 'a'.repeat(65), "1';--", 'a:b']) {
      expect(await keyed(key)).toMatchObject({ code: 'bad_request', status: 400 })
    }
  })
})

describe('other pages', () => {
  const origins = ['https://shop.example.com']

  it('[R8] a page of an allowed origin may read, and so may one that came from this host', async () => {
    const { call, origin } = await node({ origins })

    for (const from of ['https://shop.example.com', origin]) {
      const heard = await call('GET', '/things/one', { headers: { origin: from } })
      expect(heard.headers.get('access-control-allow-origin')).toBe(from)
      expect(heard.headers.get('vary')).toBe('origin')
    }
  })

  it('[R8] any other page is refused, before its request and after', async () => {
    const { call, raw } = await node({ origins })

    for (const from of ['https://evil.example.com', 'null', 'https://shop.example.com.evil.example']) {
      const heard = await call('GET', '/things/one', { headers: { origin: from } })
      expect(heard).toMatchObject({ status: 403, body: { code: 'forbidden' } })
      expect(heard.headers.get('access-control-allow-origin')).toBeNull()
      const asked = await raw(`OPTIONS /echo HTTP/1.1\r\n${HOST}Origin: ${from}\r\n\r\n`)
      expect(asked.text).toMatch(/^HTTP\/1\.1 403 /)
    }
  })

  it('[R8] a preflight is told what it may send', async () => {
    const { raw } = await node({ origins })

    const { text } = await raw(
      `OPTIONS /echo HTTP/1.1\r\n${HOST}Origin: https://shop.example.com\r\nAccess-Control-Request-Method: POST\r\n\r\n`,
    )

    expect(text).toMatch(/^HTTP\/1\.1 204 /)
    expect(text).toContain('access-control-allow-methods: POST, OPTIONS')
    expect(text).toMatch(/access-control-allow-headers: .*idempotency-key/)
    expect(text.toLowerCase()).not.toContain('content-length')
  })
})

describe('who may', () => {
  const user = '01890a5d-ac96-774b-bcce-b302099a8057' as UserId

  it('[R9] a route for some roles is for no other, and for nobody without a good token', async () => {
    const { call } = await node()
    const [admin, fan] = [await tokens.issue({ user, role: 'admin' }), await tokens.issue({ user, role: 'fan' })]
    const old = await tokens.issue({ user, role: 'admin' }, -60_000)

    expect((await call('GET', '/secret', { token: admin.token })).body).toEqual({ user })
    expect(await call('GET', '/secret', { token: fan.token })).toMatchObject({
      status: 403,
      body: { code: 'forbidden' },
    })
    const nobody = await call('GET', '/secret')
    expect(nobody).toMatchObject({ status: 401, body: { code: 'unauthorized' } })
    expect(nobody.headers.get('www-authenticate')).toBe('Bearer')
    expect((await call('GET', '/secret', { token: old.token })).body).toMatchObject({
      code: 'unauthorized',
      detail: 'the token has expired',
    })
    expect((await call('GET', '/secret', { token: 'a.b.c' })).status).toBe(401)
  })

  it('[R9] a token in the URL is no token', async () => {
    const { call } = await node()
    const { token } = await tokens.issue({ user, role: 'admin' })

    expect((await call('GET', `/secret?token=${token}&access_token=${token}`)).status).toBe(401)
  })

  it('[R10] whoever comes too often hears when to come again', async () => {
    const { call } = await node({ admission: { admit: () => ({ retryAfterMs: 2_300, headers: {} }) } })

    const heard = await call('GET', '/work')

    expect(heard).toMatchObject({ status: 429, body: { code: 'rate_limited', retryAfterMs: 2_300, retryable: true } })
    expect(heard.headers.get('retry-after')).toBe('3')
  })
})

describe('when things go wrong', () => {
  it('[R11] what a handler throws is logged and said without a word of it', async () => {
    let thrown: unknown
    const { call, failures } = await node({
      routes: routes(() => {
        throw thrown
      }),
    })
    const secrets = 'select * from users at redis.internal:6379'
    const throws: [unknown, number, string][] = [
      [new Error(secrets), 500, 'internal'],
      [new Fault('unavailable', { host: secrets }, { message: secrets }), 503, 'unavailable'],
      [new Fault('ledger_corrupt', { host: secrets }, { message: secrets }), 500, 'ledger_corrupt'],
      [secrets, 500, 'internal'],
      [undefined, 500, 'internal'],
    ]

    for (const [error, status, code] of throws) {
      thrown = error
      const heard = await call('GET', '/work', { headers: { 'x-request-id': 'trace-9' } })
      expect(heard).toMatchObject({ status, body: { code, requestId: 'trace-9' } })
      expect(heard.text).not.toMatch(/select|redis\.internal|at .*:\d+/)
      expect(failures.pop()).toMatchObject({ event: 'http.failed', requestId: 'trace-9', cause: error })
    }
  })

  it('[R11] an answer that cannot be written is an error and not the end of the node', async () => {
    const { call } = await node({ routes: routes(async () => ({ count: 1n })) })

    expect(await call('GET', '/work')).toMatchObject({ status: 500, body: { code: 'internal' } })
    expect((await call('GET', '/things/one')).status).toBe(200)
  })

  it('[R12] a handler that takes too long is answered for', async () => {
    const { call } = await node({ routes: routes(() => new Promise(() => undefined)) }, { handlerMs: 30 })

    const heard = await call('GET', '/work')

    expect(heard).toMatchObject({ status: 503, body: { code: 'unavailable', retryable: true } })
    expect(heard.headers.get('retry-after')).toBe('1')
  })

  it('[R12] past so many requests at once the next hears overloaded', async () => {
    let release: () => void = () => undefined
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const { call, http } = await node({ routes: routes(() => held.then(() => ({}))) }, { inFlight: 2 })
    const waiting = [call('GET', '/work'), call('GET', '/work')]
    await vi.waitFor(() => expect(http.inFlight).toBe(2))

    const third = await call('GET', '/work')
    release()

    expect(third).toMatchObject({ status: 503, body: { code: 'overloaded' } })
    expect((await Promise.all(waiting)).map((heard) => heard.status)).toEqual([200, 200])
    await vi.waitFor(() => expect(http.inFlight).toBe(0))
  })

  it('[R13] an answer to somebody who has gone is no answer, and harms nobody', async () => {
    let release: () => void = () => undefined
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const { call, http, port, failures } = await node({ routes: routes(() => held.then(() => ({}))) })
    const sockets = Array.from({ length: 20 }, () => connect(port, '127.0.0.1'))
    for (const socket of sockets) socket.write(`GET /work HTTP/1.1\r\n${HOST}\r\n`)
    await vi.waitFor(() => expect(http.inFlight).toBe(20))

    for (const socket of sockets) socket.destroy()
    await vi.waitFor(() => expect(http.inFlight).toBe(0))
    release()

    expect((await call('GET', '/work')).status).toBe(200)
    expect(failures).toEqual([])
  })

  it('[R13] a client that leaves in the middle of its body is forgotten', async () => {
    const { call, http, port } = await node()
    const socket = connect(port, '127.0.0.1')
    socket.write(`POST /echo HTTP/1.1\r\n${HOST}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"wo`)
    await vi.waitFor(() => expect(http.inFlight).toBe(1))

    socket.destroy()

    await vi.waitFor(() => expect(http.inFlight).toBe(0))
    expect((await call('POST', '/echo', { body: { word: 'yes' } })).status).toBe(200)
  })

  it('[KK16] bodies that never come take places from their own network only, and no other request’s', async () => {
    const addresses = new Addresses(['127.0.0.1'])
    const limits = { inFlight: 2, bodies: 6, bodiesPerNetwork: 4 }
    const { call, http, port } = await node({ addresses }, limits)
    const head = `POST /echo HTTP/1.1\r\n${HOST}Content-Type: application/json\r\nContent-Length: 14\r\n`
    const slow = (network: string) => {
      const socket = connect(port, '127.0.0.1')
      socket.write(`${head}X-Forwarded-For: ${network}\r\n\r\n{"wo`)
      return socket
    }
    const echo = (network: string) =>
      call('POST', '/echo', { body: { word: 'yes' }, headers: { 'x-forwarded-for': network } })

    const flood = Array.from({ length: 4 }, () => slow('203.0.113.1'))
    await vi.waitFor(() => expect(http.inFlight).toBe(4))
    expect(await echo('203.0.113.1')).toMatchObject({ status: 429, body: { code: 'rate_limited' } })
    expect((await echo('198.51.100.7')).status).toBe(200)
    expect((await call('GET', '/work')).status).toBe(200)

    const others = [slow('198.51.100.1'), slow('198.51.100.2')]
    await vi.waitFor(() => expect(http.inFlight).toBe(6))
    expect(await echo('198.51.100.7')).toMatchObject({ status: 503, body: { code: 'overloaded' } })
    expect((await call('GET', '/work')).status).toBe(200)

    flood[0]?.end('rd":"yes"}')
    for (const socket of [...flood.slice(1), ...others]) socket.destroy()
    await vi.waitFor(() => expect(http.inFlight).toBe(0))
    expect((await echo('203.0.113.1')).status).toBe(200)
  })

  it('[KK16] how the node is can be asked however much it has to do', async () => {
    const { routes: all, tokens: known } = restWorld()
    const full = await node({ routes: all, tokens: known }, { inFlight: 0 })

    expect((await full.call('GET', '/livez')).status).toBe(200)
    expect((await full.call('GET', '/v1/drops')).status).toBe(503)
  })

  it('[KK18] what comes before a body is bounded, however it is made up', async () => {
    const { call } = await node()
    const much = 'a,'.repeat(9_000)

    for (const [path, headers] of [
      ['/things/one', { 'if-none-match': much }],
      ['/things/one', { 'x-forwarded-for': much }],
      ['/things/one', { a: much.slice(0, 9_000), b: much.slice(0, 9_000) }],
      [`/things/one?colour=${much}`, {}],
      [`/${much}`, {}],
    ] as const) {
      const heard = await call('GET', path, { headers })
      expect(heard, path.slice(0, 20)).toMatchObject({ status: 431, body: { code: 'too_large', status: 431 } })
    }
    expect((await call('GET', '/things/one', { headers: { 'if-none-match': much.slice(0, 16_000) } })).status).toBe(200)
  })

  it('[R14] a client that pipelines is cut off before two answers could change places', async () => {
    const { call, raw } = await node({ routes: routes(() => new Promise((resolve) => setTimeout(resolve, 20, {}))) })
    const requests = Array.from({ length: 1000 }, (_, at) =>
      at % 2 === 0 ? `GET /work HTTP/1.1\r\n${HOST}\r\n` : `GET /things/one HTTP/1.1\r\n${HOST}\r\n`,
    )

    const { text, closed } = await raw(requests.join(''))

    expect(closed).toBe(true)
    expect(text).not.toContain('"id":"one"')
    expect((await call('GET', '/things/one')).status).toBe(200)
  })

  it('[R5] hostile beginnings of a request end that connection and nothing else', async () => {
    const { call, raw } = await node()
    for (const [name, bytes] of BEGINNINGS) {
      expect((await raw(bytes, 100)).text, name).not.toMatch(/^HTTP\/1\.1 (?:2|500)/)
    }
    expect((await call('GET', '/things/one')).status).toBe(200)
  })

  it('[R11] a refusal is an answer: nothing of it is logged', async () => {
    const refusing: Route = { endpoint: work, answer: async () => refuse('sold_out', { verdict: 'sold_out' }) }
    const { call, failures } = await node({ routes: [refusing] })

    expect(await call('GET', '/work')).toMatchObject({ status: 409, body: { code: 'sold_out', verdict: 'sold_out' } })
    expect(failures).toEqual([])
  })
})
