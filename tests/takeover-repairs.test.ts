/** What the simulator found in the rooms, each by hand, so that it stays found when the seeds mean something else. */
import { describe, expect, it } from 'vitest'
import { Fault } from '../protocol/faults.ts'
import type { DropId, NodeId } from '../protocol/ids.ts'
import { formatLines } from '../protocol/lines.ts'
import { controlOf } from '../rooms/drop.ts'
import type { DropBook, Ledger } from '../rooms/ports.ts'
import type { LedgerImage } from '../storage/ledger/memory-ledger.ts'
import { ask, dropOf, sku } from './builders/people.ts'
import { RoomWorld, twoNodes, type WorldNode } from './builders/room-world.ts'

async function order(world: RoomWorld, node: WorldNode, drop: DropId, who: string): Promise<string> {
  for (let turn = 0; turn < 40; turn += 1) {
    const reply = node.order(drop, ask(drop, who), 190)
    await world.clock.advance(200)
    const { verdict } = await reply
    if (verdict !== 'pending') return verdict
  }
  return 'pending'
}

async function orders(world: RoomWorld, node: WorldNode, drop: DropId, who: readonly string[]): Promise<string[]> {
  const verdicts: string[] = []
  for (const name of who) verdicts.push(await order(world, node, drop, name))
  return verdicts
}

/** The ledger of this world, with something that happens just before or after one of its calls. */
function around(world: RoomWorld, happen: (call: keyof Ledger, when: 'before' | 'after') => void): void {
  const ledger = world.ledger
  world.ledger = new Proxy(ledger, {
    get:
      (_, name: keyof Ledger) =>
      async (...args: never[]) => {
        happen(name, 'before')
        const answer = await (ledger[name] as (...args: never[]) => Promise<unknown>).apply(ledger, args)
        happen(name, 'after')
        return answer
      },
  })
}

/** Postgres that does not answer this call, from now until the returned call; what it was asked then stays without an answer. */
function hang(world: RoomWorld, call: keyof DropBook): () => void {
  const book = world.book
  const hanging = new Proxy(book, {
    get: (target, name) => {
      if (name === call) return () => new Promise(() => undefined)
      const method: unknown = Reflect.get(target, name)
      return typeof method === 'function' ? method.bind(target) : method
    },
  })
  Object.assign(world, { book: hanging })
  return () => void Object.assign(world, { book })
}

/** The next call of this kind does not arrive, and its caller hears so; it is carried out when the returned call is made. */
function give(world: RoomWorld, call: 'order'): () => Promise<unknown> {
  const ledger = world.ledger
  let late: (() => Promise<unknown>) | undefined
  world.ledger = new Proxy(ledger, {
    get: (target, name) => {
      const method: unknown = Reflect.get(target, name)
      if (typeof method !== 'function') return method
      if (name !== call || late !== undefined) return method.bind(target)
      return async (...args: unknown[]) => {
        late = () => method.apply(target, args)
        throw new Fault('unavailable', { dependency: 'redis' })
      }
    },
  })
  return async () => late?.()
}

const revoked = (world: RoomWorld) => world.events.filter((one) => one.event === 'order.revoked')

describe('a room that has ended', () => {
  it('[Z5] is taken over with its own memory, also while its last batch has no answer from Postgres', async () => {
    const { world, drop, a } = await twoNodes()
    await order(world, a, drop, 'ana')
    const image = world.memoryLedger.image()
    const goOn = hang(world, 'write')
    expect(await order(world, a, drop, 'bob')).toBe('accepted')

    world.memoryLedger.restore(image)
    goOn()
    await order(world, a, drop, 'eve')

    expect(await order(world, a, drop, 'bob')).toBe('duplicate')
    await world.clock.advance(1_000)
    expect(world.sold(drop)).toBe(3)
  })

  it('[Z5] surrenders its memory even when it is asked in the moment in which it ends', async () => {
    const { world, drop, a } = await twoNodes()
    const goOn = hang(world, 'write')
    await order(world, a, drop, 'ana')
    const release = world.hold('ledger', 'order')

    const last = a.order(drop, ask(drop, 'bob'), 1_000)
    await world.clock.advance(10)
    const first = a.directory.surrender(drop)
    const second = a.directory.surrender(drop)
    release()
    await world.clock.advance(10)
    goOn()

    expect((await last).verdict).toBe('accepted')
    expect((await first).journal).toHaveLength(2)
    expect((await second).journal).toHaveLength(2)
  })
})

