/**
 * [F39] What memory the nodes of a world hold, minute after minute: a leak is a slope that does not end after the warm-up.
 *
 * Only a node that is never ended lives long enough to show one; the world is asked to spare some (`spare`).
 */
import { readFileSync } from 'node:fs'
import type { HurtableWorld } from './world.ts'

export interface Sample {
  /** Since the node was first seen. */
  atMs: number
  mb: number
}

export interface NodeMemory {
  name: string
  minutes: number
  /** At the end of the warm-up, and at the end. */
  warmMb: number
  lastMb: number
  mostMb: number
  /** By least squares, after the warm-up. Undefined: it did not live long enough to have one. */
  mbPerMinute: number | undefined
}

export const SLOPE_MAX_MB = 1
const SAMPLE_EVERY_MS = 2_000
const WARM_UP_MS = 5 * 60_000
/** A slope over less than this is weather: a collection more or less is tens of MB. */
const SLOPE_OVER_MS = 10 * 60_000

export class MemoryWatch {
  readonly #samples = new Map<string, { startedMs: number; samples: Sample[] }>()
  readonly #timer: NodeJS.Timeout

  constructor(world: Pick<HurtableWorld, 'places'>) {
    this.#timer = setInterval(() => this.#look(world), SAMPLE_EVERY_MS)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  get nodes(): NodeMemory[] {
    return [...this.#samples].map(([name, { samples }]) => ({ name, ...memoryOf(samples) }))
  }

  #look(world: Pick<HurtableWorld, 'places'>): void {
    for (const { node } of world.places) {
      const mb = node === undefined ? undefined : residentMb(node.pid)
      if (node === undefined || mb === undefined) continue

      const known = this.#samples.get(node.name) ?? { startedMs: performance.now(), samples: [] }
      this.#samples.set(node.name, known)
      known.samples.push({ atMs: performance.now() - known.startedMs, mb })
    }
  }
}

/** `warmUpMs`: what a process takes to have run everything once, and its heap to have found its size. */
export function memoryOf(samples: readonly Sample[], warmUpMs = WARM_UP_MS): Omit<NodeMemory, 'name'> {
  const last = samples.at(-1) ?? { atMs: 0, mb: 0 }
  const warm = samples.filter(({ atMs }) => atMs >= warmUpMs)
  return {
    ...{ minutes: last.atMs / 60_000, warmMb: warm[0]?.mb ?? last.mb, lastMb: last.mb },
    mostMb: samples.reduce((most, { mb }) => Math.max(most, mb), 0),
    mbPerMinute: last.atMs - warmUpMs < SLOPE_OVER_MS ? undefined : slopeOf(warm),
  }
}

function slopeOf(samples: readonly Sample[]): number {
  const mean = (figure: (sample: Sample) => number) =>
    samples.reduce((sum, sample) => sum + figure(sample), 0) / samples.length
  const [meanMs, meanMb] = [mean(({ atMs }) => atMs), mean(({ mb }) => mb)]
  const together = mean(({ atMs, mb }) => (atMs - meanMs) * (mb - meanMb))
  const spread = mean(({ atMs }) => (atMs - meanMs) ** 2)
  return (together / spread) * 60_000
}

/** Undefined where the system does not say, or the process has gone. */
function residentMb(pid: number): number | undefined {
  try {
    const said = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
    return said === null ? undefined : Number(said[1]) / 1024
  } catch {
    return undefined
  }
}
