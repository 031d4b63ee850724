/** How often a request may come, and what every answer says about it. */
import { afterEach, describe, expect, it } from 'vitest'
import { Addresses } from '../server/inbound/addresses.ts'
import type { Pace } from '../server/inbound/gcra.ts'
import { PaceMemory, Paces } from '../server/inbound/paces.ts'
import { RestAdmission, type RestLimit, type RestPaces } from '../server/inbound/rest-admission.ts'
import { httpNode, type Knock } from './builders/http-node.ts'
import { restWorld } from './builders/rest-world.ts'

const open: { close(): void }[] = []
afterEach(() => {
  for (const node of open.splice(0)) node.close()
})

const free: RestPaces = { perUser: undefined, perNetwork: undefined }

/** A node on which time stands still until a test moves it. */
async function node(limits: Partial<Record<RestLimit, Pace>>, trusted: string[] = [], anonymous?: Pace) {
  const time = { nowMs: 1 }
  const memory = new PaceMemory()
  const paces = (pace?: Pace) => (pace === undefined ? undefined : new Paces(pace, memory, () => time.nowMs))
  const nobody = paces(anonymous)
  const per = (limit: RestLimit): RestPaces => ({ perUser: paces(limits[limit]), perNetwork: nobody })
  const admission = new RestAdmission({
    ...{ read: per('read'), write: per('write'), order: per('order'), admin: per('admin') },
    sign_in: { ...free, perNetwork: paces(limits.sign_in) },
  })
  const world = restWorld()
  const http = await httpNode({
    routes: world.routes,
    tokens: world.tokens,
    admission,
    addresses: new Addresses(trusted),
  })
  open.push(http)
  const many = async (count: number, method: string, path: string, knock: Knock | ((at: number) => Knock) = {}) => {
    const heard = []
    for (let at = 0; at < count; at += 1) {
      heard.push(await http.call(method, path, typeof knock === 'function' ? knock(at) : knock))
    }
    return heard
  }
  const statuses = async (...args: Parameters<typeof many>) => (await many(...args)).map(({ status }) => status)
  return { ...http, world, time, many, statuses }
}
const fields = ({ headers }: { headers: Headers }) => [headers.get('ratelimit'), headers.get('ratelimit-policy')]

