/**
 * One list of entries, each once, oldest first: what the journals of one drop and its log hold together. Redis that went
 * back in time may have used a position twice, so two entries are the same only if they are about the same thing.
 *
 * Of one epoch the journals come first. They are what buyers were told; what only the log has nobody was told, or
 * Postgres has it already. If there are not units for both, the promise is kept.
 *
 * After minutes without Postgres these are hundreds of thousands of entries, and the node has other rooms with leases to
 * keep. So they are walked by position: a page is unpacked when its first entry is due, and what only the log has is put
 * away again until its epoch is told. The list comes in shares of as much work each, however little they hold; between
 * two of them the caller does other things.
 */
import { comparePositions, type Position } from '../protocol/position.ts'
import { PackedLine, type Page } from './packed-line.ts'
import type { Entry } from './ports.ts'

/** Entries that are unpacked or looked at: as many as take some milliseconds. */
export const SHARE = 2_048

/** What a step cost, and what of the list it has found. */
interface Step {
  cost: number
  entries: readonly Entry[]
}

interface Found {
  entry: Entry
  isTold: boolean
}

interface Source {
  page: Page<Entry>
  isTold: boolean
  /** Among all pages: of two entries that are the same the one in the earlier page counts. */
  nth: number
  first: Position
}

/** A source that is being walked, its entries by position. */
interface Open extends Source {
  entries: readonly Entry[]
  at: number
}

/** A share may be empty; what fits into one is one. */
export function* uniteEntries(
  journals: readonly (readonly Page<Entry>[])[],
  log: readonly Page<Entry>[],
): Generator<readonly Entry[], void> {
  let share: Entry[] = []
  let spent = 0
  for (const { cost, entries } of unite(journals.flat(), log)) {
    if (spent + cost > SHARE && spent > 0) {
      yield share
      share = []
      spent = 0
    }
    share.push(...entries)
    spent += cost
  }
  yield share
}

function* unite(told: readonly Page<Entry>[], log: readonly Page<Entry>[]): Generator<Step, void> {
  let onlyLogged = new PackedLine<Entry>(0)
  let epoch = 0
  for (const { cost, found } of byPosition(yield* sourcesOf(told, log))) {
    const now = found[0]?.entry.position.epoch ?? epoch
    if (now !== epoch) {
      yield* putAway(onlyLogged)
      onlyLogged = new PackedLine(0)
      epoch = now
    }
    const once = eachOnce(found)
    for (const { entry, isTold } of once) if (!isTold) onlyLogged.push(entry)
    yield { cost, entries: once.flatMap(({ entry, isTold }) => (isTold ? [entry] : [])) }
  }
  yield* putAway(onlyLogged)
}

function* putAway(line: PackedLine<Entry>): Generator<Step, void> {
  for (const page of line.pages()) {
    const entries = page()
    yield { cost: entries.length, entries }
  }
}

/** By where each begins: that has to be seen first, for nobody promises that journals of several rooms are in order. */
function* sourcesOf(told: readonly Page<Entry>[], log: readonly Page<Entry>[]): Generator<Step, Source[]> {
  const sources: Source[] = []
  for (const [nth, page] of [...told, ...log].entries()) {
    const [first, ...others] = page().map(({ position }) => position)
    if (first === undefined) continue

    sources.push({ page, isTold: nth < told.length, nth, first: others.reduce(earlier, first) })
    yield { cost: 1 + others.length, entries: [] }
  }
  return sources.sort((a, b) => comparePositions(a.first, b.first))
}

/** Everything that there is at a position at a time, as it stands in the pages; nothing while a page is being unpacked. */
function* byPosition(sources: readonly Source[]): Generator<{ cost: number; found: Found[] }, void> {
  let open: Open[] = []
  for (let next = 0; ; ) {
    const here = open.map(positionOf).reduce(earlier, NOWHERE)
    const due = sources[next]
    if (due !== undefined && comparePositions(due.first, here) <= 0) {
      const entries = [...due.page()].sort((a, b) => comparePositions(a.position, b.position))
      open = [...open, { ...due, entries, at: 0 }].sort((a, b) => a.nth - b.nth)
      next += 1
      yield { cost: entries.length, found: [] }
    } else if (open.length > 0) {
      const found = open.flatMap((one) => take(one, here))
      open = open.filter(({ entries, at }) => at < entries.length)
      yield { cost: found.length, found }
    } else return
  }
}

function take(one: Open, here: Position): Found[] {
  const from = one.at
  while (one.at < one.entries.length && comparePositions(positionOf(one), here) === 0) one.at += 1
  return one.entries.slice(from, one.at).map((entry) => ({ entry, isTold: one.isTold }))
}

function eachOnce(found: readonly Found[]): readonly Found[] {
  if (found.length === 1) return found

  const subjects = new Map<string, Found>()
  for (const one of found) {
    const subject = subjectOf(one.entry)
    if (!subjects.has(subject)) subjects.set(subject, one)
  }
  return [...subjects.values()]
}

/** Later than everything. */
const NOWHERE: Position = { epoch: Number.POSITIVE_INFINITY, seq: 0 }

const positionOf = ({ entries, at }: Open): Position => entries[at]?.position ?? NOWHERE

const earlier = (a: Position, b: Position): Position => (comparePositions(b, a) < 0 ? b : a)

const subjectOf = (entry: Entry): string => (entry.kind === 'order' ? entry.orderId : entry.opId)
