/** The memory of what was just read, with time wound by hand: who may hear what, and what is forgotten when. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Fault } from '../protocol/faults.ts'
import { HotCache, type HotCacheLimits } from '../server/api/hot-cache.ts'
import { HandClock, settled } from './builders/hand-clock.ts'

const LIMITS: HotCacheLimits = { entries: 100, bytes: 1_000_000, readMs: 2_000 }
const shop = { ms: 1_000, shows: ['shop'] }

interface Word {
  said: string
}

function world(limits: Partial<HotCacheLimits> = {}) {
  const clock = new HandClock()
  const sizeOf = ({ said }: Word) => (said === 'no' ? undefined : said.length)
  const cache = new HotCache<Word>(clock, sizeOf, { ...LIMITS, ...limits })
  return { clock, cache }
}

/** Readings that end when a test says so. */
function store() {
  const open: { answer(said: string): void; fail(): void }[] = []
  const read = () =>
    new Promise<Word>((resolve, reject) => {
      open.push({ answer: (said) => resolve({ said }), fail: () => reject(new Fault('unavailable')) })
    })
  const end = async (at: number, said: string) => {
    open[at]?.answer(said)
    await settled()
  }
  return { open, read, end }
}

const saying = (said: string) => async () => ({ said })
const unread = () => Promise.reject(new Error('should not be read'))

describe('a reading', () => {
  it('[BB1] is one for all who ask meanwhile, and answers whoever comes after it', async () => {
    const { cache } = world()
    const { open, read, end } = store()

    const asked = Array.from({ length: 50 }, () => cache.get('key', shop, read))
    const other = cache.get('other', shop, read)
    await end(0, 'one')
    await end(1, 'two')

    expect(open).toHaveLength(2)
    expect(await Promise.all(asked)).toEqual(Array(50).fill({ said: 'one' }))
    expect(await other).toEqual({ said: 'two' })
    expect(await cache.get('key', shop, unread)).toEqual({ said: 'one' })
  })

  it('[BB1] that fails fails for all who wait, and the next one who asks tries again', async () => {
    const { cache } = world()
    const { open, read } = store()

    const asked = [cache.get('key', shop, read), cache.get('key', shop, read)]
    open[0]?.fail()

    for (const one of asked) await expect(one).rejects.toMatchObject({ code: 'unavailable' })
    expect(await cache.get('key', shop, saying('back'))).toEqual({ said: 'back' })
  })

  it('[BB1] that does not end is given up by all who wait, and what it brings later is not kept', async () => {
    const { cache, clock } = world({ readMs: 200 })
    const { read, end } = store()

    const asked = [cache.get('key', shop, read), cache.get('key', shop, read)].map((one) => one.catch((why) => why))
    await clock.advance(200)

    for (const why of await Promise.all(asked)) expect(why).toMatchObject({ code: 'unavailable' })
    await end(0, 'late')
    expect(cache.fresh('key')).toBeUndefined()
    expect(await cache.get('key', shop, saying('new'))).toEqual({ said: 'new' })
  })

  it('[BB2] counts from its beginning: what took half of its time to come is good for the other half', async () => {
    const { cache, clock } = world()
    const { read, end } = store()

    const asked = cache.get('key', shop, read)
    await clock.advance(500)
    await end(0, 'one')
    await clock.advance(499)
    expect([await asked, cache.fresh('key')]).toEqual([{ said: 'one' }, { said: 'one' }])

    await clock.advance(1)
    expect(cache.fresh('key')).toBeUndefined()
    expect(await cache.get('key', shop, saying('two'))).toEqual({ said: 'two' })
    expect(cache.last('key')).toEqual({ said: 'two' })
  })
})

