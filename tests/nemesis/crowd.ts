/** Everybody around the drops of one run: those who buy, and those who only watch. */
import type { DropId, OrderId } from '../../protocol/ids.ts'
import { orderIdOf } from '../../rooms/order-id.ts'
import { until } from '../../stack/deadline.ts'
import { Buyer, type BuyerWorld } from './buyer.ts'
import { Phone } from './phone.ts'
import type { Plan, Want } from './plan.ts'
import type { Person } from './world.ts'

const GATHER_WITHIN_MS = 20_000
const LOOK_EVERY_MS = 60
const ONLY_WATCHES = { isIn: () => undefined, hear: () => undefined }

export class Crowd {
  readonly buyers: readonly Buyer[]
  readonly phones: readonly Phone[]
  readonly #drops: readonly DropId[]
  readonly #looking: NodeJS.Timeout

  /** As many of the people as the plan wants buy, the others watch. */
  constructor(
    world: BuyerWorld,
    people: readonly Person[],
    { buyers }: Plan,
    shown: (buyers: readonly Buyer[], nowMs: number) => void = () => undefined,
  ) {
    this.#drops = world.drops
    this.buyers = people.slice(0, buyers).map((who, at) => new Buyer(world, who, at))
    const watchers = people.slice(buyers).map(({ token }, at) => new Phone(world, token, at, ONLY_WATCHES))
    this.phones = [...this.buyers.map(({ phone }) => phone), ...watchers]
    this.#looking = setInterval(() => {
      for (const buyer of this.buyers) buyer.look()
      for (const watcher of watchers) watcher.look(false)
      shown(this.buyers, world.nowMs())
    }, LOOK_EVERY_MS)
  }

  async gathered(): Promise<void> {
    if (await until(() => this.phones.every(({ isIn }) => isIn), GATHER_WITHIN_MS)) return
    throw new Error('the crowd did not gather')
  }

  orderIdOf({ buyer, drop, key }: Want): OrderId {
    const [who, where] = [this.buyers[buyer], this.#drops[drop]]
    if (who === undefined || where === undefined) throw new RangeError(`nobody wants ${key}`)
    return orderIdOf(where, who.id, key)
  }

  /** An open model: each order goes out when it was meant to, whatever became of the others. */
  async order(wants: readonly Want[], nowMs: () => number): Promise<void> {
    const due = [...wants].sort((a, b) => a.atMs - b.atMs)
    for (const want of due) {
      const waitMs = want.atMs - nowMs()
      if (waitMs > 1) await new Promise((resolve) => setTimeout(resolve, waitMs))
      this.buyers[want.buyer]?.order(want)
    }
  }

  /** What watchers were shown and should not have been. [I17] */
  get broken(): string[] {
    return this.phones.flatMap(({ sightings }) => [...sightings.values()].flatMap(({ broken }) => broken))
  }

  leave(): void {
    clearInterval(this.#looking)
    for (const phone of this.phones) phone.close()
  }
}
