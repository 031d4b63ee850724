/**
 * What a room needs from the world. A port belongs to the one who asks: storage/ and bus/ provide these, server/start.ts
 * introduces them, and the simulator provides others.
 *
 * Every method may throw a `Fault` (most often `unavailable`) after a bounded time; a throw means UNKNOWN, never "it did
 * not happen". What did not happen is always said as a value.
 */
import type { CreatorId, DropId, IdempotencyKey, NodeId, OrderId, Sku, UserId } from '../protocol/ids.ts'
import type { LinesText } from '../protocol/lines.ts'
import type { Change } from '../protocol/messages/news.ts'
import type { Position } from '../protocol/position.ts'
import type { Phase } from '../protocol/verdicts.ts'
import type { Page } from './packed-line.ts'

// --- time ------------------------------------------------------------------------------------------------------------

export interface Timer {
  cancel(): void
}

/** Two kinds of time. Never compare one with the other. */
export interface Clock {
  /** The drop clock: this node's best estimate of Redis TIME, ms since 1970. For deadlines and openings. */
  nowMs(): number
  /** Never steps back and knows nothing of other machines, ms. For leases and time-outs. */
  monotonicMs(): number
  after(ms: number, call: () => void): Timer
}

/** How often each buyer may order from this node's rooms. */
export interface BuyerPace {
  /** 0: go on, it is counted. Else nothing was counted, and this is how long to wait. */
  take(buyer: UserId): number
}

// --- words for the people who run it --------------------------------------------------------------------------------------

/** An event in words and its small facts. Never secrets. */
export interface Log {
  info(event: string, facts?: Record<string, unknown>): void
  warn(event: string, facts?: Record<string, unknown>): void
  error(event: string, facts?: Record<string, unknown>): void
}

// --- the ledger: the authority over live stock -------------------------------------------------------------------------

/** One SKU of a drop. `left`: units still to be had. `limit`: units one buyer may have, null for no limit. */
export interface LedgerItem {
  sku: Sku
  left: number
  limit: number | null
}

/** Everything the ledger knows of a drop besides its answers. */
export interface RoomState {
  epoch: number
  seq: number
  /** The number of the owner's call that wrote last, 0 for none in this epoch. */
  batch: number
  phase: Phase
  opensAtMs: number
  closesAtMs: number | null
  /** Units one buyer may have over all SKUs, null for no limit. */
  limitPerBuyer: number | null
  items: LedgerItem[]
  /** Redis TIME when it was read. */
  nowMs: number
}

/** How far a room had come when somebody looked. */
export type Standing = Pick<RoomState, 'epoch' | 'seq' | 'batch'>

/** What a room is built from after Redis lost it. */
export type RoomSeed = Pick<RoomState, 'phase' | 'opensAtMs' | 'closesAtMs' | 'limitPerBuyer' | 'items'>

/** An order as the ledger reads it: validated, canonical. */
export interface Claim {
  orderId: OrderId
  buyer: UserId
  key: IdempotencyKey
  lines: LinesText
  /** An earlier owner accepted it and has said so: it is taken in any phase, while there are units for it. */
  promised?: true
}

/**
 * Proof that the caller is the current owner and has seen everything that happened.
 *
 * The batches are a chain: each names the one before it that wrote something. A seq can come about twice when Redis goes
 * back in time and an old call is carried out late; a number of a call cannot. So whoever has the caller's last batch has
 * the caller's whole history, and a lower number is proof that Redis went back.
 */
export interface Fence {
  epoch: number
  /** The last seq the caller knows of this epoch. */
  prevSeq: number
  /** The caller's last call that wrote something, 0 for none in this epoch. */
  prevBatch: number
  /** The number of this call: higher than of any before it in this epoch. */
  batch: number
}

export type ClaimResult =
  | { verdict: 'accepted'; position: Position }
  | { verdict: 'duplicate'; position: Position }
  | { verdict: 'mismatch' | 'limit_reached' | 'sold_out' | 'invalid' }
  /** The drop does not sell now; only new orders hear it, a duplicate is answered in any phase. */
  | { verdict: 'early' | 'paused' | 'closed' }

