/** A drop as a watcher sees it: what was read, changed by news. */
import { describe, expect, it } from 'vitest'
import type { Change } from '../protocol/messages/news.ts'
import { ORIGIN, type Position } from '../protocol/position.ts'
import type { RoomNews, RoomState } from '../rooms/ports.ts'
import { type DropPage, DropView } from '../server/outbound/drop-view.ts'
import { at } from './builders/edge-world.ts'
import { dropOf, sku } from './builders/people.ts'

const DROP = dropOf('shoes')
const page: DropPage = {
  drop: DROP,
  phase: 'scheduled',
  opensAtMs: 1_000,
  closesAtMs: 9_000,
  position: at(2, 40),
  items: [{ sku: sku('shoe'), title: 'Shoe', priceMinor: 12_900, currency: 'EUR', total: 10, sold: 3, limit: 1 }],
}
const live: RoomState = {
  epoch: 3,
  seq: 5,
  batch: 2,
  phase: 'open',
  opensAtMs: 2_000,
  closesAtMs: null,
  limitPerBuyer: null,
  items: [{ sku: sku('shoe'), left: 4, limit: 1 }],
  nowMs: 3_000,
}
const news = (from: Position, position: Position, ...changes: Change[]): RoomNews => ({
  drop: DROP,
  from,
  position,
  atMs: 5_000,
  changes,
})
const left = (units: number): Change => ({ kind: 'left', sku: sku('shoe'), left: units })

describe('a view', () => {
  it('[H1] shows the ledger’s phase and counts, and Postgres’ titles and prices', () => {
    expect(new DropView(page, live).snapshot(7)).toEqual({
      type: 'snapshot',
      drop: DROP,
      position: at(3, 5),
      phase: 'open',
      opensAtMs: 2_000,
      items: [{ sku: 'shoe', title: 'Shoe', priceMinor: 12_900, currency: 'EUR', stock: 10, left: 4, limit: 1 }],
      viewers: 7,
      mine: [],
      recovered: false,
    })
  })

  it('[H1] is as Postgres says while the ledger has no such room', () => {
    expect(new DropView(page, undefined).snapshot(0)).toMatchObject({
      position: at(2, 40),
      phase: 'scheduled',
      opensAtMs: 1_000,
      closesAtMs: 9_000,
      items: [{ stock: 10, left: 7 }],
    })
  })

  it('[H1] is changed by news that follows on from it, to be told as it is', () => {
    const view = new DropView(page, live)

    const told = view.hear(news(at(3, 5), at(3, 8), { kind: 'phase', phase: 'paused' }, left(1)))

    expect(told).toEqual({
      type: 'news',
      drop: DROP,
      position: at(3, 8),
      from: at(3, 5),
      at: 5_000,
      changes: [
        { kind: 'phase', phase: 'paused' },
        { kind: 'left', sku: 'shoe', left: 1 },
      ],
    })
    expect(view.snapshot(0)).toMatchObject({ position: at(3, 8), phase: 'paused', items: [{ left: 1 }] })
  })

  it('[H1] takes every kind of change', () => {
    const view = new DropView(page, live)
    const lefts = (...changes: Change[]) => {
      view.hear(news(view.position, at(3, view.position.seq + 1), ...changes))
      return view.snapshot(1).items[0]?.left
    }

    expect(lefts({ kind: 'sold_out', sku: sku('shoe') })).toBe(0)
    expect(lefts({ kind: 'restocked', sku: sku('shoe'), left: 6 })).toBe(6)
    expect(lefts({ kind: 'low_stock', sku: sku('shoe'), left: 2 })).toBe(2)
    expect(lefts({ kind: 'announcement', text: 'hello' }, { kind: 'viewers', viewers: 99 })).toBe(2)
    expect(view.snapshot(7).viewers).toBe(7)
  })

  it('[H10] never goes back: what is not later than it is old', () => {
    const view = new DropView(page, live)

    for (const position of [at(3, 5), at(3, 4), at(2, 99), ORIGIN]) {
      expect(view.hear(news(ORIGIN, position, left(9)))).toBe('old')
    }
    expect(view.snapshot(0).items[0]?.left).toBe(4)
  })

  it('[H1] takes news that began before it and ends after it', () => {
    const view = new DropView(page, live)

    expect(view.hear(news(at(3, 2), at(3, 6), left(3)))).toMatchObject({ position: at(3, 6) })
  })

  it('[H2] calls a gap what does not follow on, and every new epoch', () => {
    const view = new DropView(page, live)

    expect(view.hear(news(at(3, 6), at(3, 7), left(3)))).toBe('gap')
    expect(view.hear(news(at(3, 5), at(4, 0)))).toBe('gap')
    expect(view.position).toEqual(at(3, 5))
    expect(view.snapshot(0).items[0]?.left).toBe(4)
  })

  it('[H3] hands out the news since any position from which it has all of it', () => {
    const view = new DropView(page, live)
    for (let seq = 6; seq <= 9; seq += 1) view.hear(news(at(3, seq - 1), at(3, seq), left(seq)))
    const since = (position: Position) => {
      const missed = view.missedSince(position)
      return missed === undefined || missed === 'nothing' ? missed : [missed.message.from, missed.message.position]
    }

    expect(since(at(3, 5))).toEqual([at(3, 5), at(3, 9)])
    expect(since(at(3, 8))).toEqual([at(3, 8), at(3, 9)])
    expect(since(at(3, 9))).toBe('nothing')
    expect(since(at(3, 4))).toBeUndefined()
    expect(since(at(2, 99))).toBeUndefined()
    expect(since(at(3, 10))).toBeUndefined()
    expect(since(at(4, 0))).toBeUndefined()
  })

  it('[H1] can be told what news does not say, and its position stays', () => {
    const view = new DropView(page, live)
    const version = view.version
    const [item] = page.items
    if (item === undefined) throw new Error('no item')

    view.renew({ ...page, items: [{ ...item, total: 15 }] }, { ...live, seq: 99, opensAtMs: 2_500, items: [] })

    expect(view.snapshot(0)).toMatchObject({ position: at(3, 5), opensAtMs: 2_500, items: [{ stock: 15, left: 4 }] })
    expect(view.version).toBeGreaterThan(version)
  })
})
