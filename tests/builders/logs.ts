/** Logs for tests: one that nobody reads, and one that keeps what went wrong. */
import type { Log } from '../../rooms/ports.ts'

export const silent: Log = { info: () => undefined, warn: () => undefined, error: () => undefined }

export function failureLog(): { log: Log; failures: string[] } {
  const failures: string[] = []
  const error: Log['error'] = (event, facts) => void failures.push(`${event} ${JSON.stringify(facts)}`)
  return { log: { ...silent, error }, failures }
}
