/** The client's connection: when it comes back, with what, and what it knows of the time and of the drops it watches. */
import { afterEach, describe, expect, it, vi } from 'vitest'
import { comeBackInMs, comesBack } from '../client/backoff.ts'
import {
  browserHints,
  Client,
  type ClientOptions,
  type ConnectionState,
  type Hint,
  type Hints,
  nativeHints,
} from '../client/client.ts'
import { DropClock } from '../client/drop-clock.ts'
import { HandWorld, rested, ScriptedServer } from '../client/testing/scripted-server.ts'
import { comesBack as protocolSays } from '../protocol/close-codes.ts'
import { dropOf } from './builders/people.ts'

const SHOES = dropOf('shoes')
const at = (epoch: number, seq: number) => ({ epoch, seq })

async function world(options: Partial<ClientOptions> = {}) {
  const time = new HandWorld()
  const server = new ScriptedServer()
  const asked: boolean[] = []
  const getToken = async ({ refresh }: { refresh: boolean }) => {
    asked.push(refresh)
    return `token-${asked.length}`
  }
  const client = new Client({ transport: server.transport, world: time, getToken, ...options })
  const states: ConnectionState[] = []
  client.on('connection', (state) => states.push(state))
  return { time, server, asked, client, states, names: () => states.splice(0).map(({ name }) => name) }
}

/** On a device that has hints. */
async function hinted() {
  let tell: (hint: Hint) => void = () => undefined
  const hints: Hints = (hear) => {
    tell = hear
    return () => undefined
  }
  return { ...(await world({ hints })), hint: (hint: Hint) => tell(hint) }
}

const snapshot = (seq: number, more: object = {}) => ({
  type: 'snapshot',
  drop: SHOES,
  position: at(1, seq),
  phase: 'open',
  opensAtMs: 5,
  items: [
    { sku: 'shoe', title: 'Shoe', priceMinor: 1, currency: 'EUR', stock: 10, left: 10, limit: null },
    { sku: 'hat', title: 'Hat', priceMinor: 1, currency: 'EUR', stock: 5, left: 5, limit: null },
  ],
  viewers: 1,
  mine: [],
  recovered: false,
  ...more,
})
const news = (position: object, ...changes: object[]) => ({ type: 'news', drop: SHOES, position, at: 0, changes })
const left = (count: number) => ({ kind: 'left', sku: 'shoe', left: count })

