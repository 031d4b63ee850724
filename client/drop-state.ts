/**
 * A drop as a watcher sees it, and what news makes of it. Pure: each change gives a new object and never touches the old
 * one, so that a view can compare by identity.
 */
import type { Change, News } from '../protocol/messages/news.ts'
import type { Snapshot, SnapshotItem } from '../protocol/messages/snapshot.ts'
import type { Position } from '../protocol/position.ts'

export type DropItem = Readonly<SnapshotItem>
export type DropState = Readonly<Omit<Snapshot, 'type' | 'id' | 'recovered'>>

/** Negative when `a` is earlier. (protocol/position.ts has the same, with its schema.) */
export function comparePositions(a: Position, b: Position): number {
  return a.epoch - b.epoch || a.seq - b.seq
}

export function stateOf({ type: _type, id: _id, recovered: _recovered, ...state }: Snapshot): DropState {
  return state
}

export function afterNews(state: DropState, { position, changes }: News): DropState {
  return { ...changes.reduce(afterChange, state), position }
}

function afterChange(state: DropState, change: Change): DropState {
  switch (change.kind) {
    case 'phase':
      return { ...state, phase: change.phase }
    case 'viewers':
      return { ...state, viewers: change.viewers }
    case 'left':
    case 'low_stock':
    case 'restocked':
      return withLeft(state, change.sku, change.left)
    case 'sold_out':
      return withLeft(state, change.sku, 0)
    default:
      return state // an announcement, or a word of a later version
  }
}

function withLeft(state: DropState, sku: string, left: number): DropState {
  return { ...state, items: state.items.map((item) => (item.sku === sku ? { ...item, left } : item)) }
}