/** Why a call by somebody who is not, or does not know, what the ledger expects changed nothing. */
export type Refused =
  /** Redis knows no such room: never opened, or lost. */
  | { answer: 'no_room' }
  /** A later owner exists. */
  | { answer: 'fenced'; epoch: number }
  /** What the ledger has is not what the caller knows. A lower batch: Redis went back in time. Higher: a reply was lost. */
  | { answer: 'out_of_sequence'; seq: number; batch: number }

export type BatchAnswer =
  | Refused
  | {
      answer: 'ok'
      /** The last seq after this batch. */
      seq: number
      nowMs: number
      phase: Phase
      opensAtMs: number
      /** Units left of every SKU that the batch changed. */
      left: { sku: Sku; left: number }[]
      /** One for each claim, in order. */
      results: ClaimResult[]
    }

export type Adjustment =
  /**
   * Change of phase; refused unless the stored phase is in `from`. To `open` from `scheduled` it is also refused before
   * opensAtMs by Redis TIME, unless `early` is true (the creator opens by hand; opensAtMs becomes now).
   */
  | { kind: 'phase'; from: Phase[]; to: Phase; early?: boolean }
  /** Stock goes up. Postgres has it already. */
  | { kind: 'restock'; lines: LinesText }
  /** Units of an order come back, to the stock and to its buyer. Postgres has it already. */
  | { kind: 'release'; orderId: OrderId; buyer: UserId; lines: LinesText }

export type AdjustAnswer =
  | Refused
  | {
      answer: 'applied'
      position: Position
      nowMs: number
      phase: Phase
      opensAtMs: number
      left: { sku: Sku; left: number }[]
    }
  /** This opId was applied before; nothing was changed now. */
  | { answer: 'repeated'; position: Position; nowMs: number; phase: Phase; opensAtMs: number }
  | { answer: 'wrong_phase'; phase: Phase; nowMs: number; opensAtMs: number }
  | { answer: 'early'; opensAtMs: number; nowMs: number }

/** One change in a drop's log. `atMs`: Redis TIME. */
export type Entry = { position: Position; atMs: number } & (
  | ({ kind: 'order' } & Claim)
  | { kind: 'phase'; opId: string; phase: Phase }
  | { kind: 'restock'; opId: string; lines: LinesText }
  | { kind: 'release'; opId: string; orderId: OrderId; buyer: UserId; lines: LinesText }
)
export type OrderEntry = Extract<Entry, { kind: 'order' }>

/** An order that Postgres has, for loading into an empty ledger. */
export interface KeptOrder {
  orderId: OrderId
  buyer: UserId
  lines: LinesText
  position: Position
  /** False for revoked and cancelled ones: the key stays used, the units do not count. */
  holdsUnits: boolean
  /** Of a cancelled one: the operation by which the ledger hears of it. */
  givenBackBy?: string
}

export type OpenAnswer =
  | { answer: 'opened' }
  /** The stored epoch is not lower than the given one. */
  | { answer: 'fenced'; epoch: number }
  /** The lease is somebody else's, or nobody's. */
  | { answer: 'no_lease' }
  /** Adopt only: there is nothing to adopt, or it is known to have had more, or a copy lies beside it. */
  | { answer: 'no_room' }
  /** Rebuild only: not all that was loaded is there any more, or a copy is there that was not read. */
  | { answer: 'forgotten' }

export interface OrdersAsked {
  drop: DropId
  orderIds: readonly OrderId[]
}

export interface OrdersKnown {
  /** There is a room, and nobody who remembers more than it has has set that down. */
  isWhole: boolean
  /** As of `Ledger.positions`. */
  positions: (Position | undefined)[]
}

/** Whose memory a copy is of, and how much there is of it. */
export interface Copied extends Pick<Surrendered, 'position' | 'batch'> {
  pages: number
}

export type CopyAnswer =
  /** A copy is there, this one or one that had come as far. */
  | { answer: 'copied' }
  | { answer: 'goes_on' }
  /** A later owner exists. */
  | { answer: 'fenced'; epoch: number }
  /** The pages of before are not there any more. */
  | { answer: 'forgotten' }

/**
 * The only place where stock falls. Atomic for one drop; at most one call of a drop is in flight at a time.
 * Implementations: storage/ledger/redis-ledger.ts and memory-ledger.ts, one contract suite.
 */
