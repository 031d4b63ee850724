/** Names with ids, so that a test reads as a sentence. The same name is always the same id. */
import { createHash } from 'node:crypto'
import type { CreatorId, DropId, IdempotencyKey, NodeId, Sku, UserId } from '../../protocol/ids.ts'
import { formatLines, type LinesText } from '../../protocol/lines.ts'
import { orderIdOf } from '../../rooms/order-id.ts'
import type { Claim } from '../../rooms/ports.ts'

export function uuidOf(name: string): string {
  const hex = createHash('sha256').update(name).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-7${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

export const buyer = (name: string): UserId => uuidOf(`buyer ${name}`) as UserId
export const creator = (name: string): CreatorId => uuidOf(`creator ${name}`) as CreatorId
export const dropOf = (name: string): DropId => uuidOf(`drop ${name}`) as DropId
export const nodeOf = (name: string): NodeId => name as NodeId
export const sku = (name: string): Sku => name as Sku
export const keyOf = (name: string): IdempotencyKey => name as IdempotencyKey

export const lines = (wants: Record<string, number>): LinesText =>
  formatLines(Object.entries(wants).map(([name, qty]) => ({ sku: sku(name), qty })))

/** What a buyer asks for: `ask(drop, 'ana', { shoe: 2 })`. */
export function ask(drop: DropId, name: string, wants: Record<string, number> = { shoe: 1 }, key = 'k1'): Claim {
  const who = buyer(name)
  return { orderId: orderIdOf(drop, who, keyOf(key)), buyer: who, key: keyOf(key), lines: lines(wants) }
}
