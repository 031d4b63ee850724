/** What a crowd is told, and what it reports: the shapes that cross the process boundary. */
import type { Histogram } from 'hdr-histogram-js'
import { addEncoded, encodeHistogram, newHistogram } from './histogram.ts'

export interface CrowdOrder {
  urls: string[]
  drop: string
  tokens: string[]
  skus: string[]
  form: 'rush' | 'steady'
  /** The number of this crowd's first fan: spreads fans over nodes and quantities. */
  firstFan: number
  /** rush: the first orders are meant within this time after the opening. */
  rushMs: number
  durationMs: number
  /** rush: quantities 1 to qtyMax. */
  qtyMax: number
  /** steady: orders that one fan keeps going at a time. */
  inFlight: number
}

export interface Tally {
  accepted: Set<string>
  confirmed: Set<string>
  revoked: Set<string>
  refused: Record<string, number>
  retried: Record<string, number>
  receiptMs: Histogram
  confirmMs: Histogram
  /** The hundredths of a second in which an order was accepted: their largest distance is the longest gap. */
  moments: Set<number>
}

export interface PackedTally
  extends Omit<Tally, 'accepted' | 'confirmed' | 'revoked' | 'receiptMs' | 'confirmMs' | 'moments'> {
  accepted: string[]
  confirmed: string[]
  revoked: string[]
  receiptMs: string
  confirmMs: string
  moments: number[]
}

export interface CrowdReport {
  watching: number
  accepted: number
  confirmed: number
  refused: Record<string, number>
  retried: Record<string, number>
  /** With the last report only. */
  tally?: PackedTally
}

const MOMENT_MS = 10

export const momentOf = (timeMs: number): number => Math.floor(timeMs / MOMENT_MS)

export function newTally(): Tally {
  return {
    accepted: new Set(),
    confirmed: new Set(),
    revoked: new Set(),
    refused: {},
    retried: {},
    receiptMs: newHistogram(),
    confirmMs: newHistogram(),
    moments: new Set(),
  }
}

export function packTally(tally: Tally): PackedTally {
  return {
    ...tally,
    accepted: [...tally.accepted],
    confirmed: [...tally.confirmed],
    revoked: [...tally.revoked],
    receiptMs: encodeHistogram(tally.receiptMs),
    confirmMs: encodeHistogram(tally.confirmMs),
    moments: [...tally.moments],
  }
}

export function addPacked(into: Tally, packed: PackedTally): void {
  for (const id of packed.accepted) into.accepted.add(id)
  for (const id of packed.confirmed) into.confirmed.add(id)
  for (const id of packed.revoked) into.revoked.add(id)
  for (const moment of packed.moments) into.moments.add(moment)
  addCounts(into.refused, packed.refused)
  addCounts(into.retried, packed.retried)
  addEncoded(into.receiptMs, packed.receiptMs)
  addEncoded(into.confirmMs, packed.confirmMs)
}

export function addCounts(into: Record<string, number>, counts: Readonly<Record<string, number>>): void {
  for (const [word, count] of Object.entries(counts)) into[word] = (into[word] ?? 0) + count
}

/** First to last accepted order, and the longest time between two in which none was. Resolution 10 ms. */
export function acceptedSpan(moments: ReadonlySet<number>): { spanMs: number; longestGapMs: number } {
  const sorted = [...moments].sort((a, b) => a - b)
  const first = sorted[0] ?? 0
  const last = sorted.at(-1) ?? first
  const gaps = sorted.slice(1).map((moment, at) => moment - (sorted[at] ?? moment))
  const longest = gaps.reduce((most, gap) => Math.max(most, gap), 0)

  return { spanMs: (last - first + 1) * MOMENT_MS, longestGapMs: longest * MOMENT_MS }
}
