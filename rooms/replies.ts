/**
 * What the ledger's answers are in the words of whoever asked: a buyer, or the hand that controls a drop.
 *
 * `pending` is the one reply that is no answer: the drop has said nothing, and the same letter may be sent again.
 */
import type { Phase, Verdict } from '../protocol/verdicts.ts'
import type { ControlReply, Letter, OrderReply } from './letters.ts'
import type { AdjustAnswer, BatchAnswer, ClaimResult, Refused } from './ports.ts'

/** How long a buyer waits who could be told nothing: long enough to spare us, short enough to be there in time. */
export const RETRY_AFTER_MS = 200

export function pending(retryAfterMs: number = RETRY_AFTER_MS): OrderReply {
  return { verdict: 'pending', retryAfterMs }
}

/** `pending` to whoever sent it. */
export function refuse(letter: Letter): void {
  if (letter.kind === 'order') letter.answer(pending())
  else letter.answer({ done: 'pending', retryAfterMs: RETRY_AFTER_MS })
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

/** What a hand hears. `phase`: the drop's, now. */
export function controlReplyTo(answer: Exclude<AdjustAnswer, Refused>, phase: Phase): ControlReply {
  if (answer.answer === 'early') return { done: 'early', opensAtMs: answer.opensAtMs, nowMs: answer.nowMs }
  if (answer.answer === 'wrong_phase') return { done: 'wrong_phase', phase: answer.phase }

  return { done: answer.answer, phase, position: answer.position }
}
