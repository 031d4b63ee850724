/** The drop clock, with a Redis and a monotonic clock that are wound by hand. */
import { afterEach, describe, expect, it, vi } from 'vitest'
import { RedisClock } from '../storage/redis-clock.ts'

/** A world with a true time, a node that has run for 500 ms, and trips to Redis of known length. */
function world({ redisMs = 1_000_000 } = {}) {
  const state = { redisMs, monotonicMs: 500, thereMs: 1, backMs: 1 }
  const pass = (ms: number) => {
    state.redisMs += ms
    state.monotonicMs += ms
  }
  const clock = new RedisClock(
    async () => {
      pass(state.thereMs)
      const timeMs = state.redisMs
      pass(state.backMs)
      return timeMs
    },
    () => state.monotonicMs,
  )
  return { state, pass, clock, trip: (thereMs: number, backMs: number) => Object.assign(state, { thereMs, backMs }) }
}

describe('the drop clock', () => {
  afterEach(() => {
    vi.useRealTimers()
  })

  it('[L26] shows the time of Redis, whatever this machine thinks', async () => {
    const { state, pass, clock } = world({ redisMs: 5_000_000 })
    await clock.look()

    expect(clock.nowMs()).toBe(state.redisMs)
    pass(12_345)
    expect(clock.nowMs()).toBe(state.redisMs)
  })

  it('[L26] is off by at most half of the quickest trip', async () => {
    const { state, clock, trip } = world()
    for (const [thereMs, backMs] of [
      [40, 0],
      [3, 1],
      [90, 10],
      [0, 60],
    ] as const) {
      trip(thereMs, backMs)
      await clock.look()
    }

    expect(clock.uncertaintyMs).toBe(2)
    expect(Math.abs(clock.nowMs() - state.redisMs)).toBeLessThanOrEqual(2)
  })

  it('[L26] forgets old looks, however quick they were', async () => {
    const { clock, trip } = world()
    await clock.look()
    trip(10, 10)
    for (let look = 0; look < 8; look += 1) await clock.look()

    expect(clock.uncertaintyMs).toBe(10)
  })

  it('[L26] stands still rather than step back a little', async () => {
    const { state, pass, clock, trip } = world()
    trip(0, 100)
    await clock.look()
    trip(1, 1)
    const shown = clock.nowMs()
    expect(shown).toBeGreaterThan(0)
    // the first look believed 50 ms too little, so being set right moves forward; now Redis is set back by 100
    await clock.look()
    const right = clock.nowMs()
    state.redisMs -= 100
    await clock.look()

    expect(clock.nowMs()).toBe(right)
    pass(40)
    expect(clock.nowMs()).toBe(right)
    pass(100)
    expect(clock.nowMs()).toBe(state.redisMs)
  })

  it('[L26] follows a Redis that was set back by an hour, at the next look', async () => {
    const { state, clock } = world({ redisMs: 90_000_000 })
    await clock.look()
    clock.nowMs()
    state.redisMs -= 3_600_000
    await clock.look()

    expect(clock.nowMs()).toBe(state.redisMs)
  })

  it('[L26] stays with its last estimate while Redis is away', async () => {
    vi.useFakeTimers()
    let away = false
    let monotonicMs = 0
    const clock = new RedisClock(
      async () => {
        if (away) throw new Error('away')
        return 1_000_000 + monotonicMs
      },
      () => monotonicMs,
    )
    await clock.start()
    away = true
    monotonicMs = 10_000
    await vi.advanceTimersByTimeAsync(10_000)

    expect(clock.nowMs()).toBe(1_010_000)
    expect(clock.lastFault).toBeInstanceOf(Error)
    away = false
    await vi.advanceTimersByTimeAsync(3_000)
    expect(clock.lastFault).toBeUndefined()

    clock.stop()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('[L26] calls after as long as it was told, even for months, and never when cancelled', async () => {
    vi.useFakeTimers()
    const clock = new RedisClock(
      async () => Date.now(),
      () => Date.now(),
    )
    const called: string[] = []
    const DAY_MS = 86_400_000
    clock.after(60 * DAY_MS, () => called.push('months'))
    clock.after(10, () => called.push('soon'))
    clock.after(-5, () => called.push('now'))
    clock.after(20, () => called.push('never')).cancel()
    const months = clock.after(70 * DAY_MS, () => called.push('never'))

    await vi.advanceTimersByTimeAsync(1_000)
    expect(called).toEqual(['now', 'soon'])
    await vi.advanceTimersByTimeAsync(59 * DAY_MS)
    expect(called).toEqual(['now', 'soon'])
    await vi.advanceTimersByTimeAsync(2 * DAY_MS)
    expect(called).toEqual(['now', 'soon', 'months'])
    months.cancel()
    expect(vi.getTimerCount()).toBe(0)
  })
})
