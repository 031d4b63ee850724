/**
 * RFC 9112 against a real HTTP door, byte for byte: which requests are answered, which end their connection, and above all
 * whether both ends agree where one request ends and the next begins. The table is in tests/conformance/http-cases.ts.
 */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import { type Endpoint, endpoint } from '../protocol/api/endpoint.ts'
import { answer, route } from '../server/api/route.ts'
import { Tokens } from '../server/inbound/tokens.ts'
import { httpNode } from './builders/http-node.ts'
import { bounded, RawSocket } from './builders/raw-socket.ts'
import { SECRET } from './builders/rest-world.ts'
import { DEVIATING, HTTP_CASES, type HttpCase } from './conformance/http-cases.ts'

const row = {
  ...{ name: 'row', tag: 'test', summary: '', who: 'anyone', limit: 'none', key: 'none', cache: 'private' },
  ...{ refusals: [], example: { answers: {} }, answers: { 200: z.looseObject({}) } },
} as const satisfies Partial<Endpoint>
const thing = endpoint({
  ...row,
  method: 'get',
  path: '/things/:id',
  params: z.object({ id: z.string().regex(/^[a-z]+$/) }),
})
const echo = endpoint({ ...row, method: 'post', path: '/echo', body: z.strictObject({ word: z.string() }) })
const END = 'GET /things/end HTTP/1.1\r\nHost: x\r\nX-Request-Id: the-end\r\n\r\n'
let node: Awaited<ReturnType<typeof httpNode>>
beforeAll(async () => {
  const routes = [
    route(thing, async ({ params }) => answer(200, params)),
    route(echo, async ({ body }) => answer(200, body)),
  ]
  node = await httpNode({ routes, tokens: new Tokens(SECRET) })
})
afterAll(() => node.close())

/** For rows that are expected to wait for more: nothing comes in this time. */
const WAITS_MS = 400
const END_MS = 10_000
const NEVER = '\0\0never'

async function outcomeOf({ bytes, asks, here }: HttpCase): Promise<string> {
  const expected = here ?? asks.join()
  const socket = new RawSocket(node.port)
  try {
    await socket.send(Buffer.concat([Buffer.from(bytes, 'latin1'), Buffer.from(END)]))
    const { text, ended } = await socket.all('the-end', expected === 'waits' ? WAITS_MS : END_MS)
    const statuses = [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => match[1])
    if (!text.includes('the-end')) return [...statuses, ended ? 'cut' : 'waits'].join(' ')

    return [...statuses.slice(0, -1), 'on'].join(' ')
  } finally {
    socket.destroy()
  }
}

describe('a connection', () => {
  it('[HH11] ends, goes on or waits as the table says', async () => {
    const outcomes = await bounded(HTTP_CASES, 16, async (one) => [one.name, await outcomeOf(one)] as const)

    const expected = HTTP_CASES.map(({ name, asks, here }, at): [string, string | undefined] => {
      const outcome = outcomes[at]?.[1]
      return [name, here ?? (asks.includes(outcome ?? '') ? outcome : asks.join(', or '))]
    })
    expect(outcomes).toEqual(expected)
    expect(node.failures).toEqual([])
    expect((await node.call('GET', '/things/one')).status).toBe(200)
  })

  it('[HH11] has a reason wherever we do something else than is asked for', () => {
    const names = HTTP_CASES.map(({ name }) => name)

    expect(new Set(names).size).toBe(names.length)
    expect(HTTP_CASES.filter(({ asks, here }) => here !== undefined && asks.includes(here))).toEqual([])
    expect(DEVIATING.filter((name) => !names.includes(name))).toEqual([])
  })

  it('[HH11] answers a thousand requests of one write in their order, or none that is out of it', async () => {
    const ids = Array.from({ length: 1_000 }, (_, n) => `r-${n}`)
    const requests = ids.map((id) => `GET /things/one HTTP/1.1\r\nHost: x\r\nX-Request-Id: ${id}\r\n\r\n`)
    const socket = new RawSocket(node.port)
    await socket.send(requests.join(''))
    const { text } = await socket.all('x-request-id: r-999')
    socket.destroy()

    const answered = [...text.matchAll(/x-request-id: (r-\d+)/g)].map((match) => match[1])
    expect(answered).toEqual(ids.slice(0, answered.length))
    await vi.waitFor(() => expect(node.http.inFlight).toBe(0))
    expect((await node.call('GET', '/things/one')).status).toBe(200)
  })

  it('[HH12] whose request may end anywhere is ended without a word, and nothing behind it is read', async () => {
    const inside = 'GET /things/inside HTTP/1.1\r\nHost: x\r\nX-Request-Id: inside\r\n\r\n'
    const doubtful = [
      `Content-Length: 0\r\nContent-Length: ${inside.length}\r\n`,
      'Content-Length:\r\n',
      'Transfer-Encoding: identity\r\n',
      'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\nHost: y\r\n',
    ]
    for (const headers of doubtful) {
      const socket = new RawSocket(node.port)
      await socket.send(`POST /echo HTTP/1.1\r\nHost: x\r\n${headers}\r\n${inside}`)
      expect([headers, await socket.all(NEVER)]).toEqual([headers, { text: '', ended: true }])
    }
    expect(node.http.inFlight).toBe(0)
  })
})
