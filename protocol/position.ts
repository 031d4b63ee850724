/**
 * Where in a drop's history something happened.
 *
 * `epoch` is minted by Postgres at each change of owner, `seq` counts the entries within it, so positions compare epoch
 * first. The text form `epoch-seq` is at the same time the id of the Redis stream entry: Redis itself then refuses a
 * lower or repeated position. Both are integers from 0; epoch 0 means "never owned".
 * The pair is Centrifugo's {epoch, offset} with an epoch that is ordered.
 */
import { z } from 'zod'

export interface Position {
  epoch: number
  seq: number
}

export const positionSchema = z.object({
  epoch: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
  seq: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
})

export const ORIGIN: Position = { epoch: 0, seq: 0 }

/** Negative when `a` is earlier, 0 when they are the same place. */
export function comparePositions(a: Position, b: Position): number {
  return a.epoch - b.epoch || a.seq - b.seq
}

export function laterPosition(a: Position, b: Position): Position {
  return comparePositions(a, b) >= 0 ? a : b
}

export function formatPosition(position: Position): string {
  return `${position.epoch}-${position.seq}`
}

const WRITTEN = /^(0|[1-9]\d{0,15})-(0|[1-9]\d{0,15})$/

/** Reads what `formatPosition` wrote; undefined for anything else, so that a position has one text. */
export function parsePosition(text: string): Position | undefined {
  const match = WRITTEN.exec(text)
  const position = { epoch: Number(match?.[1]), seq: Number(match?.[2]) }
  return Number.isSafeInteger(position.epoch) && Number.isSafeInteger(position.seq) ? position : undefined
}
