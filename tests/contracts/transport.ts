/** What every way to connect promises: the same gateway, hub and sessions, whatever carries the words. */
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { ROLL_LIMITS } from '../../server/inbound/session-roll.ts'
import { type EdgeNode, edgeNode, ORIGIN, SHOES } from '../builders/edge-node.ts'
import { at } from '../builders/edge-world.ts'
import { buyer } from '../builders/people.ts'
import { type Greeting, type Phone, phone, type Way } from '../builders/phones.ts'

export const order = (id: number, extra: object = {}) => ({
  ...{ type: 'order', id, drop: SHOES, key: `k${id}`, lines: [{ sku: 'shoe', qty: 1 }] },
  ...extra,
})

/** News from one position to the next. */
export function tell(node: EdgeNode, seq: number, text?: string): void {
  const left = { kind: 'left' as const, sku: 'shoe' as never, left: seq }
  const changes = text === undefined ? [left] : [left, { kind: 'announcement' as const, text }]
  node.hub.news({ drop: SHOES, from: at(1, seq - 1), position: at(1, seq), atMs: 0, changes })
}

export const seqsOf = (heard: readonly object[]) =>
  heard.flatMap((one) => ('position' in one ? [(one.position as { seq: number }).seq] : []))

const upTo = (last: number) => Array.from({ length: last }, (_, n) => n + 1)

