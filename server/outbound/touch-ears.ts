/**
 * Tells every node what was written, so that none goes on giving out what it has kept from before.
 *
 * A message may be lost: then what is kept ends by its own short time. A node that comes back to the bus does not know
 * what it has missed and forgets everything. The phase of a drop is written by its room and not by a request, so it is
 * heard from the outbox.
 */
import type { Bus, Subscription } from '../../bus/bus.ts'
import { fieldsOf, readBody, readList } from '../../bus/reading.ts'
import type { Subjects } from '../../bus/subjects.ts'
import { packBody } from '../../protocol/codec.ts'
import { isDropId, isNodeId, type NodeId } from '../../protocol/ids.ts'
import type { Log } from '../../rooms/ports.ts'

export interface TouchEarsWorld {
  bus: Bus
  subjects: Subjects
  node: NodeId
  log: Log
}

/** What a node keeps of what it has read. */
export interface Keeper {
  touch(names: readonly string[]): void
  touchAll(): void
}

const NAMES_MAX = 64
const NAME_MAX = 200

/** As written by write_entries (storage/migrations/0002-write-entries.sql). */
const DROP_PHASE = 'drop_phase'

export function hearTouches({ bus, subjects, node, log }: TouchEarsWorld, keepers: readonly Keeper[]): Subscription {
  const touch = (names: readonly string[]) => {
    for (const keeper of keepers) keeper.touch(names)
  }
  const touched = bus.subscribe(subjects.touched, ({ subject, body }) => {
    const heard = readBody(subject, body, readTouched, log)
    // What this node wrote it has touched already, and has perhaps read anew.
    if (heard !== undefined && heard.by !== node) touch(heard.names)
  })
  const phases = bus.subscribe(subjects.event(DROP_PHASE), ({ subject, body }) => {
    const drop = readBody(subject, body, readDrop, log)
    if (drop !== undefined) touch([`drop/${drop}`, 'drops'])
  })
  bus.onState((connected) => {
    if (!connected) return
    for (const keeper of keepers) keeper.touchAll()
  })
  return { stop: async () => void (await Promise.all([touched.stop(), phases.stop()])) }
}

/** Here at once, elsewhere as soon as the bus brings it. */
export function announceTouches(
  { bus, subjects, node }: Omit<TouchEarsWorld, 'log'>,
  keepers: readonly Keeper[],
): (names: readonly string[]) => void {
  return (names) => {
    for (const keeper of keepers) keeper.touch(names)
    bus.publish(subjects.touched, packBody({ by: node, names: [...names] }))
  }
}

function readTouched(value: unknown): { by: NodeId; names: string[] } | undefined {
  const { by, names } = fieldsOf(value) ?? {}
  const known = readList(names, NAMES_MAX, readName)
  return isNodeId(by) && known !== undefined ? { by, names: known } : undefined
}

function readName(value: unknown): string | undefined {
  return typeof value === 'string' && value.length <= NAME_MAX ? value : undefined
}

function readDrop(value: unknown) {
  const { drop } = fieldsOf(value) ?? {}
  return isDropId(drop) ? drop : undefined
}
