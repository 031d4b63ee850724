/** What happened in a run, as its people and its servers saw it: what the checker judges, and what a failing seed prints. */
import type { IdempotencyKey, NodeId, OrderId, UserId } from '../../protocol/ids.ts'
import type { LinesText } from '../../protocol/lines.ts'
import type { Position } from '../../protocol/position.ts'
import type { Phase } from '../../protocol/verdicts.ts'
import type { ControlReply, OrderReply } from '../../rooms/letters.ts'
import type { Entry, RoomNews, Settled } from '../../rooms/ports.ts'

/** One time that a phone sent an order. `reply` is undefined when it heard nothing. */
export interface Send {
  orderId: OrderId
  buyer: UserId
  key: IdempotencyKey
  lines: LinesText
  node: NodeId
  sentMs: number
  repliedMs: number
  reply: OrderReply | undefined
}

export interface Controlled {
  opId: string
  what: string
  sentMs: number
  repliedMs: number
  reply: ControlReply
}

/** An order that the ledger accepted, at the moment it did, whether or not anybody ever heard of it. */
export interface Executed {
  atMs: number
  orderId: OrderId
  position: Position
  phase: Phase
  opensAtMs: number
  closesAtMs: number | null
  /** Handed over by an owner that had accepted it. */
  promised: boolean
}

export class History {
  readonly sends: Send[] = []
  readonly controls: Controlled[] = []
  readonly executed: Executed[] = []
  /** Epochs in the order in which they were given out. */
  readonly epochs: number[] = []
  readonly news: { node: NodeId; news: RoomNews }[] = []
  readonly settled: { atMs: number; settled: Settled }[] = []
  /** Moments at which Redis forgot; before and after one, positions may repeat. */
  readonly forgotMs: number[] = []
  readonly revoked: { atMs: number; orderId: OrderId; reason: string }[] = []
  /** Broken rules that were seen while it ran. */
  readonly broken: string[] = []
  readonly lines: string[] = []
  /** What still waited for an answer, and other reasons why the end was not quiet. */
  unrest: string[] = []
  /** Virtual time from the healing until everything was quiet. */
  quietAfterMs: number | undefined
  log: Entry[] = []

  say(atMs: number, text: string): void {
    this.lines.push(`${atMs.toFixed(1).padStart(9)}  ${text}`)
  }
}
