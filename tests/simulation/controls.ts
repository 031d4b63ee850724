/**
 * Negative controls: the same world with one mechanism taken out. A checker that has never failed proves nothing.
 */
import { ORIGIN } from '../../protocol/position.ts'
import type { DropBook, Fence, Ledger, RoomState, Surrendered } from '../../rooms/ports.ts'
import type { MemoryLedger } from '../../storage/ledger/memory-ledger.ts'
import type { MemoryDropBook } from '../../storage/orders/memory-drop-book.ts'

export const CONTROLS = [
  'no_journal',
  'no_copy',
  'no_prev_seq',
  'no_chain',
  'epoch_in_redis',
  'no_writer_epoch',
  'no_fence',
] as const
export type ControlName = (typeof CONTROLS)[number]

export function ledgerUnder(control: ControlName | undefined, ledger: MemoryLedger): Ledger {
  switch (control) {
    // Without the first of the two places the second would hide it.
    case 'no_journal':
    case 'no_copy':
      return withoutCopy(ledger)
    case 'no_prev_seq':
      return withoutPrevSeq(ledger)
    case 'no_chain':
      return withoutChain(ledger)
    default:
      return ledger
  }
}

export function bookUnder(control: ControlName | undefined, book: MemoryDropBook, ledger: MemoryLedger): DropBook {
  switch (control) {
    case 'epoch_in_redis':
      return epochInRedis(book, ledger)
    case 'no_writer_epoch':
      return withoutWriterEpoch(book)
    case 'no_fence':
      return withoutFence(book)
    default:
      return book
  }
}

/** A node that takes over hears of no other node's journal. */
export function withoutJournal(surrendered: Surrendered): Surrendered {
  return { ...surrendered, journal: [], position: ORIGIN, batch: 0 }
}

/** A journal is told to have been set down, and was not. */
function withoutCopy(ledger: MemoryLedger): Ledger {
  return replacing<Ledger>(ledger, { copy: async () => ({ answer: 'copied' }) })
}

/** The ledger takes whatever it has, seq and call, for what the caller has seen. */
function withoutPrevSeq(ledger: MemoryLedger): Ledger {
  const trusting = (fence: Fence, room: RoomState | undefined): Fence => {
    return { ...fence, prevSeq: room?.seq ?? fence.prevSeq, prevBatch: room?.batch ?? fence.prevBatch }
  }
  return replacing<Ledger>(ledger, {
    order: async (drop, fence, claims) => ledger.order(drop, trusting(fence, await ledger.read(drop)), claims),
    adjust: async (drop, fence, opId, what) =>
      ledger.adjust(drop, trusting(fence, await ledger.read(drop)), opId, what),
  })
}

/** Calls have no numbers: what has the caller's seq is taken for the caller's history. */
function withoutChain(ledger: MemoryLedger): Ledger {
  // One number for all of them, so that none is ever behind; who is behind by seq finds that out when it reads.
  const same = { batch: Number.MAX_SAFE_INTEGER }
  const trusting = (fence: Fence, room: RoomState | undefined): Fence => ({ ...fence, prevBatch: room?.batch ?? 0 })
  return replacing<Ledger>(ledger, {
    order: async (drop, fence, claims) => {
      const answer = await ledger.order(drop, trusting(fence, await ledger.read(drop)), claims)
      return answer.answer === 'out_of_sequence' ? { ...answer, ...same } : answer
    },
    adjust: async (drop, fence, opId, what) => {
      const answer = await ledger.adjust(drop, trusting(fence, await ledger.read(drop)), opId, what)
      return answer.answer === 'out_of_sequence' ? { ...answer, ...same } : answer
    },
    read: async (drop) => {
      const room = await ledger.read(drop)
      return room === undefined ? undefined : { ...room, ...same }
    },
  })
}

/** The epoch is one more than Redis has, so it begins again when Redis forgets. */
function epochInRedis(book: MemoryDropBook, ledger: MemoryLedger): DropBook {
  return replacing<DropBook>(book, {
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

/** Whoever was an owner once writes for ever. */
function withoutWriterEpoch(book: MemoryDropBook): DropBook {
  return replacing<DropBook>(book, {
    write: (drop, _epoch, entries) => book.write(drop, Number.MAX_SAFE_INTEGER, entries),
  })
}

/** A rebuild reads the totals, but late entries of before it are written all the same, by whoever has them. */
function withoutFence(book: MemoryDropBook): DropBook {
  return replacing<DropBook>(withoutWriterEpoch(book), {
    fence: async (drop, epoch) => {
      const fenced = await book.fence(drop, epoch)
      Object.assign(book.read(drop), { minEpoch: 0 })
      return fenced
    },
  })
}

function replacing<Store extends object>(store: Store, methods: Partial<Store>): Store {
  return new Proxy(store, {
    get: (target, name) => {
      const method: unknown = Reflect.get(methods, name) ?? Reflect.get(target, name)
      return typeof method === 'function' ? method.bind(target) : method
    },
  })
}
