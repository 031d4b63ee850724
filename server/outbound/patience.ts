/**
 * A bound on every wait for somebody else: an answer in time, or the fault `unavailable`.
 *
 * Giving up is not undoing. What was asked may still be answered; nobody listens any more.
 */
import { Fault } from '../../protocol/faults.ts'
import type { Clock } from '../../rooms/ports.ts'

export function within<T>(clock: Clock, ms: number, what: string, answer: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = clock.after(ms, () => reject(new Fault('unavailable', { what, ms })))
    answer.then(resolve, reject).finally(() => timer.cancel())
  })
}
