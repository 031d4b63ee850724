/**
 * The kinds of field that several resources share.
 *
 * Free text is where trouble enters, so it is refused here and not cleaned: control characters (Postgres refuses NUL),
 * lone surrogates (two texts would become one), and the characters that turn the direction of what stands after them (a
 * product's name must not rewrite the page around it). Everything else, in any script, is somebody's name.
 */
import { z } from 'zod'

const ONE_LINE = /^[^\p{Cc}\p{Cs}\u2028\u2029\u202a-\u202e\u2066-\u2069]*$/u
const LINES = /^(?:[\n\t]|[^\p{Cc}\p{Cs}\u202a-\u202e\u2066-\u2069])*$/u

/** A name or title: 1 to `max` characters on one line, not blank. */
export const titleText = (max: number) =>
  z.string().trim().min(1).max(max).regex(ONE_LINE, 'one line without control characters')

/** A description: up to `max` characters, may be empty, may have lines. */
export const proseText = (max: number) => z.string().trim().max(max).regex(LINES, 'text without control characters')

/**
 * What somebody looks for, in an address: may be empty. U+FFFD stands for bytes that were no text, and nobody looks for
 * those.
 */
export const searchText = z
  .string()
  .trim()
  .max(80)
  .regex(ONE_LINE)
  .regex(/^[^\ufffd]*$/, 'text in UTF-8')

/** Out: RFC 3339 in UTC. */
export const timeSchema = z.iso.datetime()

const LATEST_MS = Date.UTC(2100, 0, 1)
/** In: RFC 3339 with any offset, to the millisecond, from 1970 to 2100. */
export const timeInputSchema = z.iso
  .datetime({ offset: true, error: 'a time is RFC 3339 with an offset, as in 2030-05-01T18:00:00Z' })
  .max(40)
  .transform((text) => new Date(text))
  .refine((at) => at.getTime() >= 0 && at.getTime() < LATEST_MS, 'a time between 1970 and 2100')

/** Integer minor units: 4990 is 49.90 of a currency with two digits. */
export const priceMinorSchema = z.number().int().min(0).max(1_000_000_000)
/** ISO 4217. */
export const currencySchema = z.string().regex(/^[A-Z]{3}$/, 'a currency is three capital letters')

/** Always normalised, so that no control character survives in it. */
export const imageUrlSchema = z.url({ protocol: /^https?$/, normalize: true }).max(2048)

/** Units one buyer may have. */
export const unitLimitSchema = z.number().int().min(1).max(1_000_000)
