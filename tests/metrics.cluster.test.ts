/** A whole node that is scraped: what it sells is counted, and a unit that somebody takes away is missed. */
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { type Ground, openGround } from '../bench/ground.ts'
import type { DropId } from '../protocol/ids.ts'
import { REST_MS } from '../server/reconciler.ts'
import { freePort } from '../stack/free-port.ts'
import { keysUnder } from '../storage/ledger/keys.ts'

let ground: Ground
let metricsUrl: string
const logged: string[] = []
beforeAll(async () => {
  const place = `127.0.0.1:${await freePort()}`
  metricsUrl = `http://${place}/metrics`
  ground = await openGround({ nodes: 1, env: { LIVEDROP_METRICS: place }, onLog: (line) => void logged.push(line) })
}, 60_000)
afterAll(() => ground.close())

async function scrape(): Promise<Map<string, number>> {
  const text = await (await fetch(metricsUrl, { signal: AbortSignal.timeout(5_000) })).text()
  const series = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(
    series.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
  )
}

async function order(drop: string, token: string, key: string): Promise<number> {
  const answer = await fetch(`${ground.urls[0]}/v1/drops/${drop}/orders`, {
    method: 'POST',
    headers: {
      ...{ authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...{ 'idempotency-key': key, prefer: 'wait' },
    },
    body: JSON.stringify({ lines: [{ sku: 'ONE', qty: 1 }] }),
  })
  return answer.status
}

describe('a node that is scraped', () => {
  it('[NN3, NN4, NN6] counts what it sells, and says within a round that a unit is gone', {
    timeout: 60_000,
  }, async () => {
    const drop = await ground.creator.createDrop({
      skus: ['ONE'],
      stockPerSku: 10,
      opensAt: new Date(Date.now() + 300),
    })
    const [fan = ''] = await ground.fanTokens(1)
    await vi.waitFor(async () => expect(await order(drop, fan, 'first')).toBeLessThan(300), 10_000)
    expect(await order(drop, fan, 'second')).toBe(201)

    const sold = await scrape()
    expect(sold.get('livedrop_book_outcomes_total{outcome="confirmed"}')).toBe(2)
    expect(sold.get('livedrop_order_reply_seconds_count{verdict="accepted"}')).toBe(2)
    expect(sold.get('livedrop_rooms')).toBe(1)
    expect(sold.get('livedrop_log_events_total{level="error",event="stock.unaccounted"}')).toBe(0)

    // Nobody but the ledger may do this; a hand that did it is what the reconciler is for.
    const redis = new Redis(ground.cluster?.env.REDIS_URL ?? '')
    const room = keysUnder('ld')(drop as DropId).room
    try {
      await redis.hincrby(room, 'left:ONE', -1)
      const gone = async () => {
        expect((await scrape()).get('livedrop_units_unaccounted{way="lost"}')).toBe(1)
      }
      await vi.waitFor(gone, { timeout: 2 * REST_MS, interval: 200 })
      expect(logged.some((line) => line.includes('stock.unaccounted') && line.includes(drop))).toBe(true)
      expect((await ground.stores.audit(drop)).filter(({ ok }) => !ok).map(({ rule }) => rule)).toEqual(['I3'])
    } finally {
      redis.disconnect()
    }
  })

  it('[NN1] does not show them on the public port', async () => {
    expect((await fetch(`${ground.urls[0]}/metrics`)).status).toBe(404)
  })
})
