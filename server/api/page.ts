/**
 * A page of a list: one row more than asked for is read, and says whether there is another page.
 *
 * A place is where a page ended. It travels as a cursor, checked like any other input when it comes back: all that a
 * forged one can do is begin the list elsewhere.
 */
import { z } from 'zod'
import { PAGE_DEFAULT } from '../../protocol/api/pages.ts'
import { type Refusal, refuse } from './refusal.ts'

/** Past it Postgres reads no time. */
const MS_MAX = Date.UTC(2100, 0, 1)

/** A time in a cursor. */
export const placeTimeSchema = z.number().min(0).max(MS_MAX)

interface PageAsked {
  limit?: number | undefined
  cursor?: string | undefined
}

/** `place` is undefined for the first page. */
export async function readPage<Place, Row, Item>(
  asked: PageAsked,
  placeSchema: z.ZodType<Place>,
  read: (question: { limit: number; after?: Place }) => Promise<readonly Row[]>,
  placeOf: (row: Row) => Place,
  view: (row: Row) => Item,
): Promise<{ items: Item[]; nextCursor: string | null } | Refusal> {
  const { cursor, limit = PAGE_DEFAULT } = asked
  const after = cursor === undefined ? undefined : parseCursor(cursor, placeSchema)
  if (cursor !== undefined && after === undefined) {
    return refuse('bad_request', { errors: [{ at: 'query.cursor', message: 'not a cursor of this list' }] })
  }

  const rows = await read({ limit: limit + 1, ...(after === undefined ? {} : { after }) })
  const shown = rows.slice(0, limit)
  const last = rows.length > limit ? shown.at(-1) : undefined
  const nextCursor = last === undefined ? null : formatCursor(placeOf(last))
  return { items: shown.map(view), nextCursor }
}

export function formatCursor(place: unknown): string {
  return Buffer.from(JSON.stringify(place)).toString('base64url')
}

/** Undefined for anything that no page of this list gave out. */
export function parseCursor<Place>(text: string, placeSchema: z.ZodType<Place>): Place | undefined {
  try {
    return placeSchema.safeParse(JSON.parse(Buffer.from(text, 'base64url').toString('utf8'))).data
  } catch {
    return undefined // no JSON: not ours, then
  }
}
