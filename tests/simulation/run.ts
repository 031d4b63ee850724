/**
 * One seed from beginning to end: faults, then healing, then rest.
 *
 * Phase one breaks things and watches that nothing false is ever said (safety). Phase two mends everything and waits for
 * the moment at which nobody waits any more (liveness): no order without an answer, no entry that Postgres lacks.
 */
import { ORIGIN } from '../../protocol/position.ts'
import { check } from './checker.ts'
import type { ControlName } from './controls.ts'
import { Dice } from './dice.ts'
import type { History } from './history.ts'
import { heal, letFaultsHappen } from './nemesis.ts'
import { letPeopleIn } from './people.ts'
import { type Plan, planOf } from './plan.ts'
import { follow, type ScheduleName } from './schedules.ts'
import { SimulatedWorld } from './world.ts'

const REST_WITHIN_MS = 30_000
const STEP_MS = 250
/** Rest that holds this long is rest: calls that were late have come by then. */
const REST_HOLDS_MS = 2_500

export interface Run {
  plan: Plan
  history: History
  broken: string[]
}

export interface RunOptions {
  control?: ControlName | undefined
  schedule?: ScheduleName | undefined
}

export async function simulate(seed: number, { control, schedule }: RunOptions = {}): Promise<Run> {
  const dice = new Dice(seed)
  const plan = planOf(seed, dice)
  if (schedule !== undefined) follow(plan, schedule)
  const world = new SimulatedWorld(plan, dice, control)
  const { time, history, memoryLedger, memoryBook, drop } = world

  for (let n = 0; n < plan.nodes; n += 1) world.join()
  letFaultsHappen(world)
  const { waiting } = letPeopleIn(world)
  await time.runUntil(plan.faultsEndMs)

  heal(world)
  let quietSinceMs: number | undefined
  const untilMs = plan.faultsEndMs + REST_WITHIN_MS
  while (time.nowMs < untilMs) {
    await time.runUntil(time.nowMs + STEP_MS)
    history.unrest = await unrest(world, waiting)
    if (history.unrest.length > 0) quietSinceMs = undefined
    else quietSinceMs ??= time.nowMs
    if (quietSinceMs !== undefined && time.nowMs - quietSinceMs >= REST_HOLDS_MS) break
  }
  if (quietSinceMs !== undefined) history.quietAfterMs = quietSinceMs - plan.faultsEndMs

  history.log = await memoryLedger.entries(drop, ORIGIN, Number.MAX_SAFE_INTEGER)
  const rooms = world.nodes.filter((node) => node.directory.room(drop) !== undefined).length
  const room = await memoryLedger.read(drop)
  const broken = check(plan, history, { book: memoryBook.read(drop), room, rooms, endMs: time.nowMs })
  for (const node of world.nodes) node.crash()
  return { plan, history, broken }
}

/** Why it is not quiet yet. [I20] */
async function unrest(world: SimulatedWorld, waiting: ReadonlySet<string>): Promise<string[]> {
  const { memoryBook, memoryLedger, drop, plan, time, nodes } = world
  const reasons = [...waiting].slice(0, 5)
  const book = memoryBook.read(drop)
  const room = await memoryLedger.read(drop)
  const isOver = book.phase === 'closed' || book.phase === 'cancelled'

  if (time.nowMs < Math.max(plan.opensAfterMs ?? 0, plan.closesAfterMs ?? 0) + 1_000) reasons.push('before its hours')
  if (room === undefined && !isOver) reasons.push('no room in Redis')
  for (const node of nodes) {
    if (node.leaving) reasons.push(`${node.node} is leaving`)
    if (node.directory.room(drop)?.quiet === false) reasons.push(`${node.node} has unwritten entries`)
  }
  for (const { sku, left } of room?.items ?? []) {
    const item = book.items.get(sku)
    if (left !== (item?.total ?? 0) - (item?.sold ?? 0)) reasons.push(`${left} ${sku} left in Redis, not in Postgres`)
  }
  return reasons
}