export interface Ledger {
  /** At most 256 claims. All lines of a claim or none. Only accepted claims are remembered under their id. */
  order(drop: DropId, fence: Fence, claims: readonly Claim[]): Promise<BatchAnswer>
  /** Applied at most once per opId. */
  adjust(drop: DropId, fence: Fence, opId: string, adjustment: Adjustment): Promise<AdjustAnswer>

  /**
   * Takes over the room as it stands: its epoch becomes the given one and its seq 0. Not one beside which a copy is, nor one
   * that has less than it had when it was `seen`.
   */
  adopt(drop: DropId, epoch: number, owner: NodeId, seen?: Standing): Promise<OpenAnswer>
  /** Removes the room (never its log), so that nobody sells from it while it is loaded anew. */
  clear(drop: DropId, epoch: number, owner: NodeId): Promise<OpenAnswer>
  /**
   * Loads into a cleared room, all in one step: answers and buyers' units (at most 500 orders a call), and operations that
   * have been applied already, in the numbers of the seed that will come (at most 1,000 a call).
   */
  load(
    drop: DropId,
    epoch: number,
    owner: NodeId,
    orders: readonly KeptOrder[],
    opIds?: readonly string[],
  ): Promise<OpenAnswer>
  /**
   * Writes the room itself, last: it is the gate. It opens only while every one of `marks`, loaded orders, is there, and no
   * copy but the one that was `read`. That goes, for the room has all of it now.
   */
  rebuild(
    drop: DropId,
    epoch: number,
    owner: NodeId,
    seed: RoomSeed,
    marks?: readonly OrderId[],
    read?: Copied,
  ): Promise<OpenAnswer>

  /**
   * Sets down a page of what somebody remembers of the drop, beside its room: the page's number, from 0, and its entries, at
   * most 512. It counts once all pages are there, and stands until the room is built anew.
   */
  copy(drop: DropId, of: Copied, page: number, entries: readonly Entry[]): Promise<CopyAnswer>
  /** The copy that is there, if it is whole. */
  copied(drop: DropId): Promise<Copied | undefined>
  /** Undefined: there is no such page any more. */
  copiedPage(drop: DropId, page: number): Promise<Entry[] | undefined>

  read(drop: DropId): Promise<RoomState | undefined>
  /** The positions of the orders that this ledger has accepted, undefined for the others. */
  positions(drop: DropId, orderIds: readonly OrderId[]): Promise<(Position | undefined)[]>
  /** One answer for each drop; of any number of drops in one question. */
  known(asked: readonly OrdersAsked[]): Promise<OrdersKnown[]>
  /** Entries later than `after`, oldest first. */
  entries(drop: DropId, after: Position, max: number): Promise<Entry[]>
  /** Forgets entries before `before`. Never call it with a position that Postgres has not passed. */
  trim(drop: DropId, before: Position): Promise<void>
}

// --- leases: the right to try ------------------------------------------------------------------------------------------

/** Liveness only: two holders are prevented by epochs, not by this. */
export interface Leases {
  /** True when the lease is now this node's for `ttlMs`. */
  acquire(drop: DropId, node: NodeId, ttlMs: number): Promise<boolean>
  /** Extends those that are still this node's; answers them. */
  renew(drops: readonly DropId[], node: NodeId, ttlMs: number): Promise<ReadonlySet<DropId>>
  release(drop: DropId, node: NodeId): Promise<void>
  holder(drop: DropId): Promise<NodeId | undefined>
  /** How long the lease stands if nobody extends it; 0: it is nobody's. */
  restMs(drop: DropId): Promise<number>
}

/**
 * Which nodes the bus reaches, written down where every node looks that reaches Redis at all: so a node that the bus
 * does not reach can tell whether it is alone in that. For liveness, as leases are.
 */
export interface RollCall {
  /** The bus reaches this node, and it takes rooms. */
  here(node: NodeId): Promise<void>
  /** It takes none any more. */
  left(node: NodeId): Promise<void>
  /** The other nodes that were here within the last `withinMs`. */
  others(node: NodeId, withinMs: number): Promise<NodeId[]>
}

// --- the drop book: Postgres, as a room sees it ------------------------------------------------------------------------

