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
  /** Units, 1 to 1000; of a restock, as many as an item may have. */
  qty: number
}

declare const brand: unique symbol
/** Canonical: sorted by SKU, each SKU once. */
export type LinesText = string & { readonly [brand]: 'LinesText' }

export const LINES_MAX = 16
export const QTY_MAX = 1000

export interface LinesBounds {
  linesMax: number
  qtyMax: number
}

const OF_AN_ORDER: LinesBounds = { linesMax: LINES_MAX, qtyMax: QTY_MAX }
/** A creator may restock every item of a drop at once, and each by as much as an item may have. */
export const OF_A_RESTOCK: LinesBounds = { linesMax: 64, qtyMax: 10_000_000 }

const eachSkuOnce = (lines: readonly Line[]) => new Set(lines.map((line) => line.sku)).size === lines.length

export const linesSchema = z
  .array(z.object({ sku: skuSchema, qty: z.number().int().min(1).max(QTY_MAX) }))
  .min(1)
  .max(LINES_MAX)
  .refine(eachSkuOnce, 'each sku once')

/** As over a socket, but REST refuses fields it does not know. */
export const strictLinesSchema = z
  .array(linesSchema.element.strict())
  .min(1)
  .max(LINES_MAX)
  .refine(eachSkuOnce, 'each sku once')

export const restockLinesSchema = z
  .array(z.strictObject({ sku: skuSchema, qty: z.number().int().min(1).max(OF_A_RESTOCK.qtyMax) }))
  .min(1)
  .max(OF_A_RESTOCK.linesMax)
  .refine(eachSkuOnce, 'each sku once')

export function formatLines(lines: readonly Line[]): LinesText {
  const [only] = lines
  if (lines.length === 1 && only !== undefined) return `${only.sku}:${only.qty}` as LinesText

  return [...lines]
    .sort((a, b) => (a.sku < b.sku ? -1 : 1))
    .map((line) => `${line.sku}:${line.qty}`)
    .join(',') as LinesText
}

/** Reads canonical lines; undefined when the text is not canonical, for it may come from another node. */
export function parseLines(text: string, most: LinesBounds = OF_AN_ORDER): Line[] | undefined {
  if (text.length > most.linesMax * 80) return undefined

  const lines: Line[] = []
  for (const part of text.split(',')) {
    const colon = part.indexOf(':')
    const sku = part.slice(0, colon)
    const qty = Number(part.slice(colon + 1))
    if (colon < 1 || !isSku(sku) || !Number.isInteger(qty) || qty < 1 || qty > most.qtyMax) return undefined
    // Sorted, so a SKU that comes twice comes twice in a row; each of the two would be held against the whole stock.
    if (lines.at(-1)?.sku === sku) return undefined

    lines.push({ sku, qty })
  }
  return lines.length <= most.linesMax && formatLines(lines) === text ? lines : undefined
}

export function unitsOf(lines: readonly Line[]): number {
  return lines.reduce((units, line) => units + line.qty, 0)
}
