/** What a node counts: by decorators that change nothing, told on a port of its own, and waited for by the alarms. */
import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { OrderReply } from '../rooms/letters.ts'
import type { DropBook, Entry, Ledger } from '../rooms/ports.ts'
import type { Rooms } from '../rooms/router.ts'
import { countedLog } from '../server/metrics/counted-log.ts'
import { exposeMetrics } from '../server/metrics/exposition.ts'
import { Meter } from '../server/metrics/meter.ts'
import { meteredBook, meteredLedger, meteredRooms } from '../server/metrics/metered.ts'
import { addReadings } from '../server/metrics/readings.ts'
import { silent } from './builders/logs.ts'
import { ask, dropOf } from './builders/people.ts'
import { trackedFiles } from './setup/tracked-files.ts'

/** A word, or one of two or three that a word of ours makes. */
const EVENT = /^(?:'[a-z0-9_.]+'|`[a-z0-9_.]+\$\{what\}[a-z0-9_.]+`)$/
const ROOT = join(import.meta.dirname, '..')
const TRACKED = trackedFiles(ROOT)
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8')
const SHOES = dropOf('shoes')
const FENCE = { epoch: 1, prevSeq: 0, prevBatch: 0, batch: 1 }

/** The value of one series, 0 for none. */
async function seriesOf(meter: Meter, series: string): Promise<number> {
  const line = (await meter.text()).split('\n').find((text) => text.startsWith(`${series} `))
  return Number(line?.split(' ').at(-1) ?? 0)
}

/** A node's meter with everything that it shows. */
function wholeMeter(): Meter {
  const meter = new Meter()
  addReadings(meter, {
    ...{ roll: { size: 7 }, directory: { size: 2 }, hub: { drops: 3 }, remote: { waiting: 0 }, http: { inFlight: 1 } },
    ...{ loopDelay: { p99Ms: 4 }, publisher: { failuresInARow: 0 } },
    health: {
      readiness: async () => ({
        ready: false,
        dependencies: { redis: { ok: true }, postgres: { ok: false, why: 'unavailable' }, nats: { ok: true } },
      }),
    },
  })
  return meter
}

/** Every call of a log in the product, but of those who hand on a line with the name that they were given. */
function eventsSaid(): { how: string; name: string }[] {
  const passing = new Set(['server/log.ts', 'server/metrics/counted-log.ts'])
  const product = TRACKED.filter((file) => /^(rooms|bus|storage|server)\/.*\.ts$/.test(file) && !passing.has(file))
  return product.flatMap((file) => {
    const calls = read(file).matchAll(/\b(?:log|lines)\.(info|warn|error)\(\s*([^,)]+)/g)
    return [...calls].map(([, how = '', name = '']) => ({ how, name }))
  })
}

const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop()
})

async function exposed(meter: Pick<Meter, 'text' | 'contentType'> = wholeMeter()): Promise<string> {
  const { url, stop } = await exposeMetrics(meter, { host: '127.0.0.1', port: 0 }, silent)
  stops.push(stop)
  return url
}

