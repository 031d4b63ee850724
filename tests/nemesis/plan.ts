/**
 * What a seed means: the drop, who wants what and when, and everything that will go wrong, decided before it begins.
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
}

/** An order that somebody means to place. `then`: what they do besides, once it was accepted. */
export interface Want {
  buyer: number
  atMs: number
  key: IdempotencyKey
  lines: Line[]
  then: 'nothing' | 'same_again' | 'other_lines'
}

export type Form = 'redis forgets' | 'owners fail' | 'everything' | 'one kind' | 'given'

export interface Plan {
  seed: number
  form: Form
  items: { sku: Sku; total: number }[]
  limitPerBuyer: number | undefined
  buyers: number
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
}

const FORMS = ['redis forgets', 'owners fail', 'everything'] as const
const OPENS_AFTER_MS = 500
const FIRST_FAULT_MS = 1_200
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
  const form = isMixed ? dice.pick(FORMS) : only === undefined ? 'given' : 'one kind'
  const endMs = seconds * 1_000
  const isScarce = isMixed && dice.chance(0.4)
  const limitPerBuyer = isMixed && dice.chance(0.3) ? dice.whole(4, 30) : undefined
  const units = ordersPerSecond * seconds * 1.5
  const skus = ['shoe', 'shirt', 'hat'].slice(0, dice.whole(1, 3)) as Sku[]
  // A drop made over REST by the bench's creator has one number for all of its items.
  const total = Math.round((units * (isScarce ? dice.between(0.3, 0.8) : 3)) / skus.length)
  const items = skus.map((sku) => ({ sku, total }))

  return {
    ...{ seed, form, items, limitPerBuyer, buyers, endMs },
    opensAfterMs: OPENS_AFTER_MS,
    faults: [...(faults ?? (only === undefined ? mixed(form, endMs, dice) : oneKind(only, endMs, dice)))],
    wants: wantsOf(skus, { ...options, endMs }, dice),
  }
}

/** Everybody orders as often as everybody else, each at moments of their own; a few tap before the drop is open. */
function wantsOf(skus: Sku[], options: PlanOptions & { endMs: number }, dice: Dice): Want[] {
  const count = Math.round(((options.endMs - OPENS_AFTER_MS) / 1_000) * options.ordersPerSecond)
  return Array.from({ length: count }, (_, at) => {
    const lines = [{ sku: dice.pick(skus), qty: dice.whole(1, 2) }]
    const second = skus.find((sku) => sku !== lines[0]?.sku)
    if (second !== undefined && dice.chance(0.1)) lines.push({ sku: second, qty: 1 })
    const then = dice.chance(0.03) ? 'same_again' : dice.chance(0.015) ? 'other_lines' : 'nothing'
    const key = `k${Math.floor(at / options.buyers)}` as IdempotencyKey
    return { buyer: at % options.buyers, atMs: dice.between(OPENS_AFTER_MS - 100, options.endMs), key, lines, then }
  })
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

function oneKind(only: readonly FaultId[], endMs: number, dice: Dice): PlannedFault[] {
  const faults: PlannedFault[] = []
  for (let atMs = FIRST_FAULT_MS, n = 0; atMs < endMs - ALONE_MS; n += 1) {
    const fault: PlannedFault = { ...faultOf(only[n % only.length] ?? 'F1', atMs, dice), who: 'owner' }
    faults.push(fault)
    atMs += fault.forMs + ALONE_MS
  }
  return faults
}

function faultOf(id: FaultId, atMs: number, dice: Dice): PlannedFault {
  const [least, most] = kindOf(id).forMs
  return { id, atMs, forMs: Math.round(dice.between(least, most)), who: dice.chance(0.7) ? 'owner' : dice.next() }
}
