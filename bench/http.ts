/**
 * How many requests a second one node answers over REST, and what each costs it.
 *
 *   npm run livedrop -- bench http [--connections 100] [--seconds 4] [--rounds 5] [--json] [--out file]
 *
 * Two hot reads and the placing of orders, in turns, each judged by the median of its rounds. autocannon is a closed loop in this
 * process, next to the node, its stores and whatever else the machine does, so the CPU time that the node itself took
 * for a request says more than the rate. Exit code 0: every bar met and not one error.
 */

import { randomUUID } from 'node:crypto'
import { parseArgs } from 'node:util'
import autocannon from 'autocannon'
import { cpuMs } from './cpu.ts'
import { type Ground, openGround } from './ground.ts'
import { number, report } from './report.ts'
import { ms, type Row, whole } from './table.ts'

const READS_MIN = 10_000
const WARM_UP_S = 2
const PRODUCTS = 40
const FANS = 200
const STOCK = 10_000_000
const SKUS = ['s', 'm', 'l']

interface Round {
  perSecond: number
  p50Ms: number
  p99Ms: number
  /** Answers that are none, and connections that failed. */
  errors: number
  /** What one request cost the node; undefined for a node that this bench did not start. */
  cpuUs: number | undefined
  /** What one request cost autocannon, which shares the machine. */
  generatorUs: number
}

interface Measured {
  what: string
  atLeast: number | undefined
  rounds: Round[]
}

type Shot = Pick<autocannon.Options, 'url' | 'requests'>

const { values: said } = parseArgs({
  options: {
    connections: { type: 'string', default: '100' },
    seconds: { type: 'string', default: '4' },
    rounds: { type: 'string', default: '5' },
    json: { type: 'boolean', default: false },
    out: { type: 'string' },
  },
})
const [connections, seconds, rounds] = [number(said.connections), number(said.seconds), number(said.rounds)]

const ground = await openGround({
  nodes: 1,
  onStep: said.json ? () => undefined : (line) => console.log(line),
  onLog: (line) => console.error(line),
})
let measured: Measured[]
try {
  measured = await measure(ground)
} finally {
  await ground.close()
}

report(
  `REST, one node, ${connections} connections, ${rounds} rounds of ${seconds} s`,
  measured.flatMap(rowsOf),
  { connections, seconds, rounds, measured },
  { json: said.json, out: said.out },
)

async function measure(on: Ground): Promise<Measured[]> {
  const [url = ''] = on.urls
  const drop = await openDrop(on)
  const shots: [what: string, atLeast: number | undefined, shot: Shot][] = [
    ['GET /v1/drops/:id', READS_MIN, { url: `${url}/v1/drops/${drop}` }],
    ['GET /v1/products', READS_MIN, { url: `${url}/v1/products` }],
    ['POST /v1/drops/:id/orders', undefined, { url, requests: [await orders(on, drop)] }],
  ]
  const measured = shots.map(([what, atLeast, shot]) => ({ what, atLeast, shot, rounds: [] as Round[] }))
  for (const { shot } of measured) await fire(on, shot, WARM_UP_S)

  for (let round = 0; round < rounds; round += 1) {
    for (const one of measured) one.rounds.push(await fire(on, one.shot, seconds))
  }
  return measured.map(({ what, atLeast, rounds }) => ({ what, atLeast, rounds }))
}

/** An open drop, in a shop with some other products. */
async function openDrop({ creator }: Ground): Promise<string> {
  const plan = { skus: SKUS, stockPerSku: 1, opensAt: new Date(Date.now() + 86_400_000) }
  for (let made = 1; made < PRODUCTS; made += 1) await creator.createDrop(plan)
  return creator.openDrop(SKUS, STOCK)
}

/** Each one unit for one of the fans, under a key of its own. */
async function orders(on: Ground, drop: string): Promise<autocannon.Request> {
  const tokens = await on.fanTokens(FANS)
  const run = randomUUID()
  let placed = 0
  return {
    method: 'POST',
    path: `/v1/drops/${drop}/orders`,
    body: JSON.stringify({ lines: [{ sku: 'm', qty: 1 }] }),
    setupRequest: (request) => {
      placed += 1
      const headers = {
        authorization: `Bearer ${tokens[placed % FANS] ?? ''}`,
        'content-type': 'application/json',
        'idempotency-key': `${run}-${placed}`,
      }
      return { ...request, headers }
    },
  }
}

async function fire({ cluster }: Ground, shot: Shot, duration: number): Promise<Round> {
  const pid = cluster?.nodes[0]?.pid
  const before = pid === undefined ? 0 : cpuMs(pid)
  const own = process.cpuUsage()
  const { requests, latency, errors, timeouts, non2xx } = await autocannon({ ...shot, connections, duration })
  const { user, system } = process.cpuUsage(own)
  const usedMs = pid === undefined ? undefined : cpuMs(pid) - before
  return {
    perSecond: requests.total / duration,
    p50Ms: latency.p50,
    p99Ms: latency.p99,
    errors: errors + timeouts + non2xx,
    cpuUs: usedMs === undefined ? undefined : (usedMs * 1000) / requests.total,
    generatorUs: (user + system) / requests.total,
  }
}

function rowsOf({ what, atLeast, rounds }: Measured): Row[] {
  const median = rounds.map((round) => round.perSecond).sort((a, b) => a - b)[Math.floor(rounds.length / 2)] ?? 0
  const errors = rounds.reduce((total, round) => total + round.errors, 0)
  const slowest = Math.max(...rounds.map((round) => round.p99Ms))
  const cpuUs = rounds.flatMap((round) => round.cpuUs ?? [])
  return [
    {
      what: `${what}, requests/s`,
      value: whole(median),
      ...(atLeast === undefined ? {} : { bar: `at least ${whole(atLeast)}`, pass: median >= atLeast }),
    },
    { what: '  all rounds', value: rounds.map((round) => whole(round.perSecond)).join(', ') },
    { what: '  p99 of the slowest round', value: ms(slowest) },
    ...(cpuUs.length === 0 ? [] : [{ what: "  the node's CPU for one", value: span(cpuUs) }]),
    { what: "  the generator's CPU for one", value: span(rounds.map((round) => round.generatorUs)) },
    { what: '  errors', value: whole(errors), bar: 'none', pass: errors === 0 },
  ]
}

function span(us: readonly number[]): string {
  return `${Math.round(Math.min(...us))} to ${Math.round(Math.max(...us))} us`
}
