/**
 * What the client needs of the place it runs in: two clocks, timers and chance.
 *
 * Browsers, React Native and Node have all of it under the same names, so the core imports nothing from any of them and
 * is compiled without the types of any; and a test hands in a world whose time it winds by hand.
 */
interface Device {
  readonly performance: { now(): number }
  setTimeout(call: () => void, ms: number): unknown
  clearTimeout(timer: unknown): void
}

const device = globalThis as unknown as Device

/** Where timers overflow: they would be due at once. (24.8 days) */
const TIMER_MAX_MS = 2 ** 31 - 1

export interface Timer {
  cancel(): void
}

export interface World {
  /** The device's wall clock: good enough only until the drop's clock is known. */
  nowMs(): number
  /** Never set back by anybody. */
  monotonicMs(): number
  after(ms: number, call: () => void): Timer
  /** From 0 up to, not including, 1. */
  random(): number
}

export const deviceWorld: World = {
  nowMs: () => Date.now(),
  monotonicMs: () => device.performance.now(),
  after: (ms, call) => {
    const timer = device.setTimeout(call, Math.min(ms, TIMER_MAX_MS))
    return { cancel: () => device.clearTimeout(timer) }
  },
  random: () => Math.random(),
}

/** A hint of the device; none of them is believed, each is a reason to look. */
export type Hint = 'online' | 'offline' | 'visible' | 'hidden'
export type Hints = (hear: (hint: Hint) => void) => () => void
