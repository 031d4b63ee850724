/** Public answers as the table says they are kept: what is read once, what ends it, and what goes over the wire. */
import { afterEach, describe, expect, it } from 'vitest'
import type { Kept } from '../protocol/api/endpoint.ts'
import { ENDPOINTS } from '../protocol/api/endpoints.ts'
import { Fault } from '../protocol/faults.ts'
import { KeptAnswers } from '../server/api/kept-answers.ts'
import type { HttpWorld } from '../server/transports/http.ts'
import { HandClock } from './builders/hand-clock.ts'
import { httpNode } from './builders/http-node.ts'
import { restWorld } from './builders/rest-world.ts'
import { memoryWorld } from './contracts/bus-worlds.ts'
import { keptAnswersContract } from './contracts/kept-answers.ts'

keptAnswersContract('two nodes on plain objects', memoryWorld, () => 'kept')

const open: { close(): void }[] = []
afterEach(() => {
  for (const node of open.splice(0)) node.close()
})

async function shop(more: Partial<HttpWorld> = {}) {
  const rest = restWorld()
  const reads = { byId: 0, list: 0 }
  const { byId, list } = rest.world.products
  rest.world.products.byId = (id) => {
    reads.byId += 1
    return byId(id)
  }
  rest.world.products.list = (question) => {
    reads.list += 1
    return list(question)
  }
  const clock = new HandClock()
  const kept = new KeptAnswers(clock)
  const touched: string[][] = []
  const hear = (names: readonly string[]) => {
    touched.push([...names])
    kept.touch(names)
  }
  const node = await httpNode({ routes: rest.routes, tokens: rest.tokens, kept, touched: hear, ...more })
  open.push(node)
  const cleo = await rest.person('creator')
  const variants = [{ sku: 'SHIRT-M', title: 'M', priceMinor: 3900, currency: 'EUR' }]
  const add = (title: string) => node.call('POST', '/v1/products', { token: cleo.token, body: { title, variants } })
  return { ...node, rest, reads, clock, touched, cleo, add }
}

const keptRows = ENDPOINTS.flatMap((row) => (typeof row.cache === 'object' ? [{ row, cache: row.cache as Kept }] : []))

describe('the table', () => {
  it('[BB5] keeps every public read, for two seconds at most where a store is behind it', () => {
    const reads = ENDPOINTS.filter((row) => row.who === 'anyone' && row.method === 'get' && row.path.startsWith('/v1'))

    expect(keptRows.map(({ row }) => row.name)).toEqual(expect.arrayContaining(reads.map((row) => row.name)))
    for (const { row, cache } of keptRows) {
      expect([row.name, row.who, row.method]).toEqual([row.name, 'anyone', 'get'])
      if (cache.shows.length > 0) expect([row.name, cache.ms <= 2_000]).toEqual([row.name, true])
    }
  })

  it('[BB5] shows no name that no write touches, and fills every name from what is asked', () => {
    const touched = new Set(ENDPOINTS.flatMap((row) => row.touches ?? []))
    // A role is a field of the body: each value is a name of its own.
    touched.add('accounts/creator')

    const shown = keptRows.flatMap(({ cache }) => cache.shows)
    expect(shown.filter((name) => !touched.has(name))).toEqual([])
    for (const row of ENDPOINTS) {
      const names = [...(row.touches ?? []), ...(typeof row.cache === 'object' ? row.cache.shows : [])]
      const fields = { ...(row.example.body as object), ...(row.example.params as object) }
      const missing = names.flatMap((name) => [...name.matchAll(/:(\w+)/g)].map(([, field = '']) => field))
      expect([row.name, missing.filter((field) => !(field in fields))]).toEqual([row.name, []])
    }
  })

  it('[BB5] tells answers apart by fields that the row reads', () => {
    for (const { row, cache } of keptRows) {
      const known = Object.keys((row.query as { shape?: object } | undefined)?.shape ?? {})
      expect([row.name, (cache.by ?? []).filter((field) => !known.includes(field))]).toEqual([row.name, []])
    }
  })
})