describe('coming back', () => {
  it('[J7] is decided by the code’s range, as the protocol says', () => {
    for (let code = 1000; code < 5000; code += 1) expect(comesBack(code), String(code)).toBe(protocolSays(code))
  })

  it('[J7] happens at a random time of a span that doubles from half a second to twenty', () => {
    const spans = [0, 1, 2, 3, 4, 5, 6, 60].map((failures) => comeBackInMs(failures, undefined, 0.999999))

    expect(spans).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 20_000, 20_000])
    expect(comeBackInMs(9, undefined, 0)).toBe(0)
    expect([comeBackInMs(0, 700, 0.5), comeBackInMs(1, 700, 0.5)]).toEqual([700, 1_200])
  })

  it('[J7] says where it stands, with code and reason', async () => {
    const { client, server, time, states, names } = await world()
    expect(client.connection).toEqual({ name: 'idle' })
    client.connect().connect()
    await rested()
    server.link.cut(1006, '')
    expect(states.at(-1)).toEqual({ name: 'waiting', code: 1006, reason: '', retryInMs: 250 })
    await time.advance(250)
    await server.greeted({ user: 'ana', role: 'fan' })

    expect(names()).toEqual(['connecting', 'waiting', 'connecting', 'online'])
    expect(client.connection).toEqual({ name: 'online', session: 's', user: 'ana', role: 'fan' })
    expect(server.links).toHaveLength(2)
  })

  it('[J7] takes longer after each failure, and starts again after a link that was good for five seconds', async () => {
    const { client, server, time, states } = await world()
    client.connect()
    const waits: number[] = []
    const cutAfter = async (ms: number) => {
      const link = await server.greeted()
      await time.advance(ms)
      link.cut()
      const state = states.at(-1)
      waits.push(state?.name === 'waiting' ? state.retryInMs : -1)
      await time.advance(waits.at(-1) ?? 0)
    }
    for (const ms of [0, 0, 1_000, 4_999, 5_000, 0]) await cutAfter(ms)

    expect(waits).toEqual([250, 500, 1_000, 2_000, 250, 500])
  })

  it('[J7] keeps the time that a close or a goaway names, also when the network is said to be back', async () => {
    const { client, server, time, hint } = await hinted()
    client.connect()
    ;(await server.greeted()).cut(3001, '{"retryAfterMs":1500}')
    hint('online')
    await time.advance(1_499)
    expect(server.links).toHaveLength(1)
    await time.advance(1)
    const second = await server.greeted()
    second.say({ type: 'goaway', retryAfterMs: 800 })
    expect(client.connection).toEqual({ name: 'waiting', code: 3001, reason: 'goaway', retryInMs: 800 + 500 })
    expect(second.leftWith).toBe(1000)
    await time.advance(1_300)
    expect(server.links).toHaveLength(3)
    server.link.cut()

    expect(client.connection).toMatchObject({ retryInMs: 1_000 }) // what was asked for is done
  })

  it.each([3500, 3501, 3502, 3503, 3504, 4500])(
    '[J7] does not happen after %i, until connect() is called',
    async (code) => {
      const { client, server, time } = await world()
      client.connect()
      ;(await server.greeted()).cut(code, 'no')
      await time.advance(60_000)

      expect(client.connection).toEqual({ name: 'closed', code, reason: 'no' })
      expect([server.links.length, time.timers]).toEqual([1, 0])
      client.connect()
      await server.greeted()
      expect(client.connection.name).toBe('online')
    },
  )

  it('[J7] follows a welcome that does not come, an unreadable frame and a transport that cannot dial', async () => {
    const { client, server, time, states } = await world()
    client.connect()
    await rested()
    server.link.open()
    await time.advance(10_000)
    expect(states.at(-1)).toMatchObject({ name: 'waiting', code: 4000 })
    await time.advance(250)
    for (const noise of [undefined, '', null, 5, 'text', [null], [{ type: 'ok' }, 7]]) {
      ;(await server.greeted()).noise(noise)
      const state = states.at(-1)
      expect(state, String(noise)).toMatchObject({ name: 'waiting', code: 4004 })
      await time.advance(state?.name === 'waiting' ? state.retryInMs : 0)
    }

    const other = await world({
      transport: () => {
        throw new Error('no network')
      },
    })
    other.client.connect()
    await rested()
    expect(other.states.at(-1)).toMatchObject({ name: 'waiting', code: 4003, reason: 'Error: no network' })
  })

  it('[J7] is at once when the network or the app is back', async () => {
    const { client, server, time, hint } = await hinted()
    client.connect()
    for (let n = 0; n < 6; n += 1) {
      await rested()
      server.link.cut()
      if (n < 5 && client.connection.name === 'waiting') await time.advance(client.connection.retryInMs)
    }
    hint('hidden')
    await time.advance(1_000)
    expect(server.links).toHaveLength(6)
    hint('visible')
    await time.advance(125)

    expect(server.links).toHaveLength(7)
    await server.greeted()
    expect(client.connection.name).toBe('online')
  })

  it('[J7] is by the newest link alone: whatever an older one does late is not heard', async () => {
    const { client, server, time, names } = await world()
    const watch = client.watch(SHOES)
    await rested()
    const old = server.link
    await time.advance(10_250)
    await server.greeted()
    names()

    old.open()
    old.say({ type: 'welcome', session: 'old', serverTimeMs: 0, heartbeatMs: 1 }, snapshot(9))
    old.noise(undefined)
    old.say({ type: 'goaway', retryAfterMs: 1 })
    old.cut(3503)
    await rested()

    expect([old.said, names(), watch.state]).toEqual([[], [], undefined])
    expect(client.connection).toMatchObject({ name: 'online', session: 's' })
  })
})

