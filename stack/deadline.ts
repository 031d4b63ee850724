/**
 * Waiting for something outside of this process, which has no event to offer: look, wait a moment, look again, give up in
 * time.
 */
import { setTimeout as pause } from 'node:timers/promises'

const LOOK_AGAIN_MS = 15

/** True as soon as `look` says so, false when `withinMs` have passed. */
export async function until(look: () => boolean | Promise<boolean>, withinMs: number): Promise<boolean> {
  const deadline = performance.now() + withinMs
  while (!(await look())) {
    if (performance.now() > deadline) return false
    await pause(LOOK_AGAIN_MS)
  }
  return true
}
