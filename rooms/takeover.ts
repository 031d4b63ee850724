/**
 * How a drop changes its owner without losing what the last one promised.
 *
 *   1  win the lease                     the right to try; nothing depends on being the only one who does
 *   2  mint an epoch in Postgres         the fencing token, from an authority that Redis cannot forget
 *   3  ask live nodes to surrender       each stops its room for this drop and gives up its journal
 *   4  compare                           does Redis have everything that Postgres or anybody remembers?
 *   5a adopt    yes: take the room as it stands; what Postgres lacks is in the log
 *   5b rebuild  no: write every memory to Postgres, fence it, and build the room from its totals
 *
 * In a rebuild the order of steps is the safety. The room is removed first, so nobody sells from it; then every entry
 * that is still known goes to Postgres; then one statement fences Postgres against older epochs and reads the totals;
 * then answers and buyers are loaded; the room itself is written last, for it is the gate.
 */
import type { DropId, NodeId, OrderId } from '../protocol/ids.ts'
import { comparePositions, laterPosition, type Position } from '../protocol/position.ts'
import { type Noted, uniteEntries } from './journal.ts'
import type {
  Clock,
  DropBook,
  Entry,
  Ledger,
  Log,
  Neighbours,
  OpenAnswer,
  RoomState,
  Surrendered,
  Taken,
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
  | { took: 'room'; start: RoomStart; how: 'adopted' | 'rebuilt'; stale: Noted[] }
  | { took: 'nothing'; why: 'elsewhere' | 'unknown' }

const SURRENDER_MS = 300
/** When Redis has lost the room, the last owner's journal is worth a longer wait. */
const SURRENDER_LOST_MS = 1_000
const WRITE_BATCH = 512
const LOAD_BATCH = 500
const LOG_PAGE = 1_000

const ELSEWHERE: Takeover = { took: 'nothing', why: 'elsewhere' }

/** The caller holds the lease. `own`: what this node itself remembers of the drop. Throws when a store cannot answer. */
export async function takeOver(world: TakeoverWorld, drop: DropId, own: Surrendered): Promise<Takeover> {
  const taken = await world.book.take(drop, world.node)
  if (taken === undefined) return { took: 'nothing', why: 'unknown' }

  const memories = [own, ...(await surrendered(world, drop, taken))]
  const known = memories.map((memory) => memory.position).reduce(laterPosition, taken.watermark)

  const found = await world.ledger.read(drop)
  if (found !== undefined && comparePositions(found, known) >= 0) return adopt(world, drop, taken)

  // A drop that never had an owner has no room yet: nothing was lost.
  if (taken.epoch > 1) world.log.warn('takeover.redis_lost', { drop, found: found && positionOf(found), known })
  return rebuild(world, drop, taken, memories)
}

async function surrendered(world: TakeoverWorld, drop: DropId, taken: Taken): Promise<Surrendered[]> {
  const previous = taken.previousOwner
  const lives = previous !== null && previous !== world.node && world.neighbours.live().includes(previous)
  const lost = lives && (await world.ledger.read(drop)) === undefined

  return world.neighbours.surrender(drop, lost ? SURRENDER_LOST_MS : SURRENDER_MS)
}

async function adopt(world: TakeoverWorld, drop: DropId, taken: Taken): Promise<Takeover> {
  const { ledger, node } = world
  const opened = await ledger.adopt(drop, taken.epoch, node)
  if (opened.answer !== 'opened') return notOpened(world, drop, opened)

  // Read after the adoption: until then the last owner could still add to the log.
  const state = await ledger.read(drop)
  const unwritten = await readLog(ledger, drop, taken.watermark)
  if (state === undefined || state.epoch !== taken.epoch) return ELSEWHERE

  return { took: 'room', how: 'adopted', start: { drop, state, unwritten, lowStockAt: taken.lowStockAt }, stale: [] }
}

async function rebuild(world: TakeoverWorld, drop: DropId, taken: Taken, memories: Surrendered[]): Promise<Takeover> {
  const { ledger, book, node } = world
  const cleared = await ledger.clear(drop, taken.epoch, node)
  if (cleared.answer !== 'opened') return notOpened(world, drop, cleared)

  const journals = memories.map((memory) => memory.journal)
  const entries = uniteEntries([await readLog(ledger, drop, taken.watermark), ...journals])
  const stale = await writeAll(book, drop, entries)

  const fenced = await book.fence(drop, taken.epoch)
  if (fenced === undefined) return ELSEWHERE

  const loaded = await loadOrders(world, drop)
  if (loaded.answer !== 'opened') return notOpened(world, drop, loaded)

  const opened = await ledger.rebuild(drop, taken.epoch, node, fenced.seed, fenced.opIds)
  if (opened.answer !== 'opened') return notOpened(world, drop, opened)

  const state: RoomState = { ...fenced.seed, epoch: taken.epoch, seq: 0, nowMs: world.clock.nowMs() }
  const start = { drop, state, unwritten: [], lowStockAt: taken.lowStockAt }
  return { took: 'room', how: 'rebuilt', start, stale }
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

/** Answers the entries that Postgres holds to be stale: of an epoch before an earlier rebuild, which did not know them. */
async function writeAll(book: DropBook, drop: DropId, entries: readonly Entry[]): Promise<Noted[]> {
  const stale: Noted[] = []
  for (let at = 0; at < entries.length; at += WRITE_BATCH) {
    const batch = entries.slice(at, at + WRITE_BATCH)
    const outcomes = await book.write(drop, batch)
    for (const [index, entry] of batch.entries()) if (outcomes[index]?.outcome === 'stale') stale.push({ entry })
  }
  return stale
}

async function loadOrders({ ledger, book, node }: TakeoverWorld, drop: DropId): Promise<OpenAnswer> {
  for (let afterId: OrderId | undefined; ; ) {
    const page = await book.keptOrders(drop, afterId, LOAD_BATCH)
    const last = page.at(-1)
    if (last === undefined) return { answer: 'opened' }

    const answer = await ledger.load(drop, node, page)
    if (answer.answer !== 'opened') return answer
    afterId = last.orderId
  }
}

function notOpened(world: TakeoverWorld, drop: DropId, answer: OpenAnswer): Takeover {
  world.log.warn('takeover.given_up', { drop, answer: answer.answer })
  return ELSEWHERE
}

const positionOf = ({ epoch, seq }: Position): Position => ({ epoch, seq })
