/**
 * One seed on a running world: new drops, their crowd and creator, the faults of the plan, healing, rest, and judgement.
 *
 * Only the plan decides what is done and when; what the machine makes of it is never the same twice. So a run is judged by
 * laws that hold for every history, and a seed that failed is a place to look at, not a recording.
 */
import type { DropId } from '../../protocol/ids.ts'
import { orderIdOf } from '../../rooms/order-id.ts'
import { until } from '../../stack/deadline.ts'
import { audit } from '../../storage/audit.ts'
import { BLOWS } from './blows.ts'
import { Buyer } from './buyer.ts'
import { kindOf, type Target } from './catalogue.ts'
import { conclude, type Run, type Took } from './conclusion.ts'
import { CreatorHand } from './creator-hand.ts'
import type { Done, History } from './history.ts'
import { Phone } from './phone.ts'
import type { Plan, PlannedDrop } from './plan.ts'
import { type Restless, restOf, rowsOf, stockOf } from './rest.ts'
import type { HurtableWorld } from './world.ts'

export type { Run }

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
/** The opening is fixed before the crowd is there: so long, and for each of them. */
const GATHER_MS = 800
const GATHER_EACH_MS = 3
const LOOK_EVERY_MS = 60
const LATE_WITHIN_MS = 30_000
const CLOSE_WITHIN_MS = 5_000

export async function nemesis(world: HurtableWorld, plan: Plan, options: RunOptions): Promise<Run> {
  const { say = () => undefined, restWithinMs, lateWithinMs = LATE_WITHIN_MS } = options
  const startedAt = { wallMs: 0, ms: 0 }
  const nowMs = () => performance.now() - startedAt.ms
  const begin = () => Object.assign(startedAt, { wallMs: Date.now(), ms: performance.now() })
  begin()

  const people = await world.buyers(plan.buyers + plan.watchers)
  const { creator, token } = await world.creator()
  const opensAt = new Date(Date.now() + GATHER_MS + people.length * GATHER_EACH_MS)
  const drops: DropId[] = []
  for (const drop of plan.drops) drops.push((await creator.createDrop({ ...dropOf(drop), opensAt })) as DropId)
  const faults: Done[] = []
  const histories: History[] = plan.drops.map(({ items, limitPerBuyer }) => ({
    ...{ items, limitPerBuyer, opensAtMs: plan.opensAfterMs, faults },
    ...{ attempts: [], returns: [], doings: [], told: [], rows: [], stock: undefined },
  }))

  const crowd = { urls: world.urls, drops, histories, nowMs }
  const urlsFor = (at: number) =>
    options.stay === true ? world.urls.slice(at % world.urls.length).slice(0, 1) : world.urls
  const buyers = people.slice(0, plan.buyers).map((who, at) => new Buyer({ ...crowd, urls: urlsFor(at) }, who, at))
  const deaf = { isIn: () => undefined, hear: () => undefined }
  const watchers = people.slice(plan.buyers).map(({ token: own }, at) => new Phone(crowd, own, at, deaf))
  const phones = [...buyers.map(({ phone }) => phone), ...watchers]
  const looking = setInterval(() => {
    for (const buyer of buyers) buyer.look()
    for (const watcher of watchers) watcher.look(false)
    options.look?.(buyers, nowMs())
  }, LOOK_EVERY_MS)
  const hand = new CreatorHand({ urls: world.urls, token, nowMs })
  try {
    if (!(await until(() => phones.every(({ isIn }) => isIn), GATHER_WITHIN_MS)))
      throw new Error('the crowd did not gather')
    await pauseUntil(opensAt.getTime() - plan.opensAfterMs)
    const took: Took = { gatherMs: nowMs(), fightMs: 0, healMs: 0, restMs: 0, judgeMs: 0 }
    begin()
    for (const history of histories) history.opensAtMs = opensAt.getTime() - startedAt.wallMs

    const working = drops.map((drop, at) => hand.work(drop, plan.drops[at]?.doings ?? [], histories[at]?.doings ?? []))
    const ordering = placeOrders(plan, buyers, nowMs)
    const { blows } = dealBlows(world, plan, { drops, phones, faults, nowMs, say })
    await pauseUntil(startedAt.wallMs + plan.endMs)
    await Promise.all([ordering, blows])
    took.fightMs = nowMs()

    say('healed')
    await world.heal()
    // What the creator began goes on until it is answered, and a pause that came late lasts as long as it was meant to.
    await Promise.race([Promise.all(working), pauseUntil(Date.now() + restWithinMs)])
    const healedMs = nowMs()
    took.healMs = healedMs - took.fightMs
    const restless: Restless = { drops, buyers, phones, doings: histories.map(({ doings }) => doings), nowMs }
    const unrest = await restOf(world, restless, healedMs + restWithinMs)
    took.restMs = nowMs() - healedMs
    const quietAfterMs = unrest.length === 0 ? took.restMs : undefined
    if (quietAfterMs === undefined) await restOf(world, restless, nowMs() + lateWithinMs)

    const found = unrest.map((why) => `I20 not at rest ${restWithinMs} ms after the healing: ${why}`)
    const judged: History[] = []
    for (const [at, drop] of drops.entries()) {
      const history = histories[at]
      if (history === undefined) continue
      judged.push(await asFound(world, drop, history, startedAt.wallMs))
      const findings = await audit({ sql: world.postgres.sql, ledger: world.ledger }, drop)
      found.push(...findings.filter(({ ok }) => !ok).map(({ rule, detail }) => `${rule} ${detail}`))
    }
    found.push(...phones.flatMap(({ sightings }) => [...sightings.values()].flatMap(({ broken }) => broken)))
    found.push(...world.surprises.splice(0))

    const meantMs = new Map(
      plan.wants.flatMap(({ buyer, drop, key, atMs }) => {
        const [who, where] = [people[buyer], drops[drop]]
        return who === undefined || where === undefined ? [] : [[orderIdOf(where, who.id, key), atMs] as const]
      }),
    )
    const [first, ...others] = judged
    if (first === undefined) throw new RangeError('a plan without drops')
    const run = conclude({ plan, histories: [first, ...others], meantMs, quietAfterMs, found })
    took.judgeMs = nowMs() - healedMs - took.restMs
    return { ...run, took }
  } finally {
    clearInterval(looking)
    for (const one of [...buyers, ...watchers]) one.close()
    await Promise.race([Promise.all(drops.map((drop) => hand.close(drop))), pauseUntil(Date.now() + CLOSE_WITHIN_MS)])
    hand.rest()
  }
}

