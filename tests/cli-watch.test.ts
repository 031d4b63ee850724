/** `livedrop drop watch` as people call it, against a real node's edge. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Position } from '../protocol/position.ts'
import { at } from './builders/edge-world.ts'
import { dropOf } from './builders/people.ts'
import { SHOES, shopNode } from './builders/shop-node.ts'

const CLI = join(import.meta.dirname, '../cli/livedrop.mjs')

const stops: (() => void)[] = []
afterEach(() => {
  for (const stop of stops.splice(0).reverse()) stop()
})

function watch(url: string, drop: string) {
  const said = { out: '', error: '', code: undefined as number | string | null | undefined }
  const child = execFile(process.execPath, [CLI, 'drop', 'watch', drop, '--url', url], (fault) => {
    said.code = fault === null ? 0 : fault.code
  })
  child.stdout?.on('data', (text) => {
    said.out += text
  })
  child.stderr?.on('data', (text) => {
    said.error += text
  })
  stops.push(() => child.kill())
  return said
}

const until = (what: () => void) => vi.waitFor(what, { timeout: 30_000, interval: 20 })
const phase = (from: Position, position: Position, name: 'closed') => ({
  ...{ drop: SHOES, from, position, atMs: 5, changes: [{ kind: 'phase' as const, phase: name }] },
})

describe('livedrop drop watch', () => {
  it('[J23] prints what everyone who watches hears, until the drop is over', async () => {
    const shop = await shopNode({ carryMs: () => 0, answerMs: () => 0, confirmMs: 1 })
    stops.push(shop.stop)
    const said = watch(shop.url.replace('ws:', 'http:').replace('/ws', ''), SHOES)
    await until(() => expect(said.out).toContain('snapshot'))
    shop.hub.news(shop.world.left(SHOES, at(1, 0), at(1, 3), 7))
    shop.hub.news(phase(at(1, 3), at(1, 4), 'closed'))
    await until(() => expect(said.code).toBeDefined())

    const lines = said.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object)
    expect(lines).toMatchObject([
      { kind: 'snapshot', position: at(1, 0) },
      { kind: 'left', sku: 'shoe', left: 7, position: at(1, 3) },
      { kind: 'phase', phase: 'closed', position: at(1, 4) },
    ])
    expect([said.code, said.error]).toEqual([0, ''])
  }, 60_000)

  it('[J23] fails, saying why, where there is no such drop and where there is no node', async () => {
    const shop = await shopNode({ carryMs: () => 0, answerMs: () => 0, confirmMs: 1 })
    stops.push(shop.stop)
    const url = shop.url.replace('ws:', 'http:').replace('/ws', '')
    const none = watch(url, dropOf('nothing'))
    const nobody = watch('http://127.0.0.1:1', SHOES)
    await until(() => expect([none.code, nobody.code]).toEqual([1, 1]))

    expect(none.error).toMatch(/^livedrop: .*\(not_found\)\n$/)
    expect(nobody.error).toMatch(/no answer from ws:\/\/127\.0\.0\.1:1\/ws \(1006\)/)
  }, 60_000)
})
