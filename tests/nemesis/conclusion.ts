/** What a run comes to: the judgement of each of its drops in one, and the figures. */
import type { OrderId } from '../../protocol/ids.ts'
import type { Calm } from './calm.ts'
import { doubleFaults, type Span } from './double-faults.ts'
import { GOOD } from './facts.ts'
import { type Accepted, calmGapOf, costsOf, type FaultCost } from './gaps.ts'
import type { History } from './history.ts'
import { type Judgement, judge } from './laws.ts'
import type { Plan } from './plan.ts'

export interface Run extends Judgement {
  plan: Plan
  /** One for each drop. */
  histories: History[]
  /** Of the first of them: where a plan has one, all there is. */
  history: History
  excuses: Span[]
  costs: FaultCost[]
  /** Longest time without an accepted order where no fault was near: below that, a gap is the machine's. */
  calmGapMs: number | undefined
  /** Where nobody was hurt at all: what the gaps of other runs are held against. */
  calm: Calm | undefined
  /** From the healing until nobody waited any more; undefined when it did not come to that. */
  quietAfterMs: number | undefined
  counts: {
    orders: number
    attempts: number
    accepted: number
    confirmed: number
    cancelled: number
    doings: number
    pending: number
    silence: number
    dup: number
  }
  /** From the moment in which the order was meant to the first good answer, ms. */
  latency: { p50: number; p99: number; max: number }
  acceptedMs: number[]
  took: Took
}

/** Where the time of a run went. */
export interface Took {
  /** Drops made, everybody there, and all of them waiting for the opening. */
  gatherMs: number
  fightMs: number
  /** Until every node and store was up, and the creator had done what was begun. */
  healMs: number
  restMs: number
  judgeMs: number
}

interface Found {
  plan: Plan
  histories: History[]
  meantMs: ReadonlyMap<OrderId, number>
  quietAfterMs: number | undefined
  /** What was seen besides, by rules. */
  found: readonly string[]
}

export function conclude({ plan, histories, meantMs, quietAfterMs, found }: Found): Omit<Run, 'took'> {
  const [history] = histories
  if (history === undefined) throw new RangeError('a plan without drops')
  const excuses = doubleFaults(history.faults)
  const judgements = histories.map((one) => judge(one, excuses))
  const firsts = histories.map(firstGood)
  const gaps = histories.map((one, at) => {
    const accepted = [...(firsts[at]?.values() ?? [])].sort((a, b) => a.atMs - b.atMs)
    const endMs = sellsUntilMs(one, plan)
    const when = [accepted, one.faults, endMs, closedSpans(one)] as const
    const costs = costsOf(...when).filter(({ drop }) => drop === at)
    return { accepted, endMs, costs, calmMs: calmGapOf(...when) }
  })
  const attempts = histories.flatMap((history) => history.attempts)
  const rows = histories.flatMap((history) => history.rows)
  const good = firsts.flatMap((first) => [...first])
  const count = (verdict: string) => attempts.filter((one) => one.verdict === verdict).length
  const inState = (wanted: string) => rows.filter(({ state }) => state === wanted).length

  return {
    ...{ plan, histories, history, excuses, quietAfterMs },
    broken: [...new Set([...found, ...judgements.flatMap(({ broken }) => broken)])],
    lost: judgements.flatMap(({ lost }) => lost),
    revoked: judgements.flatMap(({ revoked }) => revoked),
    excused: judgements.flatMap(({ excused }) => excused),
    acceptedMs: good.map(([, { atMs }]) => atMs).sort((a, b) => a - b),
    costs: gaps.flatMap(({ costs }) => costs).sort((a, b) => a.atMs - b.atMs),
    calmGapMs: gaps.map(({ calmMs }) => calmMs).find((calmMs) => calmMs !== undefined),
    calm: plan.faults.length === 0 ? gaps.map(({ accepted, endMs }) => ({ accepted, endMs }))[0] : undefined,
    counts: {
      ...{ orders: plan.wants.length, attempts: attempts.length, accepted: good.length },
      ...{ confirmed: inState('confirmed'), cancelled: inState('cancelled') },
      doings: histories.reduce((sum, { doings }) => sum + doings.length, 0),
      ...{ pending: count('pending'), silence: count('silence'), dup: count('duplicate') },
    },
    latency: latencyOf(good.map(([orderId, { atMs }]) => atMs - (meantMs.get(orderId) ?? atMs))),
  }
}

function firstGood({ attempts }: History): Map<OrderId, Accepted> {
  const first = new Map<OrderId, Accepted>()
  for (const { orderId, verdict, repliedMs, via, position } of attempts) {
    if (!GOOD.includes(verdict)) continue
    const known = first.get(orderId)
    if (known === undefined || repliedMs < known.atMs) {
      first.set(orderId, { atMs: repliedMs, via, epoch: position?.epoch ?? 0 })
    }
  }
  return first
}

/** From then on a gap is not the fault's: nothing is left, or buyers have what they may have. */
function sellsUntilMs({ attempts }: History, plan: Plan): number {
  const ends = attempts.filter(({ verdict }) => verdict === 'sold_out' || verdict === 'limit_reached')
  return ends.reduce((least, { repliedMs }) => Math.min(least, repliedMs), plan.endMs)
}

/** In which nothing is sold because the creator says so. */
function closedSpans({ doings }: History): Span[] {
  return doings.flatMap(({ what, sentMs }) => {
    if (what !== 'pause' && what !== 'close') return []
    const over = doings.find((one) => what === 'pause' && one.what === 'resume' && one.sentMs > sentMs)
    return [{ fromMs: sentMs, toMs: over?.repliedMs ?? Number.POSITIVE_INFINITY }]
  })
}

function latencyOf(tookMs: number[]): Run['latency'] {
  const sorted = tookMs.sort((a, b) => a - b)
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
  return { p50: at(0.5), p99: at(0.99), max: at(1) }
}
