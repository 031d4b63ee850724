/** Journals and a log as one list: against a plain sort, whatever they hold, and in shares however long they are. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { comparePositions } from '../protocol/position.ts'
import { inPages, type Page } from '../rooms/packed-line.ts'
import type { Entry } from '../rooms/ports.ts'
import { SHARE, uniteEntries } from '../rooms/uniting.ts'
import { ask, buyer, dropOf, keyOf, lines } from './builders/people.ts'

const drop = dropOf('one')
const { orderId: FIRST } = ask(drop, 'ana', { shoe: 1 }, 'key-0')
const IDS = Array.from({ length: 4 }, (_, at) => ask(drop, 'ana', { shoe: 1 }, `key-${at}`).orderId)

const order = (epoch: number, seq: number, who = 0, atMs = 0): Entry => ({
  ...{ kind: 'order', position: { epoch, seq }, atMs, orderId: IDS[who] ?? FIRST },
  ...{ buyer: buyer('ana'), key: keyOf(`key-${who}`), lines: lines({ shoe: 1 }) },
})

/** All of it in one go, as one would say it: sort everything, then leave out what was there before. */
function plain(journals: readonly (readonly Entry[])[], log: readonly Entry[]): Entry[] {
  const ranked = [journals.flat(), log].flatMap((entries, rank) => entries.map((entry) => ({ entry, rank })))
  ranked.sort(
    (a, b) =>
      a.entry.position.epoch - b.entry.position.epoch ||
      a.rank - b.rank ||
      comparePositions(a.entry.position, b.entry.position),
  )
  const seen = new Map<string, Entry>()
  for (const { entry } of ranked) {
    const { epoch, seq } = entry.position
    const same = [epoch, seq, entry.kind === 'order' ? entry.orderId : entry.opId].join()
    if (!seen.has(same)) seen.set(same, entry)
  }
  return [...seen.values()]
}

/** Cut anywhere: what was noted by several rooms, or came over the bus, is in pages of any length. */
function cut(entries: readonly Entry[], lengths: readonly number[]): Page<Entry>[] {
  const pages: Page<Entry>[] = []
  let from = 0
  for (const length of lengths) {
    const page = entries.slice(from, from + length)
    pages.push(() => page)
    from += length
  }
  return [...pages, ...inPages(entries.slice(from))]
}

const entry = fc.oneof(
  fc
    .record({
      epoch: fc.integer({ min: 1, max: 3 }),
      seq: fc.nat({ max: 12 }),
      who: fc.nat({ max: 3 }),
      atMs: fc.nat(),
    })
    .map(({ epoch, seq, who, atMs }) => order(epoch, seq, who, atMs)),
  fc
    .record({ epoch: fc.integer({ min: 1, max: 3 }), seq: fc.nat({ max: 12 }), op: fc.nat({ max: 2 }), atMs: fc.nat() })
    .map(({ epoch, seq, op, atMs }): Entry => {
      return { kind: 'phase', position: { epoch, seq }, atMs, opId: `op-${op}`, phase: 'open' }
    }),
)
/** In order, as a journal and a log are; or not, as what several rooms of a node have left. */
const entries = fc
  .tuple(fc.array(entry, { maxLength: 40 }), fc.boolean())
  .map(([some, inOrder]) => (inOrder ? [...some].sort((a, b) => comparePositions(a.position, b.position)) : some))
const lengths = fc.array(fc.nat({ max: 9 }), { maxLength: 8 })

/** A log or journal that was never empty, of one epoch. */
const long = (count: number, from = 1): Entry[] => Array.from({ length: count }, (_, at) => order(3, from + at))

describe('journals and a log, united', () => {
  it('[FF24] are what sorting all of it and leaving out the same again would give, whatever they hold', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(entries, lengths), { maxLength: 3 }), entries, lengths, (told, log, logCut) => {
        const journals = told.map(([some, cuts]) => cut(some, cuts))

        const united = [...uniteEntries(journals, cut(log, logCut))].flat()

        expect(united).toStrictEqual(
          plain(
            told.map(([some]) => some),
            log,
          ),
        )
      }),
      { numRuns: 500 },
    )
  })

  it('[FF24] are so also when they are long, in one epoch and in many', () => {
    const journal = [...long(3_000), ...Array.from({ length: 2_000 }, (_, at) => order(4 + (at % 7), at))]
    const log = [...long(4_000, 1_500), ...Array.from({ length: 2_000 }, (_, at) => order(4 + (at % 5), at, 1))]

    const united = [...uniteEntries([inPages(journal), inPages(log.slice(0, 2_000))], inPages(log))].flat()

    expect(united).toStrictEqual(plain([journal, log.slice(0, 2_000)], log))
  })

  it('[FF25] come in shares: between two of them a bounded number of entries is unpacked, however few are new', () => {
    let unpacked = 0
    const counted = (pages: readonly Page<Entry>[]) =>
      pages.map((page) => () => {
        const entries = page()
        unpacked += entries.length
        return entries
      })
    const all = long(40_000)
    const journals = [counted(inPages(all)), counted(inPages(all.slice(20_000)))]

    const found: number[] = []
    const work: number[] = []
    for (const share of uniteEntries(journals, counted(inPages(all)))) {
      found.push(share.length)
      work.push(unpacked)
      unpacked = 0
    }

    expect(found.reduce((a, b) => a + b)).toBe(40_000)
    expect(Math.max(...found, ...work)).toBeLessThanOrEqual(SHARE + 512)
    // Each entry is unpacked twice and looked at once.
    expect(work.length).toBeGreaterThan((3 * 100_000) / (SHARE + 512) - 1)
  })

  it('[FF25] are unpacked a page of each at a time, as far as they are read', () => {
    let opened = 0
    const pagesOf = (entries: readonly Entry[]) =>
      inPages(entries).map((page) => () => {
        opened += 1
        return page()
      })
    const all = long(50 * 512)
    const shares = uniteEntries([pagesOf(all)], pagesOf(all))

    let share = shares.next()
    while (!share.done && share.value.length === 0) share = shares.next()
    const openedThen = opened

    // All hundred were looked into once, to see where they begin.
    expect(openedThen).toBeLessThanOrEqual(100 + (2 * SHARE) / 512)
    expect([...shares].flat().length + (share.value?.length ?? 0)).toBe(all.length)
    expect(opened).toBe(200)
  })

  it('[FF25] are one share when they are as short as in a healthy room', () => {
    const shares = [...uniteEntries([inPages(long(300)), []], inPages(long(300)))]

    expect(shares).toStrictEqual([long(300)])
  })
})
