/**
 * What the client needs of the place it runs in: two clocks, timers and chance.
 *
 * Browsers, React Native and Node have all of it under the same names, so the core imports nothing from any of them; and
 * a test hands in a world whose time it winds by hand.
 */
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
  monotonicMs: () => performance.now(),
  after: (ms, call) => {
    const timer = setTimeout(call, ms)
    return { cancel: () => clearTimeout(timer) }
  },
  random: () => Math.random(),
}

/** A hint of the device; none of them is believed, each is a reason to look. */
export type Hint = 'online' | 'offline' | 'visible' | 'hidden'
export type Hints = (hear: (hint: Hint) => void) => () => void
