/**
 * The lines of an order, and their one canonical text.
 *
 * The text (`sku:qty,sku:qty`, SKUs sorted) is what the ledger stores under the order's key, so it is also the
 * fingerprint that tells "the same order again" from "another order under a used key". A hash would say less in the
 * same space. SKUs cannot contain a colon or a comma (protocol/ids.ts), so the text reads back without escapes.
 */
import { z } from 'zod'
import { isSku, type Sku, skuSchema } from './ids.ts'

export interface Line {
  sku: Sku
  /** Units, 1 to 1000. */
  qty: number
}

declare const brand: unique symbol
/** Canonical: sorted by SKU, each SKU once. */
export type LinesText = string & { readonly [brand]: 'LinesText' }

export const LINES_MAX = 16
export const QTY_MAX = 1000

export const linesSchema = z
  .array(z.object({ sku: skuSchema, qty: z.number().int().min(1).max(QTY_MAX) }))
  .min(1)
  .max(LINES_MAX)
  .refine((lines) => new Set(lines.map((line) => line.sku)).size === lines.length, 'each sku once')

/** As over a socket, but REST refuses fields it does not know. */
export const strictLinesSchema = z
  .array(linesSchema.element.strict())
  .min(1)
  .max(LINES_MAX)
  .refine((lines) => new Set(lines.map((line) => line.sku)).size === lines.length, 'each sku once')

export function formatLines(lines: readonly Line[]): LinesText {
  const [only] = lines
  if (lines.length === 1 && only !== undefined) return `${only.sku}:${only.qty}` as LinesText

  return [...lines]
    .sort((a, b) => (a.sku < b.sku ? -1 : 1))
    .map((line) => `${line.sku}:${line.qty}`)
    .join(',') as LinesText
}

/** Reads canonical lines; undefined when the text is not canonical, for it may come from another node. */
export function parseLines(text: string): Line[] | undefined {
  if (text.length > LINES_MAX * 70) return undefined

  const lines: Line[] = []
  for (const part of text.split(',')) {
    const colon = part.indexOf(':')
    const sku = part.slice(0, colon)
    const qty = Number(part.slice(colon + 1))
    if (colon < 1 || !isSku(sku) || !Number.isInteger(qty) || qty < 1 || qty > QTY_MAX) return undefined
    // Sorted, so a SKU that comes twice comes twice in a row; each of the two would be held against the whole stock.
    if (lines.at(-1)?.sku === sku) return undefined

    lines.push({ sku, qty })
  }
  return lines.length <= LINES_MAX && formatLines(lines) === text ? lines : undefined
}

export function unitsOf(lines: readonly Line[]): number {
  return lines.reduce((units, line) => units + line.qty, 0)
}
