import { describe, expect, it } from 'vitest'
import { NewsDesk } from '../rooms/news-desk.ts'
import type { RoomNews } from '../rooms/ports.ts'
import { HandClock } from './builders/hand-clock.ts'
import { dropOf, sku } from './builders/people.ts'

function desk(lowStockAt: number | null = null) {
  const clock = new HandClock()
  const sent: RoomNews[] = []
  const start = {
    drop: dropOf('one'),
    position: { epoch: 1, seq: 0 },
    items: [{ sku: sku('shoe'), left: 9, limit: null }],
    lowStockAt,
  }
  const news = new NewsDesk(start, { clock, intervalMs: 50, send: (frame) => sent.push(frame) })
  const sell = (seq: number, left: number) => news.counted({ epoch: 1, seq }, [{ sku: sku('shoe'), left }])
  return { clock, sent, news, sell }
}

describe('the news desk', () => {
  it('[N1] sends the first count at once and at most one frame in each interval after it', async () => {
    const { clock, sent, sell } = desk()

    for (let n = 1; n <= 100; n += 1) {
      sell(n, 200 - n)
      await clock.advance(1)
    }

    expect(sent.map((frame) => frame.position.seq)).toEqual([1, 50, 100])
    expect(sent.at(-1)?.changes).toEqual([{ kind: 'left', sku: 'shoe', left: 100 }])
  })

  it('[N2] names the position of the frame before, so that a gap is seen', async () => {
    const { clock, sent, sell } = desk()

    for (const seq of [1, 2, 5]) {
      sell(seq, 9 - seq)
      await clock.advance(60)
    }

    expect(sent.map(({ from, position }) => [from.seq, position.seq])).toEqual([
      [0, 1],
      [1, 2],
      [2, 5],
    ])
  })

  it('[N3] tells a phase at once, with the counts that were waiting', async () => {
    const { clock, sent, news, sell } = desk()
    sell(1, 8)
    await clock.advance(1)

    sell(2, 7)
    news.phase({ epoch: 1, seq: 3 }, 'paused')

    expect(sent).toHaveLength(2)
    expect(sent[1]?.changes).toEqual([
      { kind: 'phase', phase: 'paused' },
      { kind: 'left', sku: 'shoe', left: 7 },
    ])
  })

  it('[N4] says sold out and restocked once each time it happens', async () => {
    const { clock, sent, sell } = desk()

    for (const [seq, left] of [
      [1, 0],
      [2, 0],
      [3, 4],
    ] as const) {
      sell(seq, left)
      await clock.advance(60)
    }

    const words = sent.flatMap((frame) => frame.changes.map((change) => change.kind))
    expect(words).toEqual(['sold_out', 'left', 'left', 'restocked', 'left'])
  })
})

describe('a restock', () => {
  it('[E8] is told at once, also where some were left, and once where none were', async () => {
    const { clock, sent, news, sell } = desk()
    sell(1, 3)
    await clock.advance(60)
    const left = (units: number) => [{ sku: sku('shoe'), left: units }]

    news.restocked({ epoch: 1, seq: 2 }, left(8))
    sell(3, 0)
    await clock.advance(60)
    news.restocked({ epoch: 1, seq: 4 }, left(5))

    expect(sent.map((frame) => frame.changes)).toEqual([
      [{ kind: 'left', sku: 'shoe', left: 3 }],
      [
        { kind: 'restocked', sku: 'shoe', left: 8 },
        { kind: 'left', sku: 'shoe', left: 8 },
      ],
      [
        { kind: 'sold_out', sku: 'shoe' },
        { kind: 'left', sku: 'shoe', left: 0 },
      ],
      [
        { kind: 'restocked', sku: 'shoe', left: 5 },
        { kind: 'left', sku: 'shoe', left: 5 },
      ],
    ])
  })
})

describe('low stock', () => {
  const spoken = (sent: RoomNews[]) =>
    sent.flatMap((frame) => frame.changes).filter((change) => change.kind === 'low_stock')

  it('[E12] is said once when the count comes down to the threshold, and again only after it was above', async () => {
    const { clock, sent, news, sell } = desk(4)
    for (const [seq, left] of [5, 4, 3, 1, 0].entries()) {
      sell(seq + 1, left)
      await clock.advance(60)
    }
    expect(spoken(sent)).toEqual([{ kind: 'low_stock', sku: 'shoe', left: 4 }])

    news.restocked({ epoch: 1, seq: 6 }, [{ sku: sku('shoe'), left: 9 }])
    sell(7, 2)
    sell(8, 1)
    await clock.advance(60)

    expect(spoken(sent)).toEqual([4, 2].map((left) => ({ kind: 'low_stock', sku: 'shoe', left })))
  })

  it('[E12] is not said of what is sold out at once, nor without a threshold', async () => {
    const [withOne, without] = [desk(4), desk()]
    withOne.sell(1, 0)
    without.sell(1, 1)
    await withOne.clock.advance(60)
    await without.clock.advance(60)

    expect([...spoken(withOne.sent), ...spoken(without.sent)]).toEqual([])
  })
})