function dropOf({ items, limitPerBuyer }: PlannedDrop) {
  const stockPerSku = items[0]?.total ?? 1
  return { skus: items.map(({ sku }) => sku), stockPerSku, ...(limitPerBuyer === undefined ? {} : { limitPerBuyer }) }
}

/** Where it is not at rest, more is said while the rows are read: that is not held against them. */
async function asFound(world: HurtableWorld, drop: DropId, history: History, startedWallMs: number): Promise<History> {
  const heard = {
    attempts: history.attempts.map((attempt) => ({ ...attempt })),
    returns: history.returns.map((attempt) => ({ ...attempt })),
    doings: history.doings.map((doing) => ({ ...doing })),
    told: [...history.told],
  }
  return {
    ...{ ...history, ...heard },
    ...{ rows: await rowsOf(world, drop, startedWallMs), stock: await stockOf(world, drop) },
  }
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
  drops: readonly DropId[]
  phones: readonly Phone[]
  faults: Done[]
  nowMs(): number
  say(line: string): void
}

/** Deals every blow at its time, side by side; one whose target is still busy with another is left out. */
function dealBlows(world: HurtableWorld, plan: Plan, battle: Battle): { blows: Promise<unknown> } {
  const { drops, phones, faults, nowMs, say } = battle
  const busy = new Set<Target>()
  const blows = plan.faults.map(async (fault) => {
    await new Promise((resolve) => setTimeout(resolve, fault.atMs - nowMs()))
    const { target, what } = kindOf(fault.id)
    const isBusy = busy.has(target) || (target === 'ledger' && busy.has('redis'))
    if (isBusy) return say(`${fault.id} left out: ${target} is busy`)

    busy.add(target)
    const at = (fault.drop ?? 0) % drops.length
    const drop = drops[at]
    if (drop === undefined) throw new RangeError('no drop to be hurt')
    let done: Done | undefined
    const begun = (to: string, place?: number) => {
      done = { id: fault.id, atMs: nowMs(), undoneMs: Number.POSITIVE_INFINITY, to, place, drop: at }
      faults.push(done)
      say(`${fault.id} ${what}: ${to}`)
    }
    try {
      await BLOWS[fault.id]({ world, drop, phones, begun, say }, fault)
    } catch (cause) {
      say(`${fault.id} could not be done: ${String(cause).slice(0, 200)}`)
    }
    if (done !== undefined) done.undoneMs = nowMs()
    busy.delete(target)
  })
  return { blows: Promise.all(blows) }
}

function pauseUntil(wallMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, wallMs - Date.now())))
}
