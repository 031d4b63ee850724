/**
 * A log whose events are counted.
 *
 * The events are the words in which a node speaks to whoever runs it (docs/runbook.md), so a counter of each is what most
 * alarms need, and no part has to know of metrics to be counted.
 */
import type { NodeLog } from '../log.ts'
import type { Meter } from './meter.ts'

export function countedLog(log: NodeLog, meter: Meter): NodeLog {
  const counted =
    (level: 'info' | 'warn' | 'error') =>
    (event: string, facts?: Record<string, unknown>): void => {
      meter.events.inc({ level, event })
      log[level](event, facts)
    }
  return {
    // Requests, mostly: they are counted by whoever stands in front.
    debug: (event, facts) => log.debug(event, facts),
    info: counted('info'),
    warn: counted('warn'),
    error: counted('error'),
  }
}
