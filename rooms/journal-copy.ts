/**
 * The copy of a journal: what was accepted stands twice again, though Postgres cannot be asked.
 *
 * When Redis forgets, orders that Postgres has not written yet are nowhere but in their owner's memory until the room is
 * built anew, and that needs Postgres: as long as it is away, the death of one process would lose them. So before it asks
 * Postgres for anything a node begins to set down what it remembers, beside the room that Redis has lost. Whoever takes the
 * drop over reads it as one memory among the others, and it goes when the room is open again: then Postgres has all of it.
 * Until then the room that it lies beside is known not to be whole: nobody takes it as it stands, and what it does not know
 * of an order says nothing.
 */
import { Fault } from '../protocol/faults.ts'
import type { DropId } from '../protocol/ids.ts'
import { comparePositions } from '../protocol/position.ts'
import { isBehind } from './bearings.ts'
import { pause } from './nap.ts'
import { PackedLine, type Page } from './packed-line.ts'
import type { Clock, Copied, CopyAnswer, Entry, Ledger, Log, Surrendered } from './ports.ts'

/** An attempt that came to nothing lasts for so long: the next one would bring the same pages to the same Redis. */
const REST_MS = 1_000

/** Only if Redis has less than is remembered. Never throws: nothing is worse without a copy than it was before. */
export async function setDown(
  { ledger, clock, log }: { ledger: Ledger; clock: Clock; log: Log },
  drop: DropId,
  remembered: Surrendered,
): Promise<void> {
  const { journal, position, batch } = remembered
  if (journal.length === 0 || position.epoch === 0) return

  const of = { position, batch, pages: journal.length }
  try {
    const found = await ledger.read(drop)
    if (found !== undefined && !isBehind(found, remembered)) return
    const there = await ledger.copied(drop)
    if (there !== undefined && !isOlder(there, of)) return

    const answer = await copyPages(ledger, drop, of, journal)
    if (answer === 'copied') return log.info('journal.copied', { drop, ...of })
    if (answer === 'fenced') return
    log.warn('journal.not_copied', { drop, ...of, answer })
  } catch (cause) {
    log.warn('journal.not_copied', { drop, ...of, cause })
  }
  await pause(clock, REST_MS)
}

async function copyPages(
  ledger: Ledger,
  drop: DropId,
  of: Copied,
  journal: readonly Page<Entry>[],
): Promise<CopyAnswer['answer']> {
  for (const [number, page] of journal.entries()) {
    const { answer } = await ledger.copy(drop, of, number, page())
    if (answer !== 'goes_on') return answer
  }
  return 'goes_on'
}

/** Of two copies the one counts that has come further. */
export function isOlder(one: Copied, other: Copied): boolean {
  return (comparePositions(one.position, other.position) || one.pages - other.pages) < 0
}

/** A copy that is there, and what it says; nothing new if `own` is where it came from. */
export async function readCopy(
  ledger: Ledger,
  drop: DropId,
  own: Surrendered,
): Promise<{ of: Copied | undefined; memories: Surrendered[] }> {
  const of = await ledger.copied(drop)
  if (of === undefined || comparePositions(of.position, own.position) === 0) return { of, memories: [] }

  const journal = new PackedLine<Entry>(0)
  for (let number = 0; number < of.pages; number += 1) {
    const page = await ledger.copiedPage(drop, number)
    if (page === undefined) throw new Fault('unavailable', { dependency: 'redis', why: 'forgot a copy' })
    for (const entry of page) journal.push(entry)
  }
  return { of, memories: [{ journal: journal.pages(), position: of.position, batch: of.batch }] }
}
