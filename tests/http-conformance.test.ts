import { afterAll, beforeAll, expect, it } from 'vitest'
import { z } from 'zod'
import { type Endpoint, endpoint } from '../protocol/api/endpoint.ts'
import { answer, route } from '../server/api/route.ts'
import { Tokens } from '../server/inbound/tokens.ts'
import { httpNode } from './builders/http-node.ts'
import { SECRET } from './builders/rest-world.ts'
import { bounded, RawSocket } from './builders/raw-socket.ts'
import { HTTP_CASES, type HttpCase } from './conformance/http-cases.ts'

const row = {
  ...{ name: 'row', tag: 'test', summary: '', who: 'anyone', limit: 'none', key: 'none', cache: 'private' },
  ...{ refusals: [], example: { answers: {} }, answers: { 200: z.looseObject({}) } },
} as const satisfies Partial<Endpoint>
const thing = endpoint({ ...row, method: 'get', path: '/things/:id', params: z.object({ id: z.string() }) })
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
const WAITS_MS = 400
async function outcomeOf({ bytes, asks, here }: HttpCase): Promise<string> {
  const socket = new RawSocket(node.port)
  try {
    await socket.send(Buffer.from(bytes, 'latin1'))
    await socket.send(END)
    const mayWait = (here ?? asks.join()).includes('waits')
    const { text, ended } = await socket.all('the-end', mayWait ? WAITS_MS : 800)
    const statuses = [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => match[1])
    const on = text.includes('the-end')
    return [...(on ? statuses.slice(0, -1) : statuses), on ? 'on' : ended ? 'cut' : 'waits'].join(' ')
  } finally {
    socket.destroy()
  }
}
it('x', async () => {
  const out = await bounded(HTTP_CASES, 16, async (one) => [one, await outcomeOf(one)] as const)
  for (const [one, o] of out) console.log(`${one.asks.includes(o) ? '   ' : '!!!'} ${one.name} | ${one.asks} | ${o}`)
  expect(node.failures).toEqual([])
}, 60000)
