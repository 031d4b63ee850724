/** Buyers with phones, and a creator: they do what the protocol asks of them, above all the same key again. */
import type { IdempotencyKey, UserId } from '../../protocol/ids.ts'
import { formatLines, type LinesText } from '../../protocol/lines.ts'
import type { Verdict } from '../../protocol/verdicts.ts'
import { controlOf } from '../../rooms/drop.ts'
import type { OrderReply } from '../../rooms/letters.ts'
import { orderIdOf } from '../../rooms/order-id.ts'
import type { Adjustment } from '../../rooms/ports.ts'
import { buyer as buyerOf, keyOf, lines as linesOf } from '../builders/people.ts'
import type { SimulatedNode } from './node.ts'
import type { PlannedControl } from './plan.ts'
import type { SimulatedWorld } from './world.ts'

const NODE_ANSWERS_MS = 2_000
/** After the faults are over. */
const PHONE_WAITS_MS = 3_000
const REPLY_LOST = 0.03

interface Wish {
  buyer: UserId
  key: IdempotencyKey
  lines: LinesText
}

/** Everybody who wants something, from now on. `waiting` names those who have no answer yet. */
export function letPeopleIn(world: SimulatedWorld): { waiting: ReadonlySet<string> } {
  const { dice, plan } = world
  const waiting = new Set<string>()
  const begin = (label: string, atMs: number, work: () => Promise<void>) => {
    waiting.add(label)
    world.time.at(atMs, () => void work().then(() => waiting.delete(label)))
  }

  for (let b = 0; b < plan.buyers; b += 1) {
    for (let n = 0; n < plan.ordersEach; n += 1) {
      const skus = plan.items.filter(() => dice.chance(0.6))
      const wants = (skus.length > 0 ? skus : plan.items).map(({ sku }) => ({ sku, qty: dice.whole(1, 2) }))
      const wish = { buyer: buyerOf(`fan ${b}`), key: keyOf(`k${n}`), lines: formatLines(wants) }
      const atMs = plan.ordersAtMs[b * plan.ordersEach + n] ?? 0
      begin(`fan ${b} k${n}`, atMs, () => persist(world, wish))
    }
  }
  begin('creator', 0, async () => {
    for (const [at, control] of plan.controls.entries()) {
      await world.sleep(control.atMs - world.time.nowMs)
      await command(world, `op-${at}`, control)
    }
  })
  return { waiting }
}

async function persist(world: SimulatedWorld, wish: Wish): Promise<void> {
  const { dice, plan } = world
  let node: SimulatedNode | undefined
  for (;;) {
    if (node === undefined || !world.nodes.includes(node) || dice.chance(0.3)) node = choose(world)
    const reply = node === undefined ? undefined : await send(world, node, wish)
    const patience = patienceMs(world, reply)
    if (patience !== undefined) {
      await world.sleep(patience)
      continue
    }
    const again = world.time.nowMs < plan.faultsEndMs && dice.chance(0.25)
    if (!again) return

    await world.sleep(dice.between(50, 2_000))
    const isMine = reply?.verdict === 'accepted' || reply?.verdict === 'duplicate'
    if (isMine && dice.chance(0.3)) return tryOther(world, wish)
  }
}

/** Undefined: this phone has its answer. */
function patienceMs({ dice }: SimulatedWorld, reply: OrderReply | undefined): number | undefined {
  if (reply === undefined) return dice.between(20, 400)
  const waits: Partial<Record<Verdict, number>> = { pending: 200, early: 400, paused: 500 }
  const waitMs = waits[reply.verdict]
  return waitMs === undefined ? undefined : Math.min(reply.retryAfterMs ?? waitMs, waitMs) * dice.between(0.5, 1.5)
}

/** A key that has its order, with other lines. */
async function tryOther(world: SimulatedWorld, wish: Wish): Promise<void> {
  const [item] = world.plan.items
  const node = choose(world)
  if (item === undefined || node === undefined) return
  await send(world, node, { ...wish, lines: linesOf({ [item.sku]: 3 }) })
}

function choose(world: SimulatedWorld): SimulatedNode | undefined {
  const there = world.nodes.filter((node) => !node.leaving)
  return there.length === 0 ? undefined : world.dice.pick(there)
}

function send(world: SimulatedWorld, node: SimulatedNode, wish: Wish): Promise<OrderReply | undefined> {
  const { time, dice, history, drop } = world
  const orderId = orderIdOf(drop, wish.buyer, wish.key)
  const record = {
    ...wish,
    orderId,
    node: node.node,
    sentMs: time.nowMs,
    repliedMs: Number.POSITIVE_INFINITY,
    reply: undefined,
  }
  history.sends.push(record)

  return new Promise((resolve) => {
    const timer = time.after(PHONE_WAITS_MS, () => resolve(undefined))
    const hear = (reply: OrderReply) => {
      if (node.process.state === 'dead' || dice.chance(REPLY_LOST)) return
      time.after(dice.between(1, 20), () => {
        if (time.nowMs - record.sentMs >= PHONE_WAITS_MS) return
        timer.cancel()
        Object.assign(record, { repliedMs: time.nowMs, reply })
        const where = reply.position === undefined ? '' : ` at ${reply.position.epoch}-${reply.position.seq}`
        world.say(`${orderId.slice(0, 6)} ${wish.lines} over ${node.node}: ${reply.verdict}${where}`)
        resolve(reply)
      })
    }
    time.after(dice.between(1, 20), () => {
      node.process.enter(() => {
        void node.router
          .order(drop, { orderId, ...wish }, NODE_ANSWERS_MS)
          .then((reply) => node.process.enter(() => hear(reply)))
      })
    })
  })
}

/** The creator's hand: the same op id until there is an answer. Stock goes up in Postgres first. */
async function command(world: SimulatedWorld, opId: string, control: PlannedControl): Promise<void> {
  const { time, drop, history, memoryBook, dice } = world
  const { what } = control
  let adjustment: Adjustment
  if (typeof what === 'string') adjustment = controlOf(what)
  else {
    const lines = linesOf(what.restock)
    adjustment = { kind: 'restock', lines }
    const items = world.plan.items.filter(({ sku }) => sku in what.restock)
    const more = items.map(({ sku }) => ({ sku, qty: what.restock[sku] ?? 0 }))
    // A drop that is over takes none: then the ledger must not hear of it either.
    if ((await memoryBook.restock(drop, opId, more)) !== 'done') return
  }
  const sentMs = time.nowMs
  for (;;) {
    const node = choose(world)
    const reply = node === undefined ? undefined : await controlOver(world, node, opId, adjustment)
    if (reply !== undefined && reply.done !== 'pending') {
      history.controls.push({
        opId,
        what: typeof what === 'string' ? what : 'restock',
        sentMs,
        repliedMs: time.nowMs,
        reply,
      })
      world.say(`creator ${opId} ${JSON.stringify(what)}: ${reply.done}`)
      return
    }
    await world.sleep(dice.between(50, 400))
  }
}

function controlOver(world: SimulatedWorld, node: SimulatedNode, opId: string, adjustment: Adjustment) {
  type Reply = Awaited<ReturnType<typeof node.router.control>>
  return new Promise<Reply | undefined>((resolve) => {
    world.time.after(PHONE_WAITS_MS, () => resolve(undefined))
    node.process.enter(() => {
      void node.router.control(world.drop, opId, adjustment, NODE_ANSWERS_MS).then((reply) => {
        node.process.enter(() => void world.time.after(1, () => resolve(reply)))
      })
    })
  })
}