describe('who it is', () => {
  it('[J8] is said by ticket while there is one, and getToken() is not asked', async () => {
    const { client, server, time, asked } = await world()
    client.connect()
    const first = await server.greeted({ ticket: 'ticket-1' })
    expect(first.take('hello')).toEqual([{ type: 'hello', token: 'token-1' }])
    first.cut()
    await time.advance(250)
    const second = await server.greeted({ ticket: 'ticket-2' })

    expect(second.take('hello')).toEqual([{ type: 'hello', resume: { ticket: 'ticket-1', drops: [], open: [] } }])
    expect(asked).toEqual([false])
  })

  it.each([3500, 3005])('[J8] is said by a fresh token when the ticket is refused with %i', async (code) => {
    const { client, server, time, asked } = await world()
    client.connect()
    ;(await server.greeted({ ticket: 'ticket-1' })).cut()
    await time.advance(250)
    await rested()
    server.link.open().cut(code)
    await time.advance(1_000)
    const third = await server.greeted()

    expect(third.take('hello')).toEqual([{ type: 'hello', token: 'token-2' }])
    expect(asked).toEqual([false, true])
  })

  it('[J8] is nobody without a token, and later tokens are fetched once for all who need one', async () => {
    const { server, client } = await world({ getToken: async () => undefined })
    client.connect()
    expect((await server.greeted()).take('hello')).toEqual([{ type: 'hello' }])

    let give: (token: string) => void = () => undefined
    let calls = 0
    const slow = await world({
      getToken: () => {
        calls += 1
        return new Promise((resolve) => {
          give = resolve
        })
      },
    })
    slow.client.connect()
    await rested()
    slow.client.close()
    slow.client.connect()
    await rested()
    expect([calls, slow.server.links.length]).toEqual([1, 0])
    give('late')
    const link = await slow.server.greeted()
    expect(link.take('hello')).toEqual([{ type: 'hello', token: 'late' }])
    expect(slow.server.links).toHaveLength(1)
  })

  it('[J8] is asked again and again while getToken() fails, by rejecting or by throwing', async () => {
    let calls = 0
    const { client, states, time } = await world({
      getToken: () => {
        calls += 1
        if (calls === 1) throw new Error('no session')
        return Promise.reject(new Error('offline'))
      },
    })
    client.connect()
    await time.advance(3_000)

    expect(calls).toBeGreaterThanOrEqual(3)
    expect(states.find(({ name }) => name === 'waiting')).toMatchObject({ code: 4002, reason: 'Error: no session' })
  })

  it('[J8] is renewed on the live link when the token is about to end', async () => {
    const { client, server, time, asked } = await world()
    client.connect()
    const link = await server.greeted({ ticket: 'old' })
    link.say({ type: 'auth_expiring', expiresAtMs: 1 })
    await rested()
    expect(link.take('auth')).toEqual([{ type: 'auth', id: 'auth', token: 'token-2' }])
    link.say({ type: 'auth', id: 'auth', expiresAtMs: 2, ticket: 'new' })
    await rested()
    link.cut()
    await time.advance(250)

    expect((await server.greeted()).take('hello')).toMatchObject([{ resume: { ticket: 'new' } }])
    expect(asked).toEqual([false, true])
  })
})