describe('a room whose epoch is not the latest any more, though nobody took it over', () => {
  it('[P30] sells on, ends when nobody asked for it, and is taken over with all that it could not write', async () => {
    const { world, drop, a } = await twoNodes()
    await order(world, a, drop, 'ana')
    await world.book.take(drop, 'nobody' as NodeId)

    expect(await orders(world, a, drop, ['bob', 'eve'])).toEqual(['accepted', 'accepted'])
    expect(world.sold(drop)).toBe(1)
    await world.clock.advance(1_500)

    expect(a.directory.room(drop)?.epoch).toBe(3)
    expect(world.sold(drop)).toBe(3)
    expect(await orders(world, a, drop, ['bob', 'dan'])).toEqual(['duplicate', 'accepted'])
    expect(world.events.filter(({ event }) => event === 'handover')).toEqual([])
  })
})

describe('a call that comes late', () => {
  it('[FF1] to a Redis that went back to where it was sent is seen, though the seq is right', async () => {
    const { world, drop, a } = await twoNodes()
    await order(world, a, drop, 'ana')
    const image = world.memoryLedger.image()
    const callLate = give(world, 'order')
    expect((await a.order(drop, ask(drop, 'eve'))).verdict).toBe('pending')
    await world.clock.advance(500)
    expect(await order(world, a, drop, 'bob')).toBe('accepted')

    world.memoryLedger.restore(image)
    expect(await callLate()).toMatchObject({ answer: 'ok', seq: 2 })

    expect(await orders(world, a, drop, ['dan', 'bob', 'eve'])).toEqual(['accepted', 'duplicate', 'accepted'])
    await world.clock.advance(1_000)
    expect([world.sold(drop), revoked(world)]).toEqual([4, []])
    expect((await world.memoryLedger.read(drop))?.items).toEqual([{ sku: 'shoe', left: 6, limit: null }])
  })

  it('[FF1] does not cost the last unit to whom it was promised', async () => {
    const { world, drop, a } = await twoNodes(2)
    await order(world, a, drop, 'ana')
    const image = world.memoryLedger.image()
    const callLate = give(world, 'order')
    expect((await a.order(drop, ask(drop, 'eve'))).verdict).toBe('pending')
    await world.clock.advance(500)
    const goOn = hang(world, 'write')
    expect(await order(world, a, drop, 'bob')).toBe('accepted')

    world.memoryLedger.restore(image)
    await callLate()
    goOn()

    expect(await orders(world, a, drop, ['bob', 'eve'])).toEqual(['duplicate', 'sold_out'])
    await world.clock.advance(1_000)
    expect([world.sold(drop), revoked(world)]).toEqual([2, []])
  })
})

