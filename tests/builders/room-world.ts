/**
 * Nodes with rooms, over the memory stores and a memory network, on time wound by hand.
 *
 * Everything between the edge and the stores is the real code: directories, rooms, takeovers, routers, the bus between
 * the nodes. The stores are the second implementations that pass the contract suites of the real ones.
 */
import { BusHerald } from '../../bus/bus-herald.ts'
import { BusNeighbours, serveNeighbours } from '../../bus/bus-neighbours.ts'
import { BusPostbox } from '../../bus/bus-postbox.ts'
import { BusRooms } from '../../bus/bus-rooms.ts'
import { Members } from '../../bus/members.ts'
import { MemoryBus } from '../../bus/memory-bus.ts'
import { MemoryNetwork } from '../../bus/memory-network.ts'
import { listenSettled } from '../../bus/news-listener.ts'
import { subjects } from '../../bus/subjects.ts'
import type { DropId, NodeId } from '../../protocol/ids.ts'
import { Directory } from '../../rooms/directory.ts'
import type { OrderReply } from '../../rooms/letters.ts'
import type { BuyerPace, Claim, Ledger, Log, RoomNews, Settled } from '../../rooms/ports.ts'
import { Reach } from '../../rooms/reach.ts'
import { ROOM_LIMITS } from '../../rooms/room.ts'
import { Router } from '../../rooms/router.ts'
import { MemoryLeases } from '../../storage/leases/memory-leases.ts'
import { MemoryLedger } from '../../storage/ledger/memory-ledger.ts'
import { MemoryDropBook, type MemoryDropSpec } from '../../storage/orders/memory-drop-book.ts'
import { MemoryRollCall } from '../../storage/roll/memory-roll-call.ts'
import { HandClock, START_MS } from './hand-clock.ts'
import { creator, dropOf, nodeOf, sku } from './people.ts'

export interface Event {
  node: NodeId
  event: string
  facts: Record<string, unknown>
}

export class RoomWorld {
  readonly clock = new HandClock()
  readonly leases = new MemoryLeases(this.clock.nowMs)
  readonly roll = new MemoryRollCall(this.clock.nowMs)
  readonly memoryLedger = new MemoryLedger(this.leases, this.clock.nowMs)
  readonly book = new MemoryDropBook()
  readonly network = new MemoryNetwork({ after: (ms, call) => this.clock.after(ms, call) })
  readonly names = subjects('test')
  readonly events: Event[] = []
  readonly news: RoomNews[] = []
  readonly settled: Settled[] = []
  /** What the nodes talk to; a test may put a faulty one in front of the memory ledger. */
  ledger: Ledger = this.memoryLedger
  /** Of the rooms of a node that starts from now on. */
  limits = ROOM_LIMITS
  /** How often a buyer may order on a node that starts from now on; each node counts for itself. */
  pace: (() => BuyerPace) | undefined

  /** A drop that is open, with ten shoes, unless said otherwise. */
  addDrop(drop: DropId, spec: Partial<MemoryDropSpec> = {}): DropId {
    this.book.add({
      drop,
      creator: creator('mia'),
      phase: 'open',
      opensAtMs: START_MS - 1_000,
      items: [{ sku: sku('shoe'), total: 10 }],
      ...spec,
    })
    return drop
  }

  node(name: string): WorldNode {
    return new WorldNode(this, nodeOf(name))
  }

  /** Shoes, by what Postgres says. */
  sold(drop: DropId): number | undefined {
    return this.book.read(drop).items.get(sku('shoe'))?.sold
  }

  /** From now on this call of a store is carried out only when the returned one is made. */
  hold<Name extends 'ledger' | 'book'>(name: Name, call: keyof RoomWorld[Name]): () => void {
    let release: () => void = () => undefined
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const holding = new Proxy(this[name], {
      get: (store, called) => {
        const method: unknown = Reflect.get(store, called)
        if (typeof method !== 'function') return method
        if (called !== call) return method.bind(store)
        return async (...args: unknown[]) => {
          await held
          return method.apply(store, args)
        }
      },
    })
    Object.assign(this, { [name]: holding })
    return release
  }
}