describe('a watched drop', () => {
  it('[J9] is asked for behind the hello, and kept by snapshot and news', async () => {
    const { client, server } = await world()
    const watch = client.watch(SHOES)
    const heard: string[] = []
    watch.on('snapshot', (state) => heard.push(`snapshot ${state.position.seq}`))
    watch.on('left', (change) => heard.push(`left ${change.left}`))
    watch.on('phase', (change) => heard.push(change.phase))
    const stop = watch.on('sold_out', () => heard.push('sold out'))
    watch.on('changed', () => {
      throw new Error('a listener with a bug')
    })()
    const link = await server.greeted()
    expect(link.said.slice(0, 2)).toEqual([
      { type: 'hello', token: 'token-1' },
      { type: 'watch', id: `w${SHOES}`, drop: SHOES },
    ])
    expect(watch.state).toBeUndefined()

    link.say(snapshot(3), news(at(1, 5), left(4), { kind: 'phase', phase: 'paused' }))
    const before = watch.state
    link.say(news(at(1, 6), { kind: 'sold_out', sku: 'hat' }, { kind: 'viewers', viewers: 9 }, { kind: 'later', x: 1 }))
    stop()
    link.say(news(at(1, 7), { kind: 'sold_out', sku: 'shoe' }))

    expect(heard).toEqual(['snapshot 3', 'left 4', 'paused', 'sold out'])
    expect(watch.state).toMatchObject({ phase: 'paused', position: at(1, 7), viewers: 9 })
    expect(watch.state?.items.map((item) => item.left)).toEqual([0, 0])
    expect(before?.items.map((item) => item.left)).toEqual([4, 5])
    expect(watch.state).not.toHaveProperty('recovered')
  })

  it('[J9] never goes back by news, and is asked for anew when the epoch changes', async () => {
    const { client, server } = await world()
    const watch = client.watch(SHOES)
    const link = await server.greeted()
    link.say(snapshot(5), news(at(1, 4), left(9)), news(at(0, 99), left(8)))
    expect(watch.state).toMatchObject({ position: at(1, 5), items: [{ left: 10 }, {}] })
    link.take('watch')

    link.say(news(at(2, 0), left(7)), news(at(2, 1), left(6)))
    expect(link.take('watch')).toEqual([{ type: 'watch', id: `w${SHOES}`, drop: SHOES }])
    expect(watch.state?.position).toEqual(at(1, 5))
    link.say(snapshot(1, { position: at(2, 1) }), news(at(2, 2), left(3)))

    expect(watch.state).toMatchObject({ position: at(2, 2), items: [{ left: 3 }, {}] })
  })

  it('[J18] is asked for anew when news begins after what is known, and says nothing until the snapshot', async () => {
    const { client, server } = await world()
    const watch = client.watch(SHOES)
    const link = await server.greeted()
    const newsAfter = (from: object, position: object, count: number) => ({ ...news(position, left(count)), from })
    link.say(snapshot(5), newsAfter(at(1, 3), at(1, 6), 9), newsAfter(at(1, 6), at(1, 8), 8))
    expect([watch.state?.position, link.take('watch').length]).toEqual([at(1, 8), 1])

    link.say(newsAfter(at(1, 9), at(1, 10), 7), newsAfter(at(1, 10), at(1, 11), 6))
    expect(link.take('watch')).toEqual([{ type: 'watch', id: `w${SHOES}`, drop: SHOES }])
    expect(watch.state).toMatchObject({ position: at(1, 8), items: [{ left: 8 }, {}] })
    link.say(snapshot(11), newsAfter(at(1, 11), at(1, 12), 5))

    expect(watch.state).toMatchObject({ position: at(1, 12), items: [{ left: 5 }, {}] })
    expect(link.take('watch')).toEqual([])
  })

  it('[J9] is resumed from its position, and only from a snapshot when it was broken off in a gap', async () => {
    const { client, server, time } = await world()
    client.watch(SHOES)
    const first = await server.greeted()
    first.say(snapshot(5), news(at(1, 8), left(2)))
    first.cut()
    await time.advance(250)
    const second = await server.greeted()
    expect(second.take('watch')).toEqual([{ type: 'watch', id: `w${SHOES}`, drop: SHOES, position: at(1, 8) }])
    second.say(news(at(2, 1), left(1)))
    second.cut()
    await time.advance(1_000)

    expect((await server.greeted()).take('watch')).toEqual([{ type: 'watch', id: `w${SHOES}`, drop: SHOES }])
  })

  it('[J9] that begins while the hello is on its way is asked for once, and stops with its last holder', async () => {
    const { client, server } = await world()
    client.connect()
    await rested()
    const link = server.link.open()
    const watch = client.watch(SHOES)
    expect(client.watch(SHOES)).toBe(watch)
    link.welcome()
    expect(link.take('watch')).toHaveLength(1)

    watch.stop()
    expect(link.take('unwatch')).toEqual([])
    watch.stop()
    expect(link.take('unwatch')).toHaveLength(1)
    link.say(snapshot(1))
    expect(watch.state).toBeUndefined()
    expect(link.take('unwatch')).toHaveLength(1)
  })

  it('[J9] let go of once too often is not taken from who watches it by then', async () => {
    const { client, server } = await world()
    const first = client.watch(SHOES)
    const link = await server.greeted()
    first.stop()
    const second = client.watch(SHOES)
    link.take('unwatch')
    first.stop()

    expect(link.take('unwatch')).toEqual([])
    link.say(snapshot(1))
    expect(second.state).toMatchObject({ position: at(1, 1) })
  })

  it('[J9] that cannot be read now is asked for again, one that is none is said to be', async () => {
    const { client, server, time } = await world()
    const failed: string[] = []
    client.watch(SHOES).on('failed', ({ code }) => failed.push(code))
    const link = await server.greeted()
    link.take('watch')
    const error = { type: 'error', id: `w${SHOES}`, message: '' }

    link.say({ ...error, code: 'unavailable', retryable: true })
    await time.advance(1_500)
    expect(link.take('watch')).toHaveLength(1)
    link.say({ ...error, code: 'not_found', retryable: false })
    await time.advance(5_000)

    expect([failed, link.take('watch')]).toEqual([['not_found'], []])
  })

  it('[J9] is one of 32 at most', async () => {
    const { client } = await world()
    for (let n = 0; n < 32; n += 1) client.watch(dropOf(String(n)))

    expect(() => client.watch(dropOf('32'))).toThrow(RangeError)
    client.watch(dropOf('31')).stop()
    client.watch(dropOf('31')).stop()
  })
})

