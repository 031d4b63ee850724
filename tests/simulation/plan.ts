/**
 * What a seed means: the drop, its buyers, its creator, and everything that will go wrong, decided before it begins.
 *
 * `double` is the one case in which an accepted order may be lost: Redis forgets, and the memory of the node that
 * accepted it (its journal) is gone or out of reach within the same few seconds. It is judged from the plan alone, by
 * times, never from what happened.
 */
import type { Sku } from '../../protocol/ids.ts'
import { sku } from '../builders/people.ts'
import type { Dice } from './dice.ts'

/** Redis has less than it said. */
const FORGETTING = ['redis_wiped', 'redis_rolled_back'] as const
/** What a node remembers is gone, or cannot be asked for. */
const UNREACHABLE = ['crash', 'leave', 'pause', 'bus_cut', 'bus_split', 'bus_lossy', 'partition'] as const
const OTHER = [
  'redis_down',
  'redis_hung',
  'redis_forgets_answers',
  'redis_late',
  'lease_deleted',
  'postgres_down',
  'postgres_hung',
  'postgres_refuses',
  'postgres_commit_unknown',
  'postgres_late',
] as const
export const FAULTS = [...FORGETTING, ...UNREACHABLE, ...OTHER] as const
export type FaultKind = (typeof FAULTS)[number]

export interface PlannedFault {
  kind: FaultKind
  atMs: number
  /** How long it lasts; for a rollback, how far it goes back. */
  forMs: number
  /** For `crash` and others of one node: the drop's owner, or one of those that are there, from 0 to below 1. */
  who: 'owner' | number
  /** Of `…_late`: the share of the calls, and between which moments they arrive. */
  share?: number
  arriveMs?: readonly [number, number]
  /** Of a rollback: connections, and what is on its way in them, outlive it. */
  inPlace?: true
}

export interface PlannedControl {
  atMs: number
  what: 'pause' | 'resume' | 'close' | 'open' | 'cancel' | { restock: Record<string, number> }
}

export interface PlannedItem {
  sku: Sku
  total: number
  limit: number | null
}

export interface Plan {
  seed: number
  nodes: number
  items: PlannedItem[]
  limitPerBuyer: number | null
  /** Null: open from the beginning. */
  opensAfterMs: number | null
  closesAfterMs: number | null
  buyers: number
  /** Orders each buyer means to place. */
  ordersEach: number
  /** When each of them is first sent. */
  ordersAtMs: number[]
  busDelayMs: number
  postgresTakesMs: number
  busDuplicates: number
  /** When faults and new orders end and the healing begins. */
  faultsEndMs: number
  faults: PlannedFault[]
  controls: PlannedControl[]
  double: boolean
}

const BEGIN_MS = 1_500

export function planOf(seed: number, dice: Dice): Plan {
  const faultsEndMs = BEGIN_MS + dice.between(4_000, 9_000)
  const buyers = dice.whole(8, 40)
  const ordersEach = dice.whole(1, 4)
  const wanted = buyers * ordersEach * 1.5
  const items = ['shoe', 'shirt', 'hat'].slice(0, dice.whole(1, 3)).map((name, _, all) => ({
    sku: sku(name),
    total: Math.max(1, Math.round((wanted * dice.between(0.25, 1.4)) / all.length)),
    limit: dice.chance(0.3) ? dice.whole(1, 4) : null,
  }))
  const faults = planFaults(faultsEndMs, dice)

  return {
    seed,
    nodes: dice.whole(2, 4),
    items,
    limitPerBuyer: dice.chance(0.3) ? dice.whole(1, 4) : null,
    opensAfterMs: dice.chance(0.3) ? BEGIN_MS + dice.between(0, 3_000) : null,
    closesAfterMs: dice.chance(0.2) ? dice.between(BEGIN_MS + 3_500, faultsEndMs + 2_000) : null,
    buyers,
    ordersEach,
    ordersAtMs: Array.from({ length: buyers * ordersEach }, () => orderTimeMs(faults, faultsEndMs, dice)),
    busDelayMs: dice.pick([0.5, 2, 10]),
    postgresTakesMs: dice.pick([12, 12, 100, 600]),
    busDuplicates: dice.chance(0.3) ? 0.05 : 0,
    faultsEndMs,
    faults,
    controls: planControls(faultsEndMs, items, dice),
    double: isDouble(faults),
  }
}

