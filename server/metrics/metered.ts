/**
 * The joints of a node, with a watch beside them: what the edge asks of the rooms, what rooms ask of Redis, and what they
 * write to Postgres.
 *
 * Rooms know nothing of it. Each of these is the very part it was given, but for one method or two; an answer goes on
 * unchanged, and so does what is thrown.
 */
import type { Clock, DropBook, Ledger } from '../../rooms/ports.ts'
import type { Rooms } from '../../rooms/router.ts'
import type { Meter } from './meter.ts'

const SECOND_MS = 1_000

export function meteredRooms(rooms: Rooms, meter: Meter): Rooms {
  return around(rooms, {
    order: async (drop, claim, waitMs) => {
      const startedMs = performance.now()
      const reply = await rooms.order(drop, claim, waitMs)
      meter.replies.observe({ verdict: reply.verdict }, since(startedMs))
      return reply
    },
  })
}

export function meteredLedger(ledger: Ledger, meter: Meter): Ledger {
  return around(ledger, {
    order: async (drop, fence, claims) => {
      meter.claims.observe(claims.length)
      const answer = await timed(meter, 'order', () => ledger.order(drop, fence, claims))
      for (const { verdict } of answer.answer === 'ok' ? answer.results : []) meter.verdicts.inc({ verdict })
      return answer
    },
    adjust: (drop, fence, opId, adjustment) =>
      timed(meter, 'adjust', () => ledger.adjust(drop, fence, opId, adjustment)),
  })
}

export function meteredBook(book: DropBook, meter: Meter, clock: Pick<Clock, 'nowMs'>): DropBook {
  return around(book, {
    write: async (drop, epoch, entries) => {
      const startedMs = performance.now()
      try {
        const outcomes = await book.write(drop, epoch, entries)
        meter.bookWrites.observe({ answer: outcomes === 'fenced' ? 'fenced' : 'committed' }, since(startedMs))
        if (outcomes === 'fenced') return outcomes

        const nowMs = clock.nowMs()
        for (const { atMs } of entries) meter.confirmLag.observe(Math.max(0, nowMs - atMs) / SECOND_MS)
        for (const { outcome } of outcomes) meter.outcomes.inc({ outcome })
        return outcomes
      } catch (cause) {
        meter.bookWrites.observe({ answer: 'failed' }, since(startedMs))
        throw cause
      }
    },
  })
}

async function timed<Answer extends { answer: string }>(
  meter: Meter,
  call: 'order' | 'adjust',
  ask: () => Promise<Answer>,
): Promise<Answer> {
  const startedMs = performance.now()
  try {
    const answer = await ask()
    meter.ledgerCalls.observe({ call, answer: answer.answer }, since(startedMs))
    return answer
  } catch (cause) {
    meter.ledgerCalls.observe({ call, answer: 'failed' }, since(startedMs))
    throw cause
  }
}

/** A part with some of its methods in other hands. (Its own private fields forbid to inherit from it.) */
function around<Part extends object>(part: Part, hands: Partial<Part>): Part {
  const bound = new Map<string | symbol, unknown>()
  return new Proxy(part, {
    get(target, name) {
      if (name in hands) return Reflect.get(hands, name)

      const known = bound.get(name)
      if (known !== undefined) return known

      const value: unknown = Reflect.get(target, name)
      if (typeof value !== 'function') return value

      const method: unknown = value.bind(target)
      bound.set(name, method)
      return method
    },
  })
}

const since = (startedMs: number): number => (performance.now() - startedMs) / SECOND_MS
