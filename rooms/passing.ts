/**
 * How a node that leaves passes a room on while it is selling.
 *
 *   1  the lease is given away         the room goes on: its orders are fenced by its epoch, not by the lease
 *   2  the next node is told by name   it wins the lease and mints its epoch, while this room still sells
 *   3  it asks for the journal         only now the room stops, after the batch that is with the ledger
 *   4  it adopts                       letters that nobody read follow the room, and wait there instead of hearing `pending`
 *
 * So the pause is one surrender and one adoption, however long Postgres takes to name an owner. The room is not emptied
 * into Postgres first: under load that would never be done, and whoever adopts it writes what is in the log.
 */
import type { DropId, NodeId } from '../protocol/ids.ts'
import type { Clock, Leases, Log, Neighbours } from './ports.ts'

export interface PassingWorld {
  leases: Pick<Leases, 'holder'>
  neighbours: Pick<Neighbours, 'wake'>
  clock: Pick<Clock, 'monotonicMs'>
  log: Log
  node: NodeId
  preferred(drop: DropId): readonly NodeId[]
}

export interface PassedRoom {
  drop: DropId
  giveLease(): Promise<void>
  /** Nobody has asked for it yet. */
  isHere(): boolean
}

/** Longer than this the room could not go on: its lease ends. */
const WAKE_WITHIN_MS = 2_000

/** Rooms on their way at a time: each costs its successor a takeover, and sells until its turn has come. */
export const PASS_AT_ONCE = 16

/** Answers whether another node runs the room now. Tries all that may, in the drop's order. */
export async function passOn(room: PassedRoom, world: PassingWorld, untilMs: number): Promise<boolean> {
  const { clock, neighbours, node } = world
  for (const successor of world.preferred(room.drop)) {
    const restMs = untilMs - clock.monotonicMs()
    if (successor === node || restMs <= 0) continue

    await room.giveLease()
    await neighbours.wake(successor, room.drop, Math.min(WAKE_WITHIN_MS, restMs))
    if (!room.isHere() && (await hasOwner(room.drop, world))) return true
  }
  return false
}

/** One that asked for the room may have failed after that. */
async function hasOwner(drop: DropId, { leases, log }: PassingWorld): Promise<boolean> {
  try {
    return (await leases.holder(drop)) !== undefined
  } catch (cause) {
    log.warn('room.owner_unknown', { drop, cause })
    return false
  }
}

/** All of them, a few at a time, in their order. `pass` must not throw. */
export async function passAll(drops: readonly DropId[], pass: (drop: DropId) => Promise<void>): Promise<void> {
  const waiting = [...drops]
  const one = async () => {
    for (let drop = waiting.shift(); drop !== undefined; drop = waiting.shift()) await pass(drop)
  }
  await Promise.all(Array.from({ length: Math.min(PASS_AT_ONCE, waiting.length) }, one))
}
