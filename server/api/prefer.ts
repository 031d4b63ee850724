/**
 * `Prefer: wait` (RFC 7240): how long a buyer wants to wait for an order to be confirmed.
 *
 * A preference is a wish. One that cannot be read is one that was not made, never an error.
 */
export function preferredWaitMs(prefer: string | undefined, maxMs: number): number | undefined {
  for (const preference of prefer?.toLowerCase().split(',') ?? []) {
    const match = /^\s*wait\s*(?:=\s*"?(\d{1,6})"?\s*)?(?:;.*)?$/.exec(preference)
    if (match === null) continue

    return match[1] === undefined ? maxMs : Math.min(maxMs, Number(match[1]) * 1000)
  }
  return undefined
}
