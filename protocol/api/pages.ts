/**
 * Lists are read by keyset: `?limit=1..100&cursor=opaque` answers `{ items, nextCursor }`.
 *
 * A cursor is only what an earlier page gave out. It says where that page ended, so a list that grows meanwhile neither
 * repeats nor skips a row, and the hundredth page costs what the first did. `nextCursor` is null on the last page.
 */
import { z } from 'zod'

export const PAGE_MAX = 100
export const PAGE_DEFAULT = 20

/** Query values are text. Digits only: `1e2`, `0x10` and ` 7` are numbers to a machine and a mistake to a reader. */
export const limitSchema = z
  .string()
  .regex(/^\d{1,3}$/, `a limit is 1 to ${PAGE_MAX}`)
  .transform(Number)
  .refine((limit) => limit >= 1 && limit <= PAGE_MAX, `a limit is 1 to ${PAGE_MAX}`)

export const cursorSchema = z.string().regex(/^[A-Za-z0-9_-]{1,256}$/, 'a cursor is what an earlier page gave out')

export const pageOf = <Item extends z.ZodType>(item: Item) =>
  z.object({ items: z.array(item), nextCursor: cursorSchema.nullable() })
