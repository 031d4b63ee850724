/**
 * The copy of a journal: what was accepted stands twice again, though Postgres cannot be asked.
 *
 * When Redis forgets, orders that Postgres has not written yet are nowhere but in their owner's memory until the room is
 * built anew, and that needs Postgres: as long as it is away, the death of one process would lose them. So before
 * anything else a node sets down what it remembers beside the room that Redis has lost. Whoever takes the drop over reads
 * it as one memory among the others, and it goes when the room is open again: then Postgres has all of it.
 */
import { Fault } from '../protocol/faults.ts'
import type { DropId } from '../protocol/ids.ts'
import { comparePositions } from '../protocol/position.ts'
import { isBehind } from './bearings.ts'
import type { Entry, Ledger, Log, Surrendered } from './ports.ts'

const PAGE = 500

/** Only if Redis has less than is remembered. Never throws: nothing is worse without a copy than it was before. */
export async function setDown(
  { ledger, log }: { ledger: Ledger; log: Log },
  drop: DropId,
  remembered: Surrendered,
): Promise<void> {
  const { journal, position, batch } = remembered
  if (journal.length === 0 || position.epoch === 0) return

  try {
    const found = await ledger.read(drop)
    if (found !== undefined && !isBehind(found, remembered)) return

    const of = { position, batch, size: journal.length }
    for (let at = 0; ; at += PAGE) {
      const { answer } = await ledger.copy(drop, of, at, journal.slice(at, at + PAGE))
      if (answer === 'goes_on') continue
      if (answer === 'copied') log.info('journal.copied', { drop, entries: journal.length, position })
      return
    }
  } catch (cause) {
    log.warn('journal.not_copied', { drop, entries: journal.length, cause })
  }
}

/** What an earlier owner has set down. Whoever remembers as much needs not read it. */
export async function readCopy(ledger: Ledger, drop: DropId, own: Surrendered): Promise<Surrendered[]> {
  const of = await ledger.copied(drop)
  if (of === undefined || comparePositions(of.position, own.position) === 0) return []

  const journal: Entry[] = []
  while (journal.length < of.size) {
    const page = await ledger.copiedEntries(drop, journal.length, PAGE)
    if (page.length === 0) throw new Fault('unavailable', { dependency: 'redis', why: 'forgot a copy' })
    journal.push(...page)
  }
  return [{ journal, position: of.position, batch: of.batch }]
}
