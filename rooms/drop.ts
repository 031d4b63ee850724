/**
 * The rules of a drop that need no world: which phase may follow which, and how the ledger's results are said to a buyer.
 *
 *   scheduled -> open <-> paused -> closed          scheduled, open, paused -> cancelled
 *
 * Phases only ever change by compare-and-set in the ledger, so two hands on one drop cannot both win.
 */
import type { Phase, Verdict } from '../protocol/verdicts.ts'
import type { OrderReply } from './letters.ts'
import type { Adjustment, BatchAnswer, ClaimResult } from './ports.ts'

/** What a creator, or the agenda, may do with a drop's phase. */
export const CONTROLS = {
  open: { kind: 'phase', from: ['scheduled'], to: 'open', early: true },
  pause: { kind: 'phase', from: ['open'], to: 'paused' },
  resume: { kind: 'phase', from: ['paused'], to: 'open' },
  close: { kind: 'phase', from: ['scheduled', 'open', 'paused'], to: 'closed' },
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

/** How long a buyer waits who could be told nothing: long enough to spare us, short enough to be there in time. */
export const RETRY_AFTER_MS = 200

export function pending(retryAfterMs: number = RETRY_AFTER_MS): OrderReply {
  return { verdict: 'pending', retryAfterMs }
}

/** What a buyer hears of one result of a batch. */
export function replyTo(result: ClaimResult, batch: Extract<BatchAnswer, { answer: 'ok' }>): OrderReply {
  if (result.verdict === 'accepted') return { verdict: 'accepted', position: result.position, state: 'accepted' }
  // Whether the first one is already confirmed is for the edge to find out: the ledger does not know.
  if (result.verdict === 'duplicate') return { verdict: 'duplicate', position: result.position }
  if (result.verdict === 'early') {
    return { verdict: 'early', retryAfterMs: Math.max(0, Math.ceil(batch.opensAtMs - batch.nowMs)) }
  }
  return { verdict: result.verdict satisfies Verdict }
}
