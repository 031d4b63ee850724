/**
 * From a decoded value to a message that a client may say, or to the fault it gets as an answer.
 *
 * Every message is read by its zod schema, which keeps the known fields and drops the rest. `order` alone has a reader
 * written by hand in front of it, because it is what a node reads ten thousand times a second and zod costs more there
 * than everything else between socket and room. The hand-written one only ever says yes: what it does not take goes to
 * zod, which says what is wrong. A property test keeps the two in agreement.
 */
import { Fault } from './faults.ts'
import { isDropId, isIdempotencyKey, isSku } from './ids.ts'
import { LINES_MAX, type Line, QTY_MAX } from './lines.ts'
import type { Order } from './messages/order.ts'
import type { RequestId } from './messages/request-id.ts'
import { UP_TYPES, type Up, upSchema } from './up.ts'

/** A message, or why it was not understood; `id` is echoed where it could be read. */
export type Heard = { message: Up } | { fault: Fault; id?: RequestId }

export function readUp(value: unknown): Heard {
  if (!isRecord(value)) return { fault: new Fault('bad_request', {}, { message: 'a message is a map with a type' }) }

  const { type } = value
  if (type === 'order') {
    const order = readOrder(value)
    if (order !== undefined) return { message: order }
  }
  if (typeof type !== 'string') return refuse(value, 'bad_request', 'type: expected a string')
  if (!UP_TYPES.has(type)) return refuse(value, 'unknown_type', 'unknown type')

  const parsed = upSchema.safeParse(value)
  if (parsed.success) return { message: parsed.data }

  // Paths are names of this protocol and indexes, never the client's words: unknown fields are not looked at.
  const [issue] = parsed.error.issues
  return refuse(value, 'bad_request', `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not understood'}`)
}

/** Exactly what orderSchema accepts; undefined for everything else. */
export function readOrder(value: Record<string, unknown>): Order | undefined {
  const { id, drop, key, lines } = value
  if (value.type !== 'order' || !isRequestId(id) || !isDropId(drop) || !isIdempotencyKey(key)) return undefined
  if (!Array.isArray(lines) || lines.length < 1 || lines.length > LINES_MAX) return undefined

  const read: Line[] = []
  for (const line of lines as unknown[]) {
    if (!isRecord(line)) return undefined

    const { sku, qty } = line
    if (!isSku(sku) || typeof qty !== 'number' || !Number.isInteger(qty) || qty < 1 || qty > QTY_MAX) return undefined
    for (const earlier of read) if (earlier.sku === sku) return undefined

    read.push({ sku, qty })
  }
  return { type: 'order', id, drop, key, lines: read }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isRequestId(id: unknown): id is RequestId {
  if (typeof id === 'string') return id.length >= 1 && id.length <= 64

  return typeof id === 'number' && Number.isSafeInteger(id) && id >= 0
}

function refuse(value: Record<string, unknown>, code: 'bad_request' | 'unknown_type', message: string): Heard {
  const fault = new Fault(code, {}, { message })
  return isRequestId(value.id) ? { fault, id: value.id } : { fault }
}
