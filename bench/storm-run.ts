/**
 * One storm from beginning to end: a drop is made, the crowds gather, the drop opens, everybody orders, and what each fan
 * was told is compared with what Postgres has.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { cpuMs } from './cpu.ts'
import {
  acceptedSpan,
  addCounts,
  addPacked,
  type CrowdOrder,
  type CrowdReport,
  newTally,
  type Tally,
} from './crowd-report.ts'
import type { Ground } from './ground.ts'
import { type Percentiles, percentiles } from './histogram.ts'

export interface StormOptions {
  form: 'rush' | 'steady'
  sockets: number
  processes: number
  skus: number
  stockPerSku: number
  limitPerBuyer: number | undefined
  rushMs: number
  durationMs: number
  inFlight: number
  /** Kills the drop's owner (SIGKILL) this long after the opening; needs nodes of our own. */
  killOwnerAfterMs: number | undefined
  /** Asks the drop's owner to leave (SIGTERM) this long after the opening; needs nodes of our own. */
  drainOwnerAfterMs?: number | undefined
}

/** How the owner left when it was asked to. */
export interface Drained {
  exitCode: number | null
  tookMs: number
}

export interface StormResult {
  drop: string
  options: StormOptions
  connectMs: number
  accepted: number
  confirmed: number
  revoked: number
  acceptedPerSecond: number
  confirmedPerSecond: number
  longestGapMs: number
  receipt: Percentiles
  confirm: Percentiles
  refused: Record<string, number>
  retried: Record<string, number>
  /** Told `accepted`, but neither confirmed nor revoked in Postgres. */
  lost: number
  /** Told `confirmed`, but not so in Postgres. */
  lostConfirmed: number
  audit: { rule: string; ok: boolean; detail: string }[]
  clean: boolean
  /** CPU microseconds per confirmed order, of every process that this bench started; empty for others. */
  cpuPerOrderUs: Record<string, number>
  drained: Drained | undefined
}

export interface Progress {
  phase: 'gathering' | 'storm' | 'settling'
  watching: number
  accepted: number
  confirmed: number
  refused: number
}

const GATHER_WITHIN_MS = 60_000
const SETTLE_WITHIN_MS = 60_000
const AUDIT_WITHIN_MS = 20_000

export async function storm(
  ground: Ground,
  options: StormOptions,
  onProgress: (progress: Progress) => void,
): Promise<StormResult> {
  const skus = Array.from({ length: options.skus }, (_, at) => `SIZE-${36 + at}`)
  // Time for everybody to be there: what a creator's announcement is for.
  const opensAt = new Date(Date.now() + 5_000 + options.sockets * 2)
  const drop = await ground.creator.createDrop({
    skus,
    stockPerSku: options.stockPerSku,
    opensAt,
    ...(options.limitPerBuyer === undefined ? {} : { limitPerBuyer: options.limitPerBuyer }),
  })

  const startedMs = performance.now()
  const crowds = await gather(ground, options, { drop, skus })
  await until(
    () => watchingOf(crowds) >= options.sockets,
    GATHER_WITHIN_MS,
    () => onProgress(progressOf('gathering', crowds)),
  )
  const connectMs = performance.now() - startedMs
  if (Date.now() > opensAt.getTime()) throw new Error(`the crowd took ${Math.round(connectMs)} ms to gather: too slow`)

  const before = cpuOf(ground, crowds)
  for (const crowd of crowds) crowd.child.send({ startAtMs: opensAt.getTime() })
  const losing = loseOwner(ground, drop, options, opensAt)
  await until(
    () => crowds.every((crowd) => crowd.report?.tally !== undefined),
    opensAt.getTime() - Date.now() + options.durationMs + SETTLE_WITHIN_MS,
    () => onProgress(progressOf(Date.now() < opensAt.getTime() ? 'gathering' : 'storm', crowds)),
  )
  const drained = await losing
  onProgress(progressOf('settling', crowds))
  const after = cpuOf(ground, crowds)
  for (const crowd of crowds) crowd.child.disconnect()

  const tally = newTally()
  for (const crowd of crowds) if (crowd.report?.tally !== undefined) addPacked(tally, crowd.report.tally)
  const cpuPerOrderUs = Object.fromEntries(
    Object.entries(after).map(([who, used]) => [who, ((used - (before[who] ?? 0)) * 1000) / tally.confirmed.size]),
  )
  return { ...(await judge(ground, drop, options, tally, connectMs)), cpuPerOrderUs, drained }
}

interface Crowd {
  child: ChildProcess
  report: CrowdReport | undefined
}

