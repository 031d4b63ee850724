/**
 * One seed on a running world: a new drop, its crowd, the faults of the plan, healing, rest, and judgement.
 *
 * Only the plan decides what is done and when; what the machine makes of it is never the same twice. So a run is judged by
 * laws that hold for every history, and a seed that failed is a place to look at, not a recording.
 */

import type { DropId, IdempotencyKey, OrderId, Sku, UserId } from '../../protocol/ids.ts'
import { formatLines } from '../../protocol/lines.ts'
import { orderIdOf } from '../../rooms/order-id.ts'
import { until } from '../../stack/deadline.ts'
import { audit, type Finding } from '../../storage/audit.ts'
import { BLOWS } from './blows.ts'
import { Buyer } from './buyer.ts'
import { kindOf, type Target } from './catalogue.ts'
import { doubleFaults, type Span } from './double-faults.ts'
import { costsOf, type FaultCost } from './gaps.ts'
import type { Done, History, Row } from './history.ts'
import { type Judgement, judge } from './laws.ts'
import type { Plan } from './plan.ts'
import type { HurtableWorld } from './world.ts'

export interface Run extends Judgement {
  plan: Plan
  history: History
  excuses: Span[]
  costs: FaultCost[]
  /** From the healing until nobody waited any more; undefined when it did not come to that. */
  quietAfterMs: number | undefined
  counts: {
    orders: number
    attempts: number
    accepted: number
    confirmed: number
    pending: number
    silence: number
    dup: number
  }
  /** From the moment in which the order was meant to the first good answer, ms. */
  latency: { p50: number; p99: number; max: number }
  acceptedMs: number[]
}

export interface RunOptions {
  /** I20: everything at rest this long after the healing. */
  restWithinMs: number
  /** What did not come in time may come later, and is then late and not lost. */
  lateWithinMs?: number
  say?: (line: string) => void
  /** Each buyer keeps to one node, the first to the first, the second to the second and so on, whatever becomes of it. */
  stay?: boolean
  /** Shown the crowd a few times a second. */
  look?: (buyers: readonly Buyer[], nowMs: number) => void
}

const GATHER_WITHIN_MS = 20_000
const LOOK_EVERY_MS = 60
const LATE_WITHIN_MS = 30_000

export async function nemesis(world: HurtableWorld, plan: Plan, options: RunOptions): Promise<Run> {
  const { say = () => undefined, restWithinMs, lateWithinMs = LATE_WITHIN_MS } = options
  const people = await world.buyers(plan.buyers)
  const startedAt = { wallMs: 0, ms: 0 }
  const nowMs = () => performance.now() - startedAt.ms
  const begin = () => Object.assign(startedAt, { wallMs: Date.now(), ms: performance.now() })
  begin()

  // The opening is fixed before the crowd is there, so the crowd is given time; the run's clock starts once it is.
  const opensAt = new Date(Date.now() + 3_000 + plan.buyers * 5)
  const creator = await world.creator()
  const drop = (await creator.createDrop({ ...dropOf(plan), opensAt })) as DropId
  const history: History = {
    ...{ items: plan.items, limitPerBuyer: plan.limitPerBuyer, opensAtMs: plan.opensAfterMs },
    ...{ attempts: [], told: [], rows: [], faults: [] },
  }
  const urlsFor = (at: number) =>
    options.stay === true ? world.urls.slice(at % world.urls.length).slice(0, 1) : world.urls
  const buyers = people.map((who, at) => new Buyer({ urls: urlsFor(at), drop, history, nowMs }, who, at))
  const looking = setInterval(() => {
    for (const buyer of buyers) buyer.look()
    options.look?.(buyers, nowMs())
  }, LOOK_EVERY_MS)
  try {
    if (!(await until(() => buyers.every(({ isIn }) => isIn), GATHER_WITHIN_MS)))
      throw new Error('the crowd did not gather')
    await pauseUntil(opensAt.getTime() - plan.opensAfterMs)
    begin()
    history.opensAtMs = opensAt.getTime() - startedAt.wallMs

    const ordering = placeOrders(plan, buyers, nowMs)
    const { blows } = dealBlows(world, plan, { drop, buyers, history, nowMs, say })
    await pauseUntil(startedAt.wallMs + plan.endMs)
    await Promise.all([ordering, blows])

    say('healed')
    await world.heal()
    const healedMs = nowMs()
    const rest = await restOf(world, { drop, buyers, untilMs: healedMs + restWithinMs, nowMs })
    const quietAfterMs = rest.unrest.length === 0 ? nowMs() - healedMs : undefined
    if (quietAfterMs === undefined) {
      await restOf(world, { drop, buyers, untilMs: nowMs() + lateWithinMs, nowMs })
    }
    // Where it is not at rest, more is said while the rows are read: that is not held against them.
    const heard = { attempts: history.attempts.map((attempt) => ({ ...attempt })), told: [...history.told] }
    const judged: History = { ...history, ...heard, rows: await rowsOf(world, drop, startedAt.wallMs) }
    const seen = buyers.flatMap(({ sightings }) => sightings.broken)
    const findings = await audit({ sql: world.postgres.sql, ledger: world.ledger }, drop)
    const meantMs = new Map(
      plan.wants.flatMap(({ buyer, key, atMs }) => {
        const who = people[buyer]
        return who === undefined ? [] : [[orderIdOf(drop, who.id, key), atMs] as const]
      }),
    )
    return conclude(plan, judged, meantMs, quietAfterMs, [
      ...rest.unrest.map((why) => `I20 not at rest ${restWithinMs} ms after the healing: ${why}`),
      ...findings.filter(({ ok }) => !ok).map(({ rule, detail }) => `${rule} ${detail}`),
      ...seen,
      ...world.surprises.splice(0),
    ])
  } finally {
    clearInterval(looking)
    for (const buyer of buyers) buyer.close()
  }
}

