/**
 * What happened in one run, as its people saw it and as Postgres has it in the end: what the laws judge.
 *
 * All times are milliseconds on the monotonic clock of the load process, from the start of the run, but for those of the
 * stores, which are by the same machine's wall clock and come as the distance from the same start.
 */
import type { IdempotencyKey, OrderId, Sku, UserId } from '../../protocol/ids.ts'
import type { LinesText } from '../../protocol/lines.ts'
import type { Position } from '../../protocol/position.ts'
import type { OrderState, Verdict } from '../../protocol/verdicts.ts'
import type { FaultId } from './catalogue.ts'

/** One time that an order was sent over a socket. */
export interface Attempt {
  orderId: OrderId
  buyer: UserId
  key: IdempotencyKey
  lines: LinesText
  sentMs: number
  /** Infinity while nothing was heard. */
  repliedMs: number
  verdict: Verdict | 'silence'
  position?: Position | undefined
}

/** Somebody was told what became of an order. */
export interface Told {
  orderId: OrderId
  what: OrderState
  atMs: number
}

/** A row of Postgres' orders, at the end. */
export interface Row {
  orderId: OrderId
  buyer: UserId
  key: IdempotencyKey
  lines: LinesText
  state: 'confirmed' | 'revoked' | 'cancelled'
  position: Position
  /** When the ledger accepted it, by Redis' clock. */
  acceptedMs: number
}

/** A fault as it was really done. `undoneMs` is `atMs` for one that has nothing to undo. */
export interface Done {
  id: FaultId
  atMs: number
  undoneMs: number
  to: string
  /** Of a fault of one node: its place in the world. */
  place?: number | undefined
}

export interface History {
  items: { sku: Sku; total: number }[]
  limitPerBuyer: number | undefined
  opensAtMs: number
  attempts: Attempt[]
  told: Told[]
  rows: Row[]
  faults: Done[]
}
