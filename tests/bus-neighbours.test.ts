import { describe, expect, it } from 'vitest'
import { BusNeighbours, type Neighbourly, serveNeighbours } from '../bus/bus-neighbours.ts'
import { readEntry, writeEntry } from '../bus/entries.ts'
import { MemoryBus } from '../bus/memory-bus.ts'
import { MemoryNetwork } from '../bus/memory-network.ts'
import { subjects } from '../bus/subjects.ts'
import { SurrenderedParts, writeSurrendered } from '../bus/surrender-parts.ts'
import { packBody, unpackBody } from '../protocol/codec.ts'
import type { NodeId } from '../protocol/ids.ts'
import type { LinesText } from '../protocol/lines.ts'
import { ORIGIN } from '../protocol/position.ts'
import { inPages } from '../rooms/packed-line.ts'
import type { Entry, OrderEntry, Surrendered } from '../rooms/ports.ts'
import { ROOM_LIMITS } from '../rooms/room.ts'
import { HandClock, settled } from './builders/hand-clock.ts'
import { ask, buyer, dropOf, keyOf, lines, nodeOf } from './builders/people.ts'
import { notedLog } from './contracts/bus-log.ts'

const drop = dropOf('shoe')
/** The longest lines that an order may have. */
const SIXTEEN = Object.fromEntries(Array.from({ length: 16 }, (_, at) => [`${'x'.repeat(62)}${at + 10}`, 1_000]))
const NOTHING: Surrendered = { journal: [], position: ORIGIN, batch: 0 }

/** With their pages as one list. */
const read = (surrendered: readonly Surrendered[]) =>
  surrendered.map(({ journal, ...rest }) => ({ journal: journal.flatMap((page) => page()), ...rest }))

function world() {
  const clock = new HandClock()
  const network = new MemoryNetwork({ after: (ms, call) => clock.after(ms, call) })
  const names = subjects('test')
  const live: NodeId[] = []
  const members = { live: () => live, knowsEveryone: true }
  const log = notedLog()

  return {
    clock,
    network,
    names,
    members,
    log,
    node(name: string, self: Partial<Neighbourly> = {}) {
      const bus = new MemoryBus(network, log)
      const worldOfNode = { bus, subjects: names, node: nodeOf(name), log }
      const woken: string[] = []
      const served = serveNeighbours(worldOfNode, {
        surrender: async () => NOTHING,
        wake: async (which) => void woken.push(which),
        ...self,
      })
      live.push(nodeOf(name))
      const here = { wake: async () => void woken.push('here') }
      return { bus, served, woken, neighbours: new BusNeighbours(worldOfNode, members, here) }
    },
  }
}

function orders(count: number, wants?: Record<string, number>): OrderEntry[] {
  return Array.from({ length: count }, (_, at) => {
    const claim = ask(drop, `buyer ${at}`, wants)
    return { kind: 'order', position: { epoch: 3, seq: at + 1 }, atMs: 1_800_000_000_000 + at, ...claim }
  })
}