describe('what is kept', () => {
  it('[BB5] is read once for all spellings of a question, and again for another question', async () => {
    const { call, add, reads, cleo } = await shop()
    await add('Tour shirt')
    const creator = `creator=${cleo.creator}`

    const same = [`limit=5&${creator}`, `${creator}&limit=5`, `${creator}&limit=5&x=1`, `${creator}&limit=05&y=`]
    const answers = []
    for (const query of same) answers.push(await call('GET', `/v1/products?${query}`))

    expect(reads.list).toBe(1)
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1)
    await call('GET', `/v1/products?${creator}`)
    await call('GET', '/v1/products?q=Tour%20s')
    await call('GET', '/v1/products?q=tour%20s')
    expect(reads.list).toBe(4)
  })

  it('[BB5] is no page by cursor and no refusal', async () => {
    const { call, add, reads } = await shop()
    await add('One')
    await add('Two')
    const first = await call('GET', '/v1/products?limit=1')
    const second = `/v1/products?limit=1&cursor=${first.body.nextCursor}`
    const nowhere = '/v1/products/01890a5d-ac96-774b-bcce-b302099a8058'

    for (const path of [second, second, nowhere, nowhere]) await call('GET', path)

    expect(reads).toEqual({ list: 3, byId: 2 })
    expect((await call('GET', '/v1/products?limit=0')).status).toBe(400)
  })

  it('[BB7] is not ended by a write that is refused, and is by one whose outcome nobody knows', async () => {
    const { call, add, rest, touched, cleo } = await shop()
    const made = await add('Tour shirt')
    const other = await rest.person('creator')
    const path = `/v1/products/${made.body.id}`
    touched.length = 0

    await call('PATCH', path, { token: other.token, body: { title: 'Mine' } })
    await call('PATCH', path, { token: cleo.token, body: { colour: 'red' } })
    await call('PATCH', path, { body: { title: 'Mine' } })
    expect(touched).toEqual([])

    rest.world.products.change = async () => {
      throw new Fault('unavailable', { dependency: 'postgres' })
    }
    expect((await call('PATCH', path, { token: cleo.token, body: { title: 'Perhaps' } })).status).toBe(503)
    expect(touched).toEqual([[`product/${made.body.id}`, 'products']])
  })

  it('[BB7] is told apart by role: a fan who registers ends no list of creators', async () => {
    const { call, touched } = await shop()
    const account = { email: 'a@example.com', password: 'correct horse', displayName: 'A' }

    await call('POST', '/v1/auth/register', { body: { ...account, role: 'fan' } })

    expect(touched).toEqual([['accounts/fan']])
  })

  it('[BB9] is counted against whoever asks, and is not given to who comes too often', async () => {
    let left = 2
    const admitted: string[] = []
    const admission: HttpWorld['admission'] = {
      admit: (limit) => {
        admitted.push(limit)
        left -= 1
        return left < 0 ? { headers: {}, retryAfterMs: 1_000 } : undefined
      },
    }
    const { call, reads } = await shop({ admission })

    const heard = []
    for (let at = 0; at < 4; at += 1) heard.push((await call('GET', '/v1/products')).status)

    expect(heard).toEqual([200, 200, 429, 429])
    expect([admitted, reads.list]).toEqual([['read', 'read', 'read', 'read'], 1])
  })
})

