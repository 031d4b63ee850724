/**
 * What a fault cost in time: the longest while in which no order was accepted, although there was stock and people sent.
 *
 * Load is an open model, so somebody is always sending; what ends the time in which a gap counts is the end of the drop's
 * stock, or of what buyers may have.
 */
import { kindOf } from './catalogue.ts'
import type { Span } from './double-faults.ts'
import type { Done } from './history.ts'

/** An order's first good answer, the place of the gateway that gave it, and the owner's epoch. */
export interface Accepted {
  atMs: number
  via: number
  epoch: number
}

export interface Gap {
  fromMs: number
  toMs: number
}

export interface FaultCost extends Done {
  /**
   * Longest time without an accepted order, from the blow until it is over or the next one falls. Without NATS the owner's
   * own clients hear nothing of it: then it is that of the gateway which had the worst of it.
   */
  gapMs: number
  /** From the undoing to the next accepted order; 0 when orders were accepted all along. */
  resumeMs: number
  /** Whether the drop had a new owner in that time, or the same one anew. */
  moved: boolean
  /** Whether another fault was at work near that time: then the cost is nobody's alone. */
  shared: boolean
}

/** After its undoing a fault is charged for this long, or until the next blow. */
export const CHARGED_MS = 3_500
/** A fault this soon before or after has its share in the cost. */
const NEAR_MS = 1_500
/** Shorter calms say nothing. */
const CALM_MS = 500

/** Gaps between accepted orders from `fromMs` to `toMs`, the longest first. `acceptedMs` is sorted. */
export function gapsOf(acceptedMs: readonly number[], fromMs: number, toMs: number): Gap[] {
  const inside = acceptedMs.filter((atMs) => atMs > fromMs && atMs < toMs)
  const marks = [fromMs, ...inside, toMs]
  return marks
    .slice(1)
    .map((atMs, at) => ({ fromMs: marks[at] ?? fromMs, toMs: atMs }))
    .sort((a, b) => lengthOf(b) - lengthOf(a))
}

/**
 * Each fault with what it cost, over the time in which orders could be accepted (until `endMs`, and not while the creator
 * keeps the drop `closed`). `accepted` is sorted.
 */
export function costsOf(
  accepted: readonly Accepted[],
  faults: readonly Done[],
  endMs: number,
  closed: readonly Span[] = [],
): FaultCost[] {
  const acceptedMs = accepted.map(({ atMs }) => atMs)
  const gateways = [...new Set(accepted.map(({ via }) => via))].map((via) =>
    accepted.filter((one) => one.via === via).map(({ atMs }) => atMs),
  )
  return faults
    .filter(({ atMs }) => atMs < endMs)
    .map((fault) => {
      const next = faults.filter((other) => other.atMs > fault.undoneMs).map((other) => other.atMs)
      const untilMs = Math.max(fault.atMs, Math.min(endMs, fault.undoneMs + CHARGED_MS, ...next))
      const others = faults.filter((other) => {
        return other !== fault && other.atMs < fault.undoneMs + NEAR_MS && other.undoneMs + NEAR_MS > fault.atMs
      })
      const isNear = ({ fromMs, toMs }: Span) => fromMs < untilMs && toMs + NEAR_MS > fault.atMs
      const heard = kindOf(fault.id).target === 'nats' ? gateways : [acceptedMs]
      const worst = heard.map((one) => gapsOf(one, fault.atMs, untilMs)[0]).map((gap) => (gap ? lengthOf(gap) : 0))
      const nextMs = acceptedMs.find((atMs) => atMs >= fault.undoneMs) ?? untilMs
      return {
        ...fault,
        gapMs: Math.max(0, ...worst),
        moved: epochUntil(accepted, untilMs) > epochUntil(accepted, fault.atMs),
        resumeMs: Math.max(0, Math.min(nextMs, untilMs) - fault.undoneMs),
        shared: others.length > 0 || closed.some(isNear),
      }
    })
}

/**
 * The longest gap far from every fault: what the machine itself takes, and no gap of a fault can be told from. Undefined
 * where there was no such time.
 */
export function calmGapOf(
  accepted: readonly Accepted[],
  faults: readonly Done[],
  endMs: number,
  closed: readonly Span[] = [],
): number | undefined {
  const acceptedMs = accepted.map(({ atMs }) => atMs)
  const stirred = [...faults.map(({ atMs, undoneMs }) => ({ fromMs: atMs, toMs: undoneMs + NEAR_MS })), ...closed]
  let calmFromMs = acceptedMs[0] ?? endMs
  let worstMs: number | undefined
  for (const { fromMs, toMs } of [...stirred, { fromMs: endMs, toMs: endMs }].sort((a, b) => a.fromMs - b.fromMs)) {
    const untilMs = Math.min(fromMs, endMs)
    const [gap] = untilMs - calmFromMs < CALM_MS ? [] : gapsOf(acceptedMs, calmFromMs, untilMs)
    if (gap !== undefined) worstMs = Math.max(worstMs ?? 0, lengthOf(gap))
    calmFromMs = Math.max(calmFromMs, toMs)
  }
  return worstMs
}

/** Epochs only rise, and of a duplicate it is that of its order. */
function epochUntil(accepted: readonly Accepted[], untilMs: number): number {
  return accepted.reduce((epoch, one) => (one.atMs <= untilMs ? Math.max(epoch, one.epoch) : epoch), 0)
}

const lengthOf = (gap: Gap): number => gap.toMs - gap.fromMs