/** Most orders come just before or after something goes wrong: that is where the mistakes are. */
function orderTimeMs(faults: readonly PlannedFault[], faultsEndMs: number, dice: Dice): number {
  const anyTime = dice.between(1_000, faultsEndMs)
  if (faults.length === 0 || dice.chance(0.4)) return anyTime

  const fault = dice.pick(faults)
  const momentMs = fault.atMs + (dice.chance(0.5) ? fault.forMs : 0)
  return Math.min(faultsEndMs, momentMs + dice.between(-400, 400))
}

/** The double fault in its worst form: the owner is away while Redis forgets, and comes back when others have gone on. */
function forgottenAndUnreachable(faultsEndMs: number, dice: Dice): PlannedFault[] {
  const atMs = dice.between(BEGIN_MS, faultsEndMs - 3_500)
  const away = dice.pick(['pause', 'partition', 'bus_split', 'bus_cut'] as const)
  return [
    { kind: 'postgres_late', atMs: atMs - dice.between(0, 200), forMs: 300, who: 0 },
    { kind: away, atMs, forMs: dice.between(2_000, 3_400), who: 'owner' },
    { kind: dice.pick(FORGETTING), atMs: atMs + dice.between(-400, 400), forMs: dice.between(200, 600), who: 0 },
  ]
}

/** Half of the seeds have one kind of fault only, so that what is promised for a single fault is tried in peace. */
function planFaults(faultsEndMs: number, dice: Dice): PlannedFault[] {
  if (dice.chance(0.1)) return forgottenAndUnreachable(faultsEndMs, dice)
  const kinds: readonly FaultKind[] = dice.chance(0.5)
    ? [dice.pick(FAULTS)]
    : dice.chance(0.3)
      ? [...FORGETTING, ...OTHER]
      : dice.chance(0.3)
        ? [...UNREACHABLE, ...OTHER]
        : FAULTS
  const faults = Array.from({ length: dice.whole(1, kinds.length === 1 ? 3 : 7) }, () => {
    const kind = dice.pick(kinds)
    const forMs = kind === 'redis_rolled_back' ? dice.between(100, 2_000) : dice.between(100, 4_000)
    return {
      kind,
      atMs: dice.between(BEGIN_MS, faultsEndMs - 200),
      forMs,
      who: dice.chance(0.5) ? ('owner' as const) : dice.next(),
    }
  })
  // Faults seldom come alone: some are moved to where another one is.
  for (const fault of faults) {
    if (dice.chance(0.3)) fault.atMs = Math.min(faultsEndMs - 200, dice.pick(faults).atMs + dice.between(0, 300))
  }
  return faults.sort((a, b) => a.atMs - b.atMs)
}

function planControls(faultsEndMs: number, items: readonly PlannedItem[], dice: Dice): PlannedControl[] {
  const controls: PlannedControl[] = []
  const at = () => dice.between(BEGIN_MS, faultsEndMs)
  if (dice.chance(0.3)) {
    const pausedMs = at()
    controls.push({ atMs: pausedMs, what: 'pause' })
    controls.push({ atMs: pausedMs + dice.between(200, 3_000), what: 'resume' })
  }
  for (let n = dice.chance(0.3) ? dice.whole(1, 2) : 0; n > 0; n -= 1) {
    controls.push({ atMs: at(), what: { restock: { [dice.pick(items).sku]: dice.whole(1, 6) } } })
  }
  if (dice.chance(0.1)) controls.push({ atMs: at(), what: 'open' })
  if (dice.chance(0.1)) controls.push({ atMs: dice.between(BEGIN_MS + 3_000, faultsEndMs), what: 'close' })
  if (dice.chance(0.05)) controls.push({ atMs: dice.between(BEGIN_MS + 3_000, faultsEndMs), what: 'cancel' })
  return controls.sort((a, b) => a.atMs - b.atMs)
}

/** An entry is only in Redis and in one journal until Postgres has it: milliseconds, or until a lost room is built anew. */
const NEAR_MS = 3_000

export function isDouble(faults: readonly PlannedFault[]): boolean {
  const isOf = (kinds: readonly string[]) => (fault: PlannedFault) => kinds.includes(fault.kind)
  const forgotten = faults.filter(isOf(FORGETTING))
  const unreachable = faults.filter(isOf(UNREACHABLE))
  const postgresAway = faults.some((fault) => fault.kind.startsWith('postgres'))

  return forgotten.some((one) =>
    unreachable.some((other) => {
      const isNear = one.atMs - NEAR_MS < other.atMs + other.forMs && other.atMs < one.atMs + one.forMs + NEAR_MS
      // Later the journal has been set down in Redis again; earlier nobody else could remember, without Postgres.
      return isNear || (postgresAway && other.atMs < one.atMs)
    }),
  )
}