function dropOf({ items, limitPerBuyer }: Plan) {
  const stockPerSku = items[0]?.total ?? 1
  return { skus: items.map(({ sku }) => sku), stockPerSku, ...(limitPerBuyer === undefined ? {} : { limitPerBuyer }) }
}

/** An open model: each order goes out when it was meant to, whatever became of the others. */
async function placeOrders({ wants }: Plan, buyers: readonly Buyer[], nowMs: () => number): Promise<void> {
  const due = [...wants].sort((a, b) => a.atMs - b.atMs)
  for (const want of due) {
    const waitMs = want.atMs - nowMs()
    if (waitMs > 1) await new Promise((resolve) => setTimeout(resolve, waitMs))
    buyers[want.buyer]?.order(want)
  }
}

interface Battle {
  drop: DropId
  buyers: readonly Buyer[]
  history: History
  nowMs(): number
  say(line: string): void
}

/** Deals every blow at its time, side by side; one whose target is still busy with another is left out. */
function dealBlows(world: HurtableWorld, plan: Plan, battle: Battle): { blows: Promise<unknown> } {
  const { drop, buyers, history, nowMs, say } = battle
  const busy = new Set<Target>()
  const blows = plan.faults.map(async (fault) => {
    await new Promise((resolve) => setTimeout(resolve, fault.atMs - nowMs()))
    const { target, what } = kindOf(fault.id)
    const isBusy = busy.has(target) || (target === 'ledger' && busy.has('redis'))
    if (isBusy) return say(`${fault.id} left out: ${target} is busy`)

    busy.add(target)
    let done: Done | undefined
    const begun = (to: string, place?: number) => {
      done = { id: fault.id, atMs: nowMs(), undoneMs: Number.POSITIVE_INFINITY, to, place }
      history.faults.push(done)
      say(`${fault.id} ${what}: ${to}`)
    }
    try {
      await BLOWS[fault.id](
        { world, drop, begun, cutClients: () => buyers.forEach((buyer) => void buyer.cut()) },
        fault,
      )
    } catch (cause) {
      say(`${fault.id} could not be done: ${String(cause).slice(0, 200)}`)
    }
    if (done !== undefined) done.undoneMs = nowMs()
    busy.delete(target)
  })
  return { blows: Promise.all(blows) }
}

