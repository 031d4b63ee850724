/**
 * How a drop changes its owner without losing what the last one promised.
 *
 *   1  win the lease                     the right to try; nothing depends on being the only one who does
 *   2  mint an epoch in Postgres         the fencing token, from an authority that Redis cannot forget
 *   3  ask live nodes to surrender       each stops its room for this drop and gives up its journal
 *   4  compare                           does Redis have everything that Postgres or anybody remembers? The last call
 *                                        of the last owner (rooms/ports.ts, Fence), and every order of every journal
 *                                        too: another owner may have passed them without knowing them
 *   5a adopt    yes: take the room as it stands; what Postgres lacks is in the log
 *   5b rebuild  no: write every memory to Postgres, fence it, and build the room from its totals
 *
 * In a rebuild the order of steps is the safety. The room is removed first, so nobody sells from it; then every entry
 * that is still known goes to Postgres; then one call fences Postgres against older epochs and, after that, reads the totals;
 * then operations, answers and buyers are loaded, in pages; the room itself is written last, for it is the gate.
 *
 * A Redis that went back may have carried out a late call of the last owner in the place of another one. Whatever only
 * its log has of that epoch is then in Postgres already, or nobody was told of it: it is left out, and whoever asked for
 * it asks again.
 *
 * Redis may go back in time in the middle of a rebuild too, and then a room would open that has forgotten its orders. So
 * after the gate one order of every load is looked for, and a mark that only this rebuild has put there.
 */
import type { DropId, IdempotencyKey, NodeId, OrderId, UserId } from '../protocol/ids.ts'
import type { LinesText } from '../protocol/lines.ts'
import { comparePositions, type Position } from '../protocol/position.ts'
import { isBehind, type Known } from './bearings.ts'
import { uniteEntries } from './journal.ts'
import { orderIdOf } from './order-id.ts'
import type {
  Clock,
  DropBook,
  Entry,
  KeptOrder,
  Ledger,
  Log,
  Neighbours,
  OpenAnswer,
  RoomState,
  Surrendered,
  Taken,
  WriteOutcome,
} from './ports.ts'
import type { RoomStart } from './room.ts'

export interface TakeoverWorld {
  ledger: Ledger
  book: DropBook
  neighbours: Neighbours
  clock: Clock
  log: Log
  node: NodeId
}

export type Takeover =
  | { took: 'room'; start: RoomStart; how: 'adopted' | 'rebuilt' }
  | { took: 'nothing'; why: 'elsewhere' | 'unknown' }

const SURRENDER_MS = 300
/** When Redis has lost the room, the last owner's journal is worth a longer wait. */
const SURRENDER_LOST_MS = 1_000
const DEAF_WAIT_MS = 3_000
const DEAF_LOOK_MS = 50
const WRITE_BATCH = 512
const LOAD_BATCH = 500
const OPS_BATCH = 1_000
const LOG_PAGE = 1_000

const ELSEWHERE: Takeover = { took: 'nothing', why: 'elsewhere' }

/** The caller holds the lease. `own`: what this node itself remembers of the drop. Throws when a store cannot answer. */
export async function takeOver(world: TakeoverWorld, drop: DropId, own: Surrendered): Promise<Takeover> {
  const taken = await world.book.take(drop, world.node)
  if (taken === undefined) return { took: 'nothing', why: 'unknown' }

  const memories = [own, ...(await surrendered(world, drop, taken))]
  const known: Known[] = [{ position: taken.watermark, batch: 0 }, ...memories]

  const found = await world.ledger.read(drop)
  const isWhole = found !== undefined && !known.some((one) => isBehind(found, one))
  if (isWhole && (await hasOrders(world, drop, memories))) return adopt(world, drop, taken)

  // A drop that never had an owner has no room yet: nothing was lost.
  if (taken.epoch > 1)
    world.log.warn('takeover.redis_lost', { drop, found: found && standingOf(found), ...last(known) })
  const all = [...memories, ...(await heardLate(world, drop, taken))]
  return rebuild(world, drop, taken, all, found)
}

const last = (known: readonly Known[]): Known | undefined =>
  [...known].sort((a, b) => comparePositions(a.position, b.position)).at(-1)

async function surrendered(world: TakeoverWorld, drop: DropId, taken: Taken): Promise<Surrendered[]> {
  const previous = taken.previousOwner
  const lives = previous !== null && previous !== world.node && world.neighbours.live().includes(previous)
  const lost = lives && (await world.ledger.read(drop)) === undefined

  return world.neighbours.surrender(drop, lost ? SURRENDER_LOST_MS : SURRENDER_MS)
}

