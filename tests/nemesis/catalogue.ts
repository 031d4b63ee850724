/**
 * What can be done to a running LiveDrop, and what it may cost: the rows of docs/reliability.md that need real processes.
 *
 * `takes` says what of a promise a fault can touch. Redis that forgets is one fault, the loss of an owner's memory (dead,
 * asleep, or not to be asked) is another; only both together may cost an accepted order.
 */
export type Target = 'node' | 'redis' | 'postgres' | 'nats' | 'clients' | 'ledger'

export interface FaultKind {
  what: string
  /** What it keeps busy: two faults on one target do not overlap. */
  target: Target
  /** What may be gone or out of reach while it lasts. */
  takes: 'ledger' | 'journal' | 'nothing'
  /** How long it lasts before it is undone, from and to. */
  forMs: readonly [number, number]
  /** Longest time without an accepted order, from the blow on. */
  gapMs?: number
  /** The same, but from the moment at which the fault was undone. */
  resumeMs?: number
  /** The owner has what it needs to stay the owner. */
  stays?: true
}

const AT_ONCE = [0, 0] as const

export const FAULTS = {
  F1: { what: 'owner killed (SIGKILL), started again', target: 'node', takes: 'journal', forMs: AT_ONCE, gapMs: 3_000 },
  F2: { what: 'owner stopped past its lease', target: 'node', takes: 'journal', forMs: [2_300, 3_500], gapMs: 3_000 },
  F3: {
    what: 'owner stopped for less than its lease',
    target: 'node',
    takes: 'journal',
    forMs: [700, 1_000],
    gapMs: 1_200,
    stays: true,
  },
  F4: {
    what: 'owner told to leave (SIGTERM), started again',
    target: 'node',
    takes: 'journal',
    forMs: AT_ONCE,
    gapMs: 300,
  },
  F5: { what: 'Redis killed, started again', target: 'redis', takes: 'nothing', forMs: [100, 400], resumeMs: 1_500 },
  F7: { what: 'FLUSHALL', target: 'ledger', takes: 'ledger', forMs: AT_ONCE, gapMs: 1_500 },
  F8: {
    what: 'Redis rolled back a quarter of a second',
    target: 'ledger',
    takes: 'ledger',
    forMs: [150, 300],
    resumeMs: 1_500,
  },
  F9: { what: 'SCRIPT FLUSH', target: 'ledger', takes: 'nothing', forMs: AT_ONCE, gapMs: 50, stays: true },
  F10: { what: 'Redis out of memory', target: 'redis', takes: 'nothing', forMs: [300, 900], resumeMs: 1_000 },
  F14: { what: 'Redis stopped (SIGSTOP)', target: 'redis', takes: 'nothing', forMs: [1_200, 3_000], resumeMs: 1_000 },
  F15: {
    what: 'Redis 50 ms late at every node',
    target: 'redis',
    takes: 'nothing',
    forMs: [600, 1_500],
    gapMs: 500,
    stays: true,
  },
  F16: {
    what: 'replies of Redis cut after the request',
    target: 'redis',
    takes: 'nothing',
    forMs: [200, 600],
    resumeMs: 1_000,
  },
  F17: {
    what: 'all connections of Postgres ended',
    target: 'postgres',
    takes: 'nothing',
    forMs: AT_ONCE,
    gapMs: 100,
    stays: true,
  },
  F18: {
    what: 'Postgres killed at once (immediate), started again',
    target: 'postgres',
    takes: 'nothing',
    forMs: [200, 1_500],
    gapMs: 100,
    stays: true,
  },
  F20: {
    what: 'replies of Postgres cut after the request',
    target: 'postgres',
    takes: 'nothing',
    forMs: [200, 600],
    gapMs: 100,
    stays: true,
  },
  F22: {
    what: 'row of the drop locked by another',
    target: 'postgres',
    takes: 'nothing',
    forMs: [1_500, 3_000],
    gapMs: 100,
    stays: true,
  },
  F23: { what: 'NATS killed, started again', target: 'nats', takes: 'journal', forMs: [100, 800], gapMs: 3_000 },
  F25: {
    what: 'replies of NATS cut, half-closed links',
    target: 'nats',
    takes: 'journal',
    forMs: [200, 600],
    gapMs: 3_000,
  },
  F26: { what: 'NATS stalled, then all at once', target: 'nats', takes: 'journal', forMs: [800, 2_500], gapMs: 3_000 },
  F28: { what: 'NATS killed and JetStream wiped', target: 'nats', takes: 'journal', forMs: [50, 300], gapMs: 3_000 },
  F31: { what: 'lease deleted by hand', target: 'ledger', takes: 'nothing', forMs: AT_ONCE, gapMs: 3_000 },
  F36: { what: 'every client cut off', target: 'clients', takes: 'nothing', forMs: AT_ONCE, gapMs: 3_000 },
} as const satisfies Record<string, FaultKind>

