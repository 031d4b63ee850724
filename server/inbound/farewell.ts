/**
 * How everyone who is connected is sent to other nodes when this one leaves.
 *
 * In batches at a steady pace, so that the others meet a stream of greetings and not a storm: at least a thousand a
 * second, for nobody wants to wait for a deploy, and faster where the time would not do. (Phoenix tells 10,000 every two
 * seconds.) Each is told a time of its own to come back, so that a batch does not arrive as one either.
 *
 * Whoever waits for the answer to an order is put off once, to the end of the line: its answer is milliseconds away.
 */
import { pause } from '../../rooms/nap.ts'
import type { Clock } from '../../rooms/ports.ts'
import type { Session } from './session.ts'

export const FAREWELL_EVERY_MS = 100
export const FAREWELL_BATCH_MIN = 100
/** A peer comes back within this time. */
export const COME_BACK_MS = 1_000

/** Answers when the last one has been told, which is about `withinMs` at most. */
export async function sayFarewell(
  sessions: readonly Session[],
  clock: Pick<Clock, 'after'>,
  comeBackMs: () => number,
  withinMs: number,
): Promise<void> {
  // Half of the time for those who are put off.
  const paceful = Math.ceil((sessions.length * FAREWELL_EVERY_MS * 2) / withinMs)
  const batch = Math.max(FAREWELL_BATCH_MIN, paceful)
  const waiting = [...sessions]
  const putOff = new Set<Session>()

  for (let told = 0; waiting.length > 0; ) {
    if (told > 0) await pause(clock, FAREWELL_EVERY_MS)

    for (const session of waiting.splice(0, batch)) {
      if (session.ordersInFlight > 0 && !putOff.has(session)) {
        putOff.add(session)
        waiting.push(session)
      } else sendAway(session, comeBackMs())
    }
    told += batch
  }
}

/** `retryAfterMs`: when this one comes back. */
export function sendAway({ peer }: Session, retryAfterMs: number): void {
  peer.together(() => {
    peer.send({ type: 'goaway', retryAfterMs })
    peer.close('shutdown', retryAfterMs)
  })
}