describe('the clock', () => {
  it('[J14] believes the quickest of the last eight exchanges, whatever the wall clock does', () => {
    let monotonicMs = 1_000
    const clock = new DropClock({ ...new HandWorld(), nowMs: () => 42, monotonicMs: () => monotonicMs })
    expect(clock.now()).toBe(42)
    clock.startAgain(500_000)
    expect([clock.now(), clock.errorMs]).toEqual([500_000, undefined])
    const exchange = (tripMs: number, serverMs: number) => {
      const t0 = monotonicMs
      monotonicMs += tripMs
      clock.sample({ t0, t1: serverMs, t2: serverMs })
    }

    exchange(400, 900_000) // all of the trip was on the way back: it seems 200 ms late
    exchange(10, 900_205)
    expect(clock.now()).toBe(900_210)
    exchange(300, 900_000)
    expect([clock.now(), clock.errorMs]).toEqual([900_510, 5])
    for (let n = 0; n < 8; n += 1) exchange(20, 1_000_000)

    expect(clock.errorMs).toBe(10)
  })

  it('[J14] calls at a moment of the drop, wherever the clock is set meanwhile, and however far away', async () => {
    const time = new HandWorld()
    const clock = new DropClock(time)
    const called: string[] = []
    clock.startAgain(1_000_000)
    clock.at(1_010_000, () => called.push('ten seconds'))
    clock.at(1_010_000, () => called.push('never')).cancel()
    clock.at(1_000_000 + 30 * 86_400_000, () => called.push('a month'))
    clock.at(5, () => called.push('long ago'))
    await time.advance(9_000)
    clock.startAgain(1_006_000) // three seconds less than it seemed
    await time.advance(3_999)
    expect(called).toEqual(['long ago'])
    await time.advance(1)
    expect(called).toEqual(['long ago', 'ten seconds'])
    await time.advance(29 * 86_400_000)
    expect(called).toHaveLength(2)
    await time.advance(86_400_000)

    expect(called.at(-1)).toBe('a month')
    expect(time.timers).toBe(0)
  })

  it('[J14] asks three times at the start and then every 15 s', async () => {
    const { client, server, time } = await world()
    client.connect()
    const link = await server.greeted({ serverTimeMs: 7_000 })
    const asked: number[] = []
    for (let tick = 0; tick < 400; tick += 1) {
      await time.advance(100)
      for (const { t0 } of link.take('clock')) {
        asked.push(t0)
        link.say({ type: 'clock', t0, t1: 7_000 + t0, t2: 7_000 + t0 })
      }
    }

    expect(asked).toEqual([0, 200, 400, 15_000, 30_000])
    expect(client.clock.now()).toBeGreaterThanOrEqual(7_000 + 40_000 - 100)
  })
})

