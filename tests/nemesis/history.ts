/**
 * What happened to one drop of a run, as its people saw it and as the stores have it in the end: what the laws judge.
 *
 * All times are milliseconds on the monotonic clock of the load process, from the start of the run, but for those of the
 * stores, which are by the same machine's wall clock and come as the distance from the same start.
 */
import type { IdempotencyKey, OrderId, Sku, UserId } from '../../protocol/ids.ts'
import type { Line, LinesText } from '../../protocol/lines.ts'
import type { Position } from '../../protocol/position.ts'
import type { OrderState, Phase, Verdict } from '../../protocol/verdicts.ts'
import type { FaultId } from './catalogue.ts'

/** One time that an order was sent over a socket, or given back. */
export interface Attempt {
  orderId: OrderId
  buyer: UserId
  key: IdempotencyKey
  lines: LinesText
  /** The place of the gateway that it was sent to. */
  via: number
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

/** Something the creator did over REST, the same key again and again until there was an end of it. */
export interface Doing {
  what: 'restock' | 'pause' | 'resume' | 'close'
  /** Of a restock. */
  lines: Line[]
  /** When it was first asked for. */
  sentMs: number
  /** Infinity while there is no end of it. */
  repliedMs: number
  /** `refused` names the answer. */
  said: 'done' | 'refused' | 'silence'
  /** How often it was said to be done now, and not before. */
  fresh: number
  detail: string
}

/** What the stores have at rest. */
export interface Stock {
  phase: Phase
  items: { sku: Sku; total: number; left: number }[]
}

/** A fault as it was really done. `undoneMs` is `atMs` for one that has nothing to undo. */
export interface Done {
  id: FaultId
  atMs: number
  undoneMs: number
  to: string
  /** Of a fault of one node: its place in the world. */
  place?: number | undefined
  /** At the room, the owner or the rows of which of the run's drops. */
  drop: number
}

export interface History {
  items: { sku: Sku; total: number }[]
  limitPerBuyer: number | undefined
  opensAtMs: number
  attempts: Attempt[]
  /** The times that an order was given back; an `accepted` one is cancelled. */
  returns: Attempt[]
  doings: Doing[]
  told: Told[]
  rows: Row[]
  /** Undefined where Redis has no room. */
  stock: Stock | undefined
  /** Of the whole run. */
  faults: Done[]
}
