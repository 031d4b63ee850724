/** Alive and ready: what a load balancer and the person on call read. */
import { afterEach, describe, expect, it } from 'vitest'
import { Fault } from '../protocol/faults.ts'
import { healthRoutes } from '../server/api/health.ts'
import { Health, type Probe } from '../server/health.ts'
import { Tokens } from '../server/inbound/tokens.ts'
import { httpNode } from './builders/http-node.ts'

const fine: Probe = async () => 'PONG'
const events: string[] = []
const note = (event: string) => void events.push(event)
const log = { info: note, warn: note }
const probes = { redis: fine, postgres: fine, nats: fine }
const limits = { probeMs: 40, keptMs: 500 }

const open: { close(): void }[] = []
afterEach(() => {
  for (const node of open.splice(0)) node.close()
  events.length = 0
})
async function node(health: Health) {
  const tokens = new Tokens('a secret for tests, 32 bytes at least')
  const made = await httpNode({ routes: healthRoutes({ health }), tokens })
  open.push(made)
  return made
}

describe('health', () => {
  it('[R23] a node is ready while all it depends on answers', async () => {
    const { call } = await node(new Health(probes, log, limits))

    expect(await call('GET', '/readyz')).toMatchObject({ status: 200, body: { ready: true } })
    expect((await call('HEAD', '/readyz')).status).toBe(200)
    expect(await call('GET', '/livez')).toMatchObject({ status: 200, body: { alive: true } })
    expect((await call('HEAD', '/livez')).status).toBe(200)
  })

  it('[R23] says which dependency is missing, and not where it is', async () => {
    const secret = 'connect ECONNREFUSED redis.internal:6379'
    const { call } = await node(
      new Health(
        {
          redis: () => Promise.reject(Object.assign(new Error(secret), { code: 'ECONNREFUSED' })),
          postgres: () => Promise.reject(new Fault('unavailable', { host: secret }, { message: secret })),
          nats: () => new Promise(() => undefined),
        },
        log,
        limits,
      ),
    )

    const heard = await call('GET', '/readyz')

    expect(heard).toMatchObject({
      status: 503,
      body: {
        ready: false,
        dependencies: {
          redis: { ok: false, why: 'ECONNREFUSED' },
          postgres: { ok: false, why: 'unavailable' },
          nats: { ok: false, why: 'no answer within 40 ms' },
        },
      },
    })
    expect(heard.text).not.toContain('internal')
    expect((await call('HEAD', '/readyz')).status).toBe(503)
    expect((await call('GET', '/livez')).status).toBe(200)
  })

  it('[R23] a probe that throws at once or throws nonsense is a finding like any other', async () => {
    const health = new Health(
      {
        ...probes,
        redis: () => {
          throw undefined
        },
        nats: () => Promise.reject(Object.assign(new Error(), { code: 'secret host 10.0.0.1' })),
      },
      log,
      limits,
    )

    expect((await health.readiness()).dependencies).toMatchObject({ redis: { why: 'failed' }, nats: { why: 'failed' } })
  })

  it('[R24] however many ask, the dependencies are asked twice a second', async () => {
    let asked = 0
    let nowMs = 0
    const counting = { ...probes, redis: async () => (asked += 1) }
    const health = new Health(counting, log, limits, () => nowMs)

    await Promise.all(Array.from({ length: 50 }, () => health.readiness()))
    nowMs = 499
    await health.readiness()
    expect(asked).toBe(1)

    nowMs = 500
    await health.readiness()
    expect(asked).toBe(2)
  })

  it('[R24] only a change is worth a line in the log', async () => {
    let nowMs = 0
    let answers = true
    const health = new Health(
      { ...probes, nats: () => (answers ? fine() : Promise.reject(new Error())) },
      log,
      limits,
      () => nowMs,
    )
    for (const next of [true, true, false, false, true]) {
      answers = next
      nowMs += 1_000
      await health.readiness()
    }

    expect(events).toEqual(['dependency.lost', 'dependency.back'])
  })

  it('[R24] a node that is going away is not ready from that moment on, kept findings or not', async () => {
    const health = new Health(probes, log, limits, () => 0)
    const { call } = await node(health)
    expect((await call('GET', '/readyz')).status).toBe(200)

    health.leave()

    expect(await call('GET', '/readyz')).toMatchObject({ status: 503, body: { ready: false, why: 'shutting down' } })
    expect((await call('GET', '/livez')).status).toBe(200)
  })
})