describe('metrics', () => {
  it('[NN1] are told to GET and HEAD of one path, on a port of their own', async () => {
    const url = await exposed()

    const answer = await fetch(url)
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-type')).toContain('text/plain; version=0.0.4')
    expect(await answer.text()).toContain('livedrop_sockets 7\n')
    const head = await fetch(url, { method: 'HEAD' })
    expect([head.status, await head.text()]).toEqual([200, ''])
    expect((await fetch(url, { method: 'POST' })).status).toBe(405)
    expect((await fetch(new URL('/', url))).status).toBe(404)
  })

  it('[NN1] say that a port cannot be had by the name of its setting', async () => {
    const { port } = new URL(await exposed())

    const again = exposeMetrics(new Meter(), { host: '127.0.0.1', port: Number(port) }, silent)
    await expect(again).rejects.toMatchObject({
      code: 'misconfigured',
      message: expect.stringContaining('LIVEDROP_METRICS'),
    })
  })

  it('[NN1] hold at most sixteen connections, and none that is silent for long', async () => {
    const url = await exposed()
    let ended = 0
    const silentOnes = Array.from({ length: 40 }, () => connect(Number(new URL(url).port), '127.0.0.1'))
    for (const socket of silentOnes) {
      socket.on('error', () => undefined)
      socket.on('close', () => {
        ended += 1
      })
    }
    try {
      await vi.waitFor(() => expect(ended).toBeGreaterThan(0), { timeout: 5_000, interval: 1 })
      await vi.waitFor(() => expect(ended).toBe(24), { timeout: 500, interval: 1 })
      await vi.waitFor(async () => expect((await fetch(url)).status).toBe(200), 10_000)
    } finally {
      for (const socket of silentOnes) socket.destroy()
    }
  })

  it('[NN1] fail alone when they cannot be read', async () => {
    const text = async () => {
      throw new Error('no')
    }
    expect((await fetch(await exposed({ text, contentType: 'text/plain' }))).status).toBe(500)
  })

  it('[NN2] are as promtool wants them, where it is there', async (context) => {
    const meter = wholeMeter()
    const found = spawnSync('promtool', ['--version'])
    if (found.error !== undefined) return context.skip('promtool (Debian: prometheus) is not installed')

    const checked = spawnSync('promtool', ['check', 'metrics'], { input: await meter.text(), encoding: 'utf8' })
    expect([checked.status, checked.stderr, checked.stdout]).toEqual([0, '', ''])
    execFileSync('promtool', ['check', 'rules', join(ROOT, 'deploy/prometheus/alerts.yaml')])
  })

  it('[NN2] belong to one node: two in a process do not add up', async () => {
    const [one, other] = [new Meter(), new Meter()]
    one.verdicts.inc({ verdict: 'accepted' })

    expect(await seriesOf(one, 'livedrop_ledger_verdicts_total{verdict="accepted"}')).toBe(1)
    expect(await seriesOf(other, 'livedrop_ledger_verdicts_total{verdict="accepted"}')).toBe(0)
  })

  it('[NN2] show which dependency is away', async () => {
    const meter = wholeMeter()

    expect(await seriesOf(meter, 'livedrop_dependency_up{dependency="redis"}')).toBe(1)
    expect(await seriesOf(meter, 'livedrop_dependency_up{dependency="postgres"}')).toBe(0)
  })
})

