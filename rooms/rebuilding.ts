/**
 * Builds a drop's room anew from Postgres and from whatever anybody remembers, when Redis has lost some of it.
 *
 * The order of steps is the safety. The room is removed first, so nobody sells from it; then every entry that is still
 * known goes to Postgres; then one call fences Postgres against older epochs and, after that, reads the totals; then
 * operations, answers and buyers are loaded (loading.ts); the room itself is written last, for it is the gate.
 *
 * A Redis that went back may have carried out a late call of the last owner in the place of another one. Whatever only
 * its log has of that epoch is then in Postgres already, or nobody was told of it: it is left out, and whoever asked for
 * it asks again.
 *
 * Redis may go back in time in the middle of all this too, and then a room would open that has forgotten its orders. So
 * the gate opens only where the marks of every load still are.
 */
import type { DropId } from '../protocol/ids.ts'
import { isBehind } from './bearings.ts'
import { logPages } from './ledger-pages.ts'
import { type Loaded, type LoadingWorld, loadOps, loadOrders } from './loading.ts'
import { pause } from './nap.ts'
import { PackedLine } from './packed-line.ts'
import type { Clock, Copied, Entry, Log, OpenAnswer, RoomState, Surrendered, Taken, WriteOutcome } from './ports.ts'
import { uniteEntries } from './uniting.ts'

export interface RebuildingWorld extends LoadingWorld {
  clock: Clock
  log: Log
}

/** `refused`: another owner came first, the lease is gone, or Redis went back once more. */
export type Rebuilt = { rebuilt: 'room'; state: RoomState } | { rebuilt: 'refused'; answer: OpenAnswer['answer'] }

const WRITE_BATCH = 512

export interface KnownOfRoom {
  /** What anybody remembers. */
  memories: readonly Surrendered[]
  /** What Redis had. */
  found: RoomState | undefined
  /** The copy that is among the memories. */
  copy: Copied | undefined
}

export async function rebuild(
  world: RebuildingWorld,
  drop: DropId,
  { epoch, watermark }: Taken,
  { memories, found, copy }: KnownOfRoom,
): Promise<Rebuilt> {
  const { ledger, book, node, clock } = world
  const cleared = await ledger.clear(drop, epoch, node)
  if (cleared.answer !== 'opened') return { rebuilt: 'refused', ...cleared }

  const journals = memories.map((memory) => memory.journal)
  const log = new PackedLine<Entry>(0)
  for await (const page of logPages(ledger, drop, watermark)) {
    for (const entry of page.filter(isTrueOf(memories, found))) log.push(entry)
  }
  const written = await writeAll(world, drop, epoch, uniteEntries(journals, log.pages()))
  if (written === 'fenced') return { rebuilt: 'refused', answer: 'fenced' }

  const fenced = await book.fence(drop, epoch)
  if (fenced === undefined) return { rebuilt: 'refused', answer: 'fenced' }
  // What is in the log of before is in Postgres now, or was left out for good.
  await ledger.trim(drop, { epoch, seq: 0 })

  const into: Loaded = { drop, epoch, ops: new Set(), marks: [] }
  const ops = await loadOps(world, into, fenced.opIds)
  if (ops.answer !== 'opened') return { rebuilt: 'refused', ...ops }
  const orders = await loadOrders(world, into)
  if (orders.answer !== 'opened') return { rebuilt: 'refused', ...orders }

  const opened = await ledger.rebuild(drop, epoch, node, fenced.seed, into.marks, copy)
  if (opened.answer !== 'opened') return { rebuilt: 'refused', ...opened }

  return { rebuilt: 'room', state: { ...fenced.seed, epoch, seq: 0, batch: 0, nowMs: clock.nowMs() } }
}

/** Of the log of an epoch in which Redis went back, nothing is true but what that epoch's owner remembers too. */
function isTrueOf(memories: readonly Surrendered[], found: RoomState | undefined): (entry: Entry) => boolean {
  const owner = memories.find(({ position }) => position.epoch === found?.epoch)
  const wentBack = found !== undefined && owner !== undefined && isBehind(found, owner)
  return ({ position }) => !wentBack || position.epoch !== found.epoch
}

/**
 * Orders that Postgres holds to be stale (of an epoch before an earlier rebuild, which did not know them) are written once
 * more, under the new epoch and behind all others: the room is not there yet, so Postgres' totals say what is left.
 */
async function writeAll(
  world: RebuildingWorld,
  drop: DropId,
  epoch: number,
  shares: Iterable<readonly Entry[]>,
): Promise<'written' | 'fenced'> {
  const stale = new PackedLine<Entry>(0)
  const first = await writeEach(world, drop, epoch, shares, (entry, outcome) => {
    if (outcome?.outcome === 'stale' && entry.kind === 'order') stale.push({ ...entry, position: { epoch, seq: 0 } })
  })
  if (first === 'fenced') return 'fenced'

  return writeEach(world, drop, epoch, unpacked(stale), (entry, outcome) => {
    if (entry.kind !== 'order' || outcome?.outcome !== 'revoked') return
    world.log.error('order.revoked', { drop, orderId: entry.orderId, reason: outcome.reason })
  })
}

/** Between two shares this node does other things, also where there is nothing to write. */
async function writeEach(
  { book, clock }: RebuildingWorld,
  drop: DropId,
  epoch: number,
  shares: Iterable<readonly Entry[]>,
  written: (entry: Entry, outcome: WriteOutcome | undefined) => void,
): Promise<'written' | 'fenced'> {
  const write = async (batch: readonly Entry[]) => {
    const outcomes = await book.write(drop, epoch, batch)
    if (outcomes === 'fenced') return 'fenced'
    for (const [at, entry] of batch.entries()) written(entry, outcomes[at])
    return 'written'
  }

  let rest: Entry[] = []
  let isFirst = true
  for (const share of shares) {
    if (!isFirst) await pause(clock, 0)
    isFirst = false
    rest.push(...share)
    for (; rest.length >= WRITE_BATCH; rest = rest.slice(WRITE_BATCH)) {
      if ((await write(rest.slice(0, WRITE_BATCH))) === 'fenced') return 'fenced'
    }
  }
  return rest.length > 0 ? write(rest) : 'written'
}

function* unpacked(line: PackedLine<Entry>): Generator<readonly Entry[], void> {
  for (const page of line.pages()) yield page()
}
