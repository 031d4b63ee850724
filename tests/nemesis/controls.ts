/**
 * Negative controls: nodes from which one mechanism was taken out (controlled-node.ts), under the faults for which it is
 * there. A checker that has never failed proves nothing; the same faults on whole nodes must break nothing.
 *
 * What the nemesis can do anywhere it does itself (`npm run nemesis -- --control NAME`). Where a fault takes a world that
 * is fitted for it, its own test is run with such nodes: `LIVEDROP_TEST_CONTROL=NAME npx vitest run FILE` has to fail.
 */
import type { PlannedFault } from './plan.ts'

interface Control {
  what: string
  faults: PlannedFault[]
  /** Whether people do by hand what they do in a mixed seed. */
  hands: boolean
}

export const CONTROLS = {
  no_journal: {
    what: 'journals are forgotten when a room ends, and not surrendered',
    // What was accepted waits for Postgres when Redis forgets it.
    faults: [
      { id: 'F22', atMs: 1_200, forMs: 1_800, who: 'owner' },
      { id: 'F7', atMs: 2_000, forMs: 0, who: 'owner' },
    ],
    hands: false,
  },
  no_prev_seq: {
    what: 'the ledger takes any seq, and any call, for the last that the room has seen',
    faults: [{ id: 'F8', atMs: 1_500, forMs: 300, who: 'owner' }],
    hands: false,
  },
  epoch_in_redis: {
    what: 'the epoch is one more than Redis has',
    faults: [{ id: 'F7', atMs: 1_500, forMs: 0, who: 'owner' }],
    hands: false,
  },
  no_op_ids: {
    what: 'a restock, or the units of an order that was given back, are added as often as they are asked for',
    // What was asked for gets no answer, and is asked for again.
    faults: [1_300, 2_300, 3_300].flatMap((atMs): PlannedFault[] => [
      { id: 'F16', atMs, forMs: 400, who: 'owner', drop: 0 },
      { id: 'F25', atMs: atMs + 200, forMs: 400, who: 'owner', drop: 1 },
    ]),
    hands: true,
  },
  written_first: {
    what: 'an order is answered when Postgres has it, and not when Redis has',
    faults: [
      { id: 'F17', atMs: 1_500, forMs: 0, who: 'owner' },
      { id: 'F18', atMs: 5_200, forMs: 1_000, who: 'owner' },
    ],
    hands: false,
  },
  hasty: {
    what: 'what Redis has not answered after 40 ms is given up',
    faults: [{ id: 'F15', atMs: 1_500, forMs: 1_200, who: 'owner' }],
    hands: false,
  },
  short_leases: {
    what: 'a lease that is not renewed ends after 0.6 s',
    faults: [1_500, 6_000].map((atMs): PlannedFault => ({ id: 'F3', atMs, forMs: 950, who: 'owner' })),
    hands: false,
  },
} as const satisfies Record<string, Control>

/**
 * By the file whose tests have to fail. `no_journal`, above, is also that of `failover.cluster.test.ts` (FF10), and
 * `written_first` of `partitions.cluster.test.ts` (MM8).
 */
const OF_TESTS = {
  hopeful: { what: 'a reply of Redis that was lost is taken for a yes', file: 'disk-full.cluster.test.ts' },
  no_log: { what: 'what the last owner had not written is not read from the log', file: 'disk-full.cluster.test.ts' },
  no_copy: { what: 'a journal is told to have been set down, and was not', file: 'journal-copy.cluster.test.ts' },
  no_retry: { what: 'what Postgres refused is taken for written', file: 'disk-full.cluster.test.ts' },
  own_clock: { what: 'a node believes its own wall clock', file: 'clocks.cluster.test.ts' },
  long_leases: { what: 'a lease ends after a minute', file: 'partitions.cluster.test.ts' },
  free_leases: { what: 'a lease is for whoever asks last', file: 'halves.cluster.test.ts' },
  nobody_else: {
    what: 'a node without the bus takes itself for no worse than all',
    file: 'partitions.cluster.test.ts',
  },
  takes_anyway: { what: 'a node without the bus takes rooms', file: 'partitions.cluster.test.ts' },
  rare_pings: { what: 'a link to NATS is tried once a minute', file: 'partitions.cluster.test.ts' },
} as const satisfies Record<string, { what: string; file: string }>

export type NemesisControl = keyof typeof CONTROLS
export type ControlName = NemesisControl | keyof typeof OF_TESTS
export const CONTROL_NAMES = Object.keys(CONTROLS) as NemesisControl[]

export function isNemesisControl(text: string | undefined): text is NemesisControl {
  return text !== undefined && Object.hasOwn(CONTROLS, text)
}

export function isControl(text: string | undefined): text is ControlName {
  return isNemesisControl(text) || (text !== undefined && Object.hasOwn(OF_TESTS, text))
}

/** What whoever runs a test wants to have taken out of its nodes. */
export function controlOfTest(): ControlName | undefined {
  const asked = process.env.LIVEDROP_TEST_CONTROL
  if (asked === undefined || isControl(asked)) return asked
  throw new Error(`LIVEDROP_TEST_CONTROL: one of ${[...CONTROL_NAMES, ...Object.keys(OF_TESTS)].join(', ')}`)
}
