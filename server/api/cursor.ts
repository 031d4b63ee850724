/**
 * Cursors: where a page ended, as text that a client passes back unread.
 *
 * Opaque means that its form may change, not that it is a secret: it is checked like any other input, and all that a
 * forged one can do is begin the caller's own list elsewhere.
 */
import { z } from 'zod'
import { orderIdSchema } from '../../protocol/ids.ts'
import type { OrderCursor } from '../../storage/orders/order-reader.ts'

/** Past it Postgres reads no time. */
const MS_MAX = Date.UTC(2100, 0, 1)

const orderCursorSchema = z.tuple([z.number().min(0).max(MS_MAX), orderIdSchema])

export function formatOrderCursor(place: OrderCursor): string {
  return Buffer.from(JSON.stringify([place.acceptedAtMs, place.orderId])).toString('base64url')
}

/** Undefined for anything that no page gave out. */
export function parseOrderCursor(text: string): OrderCursor | undefined {
  const read = orderCursorSchema.safeParse(parseJson(Buffer.from(text, 'base64url').toString('utf8')))
  if (!read.success) return undefined

  const [acceptedAtMs, orderId] = read.data
  return { acceptedAtMs, orderId }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined // not ours, then: the schema says so
  }
}