/** Waits until nobody waits any more. [I20] */
async function restOf(
  world: HurtableWorld,
  at: { drop: DropId; buyers: readonly Buyer[]; untilMs: number; nowMs(): number },
): Promise<{ unrest: string[] }> {
  for (;;) {
    const unrest = await unrestOf(world, at).catch((cause: unknown) => [String(cause).slice(0, 200)])
    if (unrest.length === 0 || at.nowMs() > at.untilMs) return { unrest }
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

async function unrestOf(
  world: HurtableWorld,
  { drop, buyers }: { drop: DropId; buyers: readonly Buyer[] },
): Promise<string[]> {
  const waiting = buyers.reduce((count, buyer) => count + buyer.waiting, 0)
  if (waiting > 0) return [`${waiting} orders without their end`]
  const away = buyers.filter(({ isIn }) => !isIn).length
  if (away > 0) return [`${away} buyers are not connected`]

  const room = await world.ledger.read(drop)
  if (room === undefined) return ['Redis has no room']
  for (const { sku, left } of room.items) {
    const behind = buyers.filter(({ sightings }) => sightings.left(sku) !== left).length
    if (behind > 0) return [`${behind} buyers do not see that ${left} ${sku} are left`]
  }
  const findings = await audit({ sql: world.postgres.sql, ledger: world.ledger }, drop)
  const broken = findings.filter(({ ok }) => !ok).map(({ rule, detail }) => `${rule} ${detail}`)
  const figure = (rule: Finding['rule'], name: string) => findings.find((one) => one.rule === rule)?.figures[name]
  if (figure('I3', 'quiet') !== 1) broken.push('entries that Postgres does not have')
  if ((figure('I11', 'unsent') ?? 1) > 0) broken.push('rows of the outbox that were not sent')
  return broken
}

interface OrderRow {
  id: OrderId
  buyer: UserId
  key: IdempotencyKey
  state: Row['state']
  epoch: number
  seq: number
  at_ms: number
  skus: Sku[]
  qtys: number[]
}

async function rowsOf(world: HurtableWorld, drop: DropId, startedWallMs: number): Promise<Row[]> {
  const rows = await world.postgres.sql<OrderRow[]>`
    select o.id, o.buyer_id as buyer, o.key, o.state, o.epoch, o.seq,
      (extract(epoch from o.accepted_at) * 1000)::float8 as at_ms,
      array_agg(l.sku) as skus, array_agg(l.qty) as qtys
    from orders o join order_lines l on l.order_id = o.id
    where o.drop_id = ${drop}
    group by o.id`
  return rows.map((row) => ({
    ...{ orderId: row.id, buyer: row.buyer, key: row.key, state: row.state },
    ...{ position: { epoch: row.epoch, seq: row.seq }, acceptedMs: Number(row.at_ms) - startedWallMs },
    lines: formatLines(row.skus.map((sku, at) => ({ sku, qty: row.qtys[at] ?? 0 }))),
  }))
}

function conclude(
  plan: Plan,
  history: History,
  meantMs: ReadonlyMap<OrderId, number>,
  quietAfterMs: number | undefined,
  found: readonly string[],
): Run {
  const excuses = doubleFaults(history.faults)
  const judgement = judge(history, excuses)
  const { attempts, rows, faults } = history
  const firstGood = new Map<OrderId, number>()
  for (const { orderId, verdict, repliedMs } of attempts) {
    if (verdict !== 'accepted' && verdict !== 'duplicate') continue
    firstGood.set(orderId, Math.min(firstGood.get(orderId) ?? repliedMs, repliedMs))
  }
  const acceptedMs = [...firstGood.values()].sort((a, b) => a - b)
  const soldOutMs = Math.min(...attempts.filter((one) => one.verdict === 'sold_out').map((one) => one.repliedMs))
  const limitMs = Math.min(...attempts.filter((one) => one.verdict === 'limit_reached').map((one) => one.repliedMs))
  const count = (verdict: string) => attempts.filter((one) => one.verdict === verdict).length

  return {
    ...{ plan, history, excuses, quietAfterMs, ...judgement, acceptedMs },
    broken: [...new Set([...found, ...judgement.broken])],
    costs: costsOf(acceptedMs, faults, Math.min(plan.endMs, soldOutMs, limitMs)),
    counts: {
      ...{ orders: plan.wants.length, attempts: attempts.length, accepted: firstGood.size },
      ...{ confirmed: rows.filter(({ state }) => state === 'confirmed').length },
      ...{ pending: count('pending'), silence: count('silence'), dup: count('duplicate') },
    },
    latency: latencyOf(firstGood, meantMs),
  }
}

function latencyOf(firstGood: ReadonlyMap<OrderId, number>, meantMs: ReadonlyMap<OrderId, number>): Run['latency'] {
  const took = [...firstGood].map(([orderId, atMs]) => atMs - (meantMs.get(orderId) ?? atMs)).sort((a, b) => a - b)
  const at = (share: number) => took[Math.min(took.length - 1, Math.floor(took.length * share))] ?? 0
  return { p50: at(0.5), p99: at(0.99), max: at(1) }
}

function pauseUntil(wallMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, wallMs - Date.now())))
}

/** Each end of an order is in the inbox, in the end: the writer is patient, and an event that was in work comes again after 30 s. */
export async function inboxIsWhole(world: HurtableWorld, withinMs: number): Promise<string> {
  let missing = -1
  const startedMs = performance.now()
  const look = async () => {
    const [row] = await world.postgres.sql<{ missing: number }[]>`
      select count(*)::int as missing from orders o
      where not exists (select from notifications n where n.order_id = o.id)`
    missing = row?.missing ?? -1
    return missing === 0
  }
  const whole = await until(look, withinMs)
  const tookMs = Math.round(performance.now() - startedMs)
  return whole ? `whole ${tookMs} ms after the last run` : `${missing} ends of orders missing after ${tookMs} ms`
}
