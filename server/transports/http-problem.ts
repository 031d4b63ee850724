/** A refusal or a fault, written as the problem document that the client gets. */
import { PROBLEM_TYPE_PREFIX, type Problem, type ProblemCode } from '../../protocol/api/problem.ts'
import { Fault } from '../../protocol/faults.ts'
import { type Refusal, refuse, weightOf } from '../api/refusal.ts'

/** When nothing better is known. */
const RETRY_AFTER_MS = 1_000

export interface WrittenProblem {
  status: number
  headers: Readonly<Record<string, string>>
  text: string
}

/** `status`: where HTTP has a word of its own for this kind of it. */
export function writeProblem(refusal: Refusal, requestId: string, status?: number): WrittenProblem {
  const { refused, ...extra } = refusal
  const weight = weightOf(refused)
  const problem: Problem = {
    type: PROBLEM_TYPE_PREFIX + refused,
    title: refused.replaceAll('_', ' '),
    status: status ?? weight.status,
    code: refused,
    ...extra,
    requestId,
    retryable: weight.retryable,
  }
  return {
    status: problem.status,
    headers: {
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      ...hints(refused, problem.status, extra),
    },
    text: JSON.stringify(problem),
  }
}

/** What a client may know of something that was thrown: its code, never its facts, message or cause. */
export function refusalOf(error: unknown): Refusal {
  if (!(error instanceof Fault)) return refuse('internal', { detail: 'something went wrong on this side' })

  // What a request did wrong may be explained; what went wrong behind it is not the client's to read.
  const { code, status, message } = error
  return status < 500 ? refuse(code, { detail: message }) : refuse(code, { detail: 'try again later' })
}

function hints(code: ProblemCode, status: number, { retryAfterMs }: Omit<Refusal, 'refused'>): Record<string, string> {
  if (status === 401) return { 'www-authenticate': code === 'unauthorized' ? 'Bearer' : 'Bearer realm="login"' }
  if (status !== 503 && status !== 429 && retryAfterMs === undefined) return {}

  return { 'retry-after': String(Math.max(1, Math.ceil((retryAfterMs ?? RETRY_AFTER_MS) / 1000))) }
}
