/**
 * Reading what came over the bus.
 *
 * A bus is shared, and nodes of two versions meet on it during a deploy, so a body is believed field by field, by hand.
 * What cannot be believed is logged and ignored, never thrown: an exception here would be a way to stop a node from afar.
 * Objects are never spread or merged; known fields are picked, so a `__proto__` in a body has nowhere to go.
 */
import { unpackBody } from '../protocol/codec.ts'
import { type LinesBounds, type LinesText, parseLines } from '../protocol/lines.ts'
import type { Position } from '../protocol/position.ts'
import { PHASES, type Phase } from '../protocol/verdicts.ts'
import type { Log } from '../rooms/ports.ts'

export type Reader<T> = (value: unknown) => T | undefined

/** The body as `read` understands it; undefined, and a line in the log, when it does not. */
export function readBody<T>(subject: string, body: Uint8Array, read: Reader<T>, log: Log): T | undefined {
  try {
    const known = read(unpackBody(body))
    if (known !== undefined) return known

    log.warn('bus.ignored', { subject, bytes: body.length })
  } catch (cause) {
    log.warn('bus.unreadable', { subject, bytes: body.length, cause: String(cause) })
  }
  return undefined
}

export type Fields = Readonly<Record<string, unknown>>

export function fieldsOf(value: unknown): Fields | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined
}

/** A list of at most `max`, every one of them believable. */
export function readList<T>(value: unknown, max: number, read: Reader<T>): T[] | undefined {
  if (!Array.isArray(value) || value.length > max) return undefined

  const known: T[] = []
  for (const one of value) {
    const item = read(one)
    if (item === undefined) return undefined
    known.push(item)
  }
  return known
}

/** Counts and sequence numbers. */
export function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

/** Milliseconds; a clock that is an estimate may have fractions. */
export function isTime(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER
}

export function readPosition(epoch: unknown, seq: unknown): Position | undefined {
  return isWhole(epoch) && isWhole(seq) ? { epoch, seq } : undefined
}

export function isLinesText(value: unknown, most?: LinesBounds): value is LinesText {
  return typeof value === 'string' && parseLines(value, most) !== undefined
}

export function isPhase(value: unknown): value is Phase {
  return (PHASES as readonly unknown[]).includes(value)
}

const OP_ID_MAX = 200

export function isOpId(value: unknown): value is string {
  return typeof value === 'string' && value.length >= 1 && value.length <= OP_ID_MAX
}
