/** A room built anew from a long memory: in turns, and what can come between them. */
import { describe, expect, it } from 'vitest'
import type { NodeId } from '../protocol/ids.ts'
import { ORIGIN, type Position } from '../protocol/position.ts'
import { inPages } from '../rooms/packed-line.ts'
import type { Clock, Entry, Ledger, Surrendered } from '../rooms/ports.ts'
import { takeOver } from '../rooms/takeover.ts'
import { SHARE } from '../rooms/uniting.ts'
import { silent } from './builders/logs.ts'
import { ask, dropOf, nodeOf, sku } from './builders/people.ts'
import { RoomWorld } from './builders/room-world.ts'

const drop = dropOf('one')
const COUNT = 12_000
const [ANA, BEN] = [nodeOf('ana'), nodeOf('ben')]

/** Of an owner that was there before: told to buyers, and in no store but Redis' log. */
const ACCEPTED: Entry[] = Array.from({ length: COUNT }, (_, at) => ({
  ...{ kind: 'order', ...ask(drop, `fan ${at % 100}`, { shoe: 1 }, `key-${at}`) },
  ...{ position: { epoch: 1, seq: at + 1 }, atMs: 0 },
}))
const NOTHING: Surrendered = { journal: [], position: ORIGIN, batch: 0 }
const MEMORY: Surrendered = { journal: inPages(ACCEPTED), position: { epoch: 1, seq: COUNT }, batch: 9 }

/** Redis has the log and no room; Postgres has nothing. `between`: called at each turn, with how many there were. */
function world(between: (turn: number) => void = () => undefined) {
  const stores = new RoomWorld()
  stores.addDrop(drop, { items: [{ sku: sku('shoe'), total: COUNT + 1 }] })
  const log = { entries: ACCEPTED }
  let turns = 0
  const clock: Clock = {
    nowMs: stores.clock.nowMs,
    monotonicMs: stores.clock.monotonicMs,
    after: (_, call) => {
      turns += 1
      between(turns)
      setImmediate(call)
      return { cancel: () => undefined }
    },
  }
  const ledger: Ledger = new Proxy(stores.memoryLedger, {
    get: (inner, name) => {
      if (name === 'entries') return async (_: unknown, { seq }: Position) => log.entries.slice(seq, seq + 1_000)
      const method: unknown = Reflect.get(inner, name)
      return typeof method === 'function' ? method.bind(inner) : method
    },
  })
  const written: number[] = []
  const book = new Proxy(stores.book, {
    get: (inner, name) => {
      const method: unknown = Reflect.get(inner, name)
      if (typeof method !== 'function') return method
      return (...args: unknown[]) => {
        if (name === 'write') written.push((args[1] as unknown[]).length)
        return method.apply(inner, args)
      }
    },
  })
  const neighbours = { live: () => [], knowsEveryone: true, surrender: async () => [], wake: async () => undefined }

  return {
    ...{ stores, log, written },
    turns: () => turns,
    async takes(node: NodeId, memory = MEMORY) {
      await stores.leases.release(drop, ANA)
      await stores.leases.release(drop, BEN)
      await stores.leases.acquire(drop, node, 60_000)
      return takeOver({ ledger, book, neighbours, clock, log: silent, node }, drop, memory)
    },
  }
}

describe('a room that is built anew from a long memory', () => {
  it('[FF25] lets the node do other things between shares, and asks Postgres for no more than before', async () => {
    const { stores, written, turns, takes } = world()

    const { took } = await takes(ANA)

    expect(took).toBe('room')
    expect(stores.sold(drop)).toBe(COUNT)
    expect(turns()).toBeGreaterThanOrEqual((3 * 2 * COUNT) / (SHARE + 512) - 1)
    expect(written).toEqual([...Array(Math.floor(COUNT / 512)).fill(512), COUNT % 512])
  })

  it('[FF26] leaves it to a later owner that came in between, and nothing is written twice', async () => {
    const taking: Promise<unknown>[] = []
    const { stores, takes } = world((turn) => {
      if (turn === 25) taking.push(stores.book.take(drop, BEN))
    })

    const first = await takes(ANA)
    const isThere = await stores.memoryLedger.read(drop)
    const second = await takes(BEN)

    expect(taking).toHaveLength(1)
    expect(first).toEqual({ took: 'nothing', why: 'elsewhere' })
    expect(isThere).toBeUndefined()
    expect([second.took, stores.sold(drop)]).toEqual(['room', COUNT])
    expect((await stores.memoryLedger.read(drop))?.items).toEqual([{ sku: 'shoe', left: 1, limit: null }])
  })

  it('[FF26] opens nothing when its lease is gone in between', async () => {
    const { stores, takes } = world((turn) => {
      if (turn === 25) void stores.leases.release(drop, ANA)
    })

    const { took } = await takes(ANA)

    expect(took).toBe('nothing')
    expect(await stores.memoryLedger.read(drop)).toBeUndefined()
    expect([(await takes(BEN)).took, stores.sold(drop)]).toEqual(['room', COUNT])
  })

  it('[FF26] opens nothing when Postgres goes away in between; whoever tries again has everything, each once', async () => {
    let isAway = false
    const { stores, written, takes } = world((turn) => {
      isAway = turn === 25
    })
    stores.book.refuse((call) => (isAway && call === 'write' ? 'after' : undefined))

    await expect(takes(ANA)).rejects.toMatchObject({ code: 'unavailable' })
    const before = written.length
    const isThere = await stores.memoryLedger.read(drop)

    expect(before).toBeGreaterThan(0)
    expect(before).toBeLessThan(COUNT / 512)
    expect(isThere).toBeUndefined()
    expect([(await takes(ANA)).took, stores.sold(drop)]).toEqual(['room', COUNT])
  })

  it('[FF25] is packed a page of the log at a time where it is taken as it stands', async () => {
    const { stores, log, takes } = world()
    log.entries = []
    await takes(ANA, NOTHING)
    log.entries = ACCEPTED

    const adopted = await takes(BEN, NOTHING)

    if (adopted.took !== 'room') throw new Error('nothing was taken')
    const { unwritten, words } = adopted.start
    const entries = unwritten.pages().flatMap((page) => page().map(({ entry }) => entry))
    expect([adopted.how, stores.sold(drop), words]).toEqual(['adopted', 0, []])
    expect(entries).toStrictEqual(ACCEPTED)
    // Of what is packed no object is left.
    expect(entries.filter((entry, at) => entry === ACCEPTED[at]).length).toBeLessThan(5_000)
  })
})