/**
 * A node that does not hear the others would build the room without the last owner's journal. It waits a little for the
 * bus to come back; meanwhile the owner, who hears that the lease is gone, keeps its journal for whoever asks.
 */
async function heardLate(
  { neighbours, clock, node }: TakeoverWorld,
  drop: DropId,
  taken: Taken,
): Promise<Surrendered[]> {
  const { previousOwner } = taken
  if (previousOwner === null || previousOwner === node || neighbours.knowsEveryone) return []

  const untilMs = clock.monotonicMs() + DEAF_WAIT_MS
  while (!neighbours.knowsEveryone && clock.monotonicMs() < untilMs) {
    await new Promise<void>((resolve) => clock.after(DEAF_LOOK_MS, resolve))
  }
  return neighbours.surrender(drop, SURRENDER_MS)
}

/** Whether Redis has every order that somebody remembers. */
async function hasOrders({ ledger }: TakeoverWorld, drop: DropId, memories: readonly Surrendered[]): Promise<boolean> {
  const ids = memories.flatMap(({ journal }) =>
    journal.flatMap((entry) => (entry.kind === 'order' ? [entry.orderId] : [])),
  )
  return hasAll(ledger, drop, ids)
}

async function hasAll(ledger: Ledger, drop: DropId, ids: readonly OrderId[]): Promise<boolean> {
  for (let at = 0; at < ids.length; at += LOAD_BATCH) {
    const positions = await ledger.positions(drop, ids.slice(at, at + LOAD_BATCH))
    if (positions.includes(undefined)) return false
  }
  return true
}

async function adopt(world: TakeoverWorld, drop: DropId, taken: Taken): Promise<Takeover> {
  const { ledger, node } = world
  const opened = await ledger.adopt(drop, taken.epoch, node)
  if (opened.answer !== 'opened') return notOpened(world, drop, opened)

  // Read after the adoption: until then the last owner could still add to the log.
  const state = await ledger.read(drop)
  const unwritten = await readLog(ledger, drop, taken.watermark)
  if (state === undefined || state.epoch !== taken.epoch) return ELSEWHERE

  return { took: 'room', how: 'adopted', start: { drop, state, unwritten, lowStockAt: taken.lowStockAt } }
}

async function rebuild(
  world: TakeoverWorld,
  drop: DropId,
  taken: Taken,
  memories: Surrendered[],
  found: RoomState | undefined,
): Promise<Takeover> {
  const { ledger, book, node } = world
  const cleared = await ledger.clear(drop, taken.epoch, node)
  if (cleared.answer !== 'opened') return notOpened(world, drop, cleared)

  const journals = memories.map((memory) => memory.journal)
  const log = await readLog(ledger, drop, taken.watermark)
  const entries = uniteEntries(journals, log.filter(isTrueOf(memories, found)))
  await writeAll(world, drop, taken.epoch, entries)

  const fenced = await book.fence(drop, taken.epoch)
  if (fenced === undefined) return ELSEWHERE
  // What is in the log of before is in Postgres now, or was left out for good.
  await ledger.trim(drop, { epoch: taken.epoch, seq: 0 })

  const into: Loading = { drop, epoch: taken.epoch, ops: new Set(), marks: [] }
  for (const load of [loadOps(fenced.opIds), loadOrders]) {
    const loaded = await load(world, into)
    if (loaded.answer !== 'opened') return notOpened(world, drop, loaded)
  }

  const opened = await ledger.rebuild(drop, taken.epoch, node, fenced.seed)
  if (opened.answer !== 'opened') return notOpened(world, drop, opened)

  if (!(await hasAll(ledger, drop, into.marks))) {
    world.log.warn('takeover.redis_lost', { drop, while: 'rebuilding' })
    // Nobody has sold from it, for nobody else has this epoch. A seq that it cannot have makes the next one rebuild it.
    return takeOver(world, drop, { journal: [], position: { epoch: taken.epoch, seq: 1 }, batch: 1 })
  }
  const state: RoomState = { ...fenced.seed, epoch: taken.epoch, seq: 0, batch: 0, nowMs: world.clock.nowMs() }
  return { took: 'room', how: 'rebuilt', start: { drop, state, unwritten: [], lowStockAt: taken.lowStockAt } }
}

/** Of the log of an epoch in which Redis went back, nothing is true but what that epoch's owner remembers too. */
function isTrueOf(memories: readonly Surrendered[], found: RoomState | undefined): (entry: Entry) => boolean {
  const owner = memories.find(({ position }) => position.epoch === found?.epoch)
  const wentBack = found !== undefined && owner !== undefined && isBehind(found, owner)
  return ({ position }) => !wentBack || position.epoch !== found.epoch
}

