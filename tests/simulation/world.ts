/** The simulated installation: one Redis, one Postgres, one bus, and nodes that come and go, on one virtual time. */
import type { MemoryBus } from '../../bus/memory-bus.ts'
import { type Fate, MemoryNetwork, type Passing } from '../../bus/memory-network.ts'
import { subjects } from '../../bus/subjects.ts'
import type { NodeId, OrderId } from '../../protocol/ids.ts'
import { parseLines } from '../../protocol/lines.ts'
import { formatPosition } from '../../protocol/position.ts'
import type { DropBook, Ledger, Settled } from '../../rooms/ports.ts'
import { MemoryLeases } from '../../storage/leases/memory-leases.ts'
import { MemoryLedger } from '../../storage/ledger/memory-ledger.ts'
import { MemoryDropBook } from '../../storage/orders/memory-drop-book.ts'
import { MemoryRollCall } from '../../storage/roll/memory-roll-call.ts'
import { START_MS } from '../builders/hand-clock.ts'
import { creator, dropOf, nodeOf } from '../builders/people.ts'
import { bookUnder, type ControlName, ledgerUnder } from './controls.ts'
import type { Dice } from './dice.ts'
import { History } from './history.ts'
import { SimulatedNode } from './node.ts'
import type { Plan } from './plan.ts'
import { Server } from './server-link.ts'
import { VirtualTime } from './virtual-time.ts'

export class SimulatedWorld {
  readonly time = new VirtualTime()
  readonly history = new History()
  readonly drop = dropOf('simulated')
  readonly names = subjects('sim')
  readonly redis = new Server('redis')
  readonly postgres = new Server('postgres')
  readonly leases = new MemoryLeases(() => this.serverNowMs)
  readonly roll = new MemoryRollCall(() => this.serverNowMs)
  readonly memoryLedger = new MemoryLedger(this.leases, () => this.serverNowMs)
  readonly memoryBook = new MemoryDropBook()
  readonly network: MemoryNetwork
  readonly nodes: SimulatedNode[] = []
  readonly plan: Plan
  readonly dice: Dice
  readonly control: ControlName | undefined
  /** What the nodes talk to. */
  readonly ledger: Ledger
  readonly book: DropBook
  /** Buses that nothing reaches and nothing leaves, without their knowing. */
  readonly split = new Set<MemoryBus>()
  /** The share of messages that is lost. */
  busLoses = 0
  readonly #lastOnBusMs = new Map<MemoryBus, Map<MemoryBus, number>>()
  #joined = 0

  constructor(plan: Plan, dice: Dice, control: ControlName | undefined) {
    this.plan = plan
    this.dice = dice
    this.control = control
    this.network = new MemoryNetwork({
      after: (ms, call) => this.time.after(ms, call),
      schedule: (call) => void this.time.after(dice.between(0.1, plan.busDelayMs), call),
      fate: (passing) => this.#fate(passing),
    })
    const { memoryLedger, memoryBook } = this
    this.ledger = this.#watchedLedger(ledgerUnder(control, memoryLedger))
    this.book = this.#watchedBook(bookUnder(control, memoryBook, memoryLedger))
    const { opensAfterMs, closesAfterMs, items, limitPerBuyer } = plan
    memoryBook.add({
      drop: this.drop,
      creator: creator('mia'),
      phase: opensAfterMs === null ? 'open' : 'scheduled',
      opensAtMs: START_MS + Math.floor(opensAfterMs ?? -1_000),
      closesAtMs: closesAfterMs === null ? null : START_MS + Math.floor(closesAfterMs),
      limitPerBuyer,
      items,
    })
  }

  /** Redis TIME, and Postgres' clock too. */
  get serverNowMs(): number {
    return START_MS + Math.floor(this.time.nowMs)
  }

  join(): SimulatedNode {
    this.#joined += 1
    const node = new SimulatedNode(this, nodeOf(`n${this.#joined}`))
    this.nodes.push(node)
    this.say(`${node.node} joins`)
    return node
  }

  remove(node: SimulatedNode): void {
    const at = this.nodes.indexOf(node)
    if (at >= 0) this.nodes.splice(at, 1)
  }