/** What takes nodes in networks of their own: never part of a plan by chance. What a cut node has in memory is out of reach. */
export const PARTITIONS = {
  F24: { what: 'node cut from everything', target: 'node', takes: 'journal', forMs: [5_000, 5_000], gapMs: 3_500 },
  F24_redis: { what: 'node cut from Redis', target: 'node', takes: 'journal', forMs: [3_000, 3_000], gapMs: 3_500 },
  F24_nats: { what: 'node cut from NATS', target: 'node', takes: 'journal', forMs: [5_000, 5_000], gapMs: 6_000 },
  F24_postgres: {
    what: 'node cut from Postgres',
    target: 'node',
    takes: 'journal',
    forMs: [3_000, 3_000],
    gapMs: 100,
  },
  F24_reset: {
    what: 'node refused by everybody',
    target: 'node',
    takes: 'journal',
    forMs: [3_000, 3_000],
    gapMs: 3_500,
  },
  F24_deaf: { what: 'node hears nothing', target: 'node', takes: 'journal', forMs: [3_000, 3_000], gapMs: 3_500 },
  F24_mute: { what: 'node is not heard', target: 'node', takes: 'journal', forMs: [3_000, 3_000], gapMs: 3_500 },
  F24_loss: { what: 'one packet of ten lost', target: 'node', takes: 'nothing', forMs: [3_000, 3_000], gapMs: 1_500 },
} as const satisfies Record<string, FaultKind>

/** What takes longer than a seed: only where it is asked for by name. */
const WILLED = {
  F27: {
    what: 'gateway asleep until NATS cuts it',
    target: 'node',
    takes: 'nothing',
    forMs: [16_000, 16_000],
    gapMs: 1_200,
  },
} as const satisfies Record<string, FaultKind>

/** What takes a world that is fitted for it (world.ts): never part of a plan by chance either. */
export const FITTED = {
  F12: { what: 'Redis disk full', target: 'redis', takes: 'nothing', forMs: [2_500, 2_500], resumeMs: 3_000 },
  F13: {
    what: 'a replica without the tail takes over from Redis',
    target: 'redis',
    takes: 'ledger',
    forMs: [400, 400],
    resumeMs: 1_500,
  },
  F21: { what: 'Postgres disk full', target: 'postgres', takes: 'nothing', forMs: [4_000, 4_000], gapMs: 100 },
  F24_halves: {
    what: 'NATS cluster in two halves',
    target: 'nats',
    takes: 'journal',
    forMs: [6_500, 6_500],
    // The other half waits as long as it lasts, and its buyers are patient.
    gapMs: 10_000,
  },
  F30: {
    what: 'clock of a node jumps an hour ahead, then an hour back',
    target: 'node',
    takes: 'nothing',
    forMs: [3_000, 3_000],
    gapMs: 100,
  },
} as const satisfies Record<string, FaultKind>

/** What may be dealt anywhere. */
export type CommonFaultId = keyof typeof FAULTS
type WilledFaultId = keyof typeof WILLED
export type FaultId = CommonFaultId | WilledFaultId | keyof typeof PARTITIONS | keyof typeof FITTED
export const FAULT_IDS = Object.keys(FAULTS) as CommonFaultId[]
export const WILLED_IDS = Object.keys(WILLED) as WilledFaultId[]
export const kindOf = (id: FaultId): FaultKind => ({ ...FAULTS, ...WILLED, ...PARTITIONS, ...FITTED })[id]

export function isFaultId(text: string): text is CommonFaultId | WilledFaultId {
  return Object.hasOwn(FAULTS, text) || Object.hasOwn(WILLED, text)
}