async function readLog(ledger: Ledger, drop: DropId, after: Position): Promise<Entry[]> {
  const entries: Entry[] = []
  for (let from = after; ; ) {
    const page = await ledger.entries(drop, from, LOG_PAGE)
    entries.push(...page)
    const last = page.at(-1)
    if (last === undefined || page.length < LOG_PAGE) return entries
    from = last.position
  }
}

/**
 * Orders that Postgres holds to be stale (of an epoch before an earlier rebuild, which did not know them) are written once
 * more, under the new epoch and behind all others: the room is not there yet, so Postgres' totals say what is left.
 */
async function writeAll(world: TakeoverWorld, drop: DropId, epoch: number, entries: readonly Entry[]): Promise<void> {
  const stale: Entry[] = []
  for (const { entry, outcome } of await writeOnce(world.book, drop, entries)) {
    if (outcome?.outcome === 'stale' && entry.kind === 'order') stale.push({ ...entry, position: { epoch, seq: 0 } })
  }
  for (const { entry, outcome } of await writeOnce(world.book, drop, stale)) {
    if (entry.kind !== 'order' || outcome?.outcome !== 'revoked') continue
    world.log.error('order.revoked', { drop, orderId: entry.orderId, reason: outcome.reason })
  }
}

async function writeOnce(book: DropBook, drop: DropId, entries: readonly Entry[]) {
  const written: { entry: Entry; outcome: WriteOutcome | undefined }[] = []
  for (let at = 0; at < entries.length; at += WRITE_BATCH) {
    const batch = entries.slice(at, at + WRITE_BATCH)
    const outcomes = await book.write(drop, batch)
    written.push(...batch.map((entry, index) => ({ entry, outcome: outcomes[index] })))
  }
  return written
}

/** An order that nobody placed and no buyer can name. */
function markOf(drop: DropId, epoch: number, node: NodeId, place = 0): KeptOrder {
  const nobody = node as string as UserId
  const orderId = orderIdOf(drop, nobody, `rebuild-${epoch}-${place}` as IdempotencyKey)
  return { orderId, buyer: nobody, lines: '' as LinesText, position: { epoch, seq: 0 }, holdsUnits: false }
}

interface Loading {
  drop: DropId
  epoch: number
  /** Every operation that is in the totals. */
  ops: Set<string>
  /**
   * One order of every call, its own or made for it, and the mark of this rebuild. A call is atomic: if its order is there,
   * all of it is.
   */
  marks: OrderId[]
}

type Load = (world: TakeoverWorld, into: Loading) => Promise<OpenAnswer>

/** A drop has as many operations as orders were ever given back: one call with all of them would hold up every other drop. */
function loadOps(opIds: readonly string[]): Load {
  return async ({ ledger, node }, { drop, epoch, ops, marks }) => {
    for (let at = 0; at < opIds.length; at += OPS_BATCH) {
      const page = opIds.slice(at, at + OPS_BATCH)
      const mark = markOf(drop, epoch, node, at + 1)
      const answer = await ledger.load(drop, epoch, node, [mark], page)
      if (answer.answer !== 'opened') return answer
      marks.push(mark.orderId)
      for (const opId of page) ops.add(opId)
    }
    return { answer: 'opened' }
  }
}

const loadOrders: Load = async ({ ledger, book, node }, { drop, epoch, ops, marks }) => {
  for (let afterId: OrderId | undefined; ; ) {
    const page = await book.keptOrders(drop, afterId, LOAD_BATCH)
    const orders = page.length === 0 ? [markOf(drop, epoch, node)] : page.map((order) => asOfFence(order, ops))
    const answer = await ledger.load(drop, epoch, node, orders)
    const last = orders.at(-1)
    if (last !== undefined) marks.push(last.orderId)
    if (page.length === 0 || answer.answer !== 'opened') return answer
    afterId = last?.orderId
  }
}

/** An order that was given back since the totals were read: the room will be told, and takes it from its buyer then. */
function asOfFence(order: KeptOrder, ops: ReadonlySet<string>): KeptOrder {
  const { givenBackBy } = order
  return givenBackBy === undefined || ops.has(givenBackBy) ? order : { ...order, holdsUnits: true }
}

function notOpened(world: TakeoverWorld, drop: DropId, answer: OpenAnswer): Takeover {
  world.log.warn('takeover.given_up', { drop, answer: answer.answer })
  return ELSEWHERE
}

const standingOf = ({ epoch, seq, batch }: RoomState) => ({ epoch, seq, batch })
