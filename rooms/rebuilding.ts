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
import { uniteEntries } from './journal.ts'
import { readLog } from './ledger-pages.ts'
import { type Loaded, type LoadingWorld, loadOps, loadOrders } from './loading.ts'
import type { Clock, DropBook, Entry, Log, OpenAnswer, RoomState, Surrendered, Taken, WriteOutcome } from './ports.ts'

export interface RebuildingWorld extends LoadingWorld {
  clock: Clock
  log: Log
}

/** `refused`: another owner came first, the lease is gone, or Redis went back once more. */
export type Rebuilt = { rebuilt: 'room'; state: RoomState } | { rebuilt: 'refused'; answer: OpenAnswer['answer'] }

const WRITE_BATCH = 512

/** `found`: what Redis had, `memories`: what anybody remembers. */
export async function rebuild(
  world: RebuildingWorld,
  drop: DropId,
  { epoch, watermark }: Taken,
  memories: readonly Surrendered[],
  found: RoomState | undefined,
): Promise<Rebuilt> {
  const { ledger, book, node, clock } = world
  const cleared = await ledger.clear(drop, epoch, node)
  if (cleared.answer !== 'opened') return { rebuilt: 'refused', ...cleared }

  const journals = memories.map((memory) => memory.journal)
  const log = await readLog(ledger, drop, watermark)
  const entries = uniteEntries(journals, log.filter(isTrueOf(memories, found)))
  if ((await writeAll(world, drop, epoch, entries)) === 'fenced') return { rebuilt: 'refused', answer: 'fenced' }

  const fenced = await book.fence(drop, epoch)
  if (fenced === undefined) return { rebuilt: 'refused', answer: 'fenced' }
  // What is in the log of before is in Postgres now, or was left out for good.
  await ledger.trim(drop, { epoch, seq: 0 })

  const into: Loaded = { drop, epoch, ops: new Set(), marks: [] }
  const ops = await loadOps(world, into, fenced.opIds)
  if (ops.answer !== 'opened') return { rebuilt: 'refused', ...ops }
  const orders = await loadOrders(world, into)
  if (orders.answer !== 'opened') return { rebuilt: 'refused', ...orders }

  const opened = await ledger.rebuild(drop, epoch, node, fenced.seed, into.marks)
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
  { book, log }: RebuildingWorld,
  drop: DropId,
  epoch: number,
  entries: readonly Entry[],
): Promise<'written' | 'fenced'> {
  const first = await writeOnce(book, drop, epoch, entries)
  if (first === 'fenced') return 'fenced'
  const stale: Entry[] = []
  for (const { entry, outcome } of first) {
    if (outcome?.outcome === 'stale' && entry.kind === 'order') stale.push({ ...entry, position: { epoch, seq: 0 } })
  }

  const anew = await writeOnce(book, drop, epoch, stale)
  if (anew === 'fenced') return 'fenced'
  for (const { entry, outcome } of anew) {
    if (entry.kind !== 'order' || outcome?.outcome !== 'revoked') continue
    log.error('order.revoked', { drop, orderId: entry.orderId, reason: outcome.reason })
  }
  return 'written'
}

async function writeOnce(book: DropBook, drop: DropId, epoch: number, entries: readonly Entry[]) {
  const written: { entry: Entry; outcome: WriteOutcome | undefined }[] = []
  for (let at = 0; at < entries.length; at += WRITE_BATCH) {
    const batch = entries.slice(at, at + WRITE_BATCH)
    const outcomes = await book.write(drop, epoch, batch)
    if (outcomes === 'fenced') return 'fenced'
    written.push(...batch.map((entry, index) => ({ entry, outcome: outcomes[index] })))
  }
  return written
}
