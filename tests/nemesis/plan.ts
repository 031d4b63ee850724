/**
 * What a seed means: the drops, who wants what of them and when, what their creator does meanwhile, and everything that
 * will go wrong, decided before it begins.
 *
 * A mixed seed has two drops that are open at once, one that sells out and one that has plenty, so that rooms share nodes,
 * links and a crowd. With one kind of fault there is one drop, which is left alone, so that its gaps are the fault's.
 *
 * Two of three seeds can hold no double fault: in one kind Redis forgets and no owner's memory is touched, in the other
 * it is the other way round. There nothing at all may be lost. The third has everything, and is judged by its moments.
 */
import type { IdempotencyKey, Sku } from '../../protocol/ids.ts'
import type { Line } from '../../protocol/lines.ts'
import { Dice } from '../simulation/dice.ts'
import { FAULT_IDS, type FaultId, kindOf, type Target } from './catalogue.ts'

export interface PlannedFault {
  id: FaultId
  atMs: number
  forMs: number
  /** Of faults that meet one node: the drop's owner, one that is not, or one of those that are up, from 0 to below 1. */
  who: 'owner' | 'other' | number
  /** Which of the drops it is aimed at, the first by default. */
  drop?: number
}

/** An order that somebody means to place. `besides`: what they do, once it was accepted (`return`: or confirmed). */
export interface Want {
  buyer: number
  drop: number
  atMs: number
  key: IdempotencyKey
  lines: Line[]
  besides: 'nothing' | 'same_again' | 'other_lines' | 'return_at_once' | 'return'
}

/** What the creator does to a drop. A pause is resumed `forMs` after it was obeyed. */
export type PlannedDoing = { atMs: number } & (
  | { what: 'restock'; lines: Line[] }
  | { what: 'pause'; forMs: number }
  | { what: 'close' }
)

export interface PlannedDrop {
  items: { sku: Sku; total: number }[]
  limitPerBuyer: number | undefined
  doings: PlannedDoing[]
}

export type Form = 'redis forgets' | 'owners fail' | 'everything' | 'one kind' | 'given'

export interface Plan {
  seed: number
  form: Form
  drops: PlannedDrop[]
  buyers: number
  /** People who only watch, and wait as long as their socket stands. */
  watchers: number
  opensAfterMs: number
  /** When faults and new orders end and the healing begins. */
  endMs: number
  wants: Want[]
  faults: PlannedFault[]
}

export interface PlanOptions {
  seconds: number
  buyers: number
  ordersPerSecond: number
  /** Only these kinds; one after the other has passed, so that each can be measured. */
  only?: readonly FaultId[]
  /** Exactly these. */
  faults?: readonly PlannedFault[]
  /** Two drops, restocks and changes of mind: as in a mixed seed, which always has them. */
  hands?: boolean
}

const FORMS = ['redis forgets', 'owners fail', 'everything'] as const
const OPENS_AFTER_MS = 500
const FIRST_FAULT_MS = 1_200
/** One or two, and a tenth of the orders has a second line. */
const UNITS_OF_AN_ORDER = 1.6
const WATCHERS = 12
/** Of each drop. */
const RESTOCKS = 4
const PAUSE_MS = [300, 1_000] as const
/** After the undoing a target gets this long before it is hurt again. */
const RECOVERS_MS: Record<Target, number> = {
  node: 0,
  redis: 900,
  postgres: 500,
  nats: 500,
  clients: 1_500,
  ledger: 300,
}
/** With one kind alone: long enough for the slowest to be over. */
const ALONE_MS = 3_600

export function planOf(seed: number, options: PlanOptions): Plan {
  const dice = new Dice(seed)
  const { seconds, buyers, ordersPerSecond, only, faults } = options
  const isMixed = only === undefined && faults === undefined
  const hands = isMixed || options.hands === true
  const form = isMixed ? dice.pick(FORMS) : only === undefined ? 'given' : 'one kind'
  const endMs = seconds * 1_000
  const count = Math.round(((endMs - OPENS_AFTER_MS) / 1_000) * ordersPerSecond)
  const drops = hands
    ? [busyDrop(count / 2, dice.between(0.3, 0.8), endMs, dice), busyDrop(count / 2, 3, endMs, dice)]
    : [quietDrop(count, dice)]

  return {
    ...{ seed, form, drops, buyers, endMs, watchers: WATCHERS },
    opensAfterMs: OPENS_AFTER_MS,
    faults: [...(faults ?? (only === undefined ? mixed(form, endMs, dice) : oneKind(only, endMs, dice)))],
    wants: wantsOf(drops, { ...options, count, endMs, returns: hands }, dice),
  }
}

function quietDrop(orders: number, dice: Dice): PlannedDrop {
  return { items: itemsOf(orders, 3, dice), limitPerBuyer: undefined, doings: [] }
}

