/**
 * A connection from one process to Redis or Postgres, with what a wire and a server do to a call.
 *
 * A call travels, is carried out in one go, and its answer travels back. On an ordered connection calls and answers keep
 * their order, as Redis' do; Postgres is a pool, so there calls overtake each other. A caller who waited too long hears
 * `unavailable`, and the call may still be carried out after that: that is what UNKNOWN means.
 */
import { Fault } from '../../protocol/faults.ts'
import type { Dice } from './dice.ts'
import type { ProcessTime, VirtualTime } from './virtual-time.ts'

/** A server, and what is wrong with it at the moment. */
export class Server {
  readonly name: string
  /** Down: calls are refused. Hung: they wait until it goes on. */
  state: 'up' | 'down' | 'hung' = 'up'
  /** Shares of the calls: refused before anything happened, or answered by silence after it did, or very late. */
  refuses = 0
  forgetsAnswer = 0
  isLate = 0
  /** When late calls arrive, if that is not left to chance. */
  arriveMs: readonly [number, number] | undefined
  /** Another server took its place: what was on its way to the old one dies with the connections to it. */
  generation = 0
  readonly #goOn: (() => void)[] = []

  constructor(name: string) {
    this.name = name
  }

  whenUp(call: () => void): void {
    if (this.state === 'hung') this.#goOn.push(call)
    else call()
  }

  goOn(): void {
    this.state = 'up'
    for (const call of this.#goOn.splice(0)) call()
  }

  heal(): void {
    this.refuses = 0
    this.forgetsAnswer = 0
    this.isLate = 0
    this.goOn()
  }
}

export interface LinkWorld {
  time: VirtualTime
  dice: Dice
  server: Server
  process: ProcessTime
  /** Whether nothing passes now: the node is behind a partition. */
  isCut(): boolean
  ordered: boolean
  timeoutMs: number
  travelMs: readonly [number, number]
}

export class ServerLink {
  readonly #world: LinkWorld
  #lastThereMs = 0
  #lastBackMs = 0

  constructor(world: LinkWorld) {
    this.#world = world
  }

  /** The store as this process reaches it. */
  reach<Store extends object>(store: Store): Store {
    return new Proxy(store, {
      get: (target, name) => {
        const method: unknown = Reflect.get(target, name)
        if (typeof method !== 'function') return method
        return (...args: unknown[]) => this.#call(() => method.apply(target, args) as Promise<unknown>)
      },
    })
  }

  #call(work: () => Promise<unknown>): Promise<unknown> {
    const { time, dice, server, process, timeoutMs } = this.#world
    const lost = () => new Fault('unavailable', { dependency: server.name })
    const { generation } = server

    return new Promise((resolve, reject) => {
      const timer = time.after(timeoutMs, () => process.enter(() => reject(lost())))
      const back = (call: () => void) => {
        if (this.#world.isCut() || dice.chance(server.forgetsAnswer)) return
        time.at(this.#backMs(), () => {
          if (this.#world.isCut()) return
          timer.cancel()
          process.enter(call)
        })
      }
      const carryOut = () => {
        if (server.generation !== generation) return
        if (server.state === 'down' || dice.chance(server.refuses)) return back(() => reject(lost()))
        work().then(
          (value) => back(() => resolve(value)),
          (cause: unknown) => back(() => reject(cause)),
        )
      }
      time.at(this.#thereMs(), () => {
        if (!this.#world.isCut()) server.whenUp(carryOut)
        // What the kernel kept for a broken line may still arrive when it is whole again, long after its caller gave up.
        else if (dice.chance(0.5)) time.after(dice.between(100, 4_000), () => this.#world.isCut() || carryOut())
      })
    })
  }

  #thereMs(): number {
    const { time, dice, server, ordered, travelMs } = this.#world
    if (dice.chance(server.isLate)) {
      if (server.arriveMs !== undefined) return Math.max(time.nowMs, dice.between(...server.arriveMs))
      return time.nowMs + dice.between(200, 3_000)
    }

    const atMs = time.nowMs + dice.between(...travelMs)
    if (!ordered) return atMs
    this.#lastThereMs = Math.max(this.#lastThereMs, atMs)
    return this.#lastThereMs
  }

  #backMs(): number {
    const { time, dice, ordered, travelMs } = this.#world
    const atMs = time.nowMs + dice.between(...travelMs)
    if (!ordered) return atMs
    this.#lastBackMs = Math.max(this.#lastBackMs, atMs)
    return this.#lastBackMs
  }
}
