/** Two whole nodes: a fan on one of them hears what a creator does on the other, and finds it in the inbox. */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { type Ground, openGround } from '../bench/ground.ts'
import { LightSocket } from '../bench/light-socket.ts'

async function call(
  rest: { url: string; token: string },
  method: string,
  path: string,
  body?: object,
): Promise<unknown> {
  const answer = await fetch(rest.url + path, {
    method,
    headers: {
      ...(rest.token === '' ? {} : { authorization: `Bearer ${rest.token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json', 'idempotency-key': randomUUID() }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  if (!answer.ok) throw new Error(`${method} ${path}: ${await answer.text()}`)
  return answer.json()
}

type Message = Record<string, unknown> & { type: string }

let ground: Ground
beforeAll(async () => {
  ground = await openGround({ nodes: 2 })
}, 60_000)
afterAll(() => ground.close())

async function register(role: 'fan' | 'creator') {
  const account = { email: `${randomUUID()}@example.com`, password: randomUUID(), displayName: 'Somebody', role }
  const rest = { url: ground.urls[0] ?? '', token: '' }
  return (await call(rest, 'POST', '/v1/auth/register', account)) as { token: string; user: { id: string } }
}

function listen(url: string, token: string): { heard: Message[]; close: () => void } {
  const heard: Message[] = []
  const socket = new LightSocket(url, 'livedrop.v1.json', {
    open: () => socket.send(JSON.stringify({ type: 'hello', token })),
    text: (bytes) => {
      const said: unknown = JSON.parse(bytes.toString())
      heard.push(...((Array.isArray(said) ? said : [said]) as Message[]))
    },
    close: () => undefined,
  })
  return { heard, close: () => socket.close(1000) }
}

describe('a creator’s followers', () => {
  it('[Y8, Y10, Y13] hear on every node from the moment they follow until they cease to', {
    timeout: 60_000,
  }, async () => {
    const [here = '', there = ''] = ground.urls
    const [cleo, ana, ben] = [await register('creator'), await register('fan'), await register('fan')]
    const fan = { url: there, token: ana.token }
    const creator = { url: here, token: cleo.token }
    const follow = `/v1/creators/${cleo.user.id}/follow`
    const sockets = ground.socketUrls.map((url) => listen(url, ana.token))
    await vi.waitFor(() => expect(sockets.every(({ heard }) => heard.length > 0)).toBe(true), 5_000)

    const drop = async (): Promise<string> => {
      const variants = [{ sku: 'S', title: 'S', priceMinor: 100, currency: 'EUR' }]
      const product = (await call(creator, 'POST', '/v1/products', { title: 'Shirt', variants })) as { id: string }
      const plan = { productId: product.id, opensAt: '2090-01-01T00:00:00Z', items: [{ sku: 'S', stock: 5 }] }
      return ((await call(creator, 'POST', '/v1/drops', plan)) as { id: string }).id
    }
    const open = (id: string) => call(creator, 'POST', `/v1/drops/${id}/open`, {})
    const noticesOf = (id: string, of = sockets) =>
      of.map(({ heard }) => heard.filter((one) => one.type === 'notice' && one.drop === id).map((one) => one.kind))

    await call(fan, 'PUT', follow)
    const first = await drop()
    await open(first)
    const both = ['drop_scheduled', 'drop_started']
    await vi.waitFor(() => expect(noticesOf(first)).toEqual([both, both]), 10_000)
    const lines = [{ sku: 'S', qty: 1 }]
    await call(fan, 'POST', `/v1/drops/${first}/orders`, { lines })
    const inbox = async () =>
      ((await call(fan, 'GET', '/v1/notifications')) as { items: { kind: string }[] }).items.map((one) => one.kind)
    await vi.waitFor(async () => expect((await inbox()).sort()).toEqual([...both, 'order_confirmed']), 10_000)

    const witnesses = ground.socketUrls.map((url) => listen(url, ben.token))
    await vi.waitFor(() => expect(witnesses.every(({ heard }) => heard.length > 0)).toBe(true), 5_000)
    await call({ ...fan, token: ben.token }, 'PUT', follow)
    await call(fan, 'DELETE', follow)
    const second = await drop()
    await open(second)
    await vi.waitFor(() => expect(noticesOf(second, witnesses)).toEqual([both, both]), 10_000)

    expect(noticesOf(second)).toEqual([[], []])
    for (const socket of [...sockets, ...witnesses]) socket.close()
  })
})