describe('a link that is dead though nobody closed it', () => {
  it('[J15] is found by its silence, and left', async () => {
    const { client, server, time, states } = await world()
    client.connect()
    const link = await server.greeted()
    for (let second = 0; second < 30; second += 1) {
      await time.advance(1_000)
      for (const { t0 } of link.take('clock')) link.say({ type: 'clock', t0, t1: 0, t2: 0 })
    }
    expect(client.connection.name).toBe('online')
    await time.advance(7_000)
    expect(client.connection.name).toBe('online')
    await time.advance(17_000)

    expect(states.find(({ name }) => name === 'waiting')).toMatchObject({ code: 4001, reason: 'silent' })
    expect(link.leftWith).toBe(1000)
  })

  it('[J15] is looked for at once when the network changes', async () => {
    const { client, server, time, hint } = await hinted()
    client.connect()
    const link = await server.greeted()
    await time.advance(500)
    link.say({ type: 'clock', t0: 0, t1: 0, t2: 0 })
    await time.advance(1_000)
    hint('visible')
    await time.advance(2_999)
    expect(client.connection.name).toBe('online')
    await time.advance(1)

    expect(client.connection).toMatchObject({ name: 'waiting', code: 4001 })
  })
})

describe('a storm of hints', () => {
  it('[J15] asks no more often than before when it is over, and leaves nothing behind when the client is closed', async () => {
    const { client, server, time, hint } = await hinted()
    client.connect()
    const link = await server.greeted()
    for (let n = 0; n < 40; n += 1) hint('visible')
    for (const { t0 } of link.take('clock')) link.say({ type: 'clock', t0, t1: 0, t2: 0 })
    link.cut()
    await time.advance(500)
    const next = await server.greeted()
    for (let second = 0; second < 60; second += 1) {
      await time.advance(1_000)
      next.say({ type: 'clock', t0: 0, t1: 0, t2: 0 })
    }

    expect(next.take('clock')).toHaveLength(3 + 4)
    client.close()
    expect(time.timers).toBe(0)
  })
})

describe('a device', () => {
  afterEach(() => vi.unstubAllGlobals())

  it('[J15] gives its hints in a browser and in React Native, and none where there are none', () => {
    const heard: string[] = []
    const hear = (hint: Hint) => heard.push(hint)
    browserHints(hear)()

    const page = Object.assign(new EventTarget(), { visibilityState: 'visible' })
    const window = new EventTarget()
    vi.stubGlobal('document', page)
    vi.stubGlobal('addEventListener', window.addEventListener.bind(window))
    vi.stubGlobal('removeEventListener', window.removeEventListener.bind(window))
    const stop = browserHints(hear)
    const all = () => {
      for (const name of ['online', 'offline']) window.dispatchEvent(new Event(name))
      for (const state of ['hidden', 'visible']) {
        page.visibilityState = state
        page.dispatchEvent(new Event('visibilitychange'))
      }
    }
    all()
    stop()
    all()
    expect(heard.splice(0)).toEqual(['online', 'offline', 'hidden', 'visible'])

    const app = new Set<(state: string) => void>()
    const net = new Set<(state: { isConnected: boolean | null }) => void>()
    const stopNative = nativeHints(
      {
        addEventListener: (_, call) => {
          app.add(call)
          return { remove: () => app.delete(call) }
        },
      },
      {
        addEventListener: (call) => {
          net.add(call)
          return () => net.delete(call)
        },
      },
    )(hear)
    for (const state of ['background', 'active']) for (const call of app) call(state)
    for (const isConnected of [false, true, null]) for (const call of net) call({ isConnected })
    stopNative()

    expect(heard).toEqual(['hidden', 'visible', 'offline', 'online', 'online'])
    expect([app.size, net.size]).toEqual([0, 0])
  })

  it('[J9] hears what else is said to its user', async () => {
    const { client, server } = await world()
    const heard: object[] = []
    client.on('notice', (notice) => heard.push(notice))
    client.on('settled', (end) => heard.push(end))
    client.connect()
    const link = await server.greeted()
    const notice = { type: 'notice', notificationId: 'e1', kind: 'drop_started', drop: SHOES, title: 'Shoes', atMs: 1 }
    const cancelled = { type: 'cancelled', drop: SHOES, key: 'k', orderId: 'o' }
    link.say(notice, cancelled)

    expect(heard).toEqual([notice, cancelled])
  })
})