describe('a request', () => {
  it('[KK6] of an administrator has an allowance of its own', async () => {
    const { statuses, many, world } = await node({
      ...{ admin: { intervalMs: 500, burst: 2 }, read: { intervalMs: 500, burst: 1 } },
      write: { intervalMs: 500, burst: 1 },
    })
    const [{ token }, { user }] = [await world.person('admin'), await world.person()]
    const ban = { token, body: { reason: 'bots' } }

    expect(await statuses(1, 'GET', '/v1/me', { token })).toEqual([200])
    expect(await statuses(2, 'POST', `/v1/admin/users/${user}/ban`, ban)).toEqual([200, 200])
    expect(await statuses(1, 'GET', '/v1/admin/actions', { token })).toEqual([429])
    const [refused] = await many(1, 'POST', `/v1/admin/users/${user}/unban`, { token, body: {} })
    expect(refused?.headers.get('ratelimit-policy')).toBe('"admin";q=2;w=1')
  })

  it('[Q12] is told with every answer what is left, and with 429 when to come again', async () => {
    const { many, world, time } = await node({ read: { intervalMs: 500, burst: 3 } })
    const { token } = await world.person()

    const heard = await many(4, 'GET', '/v1/me', { token })

    expect(heard.map(({ status }) => status)).toEqual([200, 200, 200, 429])
    expect(heard.map(fields)).toEqual([
      ['"read";r=2;t=1', '"read";q=3;w=2'],
      ['"read";r=1;t=1', '"read";q=3;w=2'],
      ['"read";r=0;t=2', '"read";q=3;w=2'],
      ['"read";r=0;t=2', '"read";q=3;w=2'],
    ])
    const refused = heard[3]
    expect(refused?.body).toMatchObject({ code: 'rate_limited', status: 429, retryable: true, retryAfterMs: 500 })
    expect(refused?.headers.get('retry-after')).toBe('1')

    time.nowMs += 500
    expect((await many(2, 'GET', '/v1/me', { token })).map(({ status }) => status)).toEqual([200, 429])
  })

  it('[Q12] that is refused or finds nothing says it too, and pages may read it', async () => {
    const { call, world } = await node({ read: { intervalMs: 500, burst: 3 } })
    const { token } = await world.person()

    const lost = await call('GET', '/v1/orders/nonsense', { token })
    expect([lost.status, ...fields(lost)]).toEqual([404, '"read";r=2;t=1', '"read";q=3;w=2'])

    const page = await call('GET', '/v1/me', { token, headers: { origin: 'http://127.0.0.1', host: '127.0.0.1' } })
    expect(page.headers.get('access-control-expose-headers')).toContain('ratelimit, ratelimit-policy, retry-after')
    expect(fields(await call('GET', '/livez'))).toEqual([null, null])
  })

  it('[Q13] is counted by user and kind: one’s flood changes nothing for another, nor for their own writes', async () => {
    const { statuses, world } = await node({
      read: { intervalMs: 60_000, burst: 5 },
      write: { intervalMs: 60_000, burst: 2 },
    })
    const [ana, ben] = [await world.person(), await world.person()]
    const { creator } = await world.person('creator')

    const flood = await statuses(50, 'GET', '/v1/me', { token: ana.token })
    expect(flood.filter((status) => status === 200)).toHaveLength(5)
    expect(await statuses(5, 'GET', '/v1/me', { token: ben.token })).toEqual(Array(5).fill(200))
    const follow = `/v1/creators/${creator}/follow`
    expect(await statuses(3, 'PUT', follow, { token: ana.token })).toEqual([200, 200, 429])
  })

  it('[Q13] of nobody is counted by network, and so is one whose token is no good', async () => {
    const { statuses, world } = await node({}, ['127.0.0.1'], { intervalMs: 60_000, burst: 3 })
    const { token } = await world.person()
    const from = (address: string, knock: Knock = {}): Knock => ({ ...knock, headers: { 'x-forwarded-for': address } })

    expect(await statuses(4, 'GET', '/v1/drops', from('198.51.100.1'))).toEqual([200, 200, 200, 429])
    expect(await statuses(2, 'GET', '/v1/me', from('198.51.100.1', { token }))).toEqual([200, 200])
    const guesses = await statuses(4, 'GET', '/v1/me', (at) => from('198.51.100.2', { token: `${token}${at}` }))
    expect(guesses).toEqual([401, 401, 401, 429])
  })

  it('[Q4] cannot choose its address: what it writes before the proxy’s word, or without a proxy, counts for nothing', async () => {
    const one = { intervalMs: 60_000, burst: 2 }
    const spoof = (at: number): Knock => ({ headers: { 'x-forwarded-for': `203.0.113.${at}` } })
    const alone = await node({}, [], one)
    expect(await alone.statuses(4, 'GET', '/v1/drops', spoof)).toEqual([200, 200, 429, 429])

    const behind = await node({}, ['127.0.0.1'], one)
    const through = (at: number): Knock => ({ headers: { 'x-forwarded-for': `203.0.113.${at}, 198.51.100.9` } })
    expect(await behind.statuses(4, 'GET', '/v1/drops', through)).toEqual([200, 200, 429, 429])
    const lines =
      'GET /v1/drops HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 203.0.113.77\r\nX-Forwarded-For: 198.51.100.9\r\n\r\n'
    expect((await behind.raw(lines)).text).toContain('HTTP/1.1 429')
  })

  it('[Q14] with a password waits as long as the guard says, and no password is looked at', async () => {
    const { call, world } = await node({})
    const asked: string[] = []
    world.answers.signIn = (email, network) => {
      asked.push(`${email} ${network}`)
      return 1_500
    }

    const heard = await call('POST', '/v1/auth/login', { body: { email: 'ana@example.com', password: 'not hers' } })

    expect(heard).toMatchObject({ status: 429, body: { code: 'rate_limited', retryAfterMs: 1_500 } })
    expect(heard.headers.get('retry-after')).toBe('2')
    expect(asked).toEqual(['ana@example.com 127.0.0.1'])
  })
})