describe('a watch beside', () => {
  it('[NN3] the rooms times each reply by its verdict, and hands it on', async () => {
    const meter = new Meter()
    const reply: OrderReply = { verdict: 'sold_out', left: [] }
    const forwarded: unknown[] = []
    const rooms = meteredRooms(
      {
        order: async () => reply,
        control: async () => ({ done: 'pending', retryAfterMs: 1 }),
        forward: (...letter) => void forwarded.push(letter),
      } satisfies Rooms,
      meter,
    )

    expect(await rooms.order(SHOES, ask(SHOES, 'ana'), 100)).toBe(reply)
    expect(await seriesOf(meter, 'livedrop_order_reply_seconds_count{verdict="sold_out"}')).toBe(1)
    expect(await rooms.control(SHOES, 'op', { kind: 'phase', from: [], to: 'open' }, 1)).toMatchObject({
      done: 'pending',
    })
  })

  it('[NN4] the ledger counts verdicts and calls, and what is thrown as failed', async () => {
    const meter = new Meter()
    let breaks = false
    class Known {
      readonly #drops = [SHOES]
      async order() {
        if (breaks) throw new Error('no answer')
        const results = [{ verdict: 'accepted', position: { epoch: 1, seq: 1 } }, { verdict: 'sold_out' }]
        return { answer: 'ok', seq: 1, nowMs: 0, phase: 'open', opensAtMs: 0, left: [], results }
      }
      async read() {
        return this.#drops.length
      }
    }
    const ledger = meteredLedger(new Known() as unknown as Ledger, meter)

    await ledger.order(SHOES, FENCE, [ask(SHOES, 'ana'), ask(SHOES, 'ben')])
    breaks = true
    await expect(ledger.order(SHOES, FENCE, [ask(SHOES, 'ana')])).rejects.toThrow('no answer')

    expect(await seriesOf(meter, 'livedrop_ledger_verdicts_total{verdict="accepted"}')).toBe(1)
    expect(await seriesOf(meter, 'livedrop_ledger_verdicts_total{verdict="sold_out"}')).toBe(1)
    expect(await seriesOf(meter, 'livedrop_ledger_call_seconds_count{call="order",answer="ok"}')).toBe(1)
    expect(await seriesOf(meter, 'livedrop_ledger_call_seconds_count{call="order",answer="failed"}')).toBe(1)
    expect(await seriesOf(meter, 'livedrop_ledger_claims_sum')).toBe(3)
    // What is not watched is asked as it was, private fields and all.
    expect(await ledger.read(SHOES)).toBe(1)
  })

  it('[NN4] the book counts what became of orders, a revoked one too, and how late they were written', async () => {
    const meter = new Meter()
    const outcomes = [{ outcome: 'confirmed' }, { outcome: 'revoked', reason: 'limit', returns: true }]
    const book = { write: async () => outcomes } as unknown as DropBook
    const entries = [1_000, 1_500].map((atMs) => ({ atMs }) as Entry)

    const written = await meteredBook(book, meter, { nowMs: () => 2_000 }).write(SHOES, 1, entries)

    expect(written).toBe(outcomes)
    expect(await seriesOf(meter, 'livedrop_book_outcomes_total{outcome="confirmed"}')).toBe(1)
    expect(await seriesOf(meter, 'livedrop_book_outcomes_total{outcome="revoked"}')).toBe(1)
    expect(await seriesOf(meter, 'livedrop_confirm_lag_seconds_sum')).toBe(1.5)
    expect(await seriesOf(meter, 'livedrop_book_write_seconds_count{answer="committed"}')).toBe(1)
  })

  it('[NN5] the log counts each event by its name and level, and says it', async () => {
    const meter = new Meter()
    const said: unknown[] = []
    const log = countedLog(
      { ...silent, debug: () => undefined, error: (event, facts) => void said.push([event, facts]) },
      meter,
    )

    log.error('order.revoked', { orderId: 'o1' })
    log.warn('lease.lost')

    expect(said).toEqual([['order.revoked', { orderId: 'o1' }]])
    expect(await seriesOf(meter, 'livedrop_log_events_total{level="error",event="order.revoked"}')).toBe(1)
    expect(await seriesOf(meter, 'livedrop_log_events_total{level="warn",event="lease.lost"}')).toBe(1)
  })

  it('[NN5] the log has names that are words of ours, never a text that came in', () => {
    const said = eventsSaid()

    expect(said.filter(({ name }) => !EVENT.test(name))).toEqual([])
    expect(said.length).toBeGreaterThan(60)
  })
})

describe('the alarms', () => {
  const alerts = read('deploy/prometheus/alerts.yaml')
  const expressions = alerts.match(/expr: (?:.*(?:\n\s+(?!labels|for|annotations|- ).*)*)/g) ?? []

  it('[NN7] ask for metrics that there are', async () => {
    const text = await wholeMeter().text()
    const asked = new Set(expressions.join('\n').match(/livedrop_[a-z0-9_]+/g))
    const missing = [...asked].filter((name) => !text.includes(`# TYPE ${name.replace(/_(bucket|count|sum)$/, '')} `))

    expect(missing).toEqual([])
    expect(asked.size).toBeGreaterThan(7)
  })

  it('[NN7] wait for events that are counted from the start, and that the runbook knows', async () => {
    const runbook = read('docs/runbook.md')
    const text = await new Meter().text()
    const events = [...expressions.join('\n').matchAll(/event[=!]~?"([^"]+)"/g)].flatMap((match) =>
      (match[1] ?? '').split('|'),
    )

    expect(events.length).toBeGreaterThan(3)
    expect(events.filter((event) => !text.includes(`event="${event}"} 0`))).toEqual([])
    expect(events.filter((event) => !runbook.includes(`\`${event}\``))).toEqual([])
  })
  it('[NN7] wait for every event that is an error: each is counted from the start', async () => {
    const text = await new Meter().text()
    // These are said in the last moment of a process that nobody scrapes any more.
    const last = new Set(['node.surprised', 'node.cut_short'])
    const errors = eventsSaid()
      .filter(({ how, name }) => how === 'error' && name.startsWith("'"))
      .map(({ name }) => name.slice(1, -1))

    expect(errors.filter((event) => !last.has(event) && !text.includes(`{level="error",event="${event}"} 0`))).toEqual(
      [],
    )
    expect(errors.length).toBeGreaterThan(20)
  })
})
