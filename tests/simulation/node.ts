/** One node of the simulated fleet: the real rooms, router, members and bus parts, on links that can go wrong. */

import type { Subscription } from '../../bus/bus.ts'
import { BusHerald } from '../../bus/bus-herald.ts'
import { BusNeighbours, serveNeighbours } from '../../bus/bus-neighbours.ts'
import { BusPostbox } from '../../bus/bus-postbox.ts'
import { BusRooms } from '../../bus/bus-rooms.ts'
import { Members } from '../../bus/members.ts'
import { MemoryBus } from '../../bus/memory-bus.ts'
import { listenSettled } from '../../bus/news-listener.ts'
import type { DropId, NodeId } from '../../protocol/ids.ts'
import { Agenda } from '../../rooms/agenda.ts'
import { type DebtBook, Debts } from '../../rooms/debts.ts'
import { Directory } from '../../rooms/directory.ts'
import type { Leases, Log, RollCall, Settled } from '../../rooms/ports.ts'
import { Reach } from '../../rooms/reach.ts'
import { ROOM_LIMITS } from '../../rooms/room.ts'
import { Router } from '../../rooms/router.ts'
import { withoutJournal } from './controls.ts'
import { Dice } from './dice.ts'
import { GatedBus } from './gated-bus.ts'
import { type Server, ServerLink } from './server-link.ts'
import { ProcessTime } from './virtual-time.ts'
import type { SimulatedWorld } from './world.ts'

const SKEW_MS = 15
const BUYERS_WAIT_MS = 200
const CLOSE_WITHIN_MS = 2_000

export class SimulatedNode {
  readonly node: NodeId
  readonly process: ProcessTime
  readonly bus: MemoryBus
  readonly directory: Directory
  readonly router: Router
  /** Until when nothing passes between this node and the servers. */
  cutUntilMs = 0
  /** Leaving, so that nobody sends it anything new. */
  leaving = false
  readonly #members: Members
  readonly #agenda: Agenda
  readonly #debts: Debts
  readonly #reach: Reach
  readonly #ears: Subscription[]

  constructor(world: SimulatedWorld, node: NodeId) {
    const { time, names, history } = world
    this.node = node
    this.process = new ProcessTime(time, world.dice.between(-SKEW_MS, SKEW_MS))
    const clock = this.process
    const log = logInto(world, node)
    this.bus = new MemoryBus(world.network, log)
    const wire = { bus: new GatedBus(this.bus, clock), subjects: names, node, clock, log }
    this.#members = new Members({ ...wire, atBoot: clock.nowMs() })
    const preferred = (drop: DropId) => this.#members.preferred(drop)

    const linkTo = (server: Server, ordered: boolean, timeoutMs: number, dice = world.dice) => {
      const isCut = () => time.nowMs < this.cutUntilMs
      const travelMs = ordered ? ([0.1, 3] as const) : ([0.3, world.plan.postgresTakesMs] as const)
      return new ServerLink({ time, dice, server, process: clock, isCut, ordered, timeoutMs, travelMs })
    }
    const ledger = linkTo(world.redis, true, 800).reach(world.ledger)
    const leases = linkTo(world.redis, true, 800).reach<Leases>(world.leases)
    const roll = linkTo(world.redis, true, 800).reach<RollCall>(world.roll)
    const book = linkTo(world.postgres, false, 7_000).reach(world.book)

    const settled = (list: readonly Settled[]) => world.heardSettled(list)
    const herald = new BusHerald(wire, { news: (news) => void history.news.push({ node, news }), settled })
    const self = {
      surrender: async (drop: DropId) => {
        const surrendered = await this.directory.surrender(drop)
        return world.control === 'no_journal' ? withoutJournal(surrendered) : surrendered
      },
      wake: async (drop: DropId) => void (await this.directory.wake(drop)),
    }
    const neighbours = new BusNeighbours(wire, this.#members, self)
    const postbox = new BusPostbox({ ...wire, retryAfterMs: BUYERS_WAIT_MS })
    this.directory = new Directory({
      ...{ ledger, book, leases, neighbours, herald, postbox, clock, log, node, preferred },
      limits: ROOM_LIMITS,
      rooms: () => this.router,
      mayTake: () => this.#reach.mayTake,
    })
    const soon = (call: () => void) => void clock.after(0.05, call)
    const remote = new BusRooms({ ...wire, limits: { waitingMax: 1_000, retryAfterMs: BUYERS_WAIT_MS }, soon })
    this.router = new Router({ directory: this.directory, remote, neighbours, preferred, clock, node })
    this.#ears = [listenSettled(wire, settled), serveNeighbours(wire, self)]
    this.#members.start()
    const giveUp = () => this.directory.giveUp()
    const unheardMs = () => this.#members.unheardMs
    // Nobody is connected: buyers here ask another node by themselves.
    this.#reach = new Reach({ roll, unheardMs, giveUp, sendAway: () => undefined, clock, log, node })
    // Dice of its own: as long as nothing is owed, looking moves no moment of a seed.
    const debts = linkTo(world.postgres, false, 7_000, new Dice(world.plan.seed)).reach<DebtBook>(world.memoryBook)
    this.#debts = new Debts({ book: debts, rooms: this.router, clock, log })
    this.#debts.start()
    this.#agenda = new Agenda({ ...{ book, leases, directory: this.directory, preferred, clock, node, log } })
  }

  /** kill -9. What it had sent is on its way; it hears nothing any more. */
  crash(): void {
    this.process.die()
    void this.bus.close()
  }

  /** SIGTERM, in the order of server/stop.ts. */
  async leave(): Promise<void> {
    this.leaving = true
    this.#members.withdraw()
    void this.#reach.withdraw()
    await Promise.all([this.#agenda.stop(), this.#debts.stop()])
    await this.directory.close(CLOSE_WITHIN_MS)
    await this.#members.stop()
    await Promise.all(this.#ears.map((ear) => ear.stop()))
    this.crash()
  }
}

function logInto(world: SimulatedWorld, node: NodeId): Log {
  const say =
    (level: string) =>
    (event: string, facts: Record<string, unknown> = {}): void =>
      world.heardLog(node, level, event, facts)
  return { info: say(''), warn: say('warn '), error: say('ERROR ') }
}
