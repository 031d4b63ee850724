/** Times leave as RFC 3339 in UTC with milliseconds; inside they are milliseconds since 1970. */
export function isoTime(atMs: number): string {
  return new Date(atMs).toISOString()
}
