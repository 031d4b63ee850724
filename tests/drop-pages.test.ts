/** A look at a drop: live counts beside a page that is kept, and what is shown when a store cannot be asked. */
import { describe, expect, it } from 'vitest'
import { Fault } from '../protocol/faults.ts'
import type { Sku } from '../protocol/ids.ts'
import type { RoomState } from '../rooms/ports.ts'
import { DropPages, NEWER_PAGE_MS, PAGE_MS } from '../server/api/drop-pages.ts'
import { KeptAnswers } from '../server/api/kept-answers.ts'
import type { DropRecord } from '../storage/drops/drops.ts'
import { HandClock, START_MS, settled } from './builders/hand-clock.ts'
import { httpNode } from './builders/http-node.ts'
import { creator, dropOf } from './builders/people.ts'
import { restWorld } from './builders/rest-world.ts'

const drop = dropOf('shoes')
const away = () => Promise.reject(new Fault('unavailable', { dependency: 'postgres' }))

function world() {
  const clock = new HandClock()
  const reads = { postgres: 0, redis: 0 }
  const logged: string[] = []
  const record = restWorld().drop(creator('cleo'), { drop })
  const state: RoomState = {
    ...{
      epoch: 1,
      seq: 9,
      batch: 9,
      phase: 'open',
      opensAtMs: START_MS,
      closesAtMs: null,
      limitPerBuyer: 2,
      nowMs: START_MS,
    },
    items: [{ sku: 'SHIRT' as Sku, left: 3, limit: null }],
  }
  const stores = {
    record: async (): Promise<DropRecord | undefined> => structuredClone(record),
    state: async (): Promise<RoomState | undefined> => structuredClone(state),
  }
  const pages = new DropPages({
    drops: {
      byId: () => {
        reads.postgres += 1
        return stores.record()
      },
    },
    ledger: {
      read: () => {
        reads.redis += 1
        return stores.state()
      },
    },
    clock,
    log: { warn: (event) => void logged.push(event) },
  })
  const left = async () => (await pages.look(drop))?.state?.items[0]?.left
  return { clock, reads, logged, record, state, stores, pages, left }
}

describe('a look at a drop', () => {
  it('[BB10] has live counts each time, and asks Postgres once a second at most', async () => {
    const { clock, reads, state, left } = world()

    for (let sold = 0; sold < 4; sold += 1) {
      state.items = [{ sku: 'SHIRT' as Sku, left: 3 - sold, limit: null }]
      expect(await left()).toBe(3 - sold)
    }
    expect(reads).toEqual({ redis: 4, postgres: 1 })

    await clock.advance(PAGE_MS)
    await left()
    expect(reads.postgres).toBe(2)
  })

  it('[BB10] shows what a write has changed as soon as it is touched', async () => {
    const { record, pages } = world()
    await pages.look(drop)

    record.title = 'Night shirt'
    expect((await pages.look(drop))?.record.title).toBe('Tour shirt')
    pages.touch([`drop/${drop}`])

    expect((await pages.look(drop))?.record.title).toBe('Night shirt')
  })

  it('[BB10] reads the page anew when there are more units left than it knows of: they were restocked', async () => {
    const { record, reads, state, pages } = world()
    await pages.look(drop)
    record.items = record.items.map((item) => ({ ...item, total: 50 }))
    state.items = [{ sku: 'SHIRT' as Sku, left: 43, limit: null }]

    const look = await pages.look(drop)

    expect([look?.record.items[0]?.total, look?.state?.items[0]?.left, reads.postgres]).toEqual([50, 43, 2])
  })

  it('[BB10] reads the page anew when the ledger no longer has a drop on sale: it is over', async () => {
    const { record, reads, stores, pages } = world()
    await pages.look(drop)
    record.phase = 'closed'
    stores.state = async () => undefined

    const looks = [await pages.look(drop), await pages.look(drop)]

    expect(looks.map((look) => look?.record.phase)).toEqual(['closed', 'closed'])
    expect(reads.postgres).toBe(2)
  })

  it('[BB10] of no such drop is not kept, for it may be made in the next moment', async () => {
    const { stores, pages } = world()
    const there = stores.record
    stores.record = async () => undefined
    expect(await pages.look(drop)).toBeUndefined()

    stores.record = there

    expect((await pages.look(drop))?.record.drop).toBe(drop)
  })
})

describe('without a store', () => {
  it('[BB11] a drop that was seen is shown on with live counts while Postgres is away or says nothing', async () => {
    const { clock, logged, reads, state, stores, pages, left } = world()
    const back = stores.record
    await left()

    stores.record = away
    for (let second = 1; second <= 5; second += 1) {
      await clock.advance(PAGE_MS)
      state.items = [{ sku: 'SHIRT' as Sku, left: second, limit: null }]
      expect(await left()).toBe(second)
    }
    expect([logged.length, reads.postgres]).toEqual([5, 6])

    stores.record = () => new Promise(() => undefined)
    await clock.advance(PAGE_MS)
    const looking = left()
    await settled()
    await clock.advance(NEWER_PAGE_MS)
    expect(await looking).toBe(5)

    stores.record = async () => ({ ...(await back()), title: 'Back' }) as DropRecord
    await clock.advance(PAGE_MS)
    expect((await pages.look(drop))?.record.title).toBe('Back')
  })

  it('[BB11] a drop that nobody has seen yet is unavailable then', async () => {
    const { stores, pages } = world()
    stores.record = away

    await expect(pages.look(drop)).rejects.toMatchObject({ code: 'unavailable' })
  })

  it('[BB11] a ledger that cannot be asked costs no second look into Postgres', async () => {
    const { reads, stores, pages } = world()
    stores.state = away

    const looks = [await pages.look(drop), await pages.look(drop)]

    expect(looks.map((look) => [look?.record.phase, look?.state])).toEqual([
      ['open', undefined],
      ['open', undefined],
    ])
    expect(reads.postgres).toBe(1)
  })
})

it('[BB10] a crowd that looks at a drop costs ten readings of the ledger a second, and the count is a tenth old', async () => {
  const rest = restWorld()
  const cleo = await rest.person('creator')
  const { drop: id } = rest.drop(cleo.creator)
  let [reads, left] = [0, 9]
  rest.answers.ledger = () => {
    reads += 1
    const items = [{ sku: 'SHIRT' as Sku, left, limit: null }]
    return {
      epoch: 1,
      seq: 9,
      batch: 9,
      phase: 'open',
      opensAtMs: 1,
      closesAtMs: null,
      limitPerBuyer: null,
      nowMs: 1,
      items,
    }
  }
  const clock = new HandClock()
  const node = await httpNode({ routes: rest.routes, tokens: rest.tokens, kept: new KeptAnswers(clock) })
  const look = async () => (await node.call('GET', `/v1/drops/${id}`)).body.items[0].left

  expect(await Promise.all(Array.from({ length: 50 }, look))).toEqual(Array(50).fill(9))
  left = 8
  await clock.advance(99)
  expect(await look()).toBe(9)
  await clock.advance(1)
  expect(await look()).toBe(8)
  expect(reads).toBe(2)
  node.close()
})
