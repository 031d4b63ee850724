/**
 * Whether to come back after a close, and when.
 *
 * The code's range says whether (protocol/close-codes.ts). When: at a time that is random over the whole span, "full
 * jitter", so that the phones of a hall that lost its network do not come back as one. A time that the server named is
 * kept: it has spread them already.
 */
export const FIRST_SPAN_MS = 500
export const LAST_SPAN_MS = 20_000

export function comesBack(code: number): boolean {
  return !(code >= 3500 && code <= 3999) && !(code >= 4500 && code <= 4999)
}

/** `failures`: dialings in a row that came to nothing before this one. `askedMs`: what the server asked for. */
export function comeBackInMs(failures: number, askedMs: number | undefined, random: number): number {
  const spanMs = Math.min(LAST_SPAN_MS, FIRST_SPAN_MS * 2 ** Math.min(failures, 16))
  const jitterMs = Math.round(random * spanMs)
  if (askedMs === undefined) return jitterMs

  return askedMs + (failures > 0 ? jitterMs : 0)
}

/** The time in a close frame's reason, if there is one that makes sense. */
export function askedIn(reason: string): number | undefined {
  if (!reason.startsWith('{')) return undefined
  try {
    const { retryAfterMs } = JSON.parse(reason) as { retryAfterMs?: unknown }
    return typeof retryAfterMs === 'number' && retryAfterMs >= 0 ? retryAfterMs : undefined
  } catch {
    return undefined // words for people that begin with a brace
  }
}
