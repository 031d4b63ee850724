/**
 * Negative controls: the same world with one mechanism taken out. A checker that has never failed proves nothing.
 */
import { ORIGIN } from '../../protocol/position.ts'
import type { DropBook, Ledger, Surrendered } from '../../rooms/ports.ts'
import type { MemoryLedger } from '../../storage/ledger/memory-ledger.ts'
import type { MemoryDropBook } from '../../storage/orders/memory-drop-book.ts'

export const CONTROLS = ['no_journal', 'no_prev_seq', 'epoch_in_redis', 'no_min_epoch'] as const
export type ControlName = (typeof CONTROLS)[number]

/** A node that takes over hears of no other node's journal. */
export function withoutJournal(surrendered: Surrendered): Surrendered {
  return { ...surrendered, journal: [], position: ORIGIN }
}

/** The ledger takes whatever seq it has for the one that the caller has seen. */
export function withoutPrevSeq(ledger: MemoryLedger): Ledger {
  return new Proxy<Ledger>(ledger, {
    get: (target, name) => {
      const method: unknown = Reflect.get(target, name)
      if (typeof method !== 'function') return method
      if (name !== 'order' && name !== 'adjust') return method.bind(target)
      return async (...[drop, fence, ...rest]: [Parameters<Ledger['order']>[0], Parameters<Ledger['order']>[1]]) => {
        const room = await target.read(drop)
        return method.call(target, drop, { ...fence, prevSeq: room?.seq ?? fence.prevSeq }, ...rest)
      }
    },
  })
}

/** The epoch is one more than Redis has, so it begins again when Redis forgets. */
export function epochInRedis(book: MemoryDropBook, ledger: MemoryLedger): DropBook {
  return replacing(book, {
    take: async (drop, node) => {
      const room = await ledger.read(drop)
      const taken = await book.take(drop, node)
      if (taken === undefined) return undefined

      const epoch = (room?.epoch ?? 0) + 1
      Object.assign(book.read(drop), { epoch })
      return { ...taken, epoch }
    },
  })
}

/** A rebuild reads the totals, but late entries of before it are written all the same. */
export function withoutMinEpoch(book: MemoryDropBook): DropBook {
  return replacing(book, {
    fence: async (drop, epoch) => {
      const fenced = await book.fence(drop, epoch)
      Object.assign(book.read(drop), { minEpoch: 0 })
      return fenced
    },
  })
}

function replacing(book: MemoryDropBook, methods: Partial<DropBook>): DropBook {
  return new Proxy<DropBook>(book, {
    get: (target, name) => {
      const method: unknown = Reflect.get(methods, name) ?? Reflect.get(target, name)
      return typeof method === 'function' ? method.bind(target) : method
    },
  })
}
