/**
 * A refusal: an answer that says no, as a value.
 *
 * It becomes a problem document. Faults are thrown and become one too; the difference is that a refusal is expected
 * (sold out, not theirs, a field that is wrong) and is nobody's mistake worth a line in the log.
 */
import type { Problem, ProblemCode } from '../../protocol/api/problem.ts'
import { FAULT_CODES, Fault } from '../../protocol/faults.ts'
import type { Verdict } from '../../protocol/verdicts.ts'
import type { OrderReply } from '../../rooms/letters.ts'

type Extra = Pick<
  Problem,
  'detail' | 'errors' | 'verdict' | 'orderId' | 'state' | 'left' | 'phase' | 'opensAt' | 'retryAfterMs'
>

export interface Refusal extends Extra {
  refused: ProblemCode
}

export function refuse(refused: ProblemCode, extra: Extra = {}): Refusal {
  return { refused, ...extra }
}

export function isRefusal(said: object): said is Refusal {
  return 'refused' in said
}

interface Weight {
  status: number
  retryable: boolean
}

const faultWeights = Object.fromEntries(
  FAULT_CODES.map((code) => {
    const { status, retryable } = new Fault(code)
    return [code, { status, retryable }]
  }),
) as Record<(typeof FAULT_CODES)[number], Weight>

const WEIGHTS: Readonly<Record<ProblemCode, Weight>> = {
  ...faultWeights,
  sold_out: { status: 409, retryable: false },
  limit_reached: { status: 409, retryable: false },
  early: { status: 409, retryable: true },
  paused: { status: 409, retryable: true },
  closed: { status: 409, retryable: false },
}

/** The HTTP status of a code, and whether the same request may succeed later. */
export function weightOf(code: ProblemCode): Weight {
  return WEIGHTS[code]
}

type RefusingVerdict = Exclude<Verdict, 'accepted' | 'duplicate'>

const CODES: Readonly<Record<RefusingVerdict, ProblemCode>> = {
  sold_out: 'sold_out',
  limit_reached: 'limit_reached',
  early: 'early',
  paused: 'paused',
  closed: 'closed',
  mismatch: 'key_mismatch',
  invalid: 'bad_request',
  rate_limited: 'rate_limited',
  pending: 'unavailable',
  unauthorized: 'unauthorized',
}

const DETAILS: Readonly<Record<RefusingVerdict, string>> = {
  sold_out: 'fewer units are left than were asked for',
  limit_reached: 'this buyer would pass the limit',
  early: 'the drop has not opened yet',
  paused: 'the drop is paused',
  closed: 'the drop is over',
  mismatch: 'this key already names another order',
  invalid: 'the drop does not know what was asked for',
  rate_limited: 'too many orders; nothing was tried',
  pending: 'the outcome is not known yet: send the same key again',
  unauthorized: 'the token is no longer good',
}

/** The room's no, in HTTP's words. */
export function refuseVerdict(reply: OrderReply & { verdict: RefusingVerdict }): Refusal {
  const { verdict, left, retryAfterMs } = reply
  return refuse(CODES[verdict], {
    verdict,
    detail: DETAILS[verdict],
    ...(left === undefined ? {} : { left }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  })
}