export function transportContract(way: Way): void {
  const stops: (() => unknown)[] = []
  afterEach(async () => {
    for (const stop of stops.splice(0).reverse()) await stop()
  })

  async function serve(limits: Partial<typeof ROLL_LIMITS> = {}): Promise<EdgeNode> {
    const node = await edgeNode(limits)
    stops.push(async () => {
      await node.stop()
      expect(node.failures).toEqual([])
    })
    return node
  }

  function call(node: EdgeNode, greeting: Greeting = {}): Phone {
    const called = phone(node, way, greeting)
    stops.push(() => called.cut())
    return called
  }

  async function greeted(node: EdgeNode, name = 'ana'): Promise<Phone> {
    const called = call(node, { token: `token-of-${name}` })
    await called.hears(1)
    return called
  }

  describe(`over ${way}`, () => {
    it('[CC1] welcomes who they are, and who they do not say they are', async () => {
      const node = await serve()

      const [ana] = await call(node, { token: 'token-of-ana' }).hears(1)
      const [nobody] = await call(node).hears(1)

      expect(ana).toMatchObject({ type: 'welcome', user: buyer('ana'), role: 'fan', heartbeatMs: 32_000 })
      expect(ana).toHaveProperty('ticket')
      expect(nobody).toMatchObject({ type: 'welcome' })
      expect(nobody).not.toHaveProperty('user')
      expect(node.roll.size).toBe(2)
    })

    it('[CC1] ends with 3500 for a bad token and 3005 for an old one', async () => {
      const node = await serve()

      const [forged, old] = [call(node, { token: 'eyJhbGciOiJub25lIn0' }), call(node, { token: 'old' })]

      expect(await forged.end()).toBe(3500)
      expect(await old.end()).toBe(3005)
      expect(node.roll.size).toBe(0)
    })

    it('[CC4] lets pages of known origins in, and what is no page', async () => {
      const node = await serve()

      for (const origin of ['https://evil.example', `${ORIGIN}.evil.example`, 'null']) {
        expect(await call(node, { origin }).refusal(), origin).toBe(403)
      }
      expect(await call(node, { origin: ORIGIN }).hears(1)).toHaveLength(1)
      expect(await call(node).hears(1)).toHaveLength(1)
    })

    it('[CC4] refuses a token in the URL', async () => {
      const node = await serve()

      expect(await call(node, { query: 'token=x' }).refusal()).toBe(400)
      expect(await call(node, { query: 'v=1&access_token=' }).refusal()).toBe(400)
    })

    it('[CC1] shows a drop to anybody: a snapshot, then its news in order, until it is not watched', async () => {
      const node = await serve()
      const called = call(node)
      await called.hears(1)

      const [snapshot] = await called.asks({ type: 'watch', id: 'w', drop: SHOES })
      for (const seq of upTo(50)) tell(node, seq)
      const news = await called.hears(50)
      expect(await called.asks({ type: 'unwatch', id: 9, drop: SHOES })).toEqual([{ type: 'ok', id: 9 }])
      tell(node, 51)
      const [clock] = await called.asks({ type: 'clock', t0: 1 })

      expect(snapshot).toMatchObject({ type: 'snapshot', id: 'w', position: at(1, 0), mine: [], recovered: false })
      expect(seqsOf(news)).toEqual(upTo(50))
      expect(news[0]).toMatchObject({ type: 'news', drop: SHOES, changes: [{ kind: 'left', sku: 'shoe', left: 1 }] })
      expect(clock).toMatchObject({ type: 'clock' })
    })

    it('[CC1] carries many orders at once, each answered under its id', async () => {
      const node = await serve()
      const called = await greeted(node)

      for (const id of upTo(20)) called.say(order(id))
      const receipts = await called.hears(20)

      expect(receipts).toMatchObject(
        upTo(20).map((id) => ({ type: 'receipt', id, key: `k${id}`, verdict: 'accepted' })),
      )
    })

    it('[CC1] tells the end of an order to all sockets of its buyer and to nobody else', async () => {
      const node = await serve()
      const [one, two, other] = await Promise.all([greeted(node), greeted(node), greeted(node, 'ben')])
      const [receipt] = await one.asks(order(1))
      const orderId = receipt?.type === 'receipt' ? receipt.orderId : undefined

      const settled = { drop: SHOES, key: 'k1' as never, orderId: orderId as never, buyer: buyer('ana') }
      node.hub.settled([{ ...settled, state: 'confirmed' }])
      const confirmed = { type: 'confirmed', drop: SHOES, key: 'k1', orderId }
      expect(await one.hears(1)).toEqual([confirmed])
      expect(await two.hears(1)).toEqual([confirmed])
      node.hub.settled([{ ...settled, state: 'cancelled' }])

      expect(await one.hears(1)).toEqual([{ ...confirmed, type: 'cancelled' }])
      expect(await other.asks({ type: 'clock', t0: 1 })).toMatchObject([{ type: 'clock' }])
    })

    it('[CC1] answers a known order with the first one, and takes none from a stranger', async () => {
      const node = await serve()
      node.world.order = async () => ({ verdict: 'duplicate', position: at(1, 1), state: 'confirmed' })
      const [known, stranger] = [await greeted(node), call(node)]
      await stranger.hears(1)

      expect(await known.asks(order(1))).toMatchObject([{ verdict: 'duplicate', state: 'confirmed' }])
      expect(await stranger.asks(order(2))).toMatchObject([{ type: 'receipt', id: 2, verdict: 'unauthorized' }])
    })

    it('[CC1] gives an order back', async () => {
      const node = await serve()
      const called = await greeted(node)
      node.world.cancel = async () => ({ said: 'now', drop: SHOES, key: 'k1' as never })
      const orderId = 'a'.repeat(26)

      const [receipt] = await called.asks({ type: 'cancel', id: 1, orderId })

      expect(receipt).toMatchObject({ type: 'receipt', id: 1, orderId, verdict: 'accepted', state: 'cancelled' })
    })

    it('[CC1] says what became of orders, and what time it is', async () => {
      const node = await serve()
      const called = await greeted(node)

      const outcomes = await called.asks({ type: 'outcomes', id: 'o', drop: SHOES, keys: ['k1', 'k2'] }, 2)

      expect(outcomes).toMatchObject([
        { type: 'outcome', id: 'o', key: 'k1', state: 'accepted' },
        { type: 'outcome', id: 'o', key: 'k2', state: 'unknown' },
      ])
      expect(await called.asks({ type: 'clock', t0: 5 })).toMatchObject([{ type: 'clock', t0: 5 }])
    })

    it('[CC1] takes a new token of the same user, and no other', async () => {
      const node = await serve()
      const called = await greeted(node)

      expect(await called.asks({ type: 'auth', id: 1, token: 'token-of-ana' })).toMatchObject([{ type: 'auth', id: 1 }])
      expect(await called.asks({ type: 'auth', id: 2, token: 'token-of-ben' })).toMatchObject([
        { type: 'error', id: 2, code: 'forbidden' },
      ])
      expect(await called.asks(order(3))).toMatchObject([{ verdict: 'accepted' }])
    })

    it('[CC1] lets them come back by ticket, with what they missed and what became of their orders', async () => {
      const node = await serve()
      const gone = call(node, { token: 'token-of-ana' })
      const [welcome] = await gone.hears(1)
      await gone.asks({ type: 'watch', id: 1, drop: SHOES })
      for (const seq of upTo(2)) tell(node, seq)
      await gone.hears(2)
      gone.cut()
      for (const seq of [3, 4]) tell(node, seq)

      const ticket = welcome?.type === 'welcome' ? welcome.ticket : undefined
      const back = call(node, { resume: { ticket, drops: [{ drop: SHOES, position: at(1, 2) }], open: ['k1'] } })
      const heard = await back.hears(3)
      tell(node, 5)

      expect(heard[0]).toMatchObject({ type: 'welcome', user: buyer('ana') })
      expect(seqsOf(heard)).toEqual([4])
      expect(heard[1]).toMatchObject({ type: 'news', recovered: true })
      expect(heard.find((one) => one.type === 'outcome')).toMatchObject({ key: 'k1', state: 'accepted' })
      expect(seqsOf(await back.hears(1))).toEqual([5])
    })

    it('[CC1] shows the drop anew to who comes back from too far away, and believes no forged ticket', async () => {
      const node = await serve()

      const far = call(node, { resume: { drops: [{ drop: SHOES, position: at(0, 9) }], open: [] } })
      const [, snapshot] = await far.hears(2)

      expect(snapshot).toMatchObject({ type: 'snapshot', recovered: false })
      expect(await call(node, { resume: { ticket: 'AQforged', drops: [], open: [] } }).end()).toBe(3500)
    })

    it('[CC1] answers each error of the protocol and goes on', async () => {
      const node = await serve()
      const called = await greeted(node)
      const rows: [object, object][] = [
        [
          { type: 'dance', id: 1 },
          { code: 'unknown_type', id: 1, retryable: false },
        ],
        [order(2, { lines: [{ sku: 'shoe', qty: -1 }] }), { code: 'bad_request', id: 2 }],
        [order(3, { lines: [{ sku: 'shoe', qty: '1' }] }), { code: 'bad_request', id: 3 }],
        [order(4, { key: undefined }), { code: 'bad_request', id: 4 }],
        [order(5, { key: 'a\u0000b' }), { code: 'bad_request', id: 5 }],
        [order(6, { drop: ['x'] }), { code: 'bad_request', id: 6 }],
        [
          { type: 'watch', id: 7, drop: '../../etc' },
          { code: 'bad_request', id: 7 },
        ],
        [{ type: 'watch', drop: SHOES }, { code: 'bad_request' }],
        [{ type: 'clock', t0: 'now' }, { code: 'bad_request' }],
        [
          { type: 'outcomes', id: 8, drop: SHOES, keys: [] },
          { code: 'bad_request', id: 8 },
        ],
        [{ type: 'hello' }, { code: 'conflict' }],
      ]
      for (const [message, error] of rows) {
        expect(await called.asks(message), JSON.stringify(message)).toMatchObject([{ type: 'error', ...error }])
      }
      expect(called.closed).toBeUndefined()
    })

    it('[CC1] ends at a message that is too large, alone', async () => {
      const node = await serve()
      const [large, other] = [await greeted(node), await greeted(node, 'ben')]

      large.say({ type: 'clock', t0: 1, pad: 'x'.repeat(17_000) })

      expect([1006, 1009]).toContain(await large.end())
      await vi.waitFor(() => expect(node.roll.size).toBe(1))
      expect(await other.asks({ type: 'clock', t0: 1 })).toHaveLength(1)
    })

    it('[CC3] says goaway and 3001 when the node leaves, each with a time to come back', async () => {
      const node = await serve()
      const phones = await Promise.all([greeted(node), greeted(node, 'ben')])

      await node.roll.goaway(1_000)

      for (const called of phones) {
        expect(await called.end()).toBe(3001)
        const [goaway, ...more] = called.heard
        expect(goaway).toMatchObject({ type: 'goaway', retryAfterMs: called.closed?.retryAfterMs })
        expect(more).toEqual([])
      }
      expect(node.roll.size).toBe(0)
    })

    it('[CC6] ends with 3008 for who does not read; the others hear everything, and who comes back misses nothing', async () => {
      const node = await serve({ lookEveryMs: 10, pauseAboveBytes: Number.POSITIVE_INFINITY })
      const [slow, fine] = [await greeted(node, 'slow'), await greeted(node, 'fine')]
      await Promise.all([slow, fine].map((called) => called.asks({ type: 'watch', id: 1, drop: SHOES })))

      await slow.stopReading()
      let last = 0
      while (node.roll.size === 2 && last < 20_000) {
        last += 1
        tell(node, last, 'x'.repeat(4_000))
        await new Promise((resolve) => setImmediate(resolve))
        node.roll.look()
      }
      slow.readOn()

      expect(await slow.end()).toBe(3008)
      const heard = seqsOf(slow.heard)
      expect(heard).toEqual(upTo(heard.length))
      await vi.waitFor(() => expect(seqsOf(fine.heard)).toEqual(upTo(last)), { timeout: 10_000 })

      const back = call(node, {
        token: 'token-of-slow',
        resume: { drops: [{ drop: SHOES, position: at(1, heard.length) }], open: [] },
      })
      await vi.waitFor(() => expect(seqsOf(back.heard).at(-1)).toBe(last), { timeout: 10_000 })
    }, 30_000)

    it('[S18] spares a slow reader the news, and shows it the drop as it is when it has read what it had', async () => {
      const node = await serve({ lookEveryMs: 10 })
      const [slow, fine] = [await greeted(node, 'slow'), await greeted(node, 'fine')]
      await Promise.all([slow, fine].map((called) => called.asks({ type: 'watch', id: 1, drop: SHOES })))

      // Far more than it could leave unread.
      const FRAMES = 3_000
      await slow.stopReading()
      for (let seq = 1; seq <= FRAMES; seq += 1) {
        tell(node, seq, 'x'.repeat(4_000))
        await new Promise((resolve) => setImmediate(resolve))
        node.roll.look()
      }
      expect(node.roll.size).toBe(2)
      slow.readOn()

      await vi.waitFor(
        () => {
          const last = slow.heard.at(-1)
          expect([last?.type, last?.type === 'snapshot' && last.position.seq]).toEqual(['snapshot', FRAMES])
        },
        { timeout: 20_000 },
      )
      tell(node, FRAMES + 1)
      await vi.waitFor(() => expect(slow.heard.at(-1)).toMatchObject({ type: 'news', position: at(1, FRAMES + 1) }))
      expect(slow.closed).toBeUndefined()
      // Not every frame of the others: who polls is slow too when the node tells as fast as it can.
      await vi.waitFor(() => expect(fine.heard.at(-1)).toMatchObject({ position: at(1, FRAMES + 1) }), {
        timeout: 10_000,
      })
    }, 60_000)
  })
}