/** `share`: of what is wanted, so much there is. Its creator restocks, pauses and resumes, and may close it early. */
function busyDrop(orders: number, share: number, endMs: number, dice: Dice): PlannedDrop {
  const items = itemsOf(orders, share, dice)
  const limitPerBuyer = dice.chance(0.3) ? dice.whole(4, 30) : undefined
  const doings: PlannedDoing[] = []
  for (let n = 0; n < RESTOCKS; n += 1) {
    const { sku, total } = dice.pick(items)
    const lines = [{ sku, qty: Math.max(1, Math.round(total * dice.between(0.02, 0.1))) }]
    doings.push({ what: 'restock', atMs: dice.between(FIRST_FAULT_MS, endMs), lines })
  }
  const pauseEndMs = endMs - PAUSE_MS[1]
  for (let atMs = dice.between(FIRST_FAULT_MS, 4_000); atMs < pauseEndMs; atMs += dice.between(3_000, 6_000)) {
    doings.push({ what: 'pause', atMs, forMs: dice.between(...PAUSE_MS) })
  }
  if (dice.chance(0.2)) doings.push({ what: 'close', atMs: dice.between(endMs - 1_500, endMs) })
  return { items, limitPerBuyer, doings }
}

function itemsOf(orders: number, share: number, dice: Dice): PlannedDrop['items'] {
  const skus = ['shoe', 'shirt', 'hat'].slice(0, dice.whole(1, 3)) as Sku[]
  // A drop made over REST by the bench's creator has one number for all of its items.
  const total = Math.round((orders * UNITS_OF_AN_ORDER * share) / skus.length)
  return skus.map((sku) => ({ sku, total }))
}

/** Everybody orders as often as everybody else, each at moments of their own; a few tap before the drop is open. */
function wantsOf(
  drops: readonly PlannedDrop[],
  { buyers, count, endMs, returns }: PlanOptions & { count: number; endMs: number; returns: boolean },
  dice: Dice,
): Want[] {
  return Array.from({ length: count }, (_, at) => {
    const drop = at % drops.length
    const skus = (drops[drop]?.items ?? []).map(({ sku }) => sku)
    const lines = [{ sku: dice.pick(skus), qty: dice.whole(1, 2) }]
    const second = skus.find((sku) => sku !== lines[0]?.sku)
    if (second !== undefined && dice.chance(0.1)) lines.push({ sku: second, qty: 1 })
    // Each buyer has the same keys in every drop: a key is a drop's own.
    const turn = Math.floor(at / drops.length)
    const key = `k${Math.floor(turn / buyers)}` as IdempotencyKey
    const atMs = dice.between(OPENS_AFTER_MS - 100, endMs)
    return { buyer: turn % buyers, drop, atMs, key, lines, besides: afterwards(returns, dice) }
  })
}

function afterwards(returns: boolean, dice: Dice): Want['besides'] {
  if (dice.chance(0.03)) return 'same_again'
  if (dice.chance(0.015)) return 'other_lines'
  if (!returns || !dice.chance(0.05)) return 'nothing'
  return dice.chance(0.3) ? 'return_at_once' : 'return'
}

/** A fault every 0.3 to 1 s, of kinds that the form allows, no two on one target at a time. */
function mixed(form: Form, endMs: number, dice: Dice): PlannedFault[] {
  const allowed = FAULT_IDS.filter((id) => {
    const { takes } = kindOf(id)
    if (form === 'redis forgets') return takes !== 'journal'
    return form === 'owners fail' ? takes !== 'ledger' : true
  })
  const freeAtMs = new Map<Target, number>()
  const faults: PlannedFault[] = []
  for (let atMs = FIRST_FAULT_MS; atMs < endMs - 300; atMs += dice.between(300, 1_000)) {
    const free = allowed.filter((id) => (freeAtMs.get(kindOf(id).target) ?? 0) <= atMs)
    if (free.length === 0) continue

    const fault = faultOf(dice.pick(free), atMs, dice)
    const { target } = kindOf(fault.id)
    faults.push(fault)
    freeAtMs.set(target, atMs + fault.forMs + RECOVERS_MS[target])
    // Whatever is done to Redis' memory needs a Redis that answers.
    if (target === 'redis') freeAtMs.set('ledger', atMs + fault.forMs + RECOVERS_MS.redis)
  }
  return faults
}

/** One after the other, each over before the end; the first one in any case. Of no kind: none. */
function oneKind(only: readonly FaultId[], endMs: number, dice: Dice): PlannedFault[] {
  const faults: PlannedFault[] = []
  for (let atMs = FIRST_FAULT_MS, n = 0; ; n += 1) {
    const id = only[n % only.length]
    if (id === undefined) return faults
    const fault: PlannedFault = { ...faultOf(id, atMs, dice), who: 'owner', drop: 0 }
    if (n > 0 && atMs + fault.forMs + ALONE_MS > endMs) return faults

    faults.push(fault)
    atMs += fault.forMs + ALONE_MS
  }
}

function faultOf(id: FaultId, atMs: number, dice: Dice): PlannedFault {
  const [least, most] = kindOf(id).forMs
  const who = dice.chance(0.7) ? 'owner' : dice.next()
  return { id, atMs, forMs: Math.round(dice.between(least, most)), who, drop: dice.whole(0, 1) }
}
