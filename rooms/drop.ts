/**
 * The rules of a drop that need no world: which phase may follow which, and by whose hand.
 *
 *   scheduled -> open <-> paused -> closed          scheduled, open, paused -> cancelled
 *
 * Phases only ever change by compare-and-set in the ledger, so two hands on one drop cannot both win.
 */
import type { Phase } from '../protocol/verdicts.ts'
import type { Adjustment } from './ports.ts'

/** What a creator, or the agenda, may do with a drop's phase. */
const CONTROLS = {
  open: { kind: 'phase', from: ['scheduled'], to: 'open', early: true },
  pause: { kind: 'phase', from: ['open'], to: 'paused' },
  resume: { kind: 'phase', from: ['paused'], to: 'open' },
  close: { kind: 'phase', from: ['open', 'paused'], to: 'closed' },
  cancel: { kind: 'phase', from: ['scheduled', 'open', 'paused'], to: 'cancelled' },
} as const satisfies Record<string, { kind: 'phase'; from: readonly Phase[]; to: Phase; early?: boolean }>
export type Control = keyof typeof CONTROLS

export function controlOf(control: Control): Adjustment {
  const { from, to } = CONTROLS[control]
  return { kind: 'phase', from: [...from], to, early: control === 'open' }
}

/** The agenda's own opening: judged by Redis TIME, and done once however many nodes try. */
export const OPEN_ON_TIME = {
  opId: 'open-on-time',
  adjustment: { kind: 'phase', from: ['scheduled'], to: 'open' } satisfies Adjustment,
}
/** A drop that is closed on time may be open or paused. */
export const CLOSE_ON_TIME = {
  opId: 'close-on-time',
  adjustment: { kind: 'phase', from: ['open', 'paused'], to: 'closed' } satisfies Adjustment,
}

export const isOver = (phase: Phase): boolean => phase === 'closed' || phase === 'cancelled'