describe('a ledger that gave more than there is', () => {
  const both = { shoe: 1, hat: 1 }

  /** Ana has a shoe. Postgres goes down to this one behind the ledger's back: two of its three never were. */
  async function lying() {
    const world = new RoomWorld()
    const items = ['shoe', 'hat'].map((name) => ({ sku: sku(name), total: 3 }))
    const drop = world.addDrop(dropOf('one'), { items })
    const a = world.node('n1')
    await world.clock.advance(2_000)
    await order(world, a, drop, 'ana')
    Object.assign(world.book.read(drop).items.get(sku('shoe')) ?? {}, { total: 1 })
    return { world, drop, a }
  }

  it('[FF4] is built anew, so that what a refused order had of other SKUs can be bought', async () => {
    const { world, drop, a } = await lying()

    const refused = a.order(drop, ask(drop, 'bob', both))
    await world.clock.advance(2_000)

    expect((await refused).verdict).toBe('accepted')
    expect(world.book.read(drop).orders.get(ask(drop, 'bob').orderId)?.state).toBe('revoked')
    expect((await world.memoryLedger.read(drop))?.items).toEqual([
      { sku: 'hat', left: 3, limit: null },
      { sku: 'shoe', left: 0, limit: null },
    ])
  })

  it('[FF4] is built anew also when it carries out a batch at that moment', async () => {
    const { world, drop, a } = await lying()
    const write = world.hold('book', 'write')
    const refused = a.order(drop, ask(drop, 'bob', both))
    await world.clock.advance(100)
    const sell = world.hold('ledger', 'order')
    const last = a.order(drop, ask(drop, 'eve', { hat: 1 }))
    await world.clock.advance(100)

    write()
    await world.clock.advance(100)
    sell()
    await world.clock.advance(2_000)

    expect([(await refused).verdict, (await last).verdict]).toEqual(['accepted', 'accepted'])
    expect((await world.memoryLedger.read(drop))?.items).toEqual([
      { sku: 'hat', left: 2, limit: null },
      { sku: 'shoe', left: 0, limit: null },
    ])
  })
})

describe('a room that nobody orders from', () => {
  it('[Z6] sees within two seconds that Redis went back in time, and shows nothing that is sold', async () => {
    const { world, drop, a } = await twoNodes()
    const image = world.memoryLedger.image()
    await orders(world, a, drop, ['ana', 'bob'])

    world.memoryLedger.restore(image)
    await world.clock.advance(2_000)

    expect((await world.memoryLedger.read(drop))?.items).toEqual([{ sku: 'shoe', left: 8, limit: null }])
  })
})

describe('when Redis goes back in time in the middle of a rebuild', () => {
  /** Redis forgets all, and what was loaded into it again once more, just before the gate. */
  async function forgetsWhatWasLoaded(world: RoomWorld, atGate: (moment: 'before' | 'after') => void) {
    let image: LedgerImage | undefined
    let gates = 0
    around(world, (call, moment) => {
      if (call === 'clear' && moment === 'after') image ??= world.memoryLedger.image()
      if (call !== 'rebuild') return
      if (moment === 'before') gates += 1
      if (gates !== 1) return
      if (moment === 'before' && image !== undefined) world.memoryLedger.restore(image)
      atGate(moment)
    })
    world.memoryLedger.wipe()
    await world.clock.advance(5_000)
  }

  async function fiveMore(world: RoomWorld, node: WorldNode, drop: DropId) {
    const more = [{ sku: sku('shoe'), qty: 5 }]
    await world.book.restock(drop, 'more', more)
    return async () => {
      const done = node.router.control(drop, 'more', { kind: 'restock', lines: formatLines(more) }, 1_000)
      await world.clock.advance(1_000)
      return (await done).done
    }
  }

  it('[Z7] no room opens that has forgotten its orders', async () => {
    const { world, drop, a } = await twoNodes()
    await orders(world, a, drop, ['ana', 'bob'])

    await forgetsWhatWasLoaded(world, () => undefined)

    expect(await orders(world, a, drop, ['ana', 'bob', 'eve'])).toEqual(['duplicate', 'duplicate', 'accepted'])
    await world.clock.advance(1_000)
    expect(world.sold(drop)).toBe(3)
  })

  it('[Z7, FF7] nor one that would carry out an operation a second time, whoever takes it over then', async () => {
    const { world, drop, a, b } = await twoNodes()
    const restock = await fiveMore(world, b, drop)
    const first = await restock()

    await forgetsWhatWasLoaded(world, (moment) => {
      if (moment === 'after') a.crash()
    })

    expect([first, await restock()]).toEqual(['applied', 'repeated'])
    expect((await world.memoryLedger.read(drop))?.items).toMatchObject([{ left: 15 }])
  })

  it('[Z7] and one of before the rebuild is not taken over: Postgres has counted anew since', async () => {
    const { world, drop, a, b } = await twoNodes()
    await orders(world, a, drop, ['ana', 'bob'])
    await world.clock.advance(1_000)
    const image = world.memoryLedger.image()
    const release = world.hold('ledger', 'rebuild')

    world.memoryLedger.wipe()
    await world.clock.advance(1_000)
    a.crash()
    world.memoryLedger.restore(image)
    release()
    await orders(world, b, drop, ['eve'])

    const woken = world.events.filter(({ event, node }) => event === 'room.woken' && node === b.node)
    expect(woken.map(({ facts }) => facts.how)).toEqual(['rebuilt'])
  })
})

