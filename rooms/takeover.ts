/**
 * How a drop changes its owner without losing what the last one promised.
 *
 *   1  win the lease                     the right to try; nothing depends on being the only one who does
 *   2  mint an epoch in Postgres         the fencing token, from an authority that Redis cannot forget. No earlier owner
 *                                        writes there from now on, so what it has is known once and for all
 *   3  ask live nodes to surrender       each stops its room for this drop and gives up its journal; one that is gone may
 *                                        have left a copy of it (journal-copy.ts)
 *   4  compare                           does Redis have everything that Postgres or anybody remembers? The last call
 *                                        of the last owner (rooms/ports.ts, Fence), and every order of every journal
 *                                        too: another owner may have passed them without knowing them
 *   5a adopt    yes, and no copy lies beside it: take the room as it stands; what Postgres lacks is in the log
 *   5b rebuild  no: write every memory to Postgres, fence it, and build the room from its totals
 *
 * The second way is an essay of its own (rebuilding.ts).
 */
import { Fault } from '../protocol/faults.ts'
import type { DropId, NodeId } from '../protocol/ids.ts'
import { comparePositions } from '../protocol/position.ts'
import { isBehind, type Known } from './bearings.ts'
import { emptyLine } from './journal.ts'
import { isOlder, readCopy } from './journal-copy.ts'
import { hasAll, logPages } from './ledger-pages.ts'
import { pause } from './nap.ts'
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
import { type KnownOfRoom, rebuild } from './rebuilding.ts'
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

const ELSEWHERE: Takeover = { took: 'nothing', why: 'elsewhere' }

/** The caller holds the lease. `own`: what this node itself remembers of the drop. Throws when a store cannot answer. */
export async function takeOver(world: TakeoverWorld, drop: DropId, own: Surrendered): Promise<Takeover> {
  const taken = await world.book.take(drop, world.node)
  if (taken === undefined) return { took: 'nothing', why: 'unknown' }

  const live = await surrendered(world, drop, taken)
  const copy = await readCopy(world.ledger, drop, own)
  const memories = [own, ...live, ...copy.memories]
  const known: Known[] = [{ position: taken.watermark, batch: 0 }, ...memories]

  const found = await world.ledger.read(drop)
  const isWhole = found !== undefined && found.epoch >= taken.minEpoch && !known.some((one) => isBehind(found, one))
  if (isWhole && copy.of === undefined && (await hasOrders(world, drop, memories)))
    return adopt(world, drop, taken, found)

  // A drop that never had an owner has no room yet: nothing was lost.
  if (taken.epoch > 1)
    world.log.warn('takeover.redis_lost', { drop, found: found && standingOf(found), ...last(known) })
  const all = [...memories, ...(await heardLate(world, drop, taken))]
  return anew(world, drop, taken, own, { memories: all, found, copy: copy.of })
}

function last(known: readonly Known[]): Known | undefined {
  const furthest = [...known].sort((a, b) => comparePositions(a.position, b.position)).at(-1)
  return furthest && { position: furthest.position, batch: furthest.batch }
}

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
    await pause(clock, DEAF_LOOK_MS)
  }
  return neighbours.surrender(drop, SURRENDER_MS)
}

/** Whether Redis has every order that somebody remembers. */
async function hasOrders({ ledger }: TakeoverWorld, drop: DropId, memories: readonly Surrendered[]): Promise<boolean> {
  for (const page of memories.flatMap(({ journal }) => journal)) {
    const ids = page().flatMap((entry) => (entry.kind === 'order' ? [entry.orderId] : []))
    if (!(await hasAll(ledger, drop, ids))) return false
  }
  return true
}

async function adopt(world: TakeoverWorld, drop: DropId, taken: Taken, found: RoomState): Promise<Takeover> {
  const { ledger, node } = world
  const opened = await ledger.adopt(drop, taken.epoch, node, found)
  if (opened.answer !== 'opened') return notOpened(world, drop, opened.answer)

  // Read after the adoption: until then the last owner could still add to the log.
  const state = await ledger.read(drop)
  const unwritten = emptyLine()
  const words: Entry[] = []
  for await (const page of logPages(ledger, drop, taken.watermark)) {
    for (const entry of page) unwritten.push({ entry })
    words.push(...page.filter(({ kind }) => kind === 'phase'))
  }
  if (state === undefined || state.epoch !== taken.epoch) return ELSEWHERE

  return { took: 'room', how: 'adopted', start: { drop, state, unwritten, words, lowStockAt: taken.lowStockAt } }
}

/** Once more if a copy has come meanwhile: the gate opens beside none that was not read. */
async function anew(
  world: TakeoverWorld,
  drop: DropId,
  taken: Taken,
  own: Surrendered,
  known: KnownOfRoom,
): Promise<Takeover> {
  let made = await rebuild(world, drop, taken, known)
  if (made.rebuilt === 'refused' && made.answer === 'forgotten') {
    const { of, memories } = await readCopy(world.ledger, drop, own)
    const isNew = of !== undefined && (known.copy === undefined || isOlder(known.copy, of))
    const more = { ...known, memories: [...known.memories, ...memories], copy: of }
    if (isNew) made = await rebuild(world, drop, taken, more)
  }
  if (made.rebuilt === 'refused') return notOpened(world, drop, made.answer)

  return {
    took: 'room',
    how: 'rebuilt',
    start: { drop, state: made.state, unwritten: emptyLine(), words: [], lowStockAt: taken.lowStockAt },
  }
}

function notOpened(world: TakeoverWorld, drop: DropId, answer: OpenAnswer['answer']): Takeover {
  // There is no room, so whoever tries again builds one.
  if (answer === 'forgotten')
    throw new Fault('unavailable', { dependency: 'redis', why: 'forgot what it was loaded with' })
  world.log.warn('takeover.given_up', { drop, answer })
  return ELSEWHERE
}

const standingOf = ({ epoch, seq, batch }: RoomState) => ({ epoch, seq, batch })
