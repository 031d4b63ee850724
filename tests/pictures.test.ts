/** Pictures of one folder: what is there and nothing beside it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { pictureRoutes } from '../server/api/pictures.ts'
import { httpNode } from './builders/http-node.ts'
import { restWorld } from './builders/rest-world.ts'

const ended: (() => void)[] = []
afterEach(() => {
  for (const end of ended.splice(0)) end()
})

async function gallery(files: Record<string, string>) {
  const outside = mkdtempSync(join(tmpdir(), 'livedrop-'))
  const folder = mkdtempSync(join(outside, 'pictures-'))
  writeFileSync(join(outside, 'secret.svg'), 'secret')
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  const node = await httpNode({ routes: pictureRoutes(folder), tokens: restWorld().tokens })
  ended.push(node.close, () => rmSync(outside, { recursive: true }))
  return node
}

describe('pictures', () => {
  it('[BB14] are served with their type, and an SVG of anybody runs nothing', async () => {
    const svg = '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
    const { call } = await gallery({ 'mug.svg': svg, 'mug.png': 'png' })

    const heard = await call('GET', '/pictures/mug.svg')

    expect([heard.status, heard.text, heard.headers.get('content-type')]).toEqual([200, svg, 'image/svg+xml'])
    expect(heard.headers.get('content-security-policy')).toBe("default-src 'none'; style-src 'unsafe-inline'; sandbox")
    expect((await call('GET', '/pictures/mug.png')).headers.get('content-type')).toBe('image/png')
  })

  it('[BB14] are those that were there at the start: no name leads out of the folder, and other files are none', async () => {
    const { call } = await gallery({ 'mug.svg': 'x', 'notes.txt': 'private', '.env.svg': 'private' })

    for (const name of [
      '../secret.svg',
      '..%2fsecret.svg',
      '%2e%2e/secret.svg',
      'notes.txt',
      '.env.svg',
      'MUG.svg',
      '',
    ]) {
      expect([name, (await call('GET', `/pictures/${name}`)).status]).toEqual([name, 404])
    }
  })

  it('[BB14] of a folder that is not there are a wrong setting, said at the start', () => {
    expect(() => pictureRoutes('/nowhere/at/all')).toThrow('ENOENT')
  })
})