describe('when Redis forgets while the journal is out of reach', () => {
  const fans = ['ana', 'bob', 'eve']

  /** The owner stopped with three orders that only it knows; the other node has built the room anew. */
  async function forgotten() {
    const { world, drop, a, b } = await twoNodes()
    world.book.refuse((call) => (call === 'write' ? 'before' : undefined))
    await orders(world, a, drop, fans)
    const thaw = a.freeze()
    world.memoryLedger.wipe()
    world.book.refuse()
    expect(await order(world, b, drop, 'new')).toBe('accepted')
    return { world, drop, a, b, thaw }
  }

  it.each(['pause', 'close'] as const)(
    '[Z8, FF2] orders handed over to a live owner are kept after a %s, and nobody else is served',
    async (control) => {
      const { world, drop, b, thaw } = await forgotten()
      void b.router.control(drop, control, controlOf(control), 1_000)
      await world.clock.advance(100)

      thaw()
      await world.clock.advance(5_000)

      expect([world.sold(drop), revoked(world)]).toEqual([4, []])
      expect(await order(world, b, drop, 'late')).toBe(control === 'pause' ? 'paused' : 'closed')
    },
  )

  it('[Z9] an owner whose journal Redis does not know builds the room anew, and keeps its promises in a closed drop', async () => {
    const { world, drop, a, b, thaw } = await forgotten()
    void b.router.control(drop, 'close', controlOf('close'), 1_000)
    await world.clock.advance(100)

    b.crash()
    thaw()
    await world.clock.advance(8_000)

    expect(await orders(world, a, drop, fans)).toEqual(['duplicate', 'duplicate', 'duplicate'])
    expect([world.sold(drop), revoked(world), world.book.read(drop).phase]).toEqual([4, [], 'closed'])
  })

  it('[Z10] a node that is cut off waits for the bus before it builds a room without the others', async () => {
    const { world, drop, a, b } = await twoNodes()
    world.book.refuse((call) => (call === 'write' ? 'before' : undefined))
    await orders(world, a, drop, fans)

    b.bus.cut()
    world.memoryLedger.wipe()
    const waking = b.directory.wake(drop)
    await world.clock.advance(100)
    world.book.refuse()
    b.bus.mend()
    await world.clock.advance(5_000)

    expect(await waking).toBe('here')
    const epochs = [...world.book.read(drop).orders.values()].map((one) => one.position.epoch)
    expect([epochs, revoked(world)]).toEqual([[1, 1, 1], []])
  })
})

describe('an order for a drop that nobody can wake now', () => {
  it('[Z11] is answered pending in the time that its sender can wait', async () => {
    const world = new RoomWorld()
    const drop = world.addDrop(dropOf('one'))
    const node = world.node('n1')
    await world.clock.advance(2_000)
    hang(world, 'take')

    let verdict: string | undefined
    void node.order(drop, ask(drop, 'ana'), 500).then((reply) => {
      verdict = reply.verdict
    })
    await world.clock.advance(510)

    expect(verdict).toBe('pending')
  })
})
