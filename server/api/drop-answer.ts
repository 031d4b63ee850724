/**
 * A drop as the world sees it: what Postgres keeps of it, with the ledger's counts where the ledger is ahead.
 *
 * The ledger is the authority while it has the drop, unless its position is behind what Postgres has written: then Redis
 * went back in time and is about to be rebuilt. When it cannot be asked the answer is Postgres' and says `live: false`:
 * somebody who looks at a drop is better served with numbers a moment old than with an error.
 */
import type { z } from 'zod'
import type { dropSchema } from '../../protocol/api/drops.ts'
import { comparePositions } from '../../protocol/position.ts'
import type { RoomState } from '../../rooms/ports.ts'
import type { DropRecord } from '../../storage/drops/drops.ts'
import { isoTime } from './iso-time.ts'

export type DropView = z.input<typeof dropSchema>

export function viewDrop(record: DropRecord, state: RoomState | undefined): DropView {
  const room = state !== undefined && comparePositions(state, record.position) >= 0 ? state : undefined
  const left = new Map(room?.items.map((item) => [item.sku, item.left]))
  const { drop, creator, productId, title, limitPerBuyer, lowStockAt } = record
  const closesAtMs = room === undefined ? record.closesAtMs : room.closesAtMs

  return {
    ...{ id: drop, creator, productId, title },
    phase: room?.phase ?? record.phase,
    opensAt: isoTime(room?.opensAtMs ?? record.opensAtMs),
    closesAt: closesAtMs === null ? null : isoTime(closesAtMs),
    ...{ limitPerBuyer, lowStockAt },
    position: room === undefined ? record.position : { epoch: room.epoch, seq: room.seq },
    live: room !== undefined,
    items: record.items.map(({ sku, title, priceMinor, currency, total, sold, limit }) => ({
      ...{ sku, title, priceMinor, currency },
      stock: total,
      left: left.get(sku) ?? total - sold,
      limitPerBuyer: limit,
    })),
  }
}
