/**
 * A node's memory of a drop on its way to the new owner: in parts, because a journal may be larger than a message.
 *
 * An entry that cannot be read is left out alone. The others are orders that buyers were promised, and throwing a whole
 * part away for one bad row would break hundreds of promises to punish one mistake.
 */
import { packBody, packPage, unpackPage } from '../protocol/codec.ts'
import { type DropId, isDropId, isNodeId, type NodeId } from '../protocol/ids.ts'
import { comparePositions, ORIGIN, type Position } from '../protocol/position.ts'
import type { Page } from '../rooms/packed-line.ts'
import type { Entry, Log, Surrendered } from '../rooms/ports.ts'
import { readEntry, writeEntry } from './entries.ts'
import { fieldsOf, isWhole, readBody, readPosition } from './reading.ts'

const ENTRIES_MAX = 2_000
const BYTES_MAX = 512 * 1024
/** More than the longest journal of the longest orders has. */
const PARTS_MAX = 2_000
/** What an order takes besides its key and its lines; the lines of sixteen SKUs can be a thousand characters. */
const ENTRY_BYTES = 140

interface Part {
  drop: DropId
  node: NodeId
  at: number
  of: number
  position: Position
  batch: number
  entries: Entry[]
  unreadable: number
}

/**
 * One body for each part, and one at least: to have nothing is an answer too. Each is made when it is asked for. How many
 * there are is known at the end only, so every part but the last says that there is one more.
 */
export function* writeSurrendered(
  drop: DropId,
  node: NodeId,
  { journal, position, batch }: Surrendered,
): Generator<Uint8Array, void> {
  const { epoch, seq } = position
  const write = (at: number, of: number, entries: readonly Entry[]) =>
    packBody({ drop, node, at, of, epoch, seq, batch, entries: entries.map(writeEntry) })

  let at = 0
  let last: readonly Entry[] = []
  for (const part of inParts(journal)) {
    if (last.length > 0) {
      yield write(at, at + 2, last)
      at += 1
    }
    last = part
  }
  yield write(at, at + 1, last)
}

/** What one node has said so far. */
interface Known {
  of: number
  position: Position
  batch: number
  parts: Map<number, Page<Entry>[]>
}

/** Puts the parts of many nodes together, in whatever order and however often they come. */
export class SurrenderedParts {
  readonly drop: DropId
  readonly #log: Log
  readonly #byNode = new Map<NodeId, Known>()

  constructor(drop: DropId, log: Log) {
    this.drop = drop
    this.#log = log
  }

  add(subject: string, body: Uint8Array): void {
    const part = readBody(subject, body, readPart, this.#log)
    if (part === undefined || part.drop !== this.drop) return
    if (part.unreadable > 0) {
      this.#log.error('surrender.unreadable', { drop: part.drop, node: part.node, entries: part.unreadable })
    }

    const { of, position, batch } = part
    const known = this.#byNode.get(part.node) ?? { of, position, batch, parts: new Map() }
    // The last part knows how many there are; the others know of one more than they are themselves.
    known.of = Math.max(known.of, of)
    // Until it is written it is only kept, and there may be two hundred.
    known.parts.set(part.at, packed(part.entries))
    this.#byNode.set(part.node, known)
  }

  isComplete(node: NodeId): boolean {
    const known = this.#byNode.get(node)
    return known !== undefined && known.parts.size >= known.of
  }

  /** Whether everybody who has begun is done. */
  get areWhole(): boolean {
    return [...this.#byNode.keys()].every((node) => this.isComplete(node))
  }

  /** What came, also of nodes that were cut off in the middle: each entry is true by itself. Nodes without memory are left out. */
  all(): Surrendered[] {
    const all: Surrendered[] = []
    for (const [node, { of, position, batch, parts }] of this.#byNode) {
      if (parts.size < of) this.#log.error('surrender.incomplete', { drop: this.drop, node, parts: parts.size, of })
      const journal = [...parts].sort(([a], [b]) => a - b).flatMap(([, pages]) => pages)
      if (journal.length > 0 || comparePositions(position, ORIGIN) > 0) all.push({ journal, position, batch })
    }
    return all
  }
}

function packed(entries: readonly Entry[]): Page<Entry>[] {
  if (entries.length === 0) return []

  const page = packPage(entries)
  return [() => unpackPage<Entry>(page)]
}

/** None is empty. */
function* inParts(journal: readonly Page<Entry>[]): Generator<readonly Entry[], void> {
  let part: Entry[] = []
  let bytes = 0
  for (const page of journal) {
    for (const entry of page()) {
      const size = bytesOf(entry)
      if (part.length === ENTRIES_MAX || (part.length > 0 && bytes + size > BYTES_MAX)) {
        yield part
        part = []
        bytes = 0
      }
      part.push(entry)
      bytes += size
    }
  }
  if (part.length > 0) yield part
}

function bytesOf(entry: Entry): number {
  const { opId = '', key = '', lines = '' } = entry as { opId?: string; key?: string; lines?: string }
  return ENTRY_BYTES + opId.length * 3 + key.length + lines.length
}

function readPart(value: unknown): Part | undefined {
  const { drop, node, at, of, epoch, seq, batch = 0, entries } = fieldsOf(value) ?? {}
  const position = readPosition(epoch, seq)
  if (!isDropId(drop) || !isNodeId(node) || position === undefined) return undefined
  // A node of before the chain says no batch, and its journal is worth as much.
  if (!isWhole(batch) || !isWhole(at) || !isWhole(of) || of > PARTS_MAX || at >= of) return undefined
  if (!Array.isArray(entries) || entries.length > ENTRIES_MAX) return undefined

  const readable = entries.map(readEntry).filter((entry) => entry !== undefined)
  return { drop, node, at, of, position, batch, entries: readable, unreadable: entries.length - readable.length }
}
