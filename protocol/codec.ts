/**
 * Bytes to messages and back: the only file that knows msgpackr.
 *
 * Between nodes everything is MessagePack. What comes from a node is still checked by whoever reads it: a bus is shared.
 *
 * What comes from a client is read by our own strict decoder, never by msgpackr, which also reads extensions, records
 * and prototypes. Nothing here throws at a client's bytes: a frame is messages or a fault, and so is each message, so
 * that one bad message of an array does not silence the others.
 */
import { Packr, Unpackr } from 'msgpackr'
import type { Down } from './down.ts'
import { Fault } from './faults.ts'
import type { RequestId } from './messages/request-id.ts'
import { DEPTH_MAX, decodeMsgpack } from './msgpack-decoder.ts'
import { type Heard, readUp } from './up-reader.ts'
import type { Format } from './version.ts'

// --- between nodes -----------------------------------------------------------------------------------------------------

// useRecords: records cannot be read by other MessagePack libraries. int64AsType: a time in ms must not become a BigInt.
// copyBuffers: uWebSockets.js detaches the buffer after the handler, and msgpackr would return views into it.
const packr = new Packr({ useRecords: false })
const unpackr = new Unpackr({ useRecords: false, int64AsType: 'number', copyBuffers: true })

/** A body for the bus. */
export function packBody(value: unknown): Uint8Array {
  return packr.pack(value)
}

/** Throws `bad_frame` for bytes that are not MessagePack. The shape is for the caller to check. */
export function unpackBody(body: Uint8Array): unknown {
  try {
    return unpackr.unpack(body)
  } catch (cause) {
    throw new Fault('bad_frame', { bytes: body.length }, { cause })
  }
}

// --- for oneself -------------------------------------------------------------------------------------------------------

// Records: what the fields are called is said once a page, not once an item.
const keeper = new Packr({ useRecords: true })
const finder = new Unpackr({ useRecords: true, int64AsType: 'number' })

/** Many things of few shapes, put away by this process for itself. Bytes of their own: a view would keep its whole pool. */
export function packPage(items: readonly unknown[]): Uint8Array {
  return new Uint8Array(keeper.pack(items))
}

/** Nothing is checked: only what `packPage` made in this process. */
export function unpackPage<Item>(page: Uint8Array): Item[] {
  return finder.unpack(page)
}

// --- from a client -----------------------------------------------------------------------------------------------------

export const FRAME_BYTES_MAX = 4096
export const FRAME_MESSAGES_MAX = 64

export type Decoded = { messages: Heard[] } | { fault: Fault }

// A byte order mark stays in the text, where JSON.parse refuses it: there is one way to write a frame.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Nothing of `bytes` is kept: the transport may reuse them when this returns. */
export function decodeFrame(bytes: Uint8Array, format: Format): Decoded {
  if (bytes.length > FRAME_BYTES_MAX) return badFrame('too_large', `a frame has at most ${FRAME_BYTES_MAX} bytes`)

  const value = format === 'json' ? parseJson(bytes) : decodeMsgpack(bytes)
  if (typeof value !== 'object' || value === null) return badFrame('bad_frame', `not ${format}, or not a message`)
  if (!Array.isArray(value)) return { messages: [readUp(value)] }
  if (value.length < 1 || value.length > FRAME_MESSAGES_MAX) {
    return badFrame('bad_frame', `an array has 1 to ${FRAME_MESSAGES_MAX} messages`)
  }
  return { messages: value.map(readUp) }
}

function badFrame(code: 'bad_frame' | 'too_large', message: string): Decoded {
  return { fault: new Fault(code, {}, { message }) }
}

/** undefined for what is not JSON, or nested deeper than any message. */
function parseJson(bytes: Uint8Array): unknown {
  try {
    const value: unknown = JSON.parse(utf8.decode(bytes))
    return isDeeper(value, DEPTH_MAX) ? undefined : value
  } catch {
    return undefined
  }
}

function isDeeper(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (depth === 0) return true
  if (Array.isArray(value)) return value.some((inner) => isDeeper(inner, depth - 1))

  for (const key in value) if (isDeeper((value as Record<string, unknown>)[key], depth - 1)) return true
  return false
}

// --- to a client -------------------------------------------------------------------------------------------------------

/** What goes into one WebSocket frame: text for JSON, bytes for MessagePack. */
export type Frame = string | Uint8Array

// skipValues: a field that is undefined is left out, as JSON does; msgpackr would write an extension. It also makes map
// headers the short ones, which withId() below counts on.
const wireOptions = { useRecords: false, skipValues: [undefined] }
const wire = new Packr(wireOptions)

export function encode(message: Down | readonly Down[], format: Format): Frame {
  return format === 'json' ? JSON.stringify(message) : wire.pack(message)
}

/**
 * An encoded message with one more field, `id`: so that a snapshot is encoded once for all who ask for it, each under
 * their own id. The message must not have an id yet, and fewer than 15 fields.
 */
export function withId(frame: Frame, id: RequestId): Frame {
  if (typeof frame === 'string') return `{"id":${JSON.stringify(id)},${frame.slice(1)}`

  const field = Buffer.concat([wire.pack('id'), wire.pack(id)])
  const whole = new Uint8Array(frame.length + field.length)
  whole[0] = (frame[0] ?? 0) + 1 // 0x80 | fields
  whole.set(field, 1)
  whole.set(frame.subarray(1), 1 + field.length)
  return whole
}
