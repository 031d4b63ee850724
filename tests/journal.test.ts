/** A journal against a plain list: whatever is noted, read and forgotten, and however long it becomes. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { packPage } from '../protocol/codec.ts'
import { emptyLine, Journal, type Noted } from '../rooms/journal.ts'
import type { Entry } from '../rooms/ports.ts'
import { ask, buyer, dropOf, keyOf, lines, nodeOf } from './builders/people.ts'

const drop = dropOf('one')
const VIA = [undefined, nodeOf('n1'), nodeOf('n2')]
/** More than are left loose, and many pages. */
const LONG = 12_000

/** Every kind of entry, and every field that may be there or not. */
function entryAt(seq: number): Entry {
  const head = { position: { epoch: 3, seq }, atMs: 1_790_000_000_000 + seq }
  const { orderId } = ask(drop, 'ana', { shoe: 1 }, `key-${seq}`)
  const order = {
    kind: 'order',
    orderId,
    buyer: buyer('ana'),
    key: keyOf(`key-${seq}`),
    lines: lines({ shoe: 1 }),
  } as const
  const kinds: Entry[] = [
    { ...head, ...order },
    { ...head, ...order, promised: true },
    { ...head, kind: 'phase', opId: `open:${seq}`, phase: 'open' },
    { ...head, kind: 'restock', opId: `more:${seq}`, lines: lines({ boot: 90_000, shoe: 2 }) },
    { ...head, kind: 'release', opId: `back:${seq}`, orderId, buyer: buyer('bo'), lines: lines({ shoe: 1 }) },
  ]
  return kinds[seq % kinds.length] ?? { ...head, ...order }
}

const notedAt = (seq: number): Noted => {
  const via = VIA[seq % VIA.length]
  return via === undefined ? { entry: entryAt(seq) } : { entry: entryAt(seq), via }
}

/** Twelve thousand of them, made once. */
const NOTED = Array.from({ length: LONG }, (_, at) => notedAt(at + 1))

const everythingIn = (journal: Journal): Noted[] => journal.pages().flatMap((page) => page())

function longJournal(): Journal {
  const journal = new Journal(LONG)
  for (const { entry, via } of NOTED) journal.note(entry, via)
  return journal
}

describe('a journal', () => {
  it('[FF14] is a list to whoever uses it, whatever is noted, read and forgotten in whatever order', () => {
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ does: fc.constant('note' as const), count: fc.nat({ max: 3_000 }) }) },
      { weight: 3, arbitrary: fc.record({ does: fc.constant('carry' as const), count: fc.nat({ max: 1_500 }) }) },
      { weight: 2, arbitrary: fc.record({ does: fc.constant('forget' as const), count: fc.nat({ max: 2_500 }) }) },
      { weight: 1, arbitrary: fc.record({ does: fc.constant('all' as const), count: fc.constant(0) }) },
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
        const journal = new Journal(LONG)
        const list: Noted[] = []
        let noted = 0
        for (const { does, count } of steps) {
          if (does === 'note') {
            for (const one of NOTED.slice(noted, noted + count)) {
              journal.note(one.entry, one.via)
              list.push(one)
              noted += 1
            }
          }
          if (does === 'carry') {
            const batch = journal.first(count)
            expect(batch).toStrictEqual(list.splice(0, count))
            journal.forget(batch.length)
          }
          if (does === 'forget') {
            journal.forget(Math.min(count, journal.size))
            list.splice(0, count)
          }
          if (does === 'all') expect(everythingIn(journal)).toStrictEqual(list)
          expect([journal.size, journal.full]).toEqual([list.length, list.length >= LONG])
        }
        expect(everythingIn(journal)).toStrictEqual(list)
      }),
      { numRuns: 60 },
    )
  })

  it('[FF14] gives up every entry as it was noted, however long it is, and goes on', () => {
    const journal = longJournal()

    expect(everythingIn(journal)).toStrictEqual(NOTED)
    expect(journal.first(3)).toStrictEqual(NOTED.slice(0, 3))
    expect(journal.size).toBe(LONG)
    expect(journal.full).toBe(true)
  })

  it('[FF14] gives a batch again until it is forgotten, also while it grows behind it', () => {
    const journal = longJournal()
    journal.forget(5_000)

    const batch = journal.first(512)
    for (const { entry, via } of NOTED) journal.note(entry, via)
    const again = journal.first(512)
    journal.forget(512)

    expect(batch).toStrictEqual(NOTED.slice(5_000, 5_512))
    expect(again).toStrictEqual(batch)
    expect(everythingIn(journal)).toStrictEqual([...NOTED.slice(5_512), ...NOTED])
  })

  it('[FF14] begins with what an earlier owner left, however much that is', () => {
    const left = emptyLine()
    for (const one of NOTED) left.push(one)

    const journal = new Journal(LONG, left)

    expect(everythingIn(journal)).toStrictEqual(NOTED)
  })

  it('[FF14] gives up what it has now: what is noted and forgotten while that is read is not in it', () => {
    const journal = longJournal()
    const [first, ...others] = journal.pages()

    const read = [...(first?.() ?? [])]
    journal.forget(7_000)
    for (const { entry, via } of NOTED) journal.note(entry, via)
    read.push(...others.flatMap((page) => page()))

    expect(read).toStrictEqual(NOTED)
  })

  it('[FF15] packs nothing while it is as short as in a healthy room', () => {
    const journal = new Journal(LONG)

    for (let at = 0; at < LONG; at += 4_000) {
      const some = NOTED.slice(at, at + 4_000)
      for (const { entry, via } of some) journal.note(entry, via)
      const same = journal.first(4_000).map(({ entry }, nth) => entry === some[nth]?.entry)
      expect(same).toEqual(Array(4_000).fill(true))
      journal.forget(4_000)
    }
  })

  it('[FF15] keeps entries by the hundred thousand as bytes, and not as objects', () => {
    const journal = longJournal()

    const isSame = everythingIn(journal).map(({ entry }, at) => entry === NOTED[at]?.entry)

    expect(isSame.filter((same) => same).length).toBeLessThan(5_000)
  })

  it('[FF15] keeps a page in bytes of its own: no more memory than it has bytes', () => {
    const page = packPage(NOTED.slice(0, 512))

    expect(page.buffer.byteLength).toBe(page.length)
    expect(page.length).toBeLessThan(512 * 160)
  })
})
