/**
 * Negative controls: nodes from which one mechanism was taken out (controlled-node.ts), under the faults for which it is
 * there. A checker that has never failed proves nothing; the same faults on whole nodes must break nothing.
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
} as const satisfies Record<string, Control>
export type ControlName = keyof typeof CONTROLS
export const CONTROL_NAMES = Object.keys(CONTROLS) as ControlName[]

export function isControl(text: string | undefined): text is ControlName {
  return text !== undefined && Object.hasOwn(CONTROLS, text)
}
