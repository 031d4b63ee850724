/**
 * The storms in which nodes are cut off: who, from what, when and for how long. Those of the suite, and longer ones.
 */
import type { PlannedFault } from '../nemesis/plan.ts'
import { planOf } from '../nemesis/plan.ts'
import { nemesis, type Run } from '../nemesis/run.ts'
import type { HurtableWorld } from '../nemesis/world.ts'
import { type InStep, Onlooker } from './in-step.ts'

export interface Storm {
  seconds: number
  faults: readonly PlannedFault[]
  /** Each buyer keeps to one node, so that it is seen what becomes of its clients. */
  stay?: true
}

export const STORMS = {
  alone: { seconds: 7, faults: [{ id: 'F24', atMs: 1_200, forMs: 5_000, who: 'owner' }] },
  gateway_without_nats: {
    seconds: 7.5,
    stay: true,
    // Whoever left it to TCP would be back two to three seconds after this: it waits longer with each loss.
    faults: [{ id: 'F24_nats', atMs: 1_000, forMs: 3_300, who: 'other' }],
  },
  owner_without_nats: {
    seconds: 9,
    stay: true,
    faults: [{ id: 'F24_nats', atMs: 1_000, forMs: 6_500, who: 'owner' }],
  },
  // After the first the room may be on its way to another node.
  redis_deaf_loss: {
    seconds: 10,
    faults: [
      { id: 'F24_redis', atMs: 1_000, forMs: 2_200, who: 'owner' },
      { id: 'F24_deaf', atMs: 4_400, forMs: 2_700, who: 'owner' },
      { id: 'F24_loss', atMs: 8_200, forMs: 1_500, who: 'owner' },
    ],
  },
  postgres_reset: {
    seconds: 8,
    faults: [
      { id: 'F24_postgres', atMs: 1_000, forMs: 2_500, who: 'owner' },
      { id: 'F24_reset', atMs: 4_500, forMs: 2_500, who: 'owner' },
    ],
  },
  gateway_without_nats_long: {
    seconds: 19,
    stay: true,
    faults: [{ id: 'F24_nats', atMs: 1_000, forMs: 15_000, who: 'other' }],
  },
  owner_without_nats_long: {
    seconds: 19,
    stay: true,
    faults: [{ id: 'F24_nats', atMs: 1_000, forMs: 15_000, who: 'owner' }],
  },
  // Too short for giving up, again and again: nobody may give up and nobody may take.
  owner_without_nats_often: {
    seconds: 14,
    stay: true,
    faults: [1_000, 5_000, 9_000].map((atMs) => ({ id: 'F24_nats', atMs, forMs: 2_000, who: 'owner' }) as const),
  },
  deaf_long: { seconds: 9, faults: [{ id: 'F24_deaf', atMs: 1_200, forMs: 6_000, who: 'owner' }] },
  postgres_long: { seconds: 14, faults: [{ id: 'F24_postgres', atMs: 1_000, forMs: 10_000, who: 'owner' }] },
  reset_long: { seconds: 9, faults: [{ id: 'F24_reset', atMs: 1_000, forMs: 6_000, who: 'owner' }] },
} as const satisfies Record<string, Storm>
export type StormName = keyof typeof STORMS
export const STORM_NAMES = Object.keys(STORMS) as StormName[]

/** On a bus of several servers (`halves`, world.ts): no node is cut off from anything but the others. */
export const HALVES = {
  seconds: 8.5,
  stay: true,
  // A node believes in halves when it has looked five times, once a second, and not heard somebody for 1.25 s before.
  faults: [{ id: 'F24_halves', atMs: 700, forMs: 7_400, who: 'owner' }],
} as const satisfies Storm

const REST_WITHIN_MS = 20_000

export interface Weathered {
  run: Run
  /** Of the storms whose buyers stay, for each fault and each node that it met; which is every one, where it met none alone. */
  inStep: InStep[]
  /** For each drop that a room was woken for: how often. */
  wakes: number[]
}

/** `log`: where the nodes of the world write; read from where it ends now. */
export async function weather(world: HurtableWorld, storm: Storm, log: string[]): Promise<Weathered> {
  const { seconds, faults, stay } = storm
  const from = log.length
  const onlooker = new Onlooker(world.places.length)
  const plan = planOf(1, { seconds, buyers: 99, ordersPerSecond: 200, faults })
  const run = await nemesis(world, plan, {
    ...{ restWithinMs: REST_WITHIN_MS, stay: stay === true, say: (line) => log.push(line) },
    look: (buyers, atMs) => onlooker.look(buyers, atMs),
  })
  const everywhere = world.places.map((_, place) => place)
  const met = run.history.faults.flatMap((fault) => {
    return (fault.place === undefined ? everywhere : [fault.place]).map((place) => ({ ...fault, place }))
  })
  const inStep = stay === true ? met.map((fault) => onlooker.inStep(run, fault)) : []
  return { run, inStep, wakes: wakesOf(log.slice(from)) }
}

export function figuresOf(name: StormName | 'halves', { run, inStep, wakes }: Weathered): string {
  const { counts, latency, lost, revoked, quietAfterMs } = run
  const costs = run.costs.map(
    ({ id, gapMs, resumeMs }) => `${id} gap ${Math.round(gapMs)} again ${Math.round(resumeMs)}`,
  )
  return JSON.stringify({
    ...{ name, costs, inStep, wakes, counts, latency: latency.p99, lost: lost.length, revoked: revoked.length },
    quietAfterMs: quietAfterMs && Math.round(quietAfterMs),
  })
}

function wakesOf(lines: readonly string[]): number[] {
  const wakes = new Map<string, number>()
  for (const line of lines) {
    const drop = /"drop":"([^"]+)"/.exec(line)?.[1]
    if (drop !== undefined && line.includes('"room.woken"')) wakes.set(drop, (wakes.get(drop) ?? 0) + 1)
  }
  return [...wakes.values()]
}
