/**
 * What a connection costs, and what it costs to lose all of them at once.
 *
 *   npm run livedrop -- bench connections [--sockets 10000] [--processes 2] [--orders 50] [--json] [--out file]
 *
 * Phones connect, sign in and watch one drop as fast as one node takes them. Memory is the slope between the first half
 * of them and all, after a forced collection each time, so that what a process has grown to anyway does not count;
 * beside it stands the same slope of a process that only holds sockets of the same library. Then all networks are cut in
 * the same moment and everybody comes back by ticket and position, after the client's own random times, while others
 * go on ordering from the drop they watch. How late the node's loop was then stands beside the same of the process that
 * only holds sockets, and beside the time for which others had the processors. Exit code 0: every bar met.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { NODE_FLAGS } from '../stack/node-flags.ts'
import { Audiences } from './audiences.ts'
import { Buyers } from './buyers.ts'
import { cpuMs, type OnProcessor, onProcessor } from './cpu.ts'
import { type Ground, openGround } from './ground.ts'
import { type LoopDelays, NodeProbe } from './node-probe.ts'
import { number, report } from './report.ts'
import { ms, type Row, whole } from './table.ts'

const JOINS_MIN = 2_000
const EXTRA_BYTES_MAX = 4_096
const TIMES_RAW_MAX = 4
const BACK_WITHIN_MS = 10_000
const LOOP_P99_MAX_MS = 200
const BUYERS = 20
const NICENESS = 10
const STOCK = 10_000_000
/** What a histogram of the loop and the news still on its way need to show in what is measured. */
const AFTER_MS = 500

interface Slope {
  joinsPerSecond: number
  /** Of the process that was joined. */
  cpuUs: number
  rssBytes: number
  heapBytes: number
}

interface Reconnect {
  back: number
  recovered: number
  lastMs: number
  halfMs: number
  loop: LoopDelays
  node: OnProcessor
  accepted: number
  receiptP50Ms: number
  receiptP99Ms: number
  longestGapMs: number
}

const { values: said } = parseArgs({
  options: {
    sockets: { type: 'string', default: '10000' },
    processes: { type: 'string', default: '2' },
    orders: { type: 'string', default: '50' },
    json: { type: 'boolean', default: false },
    out: { type: 'string' },
  },
})
const [sockets, processes, orders] = [number(said.sockets, 2), number(said.processes), number(said.orders)]

const { cut: rawCut, ...raw } = await measureRaw()
const probed = await NodeProbe.option()
const ground = await openGround({
  nodes: 1,
  env: { NODE_OPTIONS: probed.flag },
  onStep: said.json ? () => undefined : (line) => console.log(line),
  onLog: (line) => line.includes('"level":') && console.error(line),
})
const audiences = new Audiences(processes, NICENESS)
let joined: Slope
let reconnect: Reconnect
const probe = await NodeProbe.into(probed.port)
try {
  const drop = await ground.creator.openDrop(['M'], STOCK)
  const tokens = await ground.fanTokens(sockets)
  joined = await slope(ground.cluster?.nodes[0]?.pid ?? 0, probe, audiences, ground.socketUrls[0] ?? '', drop, tokens)
  reconnect = await comeBack(ground, probe, drop, ground.cluster?.nodes[0]?.pid ?? 0)
} finally {
  // Whoever is looked into waits with its end until nobody looks.
  probe.close()
  audiences.close()
  await ground.close()
}

const extraBytes = joined.rssBytes - raw.rssBytes
const times = joined.rssBytes / raw.rssBytes
const rows: Row[] = [
  {
    what: 'connect, sign in, watch, see the snapshot',
    value: `${whole(joined.joinsPerSecond)}/s`,
    ...bar(`at least ${whole(JOINS_MIN)}/s`, joined.joinsPerSecond >= JOINS_MIN),
  },
  { what: "  the node's CPU for one, collections included", value: `${whole(joined.cpuUs)} us` },
  { what: '  a bare socket of the library', value: `${whole(raw.joinsPerSecond)}/s, ${whole(raw.cpuUs)} us` },
  { what: 'memory of a joined connection', value: `${whole(joined.rssBytes)} bytes` },
  { what: '  of a bare socket', value: `${whole(raw.rssBytes)} bytes` },
  {
    what: '  more than a bare socket',
    value: `${whole(extraBytes)} bytes, ${times.toFixed(1)}x`,
    ...bar(
      `at most ${whole(EXTRA_BYTES_MAX)} bytes or ${TIMES_RAW_MAX}x`,
      extraBytes <= EXTRA_BYTES_MAX || times <= TIMES_RAW_MAX,
    ),
  },
  { what: '  of it in the heap', value: `${whole(joined.heapBytes)} bytes` },
  {
    what: 'all cut at once: all back after',
    value: ms(reconnect.lastMs),
    ...bar(`at most ${ms(BACK_WITHIN_MS)}`, reconnect.back === sockets && reconnect.lastMs <= BACK_WITHIN_MS),
  },
  { what: '  half of them after', value: ms(reconnect.halfMs) },
  { what: '  back', value: whole(reconnect.back), ...bar(`all ${whole(sockets)}`, reconnect.back === sockets) },
  { what: '  with what they missed, not anew', value: whole(reconnect.recovered) },
  {
    what: "  the node's loop late, p99",
    value: ms(reconnect.loop.p99Ms),
    ...bar(`under ${ms(LOOP_P99_MAX_MS)}`, reconnect.loop.p99Ms < LOOP_P99_MAX_MS),
  },
  { what: '  at worst', value: ms(reconnect.loop.maxMs) },
  { what: '  of the bare sockets’ process: p99, at worst', value: `${ms(rawCut.p99Ms)}, ${ms(rawCut.maxMs)}` },
  {
    what: '  the node had a processor, and waited for one',
    value: `${ms(reconnect.node.ranMs)}, ${ms(reconnect.node.waitedMs)}`,
  },
  {
    what: '  orders accepted meanwhile',
    value: whole(reconnect.accepted),
    ...bar('some', reconnect.accepted > 0),
  },
  { what: '  receipt p50, p99', value: `${ms(reconnect.receiptP50Ms)}, ${ms(reconnect.receiptP99Ms)}` },
  { what: '  longest time without one', value: ms(reconnect.longestGapMs) },
]
report(
  `connections: ${whole(sockets)} sockets on one node`,
  rows,
  { sockets, processes, orders, raw, rawCut, joined, reconnect },
  { json: said.json, out: said.out },
)