  say(text: string): void {
    this.history.say(this.time.nowMs, text)
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.time.after(ms, resolve))
  }

  heardLog(node: NodeId, level: string, event: string, facts: Record<string, unknown>): void {
    if (event === 'order.revoked') {
      const revoked = { atMs: this.time.nowMs, orderId: facts.orderId as OrderId, reason: String(facts.reason) }
      this.history.revoked.push(revoked)
    }
    const { drop: _, ...rest } = facts
    this.say(
      `${node} ${level}${event} ${JSON.stringify(rest, (__, value) => (value instanceof Error ? value.message : value))}`,
    )
  }

  /** [I6] What a buyer is told to be confirmed is in Postgres at that moment. */
  heardSettled(list: readonly Settled[]): void {
    for (const settled of list) {
      this.history.settled.push({ atMs: this.time.nowMs, settled })
      const row = this.memoryBook.read(this.drop).orders.get(settled.orderId)
      if (settled.state === 'confirmed' && row?.state !== 'confirmed') {
        this.history.broken.push(`I6 ${settled.orderId} was told confirmed and is ${row?.state ?? 'not written'}`)
      }
    }
  }

  #watchedLedger(ledger: Ledger): Ledger {
    const { history } = this
    return watching(ledger, (name, args, answer) => {
      if (name !== 'order') return
      const [, , claims] = args as Parameters<Ledger['order']>
      const batch = answer as Awaited<ReturnType<Ledger['order']>>
      if (batch.answer !== 'ok') return this.say(`  ledger: ${JSON.stringify(batch)}`)

      for (const [at, result] of batch.results.entries()) {
        const orderId = claims[at]?.orderId
        if (result.verdict !== 'accepted' || orderId === undefined) continue
        const promised = claims[at]?.promised === true
        const { phase, opensAtMs } = batch
        const closesAtMs = this.memoryBook.read(this.drop).closesAtMs
        const when = { atMs: batch.nowMs, position: result.position, phase, opensAtMs, closesAtMs }
        history.executed.push({ orderId, promised, ...when })
        this.say(`  ledger: ${orderId.slice(0, 6)} accepted at ${formatPosition(result.position)}`)
      }
    })
  }

  #watchedBook(book: DropBook): DropBook {
    return watching(book, (name, args, answer) => {
      if (name === 'take') {
        const taken = answer as Awaited<ReturnType<DropBook['take']>>
        if (taken !== undefined) this.history.epochs.push(taken.epoch)
      }
      if (name === 'fence') this.say(`  postgres: fenced ${JSON.stringify(answer)}`)
      if (name !== 'write') return
      const outcomes = answer as Awaited<ReturnType<DropBook['write']>>
      const [, epoch, entries] = args as Parameters<DropBook['write']>
      if (outcomes === 'fenced') return this.say(`  postgres: ${entries.length} of a writer of epoch ${epoch} refused`)
      const words = entries.map((entry, at) => {
        const what = entry.kind === 'order' ? entry.orderId.slice(0, 6) : entry.opId
        return `${what}@${formatPosition(entry.position)}:${outcomes[at]?.outcome}`
      })
      this.say(`  postgres: ${words.join(' ')}`)
      this.#checkBook()
    })
  }

  /** [I1] [I2] [I4] at every commit. */
  #checkBook(): void {
    const drop = this.memoryBook.read(this.drop)
    const sold = new Map<string, number>()
    for (const order of drop.orders.values()) {
      if (order.state !== 'confirmed') continue
      for (const { sku, qty } of parseLines(order.lines) ?? []) sold.set(sku, (sold.get(sku) ?? 0) + qty)
    }
    for (const item of drop.items.values()) {
      if (item.sold < 0 || item.sold > item.total)
        this.history.broken.push(`I1 ${item.sku} sold ${item.sold} of ${item.total}`)
      if ((sold.get(item.sku) ?? 0) !== item.sold)
        this.history.broken.push(`I2 ${item.sku} sold ${item.sold}, rows say ${sold.get(item.sku)}`)
    }
    for (const [buyer, held] of drop.held) {
      let units = 0
      for (const [sku, qty] of held) {
        units += qty
        const limit = drop.items.get(sku)?.limit ?? null
        if (limit !== null && qty > limit) this.history.broken.push(`I4 ${buyer} has ${qty} of ${sku}`)
      }
      if (drop.limitPerBuyer !== null && units > drop.limitPerBuyer)
        this.history.broken.push(`I4 ${buyer} has ${units}`)
    }
  }

  /** NATS keeps the order between two connections; a repeated message comes when it comes. */
  #fate({ from, to }: Passing): Fate {
    const { dice, time, plan } = this
    if (this.split.has(from) || this.split.has(to)) return 'drop'
    if (from !== to && dice.chance(this.busLoses)) return 'drop'
    if (dice.chance(plan.busDuplicates)) return 'twice'

    const last = this.#lastOnBusMs.get(from) ?? new Map<MemoryBus, number>()
    this.#lastOnBusMs.set(from, last)
    const atMs = Math.max(last.get(to) ?? 0, time.nowMs + dice.between(0.1, plan.busDelayMs))
    last.set(to, atMs)
    return { lateMs: atMs - time.nowMs }
  }
}

/** The store, with every call looked at in the moment in which it was carried out. */
function watching<Store extends object>(
  store: Store,
  look: (name: keyof Store, args: unknown[], answer: unknown) => void,
): Store {
  return new Proxy(store, {
    get: (target, name) => {
      const method: unknown = Reflect.get(target, name)
      if (typeof method !== 'function') return method
      return async (...args: unknown[]) => {
        const answer: unknown = await method.apply(target, args)
        look(name as keyof Store, args, answer)
        return answer
      }
    },
  })
}
