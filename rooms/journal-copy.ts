/**
 * The copy of a journal: what was accepted stands twice again, though Postgres cannot be asked.
 *
 * When Redis forgets, orders that Postgres has not written yet are nowhere but in their owner's memory until the room is
 * built anew, and that needs Postgres: as long as it is away, the death of one process would lose them. So before
 * anything else a node sets down what it remembers beside the room that Redis has lost. Whoever takes the drop over reads
 * it as one memory among the others, and it goes when the room is open again: then Postgres has all of it. Until then the
 * room that it lies beside is known not to be whole: nobody takes it as it stands, and what it does not know of an order
 * says nothing.
 */
import { Fault } from '../protocol/faults.ts'
import type { DropId } from '../protocol/ids.ts'
import { comparePositions } from '../protocol/position.ts'
import { isBehind } from './bearings.ts'
import { PackedLine } from './packed-line.ts'
import type { Entry, Ledger, Log, Surrendered } from './ports.ts'

/** Only if Redis has less than is remembered. Never throws: nothing is worse without a copy than it was before. */
export async function setDown(
  { ledger, log }: { ledger: Ledger; log: Log },
  drop: DropId,
  remembered: Surrendered,
): Promise<void> {
  const { journal, position, batch } = remembered
  if (journal.length === 0 || position.epoch === 0) return

  const of = { position, batch, pages: journal.length }
  try {
    const found = await ledger.read(drop)
    if (found !== undefined && !isBehind(found, remembered)) return

    for (const [number, page] of journal.entries()) {
      const { answer } = await ledger.copy(drop, of, number, page())
      if (answer === 'copied') log.info('journal.copied', { drop, ...of })
      if (answer !== 'goes_on') return
    }
  } catch (cause) {
    log.warn('journal.not_copied', { drop, ...of, cause })
  }
}

/** A copy that is there: what was set down, or nothing if `own` is where it came from. */
export async function readCopy(
  ledger: Ledger,
  drop: DropId,
  own: Surrendered,
): Promise<{ isThere: boolean; memories: Surrendered[] }> {
  const of = await ledger.copied(drop)
  if (of === undefined) return { isThere: false, memories: [] }
  if (comparePositions(of.position, own.position) === 0) return { isThere: true, memories: [] }

  const journal = new PackedLine<Entry>(0)
  for (let number = 0; number < of.pages; number += 1) {
    const page = await ledger.copiedPage(drop, number)
    if (page === undefined) throw new Fault('unavailable', { dependency: 'redis', why: 'forgot a copy' })
    for (const entry of page) journal.push(entry)
  }
  return { isThere: true, memories: [{ journal: journal.pages(), position: of.position, batch: of.batch }] }
}
