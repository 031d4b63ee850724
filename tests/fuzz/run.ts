/** One target for some time: how much it took, what it could not take, and what cost it most. */
import { Dice } from '../simulation/dice.ts'
import { Mutator } from './mutator.ts'
import type { FuzzTarget } from './targets.ts'

export interface FuzzRun {
  target: string
  seed: number
  inputs: number
  /** Kinds of answers. */
  kinds: number
  slowestMs: number
  slowest: string
  found: { input: string; why: string }[]
}

const FOUND_MAX = 10
/** Above it an input is tried again, for most of such times are the collector's. */
const SLOW_MS = 1

export async function fuzz(target: FuzzTarget, seed: number, forMs: number): Promise<FuzzRun> {
  const mutator = new Mutator(new Dice(seed), target.seeds)
  const run: FuzzRun = { target: target.name, seed, inputs: 0, kinds: 0, slowestMs: 0, slowest: '', found: [] }
  const kinds = new Set<string>()
  const untilMs = performance.now() + forMs
  const left = [...target.seeds]
  while (performance.now() < untilMs && run.found.length < FOUND_MAX) {
    const bytes = left.pop() ?? mutator.next()
    run.inputs += 1
    try {
      const beganMs = performance.now()
      const kind = await target.take(bytes)
      const tookMs = performance.now() - beganMs
      if (tookMs > Math.max(SLOW_MS, run.slowestMs)) await time(target, bytes, tookMs, run)
      if (!kinds.has(kind) && kinds.size < 100_000) {
        kinds.add(kind)
        mutator.keep(bytes)
      }
    } catch (thrown) {
      const why = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)
      run.found.push({ input: shown(bytes), why })
    }
    // The event loop lives, and with it whoever waits for the time to be over.
    if (run.inputs % 4_096 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  run.kinds = kinds.size
  return run
}

/** The best of four: what it costs, and not what happened meanwhile. */
async function time(target: FuzzTarget, bytes: Uint8Array, firstMs: number, run: FuzzRun): Promise<void> {
  let bestMs = firstMs
  for (let again = 0; again < 3; again += 1) {
    const beganMs = performance.now()
    await target.take(bytes)
    bestMs = Math.min(bestMs, performance.now() - beganMs)
  }
  if (bestMs <= run.slowestMs) return

  run.slowestMs = bestMs
  run.slowest = shown(bytes).slice(0, 120)
}

function shown(bytes: Uint8Array): string {
  return JSON.stringify(Buffer.from(bytes).toString('latin1'))
}
