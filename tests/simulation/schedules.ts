/**
 * Faults in an order that chance brings about too seldom: each schedule takes the place of a seed's own faults, and all
 * else of the seed stays as it is.
 *
 *   late_batch   A call waits on its way to Redis, its room gives it up and goes on; Redis goes back to where the call was
 *                sent, without ending its connections; the call arrives, and fits. One fault of Redis, and nobody is gone.
 *   late_drain   The owner dies with a batch on its slow way to Postgres, Redis is wiped, another node builds the room
 *                anew, and then the batch arrives. A double fault.
 *   late_owner   The owner dies, or is stopped past its lease, with a batch on its slow way to Postgres, Redis goes back to
 *                before it, another node takes the room as it stands, and then the batch arrives. A double fault.
 *   alone        Postgres is away, Redis forgets, and a while later the owner dies, before Postgres is back. Three faults,
 *                one after the other: each finds what was accepted in two places.
 *   left_out     The bus does not reach the owner for longer than it may keep its room, and reaches the others; its link
 *                may believe to be whole. One fault.
 */
import { Dice } from './dice.ts'
import { isDouble, type Plan } from './plan.ts'

export const SCHEDULES = ['late_batch', 'late_drain', 'late_owner', 'alone', 'left_out'] as const
export type ScheduleName = (typeof SCHEDULES)[number]

/** In the first moments a room is still being woken. */
const FROM_MS = 1_500
const ROUND_MS = 2_400
/** Longer than a call is waited for, so that the room has gone on. */
const GIVEN_UP_MS = 850
/** Once everybody knows everyone. */
const LEFT_OUT_AT_MS = 2_500
const LEFT_OUT_MS = [5_000, 9_000] as const

export function follow(plan: Plan, schedule: ScheduleName): void {
  const dice = new Dice(plan.seed)
  const atMs = dice.between(FROM_MS, plan.faultsEndMs - ROUND_MS)
  plan.limitPerBuyer = null
  plan.opensAfterMs = null
  if (schedule === 'late_batch') lateBatch(plan, atMs, dice)
  else if (schedule === 'late_drain') lateDrain(plan, atMs, dice)
  else if (schedule === 'late_owner') lateOwner(plan, atMs, dice)
  else if (schedule === 'alone') alone(plan, dice)
  else leftOut(plan, dice)
  plan.double = schedule !== 'alone' && isDouble(plan.faults)
}

/** The last units, wanted by many at once: both histories sell them, so both come to the same seq. */
function lateBatch(plan: Plan, atMs: number, dice: Dice): void {
  plan.items = plan.items.slice(0, 1).map((item) => ({ ...item, limit: null, total: dice.whole(1, 4) }))
  plan.ordersAtMs = plan.ordersAtMs.map(() => dice.between(atMs, atMs + 1_600))
  plan.controls = []
  const backMs = atMs + GIVEN_UP_MS + dice.between(200, 600)
  plan.faults = [
    { kind: 'redis_late', atMs, forMs: 150, who: 0, share: 0.7, arriveMs: [backMs + 0.1, backMs + 10] },
    { kind: 'redis_rolled_back', atMs, forMs: backMs - atMs, who: 0, inPlace: true },
  ]
}

/**
 * A drop that sells all the time: what was sold late must not be sold again.
 */
function lateDrain(plan: Plan, atMs: number, dice: Dice): void {
  plan.items = plan.items.map((item) => ({ ...item, limit: null, total: item.total * 2 }))
  plan.ordersAtMs = plan.ordersAtMs.map(() => dice.between(FROM_MS, plan.faultsEndMs))
  const diesMs = atMs + dice.between(150, 300)
  const arriveMs = [diesMs + 1_000, diesMs + 4_500] as const
  plan.faults = [
    { kind: 'postgres_late', atMs, forMs: diesMs - atMs, who: 0, share: 0.9, arriveMs },
    { kind: 'crash', atMs: diesMs, forMs: 3_400, who: 'owner' },
    { kind: 'redis_wiped', atMs: diesMs + dice.between(0, 50), forMs: 0, who: 0 },
  ]
}

/** The lease ends some two seconds after its owner: the batch arrives before that, and after it. */
function lateOwner(plan: Plan, atMs: number, dice: Dice): void {
  plan.items = plan.items.map((item) => ({ ...item, limit: null, total: item.total * 2 }))
  const stopsMs = atMs + dice.between(150, 300)
  const awayMs = dice.between(3_000, 4_500)
  plan.faultsEndMs = Math.max(plan.faultsEndMs, stopsMs + awayMs)
  plan.ordersAtMs = plan.ordersAtMs.map(() => dice.between(FROM_MS, plan.faultsEndMs))
  plan.faults = [
    { kind: 'redis_rolled_back', atMs, forMs: stopsMs - atMs + dice.between(100, 1_000), who: 0 },
    {
      kind: 'postgres_late',
      ...{ atMs, forMs: stopsMs - atMs, who: 0, share: 0.9 },
      arriveMs: [stopsMs + 1_500, stopsMs + awayMs],
    },
    { kind: dice.pick(['crash', 'pause']), atMs: stopsMs, forMs: awayMs, who: 'owner' },
  ]
}

/** By then even a room that nobody orders from has seen that Redis forgot, and has set its journal down. */
const SET_DOWN_MS = 2_400

function alone(plan: Plan, dice: Dice): void {
  const awayMs = dice.between(FROM_MS, FROM_MS + 1_000)
  const forgetsMs = awayMs + dice.between(300, 1_000)
  const diesMs = forgetsMs + SET_DOWN_MS
  const backMs = diesMs + dice.between(100, 1_500)
  plan.faultsEndMs = Math.max(plan.faultsEndMs, backMs)
  plan.closesAfterMs = null
  plan.items = plan.items.map((item) => ({ ...item, limit: null, total: item.total * 2 }))
  plan.ordersAtMs = plan.ordersAtMs.map(() => dice.between(FROM_MS, plan.faultsEndMs))
  plan.controls = plan.controls.filter(({ what }) => what !== 'close' && what !== 'cancel')
  plan.faults = [
    { kind: 'postgres_down', atMs: awayMs, forMs: backMs - awayMs, who: 0 },
    { kind: dice.pick(['redis_wiped', 'redis_rolled_back']), atMs: forgetsMs, forMs: dice.between(100, 600), who: 0 },
    { kind: 'crash', atMs: diesMs, forMs: 3_400, who: 'owner' },
  ]
}

/** Orders all the time, through every node: before the owner gives up, while nobody has the room, and after. */
function leftOut(plan: Plan, dice: Dice): void {
  const forMs = dice.between(...LEFT_OUT_MS)
  plan.faultsEndMs = Math.max(plan.faultsEndMs, LEFT_OUT_AT_MS + forMs)
  plan.closesAfterMs = null
  plan.ordersAtMs = plan.ordersAtMs.map(() => dice.between(FROM_MS, plan.faultsEndMs))
  plan.controls = plan.controls.filter(({ what }) => what !== 'close' && what !== 'cancel')
  plan.faults = [{ kind: dice.pick(['bus_cut', 'bus_split']), atMs: LEFT_OUT_AT_MS, forMs, who: 'owner' }]
}