export interface Taken {
  /** Minted by this call; higher than any before, for ever. */
  epoch: number
  /** Who was the owner when this call came. */
  previousOwner: NodeId | null
  /** The last position that Postgres has written, and will have until whoever was given this epoch writes. */
  watermark: Position
  /** The epoch of the last rebuild that read Postgres' totals: a ledger of an earlier one is not whole, whatever it says. */
  minEpoch: number
  creator: CreatorId
  /** Of an item: that few left is news. Null: never. */
  lowStockAt: number | null
}

/** What became of an entry in Postgres. `stale`: of an epoch before the fence; an order must be placed anew. */
export type WriteOutcome =
  | { outcome: 'confirmed' | 'duplicate' | 'applied' | 'stale' }
  /**
   * Refused by Postgres, and recorded as such. `returns`: its units belong back into the stock. After `total` it is not
   * known which: the ledger has more than there is, and must be built anew.
   */
  | { outcome: 'revoked'; reason: 'limit' | 'total' | 'key'; returns: boolean }

export interface DropBook {
  /**
   * Mints an epoch and names the owner, in any phase: a drop that is over still answers for its orders. From here on nobody
   * with an earlier epoch writes. Undefined: no such drop.
   */
  take(drop: DropId, node: NodeId): Promise<Taken | undefined>
  /**
   * Entries of earlier epochs are refused from now on, and the totals are read after that, in the same transaction.
   * `opIds`: every operation that is in those totals. Undefined: a later epoch was minted meanwhile.
   */
  fence(drop: DropId, epoch: number): Promise<{ seed: RoomSeed; opIds: string[] } | undefined>
  /** The drop's orders, each in one page of at most `max`; `afterId` is the last one of the page before. */
  keptOrders(drop: DropId, afterId: OrderId | undefined, max: number): Promise<KeptOrder[]>
  /**
   * Writes entries (oldest first, at most 512) in one transaction; answers after COMMIT, one outcome for each. `epoch` is
   * the writer's, whatever the entries' are. `fenced`: a later one was minted, and nothing of this is or will be written.
   */
  write(drop: DropId, epoch: number, entries: readonly Entry[]): Promise<WriteOutcome[] | 'fenced'>
  /** Drops that open before `untilMs`, or are open or paused; first those whose opening or end is next, then the youngest. */
  due(untilMs: number, max: number): Promise<DueDrop[]>
}

export interface DueDrop {
  drop: DropId
  phase: Phase
  opensAtMs: number
  closesAtMs: number | null
}

// --- the other nodes -----------------------------------------------------------------------------------------------------

/** A node's memory of a drop, given up to the one who takes over. */
export interface Surrendered {
  /** Oldest first; only what several rooms have left need not be in one order. */
  journal: readonly Page<Entry>[]
  /** The last position this node knows to have happened, ORIGIN for none. */
  position: Position
  /** The call that got there, as in `Fence`. Redis is whole only if it has this one, or a later one. */
  batch: number
}

/** What a room tells everyone who watches. `from`: the position of the frame before, so that a gap is seen. */
export interface RoomNews {
  drop: DropId
  from: Position
  position: Position
  atMs: number
  changes: Change[]
}

/** The end of an accepted order, for the buyer's sessions on the node that carried it. */
export interface Settled {
  drop: DropId
  buyer: UserId
  key: IdempotencyKey
  orderId: OrderId
  state: 'confirmed' | 'revoked' | 'cancelled'
  reason?: string
}

export interface Neighbours {
  /** The live nodes, this one included. */
  live(): readonly NodeId[]
  /** False while this node is cut off, or has not listened for long enough to have heard everybody who is alive. */
  readonly knowsEveryone: boolean
  /** Asks live nodes for their memory of a drop; waits at most `waitMs`, for all but the silent. */
  surrender(drop: DropId, waitMs: number): Promise<Surrendered[]>
  /** Asks a node to wake a drop's room. Resolves when it has tried. */
  wake(node: NodeId, drop: DropId, waitMs: number): Promise<void>
}

/** Where news and settlements go. Never throws, never waits: what cannot be sent is lost, and the receiver sees the gap. */
export interface Herald {
  news(news: RoomNews): void
  /** To one node, batched. */
  settled(node: NodeId, settled: readonly Settled[]): void
}
