/**
 * How long until a moment of the drop, on the drop's clock, in whole steps: rendered once a step, on the step, so that all
 * phones of a room turn to zero together. Undefined without a moment, and on a server, whose page would be wrong at once.
 */
import { useCallback, useSyncExternalStore } from 'react'
import type { DropClock } from '../drop-clock.ts'
import type { Timer } from '../world.ts'
import { useClient } from './provider.ts'

const nothing = () => undefined

export function useCountdown(atMs: number | undefined, everyMs = 1_000): number | undefined {
  const { clock } = useClient()
  const subscribe = useCallback(
    (changed: () => void) => (atMs === undefined ? nothing : tick(clock, atMs, everyMs, changed)),
    [clock, atMs, everyMs],
  )
  const read = () => (atMs === undefined ? undefined : stepsUntil(clock, atMs, everyMs) * everyMs)
  return useSyncExternalStore(subscribe, read, nothing)
}

function stepsUntil(clock: DropClock, atMs: number, everyMs: number): number {
  return Math.max(0, Math.ceil((atMs - clock.now()) / everyMs))
}

function tick(clock: DropClock, atMs: number, everyMs: number, changed: () => void): () => void {
  let timer: Timer | undefined
  const wait = () => {
    const steps = stepsUntil(clock, atMs, everyMs)
    if (steps === 0) return

    timer = clock.at(atMs - (steps - 1) * everyMs, () => {
      changed()
      wait()
    })
  }
  wait()
  return () => timer?.cancel()
}