async function measureRaw(): Promise<Slope & { cut: LoopDelays }> {
  const here = import.meta.url
  const file = fileURLToPath(new URL(here.endsWith('.ts') ? './raw-node.ts' : './raw-node.js', here))
  const { port, flag } = await NodeProbe.option()
  const child = fork(file, {
    execArgv: [flag, ...NODE_FLAGS, ...(here.endsWith('.ts') ? ['--import', import.meta.resolve('tsx')] : [])],
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  })
  const audiences = new Audiences(processes, NICENESS)
  try {
    const [{ listening }] = (await once(child, 'message', { signal: AbortSignal.timeout(20_000) })) as [
      { listening: string },
    ]
    const probe = await NodeProbe.into(port)
    const url = `${listening.replace('http', 'ws')}/ws`
    const figures = await slope(child.pid ?? 0, probe, audiences, url, '', Array<string>(sockets).fill(''))
    await probe.watchLoop()
    await audiences.all(() => ({ do: 'cut' }))
    const cut = await probe.loopDelays()
    probe.close()
    return { ...figures, cut }
  } finally {
    audiences.close()
    child.kill('SIGKILL')
  }
}

async function slope(
  pid: number,
  probe: NodeProbe,
  audiences: Audiences,
  url: string,
  drop: string,
  tokens: readonly string[],
): Promise<Slope> {
  const half = Math.floor(tokens.length / 2)
  const cpuBeforeMs = cpuMs(pid)
  const first = await audiences.join(url, drop, tokens.slice(0, half))
  const before = await probe.memory()
  const second = await audiences.join(url, drop, tokens.slice(half))
  const after = await probe.memory()
  if (second.here !== tokens.length) throw new Error(`only ${second.here} of ${tokens.length} came`)

  const more = tokens.length - half
  return {
    joinsPerSecond: (tokens.length / (first.tookMs + second.tookMs)) * 1000,
    cpuUs: ((cpuMs(pid) - cpuBeforeMs) * 1000) / tokens.length,
    rssBytes: (after.rssBytes - before.rssBytes) / more,
    heapBytes: (after.heapBytes - before.heapBytes) / more,
  }
}

async function comeBack(
  { socketUrls, fanTokens }: Ground,
  probe: NodeProbe,
  drop: string,
  pid: number,
): Promise<Reconnect> {
  const buyers = new Buyers({ url: socketUrls[0] ?? '', drop, tokens: await fanTokens(BUYERS) })
  try {
    await buyers.order(orders, AFTER_MS)
    buyers.forget()
    await probe.watchLoop()
    const before = onProcessor(pid)
    const buying = buyers.order(orders, BACK_WITHIN_MS)
    const { here, recovered, backMs, tookMs } = await audiences.all(() => ({ do: 'cut' }))
    const after = onProcessor(pid)
    buyers.enough()
    await buying
    await new Promise((resolve) => setTimeout(resolve, AFTER_MS))
    const sorted = backMs.toSorted((a, b) => a - b)
    return {
      ...{
        back: here,
        recovered,
        lastMs: sorted.at(-1) ?? tookMs,
        halfMs: sorted[Math.floor(sorted.length / 2)] ?? tookMs,
      },
      loop: await probe.loopDelays(),
      node: { ranMs: after.ranMs - before.ranMs, waitedMs: after.waitedMs - before.waitedMs },
      ...buyers.figures(),
    }
  } finally {
    buyers.close()
  }
}

function bar(text: string, pass: boolean): Pick<Row, 'bar' | 'pass'> {
  return { bar: text, pass }
}
