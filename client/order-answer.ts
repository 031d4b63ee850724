/**
 * What becomes of an order, for the app: values, never exceptions.
 *
 * `accepted` also stands for a `duplicate`: after a resend that is the same good news. `pending` means that the time is
 * up and nobody knows; the same key may be ordered again, as often as one likes, and is one order. Every other verdict is
 * final for this attempt.
 */
import type { Position } from '../protocol/position.ts'
import type { Verdict } from '../protocol/verdicts.ts'

/** `unknown`: the client was closed before it heard. */
export type OrderEnd = 'confirmed' | 'revoked' | 'cancelled' | 'unknown'

export interface Accepted {
  verdict: 'accepted'
  key: string
  orderId: string
  position?: Position
  /** Resolves when the order is written for ever, or is not. Never rejects. */
  confirmed: Promise<OrderEnd>
}

export interface Refused {
  verdict: Exclude<Verdict, 'accepted' | 'duplicate'>
  key: string
  /** False: it never left this device, so there is no order. */
  sent: boolean
  /** Units left of what was asked for. */
  left?: { sku: string; left: number }[]
  /** With `early`: how long until the drop opens, by the drop's clock. */
  retryAfterMs?: number
}

export type OrderAnswer = Accepted | Refused

export interface WantedLine {
  sku: string
  qty: number
}
