/** What an answer is made of: the request line and what the table names. Nothing else that a request says comes back. */
import { afterEach, describe, expect, it } from 'vitest'
import { ENDPOINTS } from '../protocol/api/endpoints.ts'
import { currencySchema, priceMinorSchema } from '../protocol/api/fields.ts'
import { isOrderId, isSku, isUserId } from '../protocol/ids.ts'
import { docsRoutes } from '../server/api/docs.ts'
import { KeptAnswers } from '../server/api/kept-answers.ts'
import { HandClock } from './builders/hand-clock.ts'
import { httpNode } from './builders/http-node.ts'
import { restWorld } from './builders/rest-world.ts'

const EVIL = 'evil.example'
/** What proxies and frameworks elsewhere take for another host, path or method. */
const CLAIMS: Record<string, string>[] = [
  { host: EVIL },
  { 'x-forwarded-host': EVIL, 'x-forwarded-proto': 'http', 'x-forwarded-port': '666', forwarded: `host=${EVIL}` },
  { 'x-original-url': '/v1/me', 'x-rewrite-url': '/v1/me' },
  { 'x-http-method-override': 'DELETE', 'x-http-method': 'DELETE', 'x-method-override': 'DELETE' },
]

const open: { close(): void }[] = []
afterEach(() => {
  for (const node of open.splice(0)) node.close()
})

describe('an answer', () => {
  it('[KK17] that anybody may keep is the same whatever else a request claims', async () => {
    const { routes, tokens } = restWorld()
    const kept = new KeptAnswers(new HandClock())
    const node = await httpNode({ routes: [...routes, ...docsRoutes()], tokens, kept })
    open.push(node)

    for (const path of ['/v1/drops', '/v1/creators', '/v1/products', '/openapi.json', '/asyncapi.json', '/docs']) {
      const plain = await node.call('GET', path)
      expect([plain.status, plain.headers.get('etag')], path).toEqual([200, expect.stringMatching(/^"/)])
      for (const headers of CLAIMS) {
        const claimed = await node.call('GET', path, { headers })
        expect(claimed.text, path).toBe(plain.text)
        expect(claimed.headers.get('etag'), path).toBe(plain.headers.get('etag'))
        expect([...claimed.headers.values()].join(), path).not.toContain(EVIL)
      }
    }
  })

  it('[KK17] of a refusal repeats none of it either', async () => {
    const { routes, tokens } = restWorld()
    const node = await httpNode({ routes, tokens })
    open.push(node)

    for (const headers of CLAIMS) {
      const { status, text } = await node.call('POST', '/v1/auth/login', { body: { x: EVIL }, headers })
      expect(status).toBe(400)
      expect(text).not.toContain(EVIL)
    }
  })

  it('[KK17] sends nobody anywhere: no row of the table redirects', () => {
    const statuses = ENDPOINTS.flatMap(({ answers }) => Object.keys(answers).map(Number))

    expect(statuses.filter((status) => status >= 300 && status < 400)).toEqual([])
    expect(statuses.length).toBeGreaterThan(ENDPOINTS.length - 1)
  })
})

describe('a field of CSV', () => {
  it.each(['=', '+', '-', '@', '\t', '\r', '\n', '"', ','])(
    '[E11] never begins as a formula or a field does: %j',
    (begin) => {
      const text = `${begin}cmd`

      expect([isSku(text), isOrderId(text), isUserId(text), currencySchema.safeParse(text).success]).toEqual(
        Array(4).fill(false),
      )
      expect(priceMinorSchema.safeParse(-1).success).toBe(false)
    },
  )
})