/** Two nodes that know each other, and a drop whose room runs on the first. */
export async function twoNodes(stock = 10) {
  const world = new RoomWorld()
  const drop = world.addDrop(dropOf('one'), { items: [{ sku: sku('shoe'), total: stock }] })
  const [a, b] = [world.node('n1'), world.node('n2')]
  await world.clock.advance(2_000)
  const waking = a.directory.wake(drop)
  await world.clock.advance(500)
  if ((await waking) !== 'here') throw new Error('the room did not wake')
  return { world, drop, a, b }
}

export class WorldNode {
  readonly node: NodeId
  readonly bus: MemoryBus
  readonly directory: Directory
  readonly router: Router
  readonly members: Members
  /** How often its clients were sent away. */
  farewells = 0
  readonly reach: Reach
  readonly neighbours: BusNeighbours
  #frozen: Promise<void> | undefined

  constructor(world: RoomWorld, node: NodeId) {
    const { clock, names } = world
    const log = logInto(world, node)
    this.node = node
    this.bus = new MemoryBus(world.network, log)
    this.members = new Members({ bus: this.bus, subjects: names, node, clock, log, atBoot: clock.nowMs() })
    this.members.start()
    const busWorld = { bus: this.bus, subjects: names, node, clock, log }
    const herald = new BusHerald(busWorld, {
      news: (news) => world.news.push(news),
      settled: (settled) => world.settled.push(...settled),
    })
    const self = {
      surrender: (drop: DropId) => this.directory.surrender(drop),
      wake: async (drop: DropId) => {
        await this.directory.wake(drop)
      },
    }
    listenSettled(busWorld, (settled) => world.settled.push(...settled))
    const neighbours = new BusNeighbours(busWorld, this.members, self)
    serveNeighbours(busWorld, self)
    this.neighbours = neighbours
    const postbox = new BusPostbox({ ...busWorld, retryAfterMs: 200 })
    this.directory = new Directory({
      ledger: this.#reached(() => world.ledger),
      book: this.#reached(() => world.book),
      leases: this.#reached(() => world.leases),
      neighbours,
      herald,
      clock,
      log,
      node,
      postbox,
      limits: world.limits,
      pace: world.pace?.(),
      rooms: () => this.router,
      preferred: (drop) => this.members.preferred(drop),
      mayTake: () => this.reach.mayTake,
    })
    this.reach = new Reach({
      roll: this.#reached(() => world.roll),
      unheardMs: () => this.members.unheardMs,
      giveUp: () => this.directory.giveUp(),
      sendAway: () => {
        this.farewells += 1
      },
      ...{ clock, log, node },
    })
    this.router = new Router({
      directory: this.directory,
      remote: new BusRooms({ ...busWorld, limits: { waitingMax: 1_000, retryAfterMs: 200 } }),
      neighbours,
      preferred: (drop) => this.members.preferred(drop),
      clock,
      node,
    })
  }

  order(drop: DropId, claim: Claim, waitMs = 2_000): Promise<OrderReply> {
    return this.router.order(drop, claim, waitMs)
  }

  /** kill -9: from now on this node says nothing, and nothing it asks is answered. */
  crash(): void {
    this.#frozen = new Promise(() => undefined)
    this.bus.cut()
  }

  /** SIGSTOP: until the answer is called, nothing goes in or out. What it asked meanwhile happens then. */
  freeze(): () => void {
    let thaw: () => void = () => undefined
    this.#frozen = new Promise((resolve) => {
      thaw = resolve
    })
    this.bus.cut()
    return () => {
      this.#frozen = undefined
      this.bus.mend()
      thaw()
    }
  }

  /** A store as this node reaches it: looked up at each call, so that a test can put a fault in at any time. */
  #reached<Store extends object>(store: () => Store): Store {
    return new Proxy(store(), {
      get: (_, name) => {
        const method: unknown = Reflect.get(store(), name)
        if (typeof method !== 'function') return method
        return async (...args: unknown[]) => {
          await this.#frozen
          return method.apply(store(), args)
        }
      },
    })
  }
}

function logInto(world: RoomWorld, node: NodeId): Log {
  const note = (event: string, facts: Record<string, unknown> = {}) => void world.events.push({ node, event, facts })
  return { info: note, warn: note, error: note }
}
