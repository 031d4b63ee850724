/**
 * The drop's answers and the lives of an order: closed lists, so that the compiler finds every place that must learn a
 * new word. A verdict is never an error: selling out is what a drop is for.
 */
export const VERDICTS = [
  'accepted', //      the units are this buyer's; `confirmed` follows once Postgres has committed
  'duplicate', //     this key already has this very order: as good as the first answer
  'sold_out', //      fewer units are left than asked for, now; a restock may change that
  'limit_reached', // this buyer would pass the limit of the item or of the drop
  'early', //         the drop has not opened; retryAfterMs says how long, by the drop's clock
  'paused', //        the creator paused the drop
  'closed', //        the drop is over, or cancelled
  'mismatch', //      this key already names another order: never retried
  'invalid', //       unknown drop or SKU, or a malformed order
  'rate_limited', //  slow down; nothing was tried
  'pending', //       the outcome is not known, or nobody could be asked: resend the SAME key
  'unauthorized', //  not signed in, or no longer
] as const
export type Verdict = (typeof VERDICTS)[number]

/** The life of an order. `unknown` is only an answer to "what became of it": never seen, so resend the same key. */
export const ORDER_STATES = ['accepted', 'confirmed', 'revoked', 'cancelled'] as const
export type OrderState = (typeof ORDER_STATES)[number]
export type Outcome = OrderState | 'unknown'

export const PHASES = ['scheduled', 'open', 'paused', 'closed', 'cancelled'] as const
export type Phase = (typeof PHASES)[number]
