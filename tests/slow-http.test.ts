/** Clients that hold a connection and hardly say anything: what uWebSockets.js does about them, and must go on doing. */
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { httpNode } from './builders/http-node.ts'
import { restWorld } from './builders/rest-world.ts'

const world = restWorld()
let node: Awaited<ReturnType<typeof httpNode>>
beforeAll(async () => {
  node = await httpNode({ routes: world.routes, tokens: world.tokens })
})
afterAll(() => node.close())

const BYTE_EVERY_MS = 1_000

/** Says the beginning at once and then a byte each second, for ever. Answers when the other side has closed. */
function drip(beginning: string, endless: string): Promise<string> {
  return new Promise((resolve) => {
    let heard = ''
    const socket = connect(node.port, '127.0.0.1', () => socket.write(beginning))
    const dripping = setInterval(() => endless !== '' && socket.write(endless), BYTE_EVERY_MS)
    socket.on('data', (bytes) => {
      heard += bytes.toString('latin1')
    })
    socket.on('error', () => undefined)
    socket.on('close', () => {
      clearInterval(dripping)
      resolve(heard)
    })
  })
}

const HEAD = 'POST /v1/auth/login HTTP/1.1\r\nHost: x\r\n'
/** How it begins, and what then comes for ever. */
const WAYS: [string, string][] = [
  ['', ''],
  [`${HEAD}X-Slow: `, 'x'],
  [HEAD, 'a: b\r\n'],
  [`${HEAD}no colon\r\n\r\n`, ''],
  [`${HEAD}no colon\r\n\r\n`, 'x'],
  [`${HEAD}Content-Type: application/json\r\nContent-Length: 60000\r\n\r\n{`, ' '],
]

describe('a connection', () => {
  it('[Q18] that never comes to its point is closed, and others notice nothing of three hundred of them', {
    timeout: 60_000,
  }, async () => {
    const slow = WAYS.flatMap(([beginning, endless]) => Array.from({ length: 50 }, () => drip(beginning, endless)))

    expect((await node.call('GET', '/v1/drops')).status).toBe(200)
    const heard = await Promise.all(slow)
    expect(heard.filter((text) => text !== '')).toEqual([])
    expect((await node.call('GET', '/v1/drops')).status).toBe(200)
    expect(node.http.inFlight).toBe(0)
  })
})