async function gather(ground: Ground, options: StormOptions, what: { drop: string; skus: string[] }): Promise<Crowd[]> {
  const tokens = await ground.fanTokens(options.sockets)
  const here = import.meta.url
  const file = fileURLToPath(new URL(here.endsWith('.ts') ? './crowd.ts' : './crowd.js', here))
  const share = Math.ceil(options.sockets / options.processes)

  return Array.from({ length: options.processes }, (_, at) => {
    const child = fork(file, {
      execArgv: ['--max-semi-space-size=64', ...(here.endsWith('.ts') ? ['--import', import.meta.resolve('tsx')] : [])],
    })
    const crowd: Crowd = { child, report: undefined }
    child.on('message', (report: CrowdReport) => {
      crowd.report = report
    })
    child.send({
      ...what,
      urls: [...ground.socketUrls],
      tokens: tokens.slice(at * share, (at + 1) * share),
      form: options.form,
      firstFan: at * share,
      rushMs: options.rushMs,
      durationMs: options.durationMs,
      qtyMax: 2,
      inFlight: options.inFlight,
    } satisfies CrowdOrder)
    return crowd
  })
}

async function judge(
  ground: Ground,
  drop: string,
  options: StormOptions,
  tally: Tally,
  connectMs: number,
): Promise<Omit<StormResult, 'cpuPerOrderUs' | 'drained'>> {
  const { stores } = ground
  const giveUpMs = performance.now() + AUDIT_WITHIN_MS
  let findings = await stores.audit(drop)
  while (!findings.every((finding) => finding.ok) && performance.now() < giveUpMs) {
    await new Promise((resolve) => setTimeout(resolve, 250))
    findings = await stores.audit(drop)
  }
  const states = await stores.states([...new Set([...tally.accepted, ...tally.confirmed])])
  const lost = [...tally.accepted].filter((id) => !states.has(id)).length
  const lostConfirmed = [...tally.confirmed].filter((id) => states.get(id) !== 'confirmed').length
  const { spanMs, longestGapMs } = acceptedSpan(tally.moments)

  return {
    drop,
    options,
    connectMs,
    accepted: tally.accepted.size,
    confirmed: tally.confirmed.size,
    revoked: tally.revoked.size,
    acceptedPerSecond: (tally.accepted.size / spanMs) * 1000,
    confirmedPerSecond: (tally.confirmed.size / spanMs) * 1000,
    longestGapMs,
    receipt: percentiles(tally.receiptMs),
    confirm: percentiles(tally.confirmMs),
    refused: tally.refused,
    retried: tally.retried,
    lost,
    lostConfirmed,
    audit: findings.map(({ rule, ok, detail }) => ({ rule, ok, detail })),
    clean: findings.every((finding) => finding.ok),
  }
}

async function loseOwner(
  { cluster, stores }: Ground,
  drop: string,
  { killOwnerAfterMs, drainOwnerAfterMs }: StormOptions,
  opensAt: Date,
): Promise<Drained | undefined> {
  const afterMs = killOwnerAfterMs ?? drainOwnerAfterMs
  if (afterMs === undefined) return undefined
  if (cluster === undefined) throw new Error('only a node that this bench started may be ended by it')

  await new Promise((resolve) => setTimeout(resolve, opensAt.getTime() + afterMs - Date.now()))
  const owner = await stores.owner(drop)
  const node = cluster.nodes.find(({ nodeId }) => nodeId === owner)
  if (killOwnerAfterMs !== undefined) {
    node?.kill('SIGKILL')
    return undefined
  }
  const askedMs = performance.now()
  node?.kill('SIGTERM')
  const exitCode = (await node?.exited) ?? null
  return { exitCode, tookMs: performance.now() - askedMs }
}

/** CPU that each process has used so far, ms. The crowds are still there: they leave when they are told to. */
function cpuOf(ground: Ground, crowds: readonly Crowd[]): Record<string, number> {
  if (ground.cluster === undefined) return {}

  const { nodes, stack } = ground.cluster
  const sum = (pids: (number | undefined)[]) => pids.reduce<number>((total, pid) => total + cpuMs(pid ?? -1), 0)
  return {
    nodes: sum(nodes.map((node) => node.pid)),
    redis: sum([stack.servers.redis?.pid]),
    nats: sum([stack.servers.nats?.pid]),
    postgres: sum([stack.servers.postgres?.pid]),
    fans: sum(crowds.map((crowd) => crowd.child.pid)),
  }
}

function progressOf(phase: Progress['phase'], crowds: readonly Crowd[]): Progress {
  const reports = crowds.flatMap((crowd) => (crowd.report === undefined ? [] : [crowd.report]))
  const refused: Record<string, number> = {}
  for (const report of reports) addCounts(refused, report.refused)
  const sum = (count: (report: CrowdReport) => number) => reports.reduce((total, report) => total + count(report), 0)

  return {
    phase,
    watching: sum((report) => report.watching),
    accepted: sum((report) => report.accepted),
    confirmed: sum((report) => report.confirmed),
    refused: Object.values(refused).reduce((total, count) => total + count, 0),
  }
}

const watchingOf = (crowds: readonly Crowd[]): number => progressOf('gathering', crowds).watching

async function until(done: () => boolean, withinMs: number, meanwhile: () => void): Promise<void> {
  const giveUpMs = performance.now() + withinMs
  while (!done()) {
    if (performance.now() > giveUpMs) throw new Error(`the storm did not come to its end within ${withinMs} ms`)
    meanwhile()
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}
