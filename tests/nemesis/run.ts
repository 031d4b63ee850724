/**
 * One seed on a running world: new drops, their crowd and creator, the faults of the plan, healing, rest, and judgement.
 *
 * Only the plan decides what is done and when; what the machine makes of it is never the same twice. So a run is judged by
 * laws that hold for every history, and a seed that failed is a place to look at, not a recording.
 */
import type { DropId } from '../../protocol/ids.ts'
import { audit } from '../../storage/audit.ts'
import { deal } from './battle.ts'
import type { Buyer } from './buyer.ts'
import { conclude, type Run, type Took } from './conclusion.ts'
import { CreatorHand } from './creator-hand.ts'
import { Crowd } from './crowd.ts'
import type { Done, History } from './history.ts'
import type { Plan, PlannedDrop } from './plan.ts'
import { restOf, rowsOf, stockOf } from './rest.ts'
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

/** The opening is fixed before the crowd is there: so long, and for each of them. */
const GATHER_MS = 800
const GATHER_EACH_MS = 3
const LATE_WITHIN_MS = 30_000
const CLOSE_WITHIN_MS = 5_000

export async function nemesis(world: HurtableWorld, plan: Plan, options: RunOptions): Promise<Run> {
  const { say = () => undefined, restWithinMs, lateWithinMs = LATE_WITHIN_MS } = options
  const started = { wallMs: Date.now(), ms: performance.now() }
  const nowMs = () => performance.now() - started.ms

  const people = await world.buyers(plan.buyers + plan.watchers)
  const { creator, token } = await world.creator()
  const opensAt = new Date(Date.now() + GATHER_MS + people.length * GATHER_EACH_MS)
  const drops: DropId[] = []
  for (const drop of plan.drops) drops.push((await creator.createDrop({ ...dropOf(drop), opensAt })) as DropId)
  const faults: Done[] = []
  const histories = plan.drops.map(({ items, limitPerBuyer }): History => {
    const nothing = { attempts: [], returns: [], doings: [], told: [], rows: [], stock: undefined }
    return { items, limitPerBuyer, opensAtMs: plan.opensAfterMs, faults, ...nothing }
  })
  const around = { urls: world.urls, drops, histories, nowMs, stay: options.stay === true }
  const crowd = new Crowd(around, people, plan, options.look)
  const hand = new CreatorHand({ urls: world.urls, token, nowMs })
  try {
    await crowd.gathered()
    await pauseUntil(opensAt.getTime() - plan.opensAfterMs)
    const took: Took = { gatherMs: nowMs(), fightMs: 0, healMs: 0, restMs: 0, judgeMs: 0 }
    Object.assign(started, { wallMs: Date.now(), ms: performance.now() })
    for (const history of histories) history.opensAtMs = opensAt.getTime() - started.wallMs

    const works = drops.map((drop, at) => hand.work(drop, plan.drops[at]?.doings ?? [], histories[at]?.doings ?? []))
    const fights = [
      crowd.order(plan.wants, nowMs),
      deal(plan.faults, { world, drops, phones: crowd.phones, faults, nowMs, say }),
    ]
    await Promise.all([...fights, pauseUntil(started.wallMs + plan.endMs)])
    took.fightMs = nowMs()

    say('healed')
    await world.heal()
    // What the creator began goes on until it is answered, and a pause that came late lasts as long as it was meant to.
    await Promise.race([Promise.all(works), pauseUntil(Date.now() + restWithinMs)])
    const healedMs = nowMs()
    took.healMs = healedMs - took.fightMs
    const restless = {
      drops,
      buyers: crowd.buyers,
      phones: crowd.phones,
      doings: histories.map(({ doings }) => doings),
      nowMs,
    }
    const unrest = await restOf(world, restless, healedMs + restWithinMs)
    took.restMs = nowMs() - healedMs
    if (unrest.length > 0) await restOf(world, restless, nowMs() + lateWithinMs)

    const found = unrest.map((why) => `I20 not at rest ${restWithinMs} ms after the healing: ${why}`)
    const judged: History[] = []
    for (const [at, history] of histories.entries()) {
      const drop = drops[at]
      if (drop === undefined) continue
      judged.push(await asFound(world, drop, history, started.wallMs))
      const findings = await audit({ sql: world.postgres.sql, ledger: world.ledger }, drop)
      found.push(...findings.filter(({ ok }) => !ok).map(({ rule, detail }) => `${rule} ${detail}`))
    }
    const run = conclude({
      ...{ plan, histories: judged, found: [...found, ...crowd.broken, ...world.surprises.splice(0)] },
      meantMs: new Map(plan.wants.map((want) => [crowd.orderIdOf(want), want.atMs])),
      quietAfterMs: unrest.length === 0 ? took.restMs : undefined,
    })
    took.judgeMs = nowMs() - healedMs - took.restMs
    return { ...run, took }
  } finally {
    crowd.leave()
    // Nobody has to look after a drop that is closed.
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
  const rows = await rowsOf(world, drop, startedWallMs)
  return { ...history, ...heard, rows, stock: await stockOf(world, drop) }
}

function pauseUntil(wallMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, wallMs - Date.now())))
}
