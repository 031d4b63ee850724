/**
 * A fault is something wrong with us or with what somebody sent; a verdict (protocol/verdicts.ts) never is one.
 *
 * The code is the contract: it never changes meaning, it is what a client sees in `error.code` or in a problem document,
 * and its row here says the HTTP status and whether trying again can help. The message is for people. Facts are small
 * and never secret: they are logged, not sent.
 */
const FAULTS = {
  // what a client did
  bad_frame: { status: 400, retryable: false }, //         not decodable as one message or an array of messages
  bad_request: { status: 400, retryable: false }, //       a field is missing, of the wrong kind or out of range
  unknown_type: { status: 400, retryable: false }, //      a message type that this version does not know
  key_required: { status: 400, retryable: false }, //      no Idempotency-Key on a write that needs one
  unauthorized: { status: 401, retryable: false }, //      not signed in, or the token is no longer good
  invalid_credentials: { status: 401, retryable: false }, // unknown e-mail or wrong password: never says which
  forbidden: { status: 403, retryable: false }, //         signed in, but not theirs to do
  not_found: { status: 404, retryable: false }, //         unknown, or not theirs to see: the same answer
  method_not_allowed: { status: 405, retryable: false },
  conflict: { status: 409, retryable: false }, //          the thing is in a state that does not allow this
  too_large: { status: 413, retryable: false },
  unsupported_media_type: { status: 415, retryable: false },
  key_mismatch: { status: 422, retryable: false }, //      this key was used for something else
  rate_limited: { status: 429, retryable: true },
  // what we could not do
  internal: { status: 500, retryable: true },
  unavailable: { status: 503, retryable: true }, //        a dependency or the drop's owner could not be reached
  overloaded: { status: 503, retryable: true }, //         a bounded queue is full
  ledger_corrupt: { status: 500, retryable: false }, //    Redis answered what the contract does not allow
  misconfigured: { status: 500, retryable: false }, //     a setting or a server's setting is not safe to run with
} as const

export type FaultCode = keyof typeof FAULTS

export class Fault extends Error {
  readonly code: FaultCode
  readonly facts: Readonly<Record<string, unknown>>

  constructor(
    code: FaultCode,
    facts: Record<string, unknown> = {},
    options: { cause?: unknown; message?: string } = {},
  ) {
    super(options.message ?? code.replaceAll('_', ' '), { cause: options.cause })
    this.name = 'Fault'
    this.code = code
    this.facts = facts
  }

  get status(): number {
    return FAULTS[this.code].status
  }

  get retryable(): boolean {
    return FAULTS[this.code].retryable
  }
}

export const FAULT_CODES = Object.keys(FAULTS) as FaultCode[]