describe('a touch', () => {
  it('[BB3] ends what was kept under the name, and nothing else', async () => {
    const { cache } = world()
    await cache.get('a', { ms: 1_000, shows: ['shop', 'thing/1'] }, saying('a'))
    await cache.get('b', { ms: 1_000, shows: ['thing/2'] }, saying('b'))

    cache.touch(['thing/1'])

    expect([cache.fresh('a'), cache.last('a'), cache.fresh('b')]).toEqual([undefined, undefined, { said: 'b' }])
  })

  it('[BB3] during a reading: who asked before may hear it, who asks after does not, and it is not kept', async () => {
    const { cache } = world()
    const { open, read, end } = store()

    const before = cache.get('key', shop, read)
    cache.touch(['shop'])
    const after = cache.get('key', shop, read)
    expect(open).toHaveLength(2)
    await end(1, 'new')
    await end(0, 'old')

    expect([await before, await after]).toEqual([{ said: 'old' }, { said: 'new' }])
    expect(cache.fresh('key')).toEqual({ said: 'new' })
  })

  it('[BB3] of everything leaves nothing, also of what is being read', async () => {
    const { cache } = world()
    const { read, end } = store()
    await cache.get('a', shop, saying('a'))
    const under = cache.get('b', shop, read)

    cache.touchAll()
    await end(0, 'b')

    expect(await under).toEqual({ said: 'b' })
    expect([cache.fresh('a'), cache.fresh('b'), cache.entries, cache.names]).toEqual([undefined, undefined, 0, 0])
  })

  it('[BB2, BB3] in any order of writes, lost touches, questions and answers nobody hears what is too old', async () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('write' as const), lost: fc.boolean() }),
      fc.record({ do: fc.constant('ask' as const) }),
      fc.record({ do: fc.constant('answer' as const), which: fc.nat(3) }),
      fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(1, 300, 700) }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const { cache, clock } = world()
        /** When each version was written, and when its touch was heard: undefined when it was lost. */
        const written = [{ atMs: 0, lost: false }]
        const reading: (() => void)[] = []
        const read = () => {
          const said = String(written.length - 1)
          return new Promise<Word>((resolve) => reading.push(() => resolve({ said })))
        }
        const heard: Promise<void>[] = []

        for (const next of steps) {
          if (next.do === 'write') {
            written.push({ atMs: clock.monotonicMs(), lost: next.lost })
            if (!next.lost) cache.touch(['shop'])
          } else if (next.do === 'ask') {
            const [askedMs, known] = [clock.monotonicMs(), written.length]
            heard.push(
              cache.get('key', shop, read).then(
                ({ said }) => {
                  const missed = written.slice(Number(said) + 1, known)
                  expect(missed.every(({ lost }) => lost)).toBe(true)
                  // Both count from the beginning of a reading: how long it is kept, and how long others may join it.
                  const tooOld = missed.filter(({ atMs }) => askedMs - atMs >= Math.max(shop.ms, LIMITS.readMs))
                  expect(tooOld).toEqual([])
                },
                (why: unknown) => expect(why).toMatchObject({ code: 'unavailable' }),
              ),
            )
          } else if (next.do === 'answer') {
            reading.splice(next.which, 1)[0]?.()
            await settled()
          } else await clock.advance(next.ms)
        }
        for (const answer of reading) answer()
        await Promise.all(heard)
      }),
      { numRuns: 200 },
    )
  })
})

describe('the room for it', () => {
  it('[BB4] is bounded in entries: the one that nobody asked for goes first, and leaves no name behind', async () => {
    const { cache } = world({ entries: 3 })
    for (const key of ['a', 'b', 'c']) await cache.get(key, { ms: 1_000, shows: [key] }, saying(key))
    cache.fresh('a')

    for (const key of ['d', 'e']) await cache.get(key, { ms: 1_000, shows: [key] }, saying(key))

    expect(['a', 'b', 'c', 'd', 'e'].filter((key) => cache.fresh(key) !== undefined)).toEqual(['a', 'd', 'e'])
    expect([cache.entries, cache.names]).toEqual([3, 3])
  })

  it('[BB4] is bounded in bytes, and what is larger than all of it is given out and not kept', async () => {
    const { cache } = world({ bytes: 10_000 })

    for (let key = 0; key < 50; key += 1) await cache.get(`${key}`, shop, saying('x'.repeat(1_000)))
    const giant = await cache.get('giant', { ms: 1_000, shows: ['giant'] }, saying('x'.repeat(20_000)))

    expect(giant.said).toHaveLength(20_000)
    expect(cache.fresh('giant')).toBeUndefined()
    expect(cache.bytes).toBeLessThanOrEqual(10_000)
    expect(cache.entries).toBeGreaterThan(3)
    cache.touch(['shop'])
    expect([cache.entries, cache.bytes, cache.names]).toEqual([0, 0, 0])
  })

  it('[BB4] has none for what is not to be kept', async () => {
    const { cache } = world()

    await cache.get('key', shop, saying('no'))

    expect(await cache.get('key', shop, saying('yes'))).toEqual({ said: 'yes' })
    expect(cache.entries).toBe(1)
  })
})
