/** How often somebody may: the pace of one, and of so many that not all can be remembered. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { leftOf, type Pace, taken, waitOf } from '../server/inbound/gcra.ts'
import { PaceMemory, Paces } from '../server/inbound/paces.ts'
import { isPace, paceOf } from '../server/limits.ts'

const paces = fc.record({
  intervalMs: fc.oneof(fc.constantFrom(1000 / 3, 1000 / 7, 50, 200), fc.double({ min: 0.1, max: 5_000, noNaN: true })),
  burst: fc.integer({ min: 1, max: 50 }),
})
/** Pauses between attempts: often none, often just about an interval. */
const pauses = fc.array(
  fc.double({ min: 0, max: 3, noNaN: true }).map((of) => (of < 1 ? 0 : of - 1)),
  { maxLength: 300 },
)
const start = fc.double({ min: 0, max: 1e9, noNaN: true })

/** Somebody who tries at these moments: when each try was let in. */
function admitted(pace: Pace, moments: readonly number[]): number[] {
  let wholeAtMs = 0
  return moments.filter((nowMs) => {
    if (waitOf(pace, wholeAtMs, nowMs) > 0) return false
    wholeAtMs = taken(pace, wholeAtMs, nowMs)
    return true
  })
}

function momentsOf(fromMs: number, steps: readonly number[], intervalMs: number): number[] {
  let nowMs = fromMs
  return steps.map((step) => {
    nowMs += step * intervalMs
    return nowMs
  })
}

describe('a pace', () => {
  it('[Q1] lets no more through in any time than a burst and what that time brings', () => {
    fc.assert(
      fc.property(paces, start, pauses, (pace, fromMs, steps) => {
        const through = admitted(pace, momentsOf(fromMs, steps, pace.intervalMs))

        for (let first = 0; first < through.length; first += 1) {
          for (let last = first; last < through.length; last += 1) {
            const spanMs = (through[last] ?? 0) - (through[first] ?? 0)
            expect(last - first + 1).toBeLessThanOrEqual(pace.burst + Math.floor(spanMs / pace.intervalMs + 0.01))
          }
        }
      }),
      { numRuns: 150 },
    )
  })

  it('[Q1] never refuses who keeps to it, nor the whole burst after a rest', () => {
    fc.assert(
      fc.property(paces, start, fc.array(fc.double({ min: 1, max: 4, noNaN: true })), (pace, fromMs, steps) => {
        const burst = Array<number>(pace.burst).fill(fromMs)
        const steady = momentsOf(fromMs, steps, pace.intervalMs * 1.000_001)
        const rested = (steady.at(-1) ?? fromMs) + pace.intervalMs * (pace.burst + 1)

        const all = [...burst, ...steady, ...Array<number>(pace.burst).fill(rested)]
        expect(admitted(pace, all)).toEqual(all)
      }),
    )
  })

  it('[Q1] says exactly how long to wait, and a refusal costs nothing', () => {
    fc.assert(
      fc.property(paces, start, pauses, (pace, fromMs, steps) => {
        let wholeAtMs = 0
        for (const nowMs of momentsOf(fromMs, steps, pace.intervalMs)) {
          const waitMs = waitOf(pace, wholeAtMs, nowMs)
          const left = leftOf(pace, wholeAtMs, nowMs)

          expect(left > 0).toBe(waitMs === 0)
          expect(left).toBeLessThanOrEqual(pace.burst)
          if (waitMs === 0) wholeAtMs = taken(pace, wholeAtMs, nowMs)
          else {
            expect(waitMs).toBeLessThanOrEqual(pace.intervalMs + 0.01)
            expect(waitOf(pace, wholeAtMs, nowMs + waitMs)).toBe(0)
            if (waitMs > 0.02) expect(waitOf(pace, wholeAtMs, nowMs + waitMs - 0.01)).toBeGreaterThan(0)
          }
        }
      }),
    )
  })

  it('[Q2] is written as 20/s:40, and nothing else is one', () => {
    expect(paceOf('20/s:40')).toEqual({ intervalMs: 50, burst: 40 })
    expect(paceOf('2/min:10')).toEqual({ intervalMs: 30_000, burst: 10 })
    expect(paceOf('off')).toBeUndefined()
    for (const text of ['20/s:40', '1/h:1', 'off']) expect(isPace(text), text).toBe(true)
    for (const text of ['', '20', '20/s', '0/s:4', '20/s:0', '-1/s:4', '1e3/s:4', '20/d:4', 'OFF', ' 20/s:40']) {
      expect(isPace(text), text).toBe(false)
    }
  })
})

describe('the pace of many', () => {
  const pace = { intervalMs: 100, burst: 3 }

  it('[Q3] remembers so many and no more, whatever they are called', () => {
    const memory = new PaceMemory(1_000)
    const made = new Paces(pace, memory, () => 1)

    for (let name = 0; name < 5_000; name += 1) expect(made.take(`${name}`)).toBe(0)

    expect(memory.names).toBe(1_000)
  })

  it('[Q3] forgets only to the favour of the forgotten: nobody is let in less often than with memory for all', () => {
    const tries = fc.array(fc.tuple(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 150 })), {
      maxLength: 400,
    })
    fc.assert(
      fc.property(tries, fc.integer({ min: 1, max: 4 }), (attempts, remembered) => {
        let nowMs = 0
        const some = new Paces(pace, new PaceMemory(remembered), () => nowMs)
        const all = new Paces(pace, new PaceMemory(1_000), () => nowMs)
        const lead = new Map<string, number>()

        for (const [who, pauseMs] of attempts) {
          nowMs += pauseMs
          const name = `${who}`
          const ahead = (lead.get(name) ?? 0) + (some.take(name) === 0 ? 1 : 0) - (all.take(name) === 0 ? 1 : 0)
          lead.set(name, ahead)
          expect(ahead).toBeGreaterThanOrEqual(0)
        }
      }),
    )
  })

  it('[Q3] one name in two kinds is two, and a flood of one leaves the other as it was', () => {
    const memory = new PaceMemory()
    const reads = new Paces(pace, memory, () => 1)
    const writes = new Paces(pace, memory, () => 1)

    const flood = Array.from({ length: 1_000 }, () => reads.take('ana'))

    expect(flood.filter((waitMs) => waitMs === 0)).toHaveLength(3)
    expect(reads.standing('ana')).toEqual({ left: 0, wholeInMs: 300 })
    expect(reads.standing('ben')).toEqual({ left: 3, wholeInMs: 0 })
    expect([writes.take('ana'), reads.take('ben')]).toEqual([0, 0])
  })
})