describe('a surrender', () => {
  it('[B15] brings the journal and the position of every node that remembers the drop', async () => {
    const { node } = world()
    const journal = orders(3)
    node('ben', { surrender: async () => ({ journal: inPages(journal), position: { epoch: 3, seq: 3 }, batch: 5 }) })
    node('eve', { surrender: async () => ({ journal: [], position: { epoch: 2, seq: 9 }, batch: 5 }) })
    node('joe')
    const { neighbours } = node('ana')

    const surrendered = read(await neighbours.surrender(drop, 300))

    expect(surrendered).toHaveLength(2)
    expect(surrendered).toContainEqual({ journal, position: { epoch: 3, seq: 3 }, batch: 5 })
    expect(surrendered).toContainEqual({ journal: [], position: { epoch: 2, seq: 9 }, batch: 5 })
  })

  it('[B15] is over as soon as every live node has spoken, if only to say that it knows nothing', async () => {
    const { clock, node } = world()
    node('ben')
    node('eve')
    const { neighbours } = node('ana')

    await neighbours.surrender(drop, 300)

    expect(clock.monotonicMs()).toBe(0)
  })

  it('[B15] asks nobody when this node is alone and knows it', async () => {
    const { clock, node } = world()
    const { neighbours } = node('ana')

    expect(await neighbours.surrender(drop, 300)).toEqual([])
    expect(clock.monotonicMs()).toBe(0)
  })

  it('[B15] waits for a live node that is busy, but no longer than it was told', async () => {
    const { clock, node } = world()
    const journal = orders(1)
    node('ben', { surrender: async () => ({ journal: inPages(journal), position: { epoch: 3, seq: 1 }, batch: 5 }) })
    node('eve', { surrender: () => new Promise(() => undefined) })
    const { neighbours } = node('ana')

    const surrendering = neighbours.surrender(drop, 300)
    await clock.advance(299)
    await expect(Promise.race([surrendering, settled().then(() => 'waits')])).resolves.toBe('waits')
    await clock.advance(1)

    expect(read(await surrendering)).toEqual([{ journal, position: { epoch: 3, seq: 1 }, batch: 5 }])
  })

  it('[B16] waits its full time when it does not know who is live: the unknown one may have the journal', async () => {
    const { clock, members, node } = world()
    members.knowsEveryone = false
    const journal = orders(1)
    node('ben', {
      surrender: async () => {
        await new Promise<void>((resolve) => clock.after(200, resolve))
        return { journal: inPages(journal), position: { epoch: 3, seq: 1 }, batch: 5 }
      },
    })
    members.live = () => [nodeOf('ana')]
    const { neighbours } = node('ana')

    const surrendering = neighbours.surrender(drop, 300)
    await clock.advance(300)

    expect(read(await surrendering)).toEqual([{ journal, position: { epoch: 3, seq: 1 }, batch: 5 }])
  })

  it('[B17] carries a journal of any size in messages that NATS takes, whole and in order', async () => {
    const { network, names, node } = world()
    const journal = [...orders(4_500), ...orders(3_000, SIXTEEN)]
    const sizes: number[] = []
    network.fate = ({ kind, subject, body }) => {
      if (kind === 'answer' && subject === names.surrender) sizes.push(body.length)
      return 'twice'
    }
    node('ben', {
      surrender: async () => ({ journal: inPages(journal), position: { epoch: 3, seq: 7_500 }, batch: 5 }),
    })
    const { neighbours } = node('ana')

    const [surrendered] = read(await neighbours.surrender(drop, 300))

    expect(surrendered?.journal).toEqual(journal)
    expect(sizes.length).toBeGreaterThan(5)
    expect(Math.max(...sizes)).toBeLessThan(1_000_000)
  })

  it('[FF16] reads as many parts as the longest journal of a room has, of the longest orders', () => {
    const some = orders(2_000, SIXTEEN).map((order) => ({ ...order, key: keyOf('k'.repeat(64)) }))
    const parts = [...writeSurrendered(drop, nodeOf('ben'), { journal: inPages(some), position: ORIGIN, batch: 0 })]
    const of = parts.length * (ROOM_LIMITS.journalMax / some.length)
    const heard = new SurrenderedParts(drop, notedLog())

    const entries = some.slice(0, 1).map(writeEntry)
    heard.add('s', packBody({ drop, node: 'ben', at: of - 1, of, epoch: 3, seq: 1, entries }))

    expect(of).toBeGreaterThan(1_000)
    expect(read(heard.all())[0]?.journal).toEqual(some.slice(0, 1))
  })

  it('[FF16] gives up a long journal in turns, and does other things in between', async () => {
    const { network, names, node } = world()
    const partsByTurn = new Map<number, number>()
    let turn = 0
    let isOver = false
    const count = () => {
      turn += 1
      if (!isOver) setImmediate(count)
    }
    count()
    network.fate = ({ kind, subject }) => {
      if (kind === 'answer' && subject === names.surrender) partsByTurn.set(turn, (partsByTurn.get(turn) ?? 0) + 1)
      return 'deliver'
    }
    const journal = orders(28_000)
    node('ben', {
      surrender: async () => ({ journal: inPages(journal), position: { epoch: 3, seq: 28_000 }, batch: 5 }),
    })
    const { neighbours } = node('ana')

    const [surrendered] = read(await neighbours.surrender(drop, 300))
    isOver = true

    expect(surrendered?.journal).toHaveLength(28_000)
    expect(partsByTurn.size).toBeGreaterThan(3)
  })

  it('[FF16] waits longer for whoever has begun to give up a journal than for the silent', async () => {
    const { clock, network, node } = world()
    let parts = 0
    network.fate = ({ kind }) => (kind === 'answer' && ++parts === 2 ? 'drop' : 'deliver')
    const journal = orders(5_000)
    node('ben', {
      surrender: async () => ({ journal: inPages(journal), position: { epoch: 3, seq: 5_000 }, batch: 5 }),
    })
    node('joe', { surrender: () => new Promise(() => undefined) })
    const { neighbours } = node('ana')

    const surrendering = neighbours.surrender(drop, 300)
    await clock.advance(300)

    expect(read(await surrendering)).toEqual([{ journal, position: { epoch: 3, seq: 5_000 }, batch: 5 }])
  })

  it('[B17] keeps the parts that came when a node is lost in the middle, and says so', async () => {
    const { clock, network, node, log } = world()
    let parts = 0
    network.fate = ({ kind }) => (kind === 'answer' && ++parts > 2 ? 'drop' : 'deliver')
    node('ben', {
      surrender: async () => ({ journal: inPages(orders(5_000)), position: { epoch: 3, seq: 5_000 }, batch: 5 }),
    })
    const { neighbours } = node('ana')

    const surrendering = neighbours.surrender(drop, 300)
    await clock.advance(300)
    await clock.advance(5_000)

    expect(read(await surrendering)[0]?.journal).toHaveLength(4_000)
    expect(log.events).toContain('surrender.incomplete')
  })

  it('[B18] leaves out an entry that cannot be read, and keeps the orders around it', async () => {
    const { network, names, log, node, members } = world()
    const { neighbours } = node('ana')
    members.live = () => [nodeOf('ana'), nodeOf('ben')]
    const entries = [...orders(2).map(writeEntry), ['order', 3, 3, 1, "x'; drop table", 1, 2, 3]]
    new MemoryBus(network, log).subscribe(names.surrender, ({ respond }) => {
      respond(packBody({ drop, node: 'ben', at: 0, of: 1, epoch: 3, seq: 3, entries }))
    })

    const [surrendered] = read(await neighbours.surrender(drop, 300))

    expect(surrendered?.journal).toEqual(orders(2))
    expect(log.events).toContain('surrender.unreadable')
  })

  it('[B15] is not answered by a node that cannot tell: that must not look like nothing', async () => {
    const { clock, node, log } = world()
    node('ben', { surrender: () => Promise.reject(new Error('the ledger does not answer')) })
    const { neighbours } = node('ana')

    const surrendering = neighbours.surrender(drop, 300)
    await clock.advance(299)
    await expect(Promise.race([surrendering, settled().then(() => 'waits')])).resolves.toBe('waits')
    await clock.advance(1)

    expect(await surrendering).toEqual([])
    expect(log.events).toContain('neighbour.surrender_failed')
  })
})

