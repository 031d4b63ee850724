/**
 * Why a socket was closed, and whether to come back.
 *
 * The ranges carry the meaning, so that a client needs no table: 3000-3499 and 4000-4499 come back with full jitter,
 * 3500-3999 and 4500-4999 stay away. (The convention is Centrifugo's.)
 */
export const CLOSE_CODES = {
  shutdown: 3001, //            this node is going away; another one answers
  token_expired: 3005,
  slow: 3008, //                the peer read too slowly and its buffer passed the bound
  insufficient_state: 3010, //  what the client holds cannot be continued; start from a snapshot
  no_pong: 3012,
  too_often: 3013, //           connects or messages; retryAfterMs says for how long to stay away
  invalid_token: 3500, //       forged, or revoked
  bad_request: 3501, //         frames that no version of the protocol allows
  not_greeted: 3502, //         no hello within 5 s
  banned: 3503, //              the user, on every node, until the ban is over
  connection_limit: 3504,
} as const

export type CloseReason = keyof typeof CLOSE_CODES

/** Whether a client may connect again after this code. */
export function comesBack(code: number): boolean {
  if (code >= 3500 && code <= 3999) return false
  if (code >= 4500 && code <= 4999) return false

  return true
}
