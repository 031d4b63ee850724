/** The viewer of the contract: one page, and every file that it or its files ask for. */
import { afterEach, describe, expect, it } from 'vitest'
import { docsRoutes } from '../server/api/docs.ts'
import { KeptAnswers } from '../server/api/kept-answers.ts'
import { HandClock } from './builders/hand-clock.ts'
import { httpNode } from './builders/http-node.ts'
import { restWorld } from './builders/rest-world.ts'

const open: { close(): void }[] = []
afterEach(() => {
  for (const node of open.splice(0)) node.close()
})

async function viewer(withDocs = true) {
  const { routes, tokens } = restWorld()
  const kept = new KeptAnswers(new HandClock())
  const node = await httpNode({ routes: withDocs ? [...routes, ...docsRoutes()] : routes, tokens, kept })
  open.push(node)
  return node
}

describe('/docs', () => {
  it('[BB12] refers to nothing but what this node serves, each under its own type and tag', async () => {
    const { call } = await viewer()
    const page = await call('GET', '/docs')
    const start = await call('GET', '/docs/start.js')

    const inPage = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, target = '']) => target)
    const inStart = [...start.text.matchAll(/'(\/[^']+)'/g)].map(([, target = '']) => target)
    const files = [...inPage, ...inStart].filter((target) => !target.startsWith('data:'))
    expect(files).toEqual([
      ...['/docs/swagger-ui.css', '/docs/index.css', '/docs/swagger-ui-bundle.js', '/docs/start.js'],
      '/openapi.json',
    ])
    const types: Record<string, string> = {
      css: 'text/css; charset=utf-8',
      js: 'text/javascript; charset=utf-8',
      json: 'application/json; charset=utf-8',
    }
    for (const file of files) {
      const { status, text, headers } = await call('GET', file)
      expect([file, status, headers.get('content-type')]).toEqual([file, 200, types[file.split('.').at(-1) ?? '']])
      expect(headers.get('content-length')).toBe(String(Buffer.byteLength(text)))
      const again = await call('GET', file, { headers: { 'if-none-match': headers.get('etag') ?? '' } })
      expect([file, again.status]).toEqual([file, 304])
    }
  })

  it('[BB13] shows the socket’s half too, with files of this node only and no words as markup', async () => {
    const { call } = await viewer()
    const page = await call('GET', '/docs/ws')
    const script = await call('GET', '/docs/socket.js')

    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'")
    const files = [...page.text.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map(([, target = '']) => target)
    expect(files).toEqual(['/docs/socket.css', '/docs/socket.js'])
    for (const file of [...files, '/asyncapi.json'])
      expect([file, (await call('GET', file)).status]).toEqual([file, 200])
    expect(page.text + script.text).not.toMatch(/https?:|innerHTML|insertAdjacent|style=/)
  })

  it('[BB12] allows a browser nothing from elsewhere, and style sheets ask for nothing', async () => {
    const { call } = await viewer()
    const page = await call('GET', '/docs')

    const policy = page.headers.get('content-security-policy') ?? ''
    expect(policy).toContain("default-src 'none'")
    expect(policy).not.toMatch(/https?:|\*|script-src[^;]*unsafe/)
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(page.text).not.toMatch(/<script>|style=|onload|https?:/)
    for (const sheet of ['/docs/swagger-ui.css', '/docs/index.css']) {
      const { text } = await call('GET', sheet)
      const asked = [...text.matchAll(/url\(\s*["']?([^"')]+)/g)].map(([, target = '']) => target)
      expect(asked.filter((target) => !target.startsWith('data:'))).toEqual([])
      expect(text).not.toMatch(/@import/)
    }
  })

  it('[BB12] answers HEAD, refuses what is no read, and serves no other file of the package', async () => {
    const { call } = await viewer()

    const head = await call('HEAD', '/docs')
    expect([head.status, head.text]).toEqual([200, ''])
    expect((await call('POST', '/docs')).headers.get('allow')).toBe('GET, HEAD, OPTIONS')
    for (const path of ['/docs/', '/docs/package.json', '/docs/../package.json', '/docs/swagger-ui.css.map']) {
      expect([path, (await call('GET', path)).status]).toEqual([path, 404])
    }
  })

  it('[BB12] is not there when it is switched off, and the contract still is', async () => {
    const { call } = await viewer(false)

    expect((await call('GET', '/docs')).status).toBe(404)
    expect((await call('GET', '/openapi.json')).status).toBe(200)
  })
})
