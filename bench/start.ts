/**
 * A drop opens: how far apart do those who wait for it hear of it, and how far from its time?
 *
 *   npm run livedrop -- bench start [--watchers 5000] [--processes 2] [--rounds 3] [--json] [--out file]
 *
 * Everybody watches one drop of one node; then it opens by its own time, and each phone notes the moment in which the
 * frame that says so was read. The phones share the machine with the node, so what they need to read their frames counts
 * as dispersion too. Moments are compared with `opensAt` on the wall clock, which on one machine is the clock of Redis, the drop's own.
 * Exit code 0: in every round everybody heard of it, not too early, and close together.
 */
import { parseArgs } from 'node:util'
import { Audiences } from './audiences.ts'
import { type Ground, openGround } from './ground.ts'
import { number, report } from './report.ts'
import { ms, type Row, whole } from './table.ts'

const DISPERSION_MAX_MS = 100
/** The clocks of processes are read to the millisecond, and Redis tells microseconds. */
const EARLY_MAX_MS = 1
const GATHER_MS = 6_000
const GATHER_PER_WATCHER_MS = 1
const HEARD_WITHIN_MS = 2_000

interface Round {
  heard: number
  /** After opensAt. */
  firstMs: number
  p1Ms: number
  p50Ms: number
  p99Ms: number
  lastMs: number
}

const { values: said } = parseArgs({
  options: {
    watchers: { type: 'string', default: '5000' },
    processes: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '3' },
    json: { type: 'boolean', default: false },
    out: { type: 'string' },
  },
})
const [watchers, processes, rounds] = [number(said.watchers, 2), number(said.processes), number(said.rounds)]

const ground = await openGround({
  nodes: 1,
  onStep: said.json ? () => undefined : (line) => console.log(line),
  onLog: (line) => console.error(line),
})
const measured: Round[] = []
try {
  for (let n = 0; n < rounds; n += 1) measured.push(await opening(ground))
} finally {
  await ground.close()
}

const rows = measured.flatMap((round, n): Row[] => {
  const dispersionMs = round.p99Ms - round.p1Ms
  return [
    {
      what: `opening ${n + 1}: p99 - p1`,
      value: ms(dispersionMs),
      bar: `at most ${ms(DISPERSION_MAX_MS)}`,
      pass: dispersionMs <= DISPERSION_MAX_MS,
    },
    {
      what: '  the first after opensAt, half, p99, the last',
      value: [round.firstMs, round.p50Ms, round.p99Ms, round.lastMs].map(ms).join(', '),
      bar: 'not before it',
      pass: round.firstMs >= -EARLY_MAX_MS,
    },
    { what: '  heard of it', value: whole(round.heard), bar: `all ${whole(watchers)}`, pass: round.heard === watchers },
  ]
})
report(
  `start: ${whole(watchers)} watchers of one drop`,
  rows,
  { watchers, processes, rounds: measured },
  {
    json: said.json,
    out: said.out,
  },
)

async function opening({ creator, fanTokens, socketUrls }: Ground): Promise<Round> {
  const opensAt = new Date(Date.now() + GATHER_MS + watchers * GATHER_PER_WATCHER_MS)
  const drop = await creator.createDrop({ skus: ['M'], stockPerSku: 1_000, opensAt })
  const audiences = new Audiences(processes)
  try {
    const { here } = await audiences.join(socketUrls[0] ?? '', drop, await fanTokens(watchers))
    if (here !== watchers || Date.now() > opensAt.getTime()) throw new Error(`${here} of ${watchers} came in time`)

    await new Promise((resolve) => setTimeout(resolve, opensAt.getTime() + HEARD_WITHIN_MS - Date.now()))
    const { openedAtMs } = await audiences.all(() => ({ do: 'say_opened' }))
    const after = openedAtMs.map((atMs) => atMs - opensAt.getTime()).sort((a, b) => a - b)
    const at = (share: number) => after[Math.min(after.length - 1, Math.floor(after.length * share))] ?? Number.NaN
    return { heard: after.length, firstMs: at(0), p1Ms: at(0.01), p50Ms: at(0.5), p99Ms: at(0.99), lastMs: at(1) }
  } finally {
    audiences.close()
  }
}
