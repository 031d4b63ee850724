/**
 * Cursors: where a page ended, as text that a client passes back unread.
 *
 * Opaque means that its form may change, not that it is a secret: it is checked like any other input, and all that a
 * forged one can do is begin the caller's own list elsewhere.
 */
import { z } from 'zod'
import { dropIdSchema, idempotencyKeySchema, orderIdSchema, userIdSchema } from '../../protocol/ids.ts'
import type { DropCursor } from '../../storage/drops/drops.ts'
import type { DropOrdersCursor, OrderCursor } from '../../storage/orders/order-reader.ts'

/** Past it Postgres reads no time. */
const MS_MAX = Date.UTC(2100, 0, 1)

const orderCursorSchema = z.tuple([z.number().min(0).max(MS_MAX), orderIdSchema])

const dropCursorSchema = z.tuple([z.number().min(0).max(MS_MAX), dropIdSchema])
const dropOrdersCursorSchema = z.tuple([userIdSchema, idempotencyKeySchema])

export function formatOrderCursor(place: OrderCursor): string {
  return format([place.acceptedAtMs, place.orderId])
}

export function formatDropCursor(place: DropCursor): string {
  return format([place.opensAtMs, place.drop])
}

export function formatDropOrdersCursor(place: DropOrdersCursor): string {
  return format([place.buyer, place.key])
}

/** Undefined for anything that no page gave out. */
export function parseOrderCursor(text: string): OrderCursor | undefined {
  const read = orderCursorSchema.safeParse(parse(text))
  if (!read.success) return undefined

  const [acceptedAtMs, orderId] = read.data
  return { acceptedAtMs, orderId }
}

export function parseDropCursor(text: string): DropCursor | undefined {
  const read = dropCursorSchema.safeParse(parse(text))
  if (!read.success) return undefined

  const [opensAtMs, drop] = read.data
  return { opensAtMs, drop }
}

export function parseDropOrdersCursor(text: string): DropOrdersCursor | undefined {
  const read = dropOrdersCursorSchema.safeParse(parse(text))
  if (!read.success) return undefined

  const [buyer, key] = read.data
  return { buyer, key }
}

const format = (place: unknown[]): string => Buffer.from(JSON.stringify(place)).toString('base64url')
const parse = (text: string): unknown => parseJson(Buffer.from(text, 'base64url').toString('utf8'))

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined // not ours, then: the schema says so
  }
}
