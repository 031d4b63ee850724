/** Deals every blow of a plan at its time, side by side; one whose target is still busy with another is left out. */
import type { DropId } from '../../protocol/ids.ts'
import { BLOWS } from './blows.ts'
import { kindOf, type Target } from './catalogue.ts'
import type { Done } from './history.ts'
import type { Phone } from './phone.ts'
import type { PlannedFault } from './plan.ts'
import type { HurtableWorld } from './world.ts'

interface Battle {
  world: HurtableWorld
  drops: readonly DropId[]
  phones: readonly Phone[]
  /** What was really done is put here. */
  faults: Done[]
  nowMs(): number
  say(line: string): void
}

export async function deal(planned: readonly PlannedFault[], battle: Battle): Promise<void> {
  const busy = new Set<Target>()
  await Promise.all(planned.map((fault) => dealOne(fault, battle, busy)))
}

async function dealOne(fault: PlannedFault, battle: Battle, busy: Set<Target>): Promise<void> {
  const { world, drops, phones, faults, nowMs, say } = battle
  await new Promise((resolve) => setTimeout(resolve, fault.atMs - nowMs()))
  const { target, what } = kindOf(fault.id)
  if (busy.has(target) || (target === 'ledger' && busy.has('redis'))) {
    return say(`${fault.id} left out: ${target} is busy`)
  }

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
}
