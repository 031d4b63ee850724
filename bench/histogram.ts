/** Latencies in milliseconds, kept as HDR histograms so that many processes' figures can be added without loss. */
import { build, decodeFromCompressedBase64, encodeIntoCompressedBase64, type Histogram } from 'hdr-histogram-js'

export const newHistogram = (): Histogram =>
  build({ lowestDiscernibleValue: 1, highestTrackableValue: 600_000_000, numberOfSignificantValueDigits: 3 })

/** Recorded in whole microseconds: a receipt may take less than a millisecond. */
export function recordMs(histogram: Histogram, ms: number): void {
  histogram.recordValue(Math.max(1, Math.round(ms * 1000)))
}

export const encodeHistogram = (histogram: Histogram): string => encodeIntoCompressedBase64(histogram)

export function addEncoded(into: Histogram, text: string): void {
  into.add(decodeFromCompressedBase64(text))
}

export interface Percentiles {
  count: number
  p50Ms: number
  p99Ms: number
  p999Ms: number
  maxMs: number
}

export function percentiles(histogram: Histogram): Percentiles {
  const at = (percentile: number) => histogram.getValueAtPercentile(percentile) / 1000
  return { count: histogram.totalCount, p50Ms: at(50), p99Ms: at(99), p999Ms: at(99.9), maxMs: at(100) }
}