describe('over the wire', () => {
  it('[BB8] the same answer has the same strong tag, and who has it hears 304 without a body', async () => {
    const { call, add, raw } = await shop()
    const made = await add('Tour shirt')
    const path = `/v1/products/${made.body.id}`
    const first = await call('GET', path)
    const etag = first.headers.get('etag') ?? ''

    expect(etag).toMatch(/^"[\w-]{27}"$/)
    expect(first.headers.get('cache-control')).toBe('public, no-cache')
    expect(first.headers.get('vary')).toBe('origin')
    for (const tags of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const again = await call('GET', path, { headers: { 'if-none-match': tags } })
      expect([tags, again.status, again.text]).toEqual([tags, 304, ''])
      const names = ['etag', 'cache-control', 'vary', 'content-length', 'content-type']
      const said = names.map((name) => again.headers.get(name))
      expect(said).toEqual([etag, 'public, no-cache', 'origin', null, null])
    }
    for (const tags of ['"other"', etag.slice(1, -1), `${etag}x`, '', '"']) {
      expect([tags, (await call('GET', path, { headers: { 'if-none-match': tags } })).status]).toEqual([tags, 200])
    }

    // Nothing behind the head on the wire, or the next answer on the connection would begin with it.
    const request = `GET ${path} HTTP/1.1\r\nHost: x\r\nIf-None-Match: ${etag}\r\n\r\n`
    const { text } = await raw(request)
    expect(text).toMatch(/^HTTP\/1\.1 304 Not Modified\r\n/)
    expect(text.split('\r\n\r\n')[1]).toBe('')
  })

  it('[BB8] another answer has another tag, and one that is not an answer has none', async () => {
    const { call, add, cleo } = await shop()
    const made = await add('Tour shirt')
    const path = `/v1/products/${made.body.id}`
    const before = await call('GET', path)

    await call('PATCH', path, { token: cleo.token, body: { title: 'Night shirt' } })

    const headers = { 'if-none-match': before.headers.get('etag') ?? '' }
    const after = await call('GET', path, { headers })
    expect([after.status, after.body.title]).toEqual([200, 'Night shirt'])
    expect(after.headers.get('etag')).not.toBe(before.headers.get('etag'))
    const missing = await call('GET', '/v1/products/01890a5d-ac96-774b-bcce-b302099a8058', { headers: { ...headers } })
    expect([missing.status, missing.headers.get('etag')]).toEqual([404, null])
    const mine = await call('GET', '/v1/me', { token: cleo.token, headers: { 'if-none-match': '*' } })
    expect([mine.status, mine.headers.get('etag'), mine.headers.get('cache-control')]).toEqual([200, null, 'no-store'])
  })

  it.each(keptRows.map(({ row }) => [row.path]))('[BB8] HEAD %s says what GET says, kept or not', async (path) => {
    const { call, add, rest, cleo } = await shop({ origins: ['https://shop.example.com'] })
    const made = await add('Tour shirt')
    const drop = rest.drop(cleo.creator)
    const ids: Record<string, string> = { products: made.body.id, drops: drop.drop, creators: cleo.creator }
    const target = path.replace(/(\w+)\/:id/, (_, kind: string) => `${kind}/${ids[kind]}`)
    const headers = { origin: 'https://shop.example.com', 'x-request-id': 'same' }
    const said = (heard: { status: number; headers: Headers }) => {
      const all = [...heard.headers].filter(([name]) => !['date', 'uwebsockets'].includes(name))
      return [heard.status, Object.fromEntries(all)]
    }

    const head = await call('HEAD', target, { headers })
    const get = await call('GET', target, { headers })
    const again = await call('HEAD', target, { headers })

    expect(get.status).toBe(200)
    expect(said(get)[1]).toMatchObject({
      'access-control-allow-origin': 'https://shop.example.com',
      'content-length': String(Buffer.byteLength(get.text)),
      etag: expect.any(String),
    })
    expect([said(head), said(again), head.text]).toEqual([said(get), said(get), ''])
    const tagged = { ...headers, 'if-none-match': get.headers.get('etag') ?? '' }
    const [get304, head304] = [
      await call('GET', target, { headers: tagged }),
      await call('HEAD', target, { headers: tagged }),
    ]
    expect([get304.status, said(head304)]).toEqual([304, said(get304)])
  })
})