describe('a wake', () => {
  it('[B19] reaches the one node that was named, and resolves when it has tried', async () => {
    const { clock, node } = world()
    const ben = node('ben')
    const eve = node('eve')
    const failing = node('joe', { wake: () => Promise.reject(new Error('no lease')) })
    const { neighbours, woken } = node('ana')

    await neighbours.wake(nodeOf('ben'), drop, 1_000)
    await neighbours.wake(nodeOf('joe'), drop, 1_000)
    await neighbours.wake(nodeOf('nobody'), drop, 1_000)
    await neighbours.wake(nodeOf('ana'), drop, 1_000)

    expect([ben.woken, eve.woken, failing.woken, woken]).toEqual([[drop], [], [], ['here']])
    expect(clock.monotonicMs()).toBe(0)
  })

  it('[B19] is heard no more by a node that has stopped', async () => {
    const { node } = world()
    const ben = node('ben')
    const { neighbours } = node('ana')

    await ben.served.stop()
    await neighbours.wake(nodeOf('ben'), drop, 1_000)

    expect(ben.woken).toEqual([])
  })
})

describe('an entry', () => {
  const position = { epoch: 2, seq: 7 }
  const claim = ask(drop, 'ana', { shoe: 2, hat: 1 })
  const entries: Entry[] = [
    { kind: 'order', position, atMs: 5, ...claim },
    { kind: 'phase', position, atMs: 5, opId: 'open', phase: 'open' },
    { kind: 'restock', position, atMs: 5.5, opId: 'more', lines: lines({ shoe: 5 }) },
    {
      kind: 'release',
      position,
      atMs: 5,
      opId: 'back',
      orderId: claim.orderId,
      buyer: buyer('ana'),
      lines: claim.lines,
    },
  ]

  it('[B17] is read as it was written', () => {
    for (const entry of entries) expect(readEntry(unpackBody(packBody(writeEntry(entry))))).toEqual(entry)
  })

  it('[B18] is not read when any part of it is not what it should be', () => {
    const wrong = [undefined, null, -1, 1.5e300, Number.NaN, '', 'x'.repeat(300), [], {}, new Date(), 10n]
    for (const entry of entries) {
      const row = writeEntry(entry)
      for (let at = 0; at < row.length; at += 1) {
        for (const value of wrong) expect(readEntry(row.with(at, value)), `${entry.kind}[${at}]`).toBeUndefined()
      }
    }
    expect(readEntry(writeEntry({ ...entries[0], lines: 'shoe:2,hat:1' as LinesText } as Entry))).toBeUndefined()
  })
})
