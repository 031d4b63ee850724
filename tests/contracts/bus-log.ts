/** A log that a test can read: the events, in order. */
import type { Log } from '../../rooms/ports.ts'

export interface NotedLog extends Log {
  events: string[]
}

export function notedLog(): NotedLog {
  const events: string[] = []
  const note = (event: string) => void events.push(event)
  return { events, info: note, warn: note, error: note }
}
