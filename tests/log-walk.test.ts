/** Adding up what Postgres does not have yet, however much that is. */
import { describe, expect, it } from 'vitest'
import type { LinesText } from '../protocol/lines.ts'
import type { Position } from '../protocol/position.ts'
import type { Entry } from '../rooms/ports.ts'
import { walkUnwritten } from '../storage/audit/log-walk.ts'
import { ask, buyer, dropOf, lines, sku } from './builders/people.ts'

const drop = dropOf('one')

/** A log of so many entries after the watermark, made when they are asked for; each tenth is a return, each 500th a restock. */
function logOf(count: number) {
  const entryAt = (seq: number): Entry => {
    const head = { position: { epoch: 2, seq }, atMs: 1 }
    if (seq % 500 === 0) return { ...head, kind: 'restock', opId: `more-${seq}`, lines: 'boot:90000' as LinesText }
    const { orderId } = ask(drop, 'ana', { shoe: 1 }, `key-${seq}`)
    if (seq % 10 === 0) {
      return { ...head, kind: 'release', opId: `back-${seq}`, orderId, buyer: buyer('ana'), lines: lines({ shoe: 1 }) }
    }
    return { ...head, kind: 'order', ...ask(drop, 'ana', { shoe: 2 }, `key-${seq}`) }
  }
  return {
    async entries(_: unknown, after: Position, max: number): Promise<Entry[]> {
      const here = Math.max(0, Math.min(max, count - after.seq))
      return Array.from({ length: here }, (_, at) => entryAt(after.seq + 1 + at))
    },
  }
}

describe('the units that Postgres does not have yet', () => {
  it.each([0, 1, 999, 1_000, 1_001, 2_000, 4_321])(
    '[NN6] are added up over %i entries, page by page',
    async (count) => {
      const sum = await walkUnwritten(logOf(count), drop, { epoch: 2, seq: 0 })

      const restocks = Math.floor(count / 500)
      const returns = Math.floor(count / 10) - restocks
      const orders = count - restocks - returns
      expect(sum).toEqual({
        unwritten: count,
        unwrittenUnits: new Map(orders === 0 ? [] : [[sku('shoe'), orders * 2]]),
        unwrittenReturns: new Map([
          ...(returns === 0 ? [] : [[sku('shoe'), returns] as const]),
          ...(restocks === 0 ? [] : [[sku('boot'), restocks * 90_000] as const]),
        ]),
        last: { epoch: 2, seq: count },
      })
    },
  )
})
