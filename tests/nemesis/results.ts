/** What many runs add up to: a line a seed, a line a kind of fault, each against its bar. */
import { type Calm, calmGapsOf } from './calm.ts'
import { FAULT_IDS, type FaultId, type FaultKind, kindOf, WILLED_IDS } from './catalogue.ts'
import type { Run } from './conclusion.ts'
import type { FaultCost } from './gaps.ts'

export interface SeedResult {
  /** The seed, and the kinds that it was made of. */
  name: string
  seed: number
  form: string
  faults: number
  counts: Run['counts']
  latency: Run['latency']
  lost: number
  revoked: number
  excused: number
  calmGapMs: number | undefined
  calm: Calm | undefined
  quietAfterMs: number | undefined
  /** The rules that were broken, each with what was seen. */
  broken: string[]
  costs: FaultCost[]
  /** Accepted orders in each tenth of a second. */
  pace: number[]
  endMs: number
  took: Run['took']
}

export interface KindResult {
  id: FaultId
  what: string
  times: number
  /** Done with no other fault near: the only ones with a gap of their own. */
  alone: number
  gapMs: { p50: number; max: number } | undefined
  resumeMs: { p50: number; max: number } | undefined
  /** What would have been its gaps in the runs without faults; undefined where there is none. */
  calmMs: { p50: number; p99: number } | undefined
  /** How many of those alone gave the drop a new owner. */
  moved: number
  bar: string
  pass: boolean | undefined
  /** Over all seeds that had this fault. */
  lost: number
  revoked: number
  brokenSeeds: number
}

const PACE_MS = 100

export function seedResult(name: string, run: Run): SeedResult {
  const { plan, history, acceptedMs, took } = run
  const pace = Array.from({ length: Math.ceil(plan.endMs / PACE_MS) + 30 }, () => 0)
  for (const atMs of acceptedMs) {
    const at = Math.floor(atMs / PACE_MS)
    const before = pace[at]
    if (before !== undefined) pace[at] = before + 1
  }
  const { counts, latency, calmGapMs, calm, quietAfterMs, broken, costs } = run
  return {
    ...{ name, seed: plan.seed, form: plan.form, faults: history.faults.length, counts, latency },
    ...{ calmGapMs, calm, quietAfterMs, broken, costs, pace, endMs: plan.endMs, took },
    ...{ lost: run.lost.length, revoked: run.revoked.length, excused: run.excused.length },
  }
}

export function kindResults(seeds: readonly SeedResult[]): KindResult[] {
  const calms = seeds.flatMap(({ calm }) => calm ?? [])
  return [...FAULT_IDS, ...WILLED_IDS].flatMap((id) => {
    const mine = seeds.filter(({ costs }) => costs.some((cost) => cost.id === id))
    const costs = mine.flatMap((seed) => seed.costs.filter((cost) => cost.id === id))
    if (costs.length === 0) return []

    const alone = costs.filter(({ shared }) => !shared)
    const kind = kindOf(id)
    const gapMs = spread(alone.map((cost) => cost.gapMs))
    const resumeMs = spread(alone.map((cost) => cost.resumeMs))
    const moved = alone.filter((cost) => cost.moved).length
    const calmMs = spread(alone.flatMap((blow) => calms.flatMap((calm) => calmGapsOf(calm, blow))))
    return [
      {
        ...{
          id,
          what: kind.what,
          times: costs.length,
          alone: alone.length,
          gapMs,
          resumeMs,
          calmMs,
          moved,
          ...judged(kind, gapMs, resumeMs, moved),
        },
        lost: sum(mine, ({ lost }) => lost),
        revoked: sum(mine, ({ revoked }) => revoked),
        brokenSeeds: mine.filter(({ broken }) => broken.length > 0).length,
      },
    ]
  })
}

function judged(kind: FaultKind, gap: KindResult['gapMs'], resume: KindResult['resumeMs'], moved: number) {
  if (kind.gapMs !== undefined) {
    const mayMove = kind.stays !== true
    const bar = `gap <= ${kind.gapMs} ms${mayMove ? '' : ', stays'}`
    return { bar, pass: gap && gap.max <= kind.gapMs && (mayMove || moved === 0) }
  }
  const most = kind.resumeMs ?? Number.POSITIVE_INFINITY
  return { bar: `again <= ${most} ms after`, pass: resume && resume.max <= most }
}

function spread(figures: readonly number[]): { p50: number; p99: number; max: number } | undefined {
  const sorted = [...figures].sort((a, b) => a - b)
  const max = sorted.at(-1)
  if (max === undefined) return undefined

  const at = (share: number) => sorted[Math.floor((sorted.length - 1) * share)] ?? max
  return { p50: at(0.5), p99: at(0.99), max }
}

/** Means over the runs, ms: where the time of one goes. */
export function tookOnAverage(seeds: readonly SeedResult[]): Run['took'] {
  const mean = (part: keyof Run['took']) => sum(seeds, ({ took }) => took[part]) / Math.max(1, seeds.length)
  return {
    ...{ gatherMs: mean('gatherMs'), fightMs: mean('fightMs'), healMs: mean('healMs') },
    ...{ restMs: mean('restMs'), judgeMs: mean('judgeMs') },
  }
}

function sum<T>(list: readonly T[], figure: (one: T) => number): number {
  return list.reduce((total, one) => total + figure(one), 0)
}
