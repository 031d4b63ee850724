/**
 * The orders of a drop for the one who packs them: a page of JSON, or rows of CSV.
 *
 * A row of CSV is a line of an order, because a line is what is put into a parcel. Nothing in it is free text (ids,
 * SKUs, numbers, times), so no field needs quotes and none can be taken for a formula.
 */
import { z } from 'zod'
import { CSV_ORDERS_MAX, listDropOrders } from '../../protocol/api/orders.ts'
import { idempotencyKeySchema, userIdSchema } from '../../protocol/ids.ts'
import type { Drops } from '../../storage/drops/drops.ts'
import type { OrderReader, OrderRecord } from '../../storage/orders/order-reader.ts'
import { isoTime } from './iso-time.ts'
import { viewOrder } from './orders.ts'
import { readPage } from './page.ts'
import { asCreator } from './products.ts'
import { isRefusal, refuse } from './refusal.ts'
import { answer, type Route, route } from './route.ts'

export interface DropOrdersWorld {
  orders: Pick<OrderReader, 'listOfDrop'>
  drops: Pick<Drops, 'byId'>
}

export const dropOrderPlaceSchema = z.object({ buyer: userIdSchema, key: idempotencyKeySchema })

export function dropOrderRoutes({ orders, drops }: DropOrdersWorld): Route[] {
  return [
    route(listDropOrders, async ({ params, query, headers, caller }) => {
      const drop = await drops.byId(params.id)
      if (drop === undefined) return refuse('not_found', { detail: 'no such drop' })
      if (drop.creator !== asCreator(caller.user) && caller.role !== 'admin') {
        return refuse('forbidden', { detail: 'only the creator of a drop sees its orders' })
      }
      const { cursor, state, limit } = query
      const isCsv = wantsCsv(headers.accept)
      const said = await readPage(
        { cursor, limit: isCsv ? CSV_ORDERS_MAX : limit },
        dropOrderPlaceSchema,
        (question) => orders.listOfDrop(drop.drop, { state, ...question }),
        ({ buyer, key }) => ({ buyer, key }),
        (order) => order,
      )
      if (isRefusal(said)) return said

      const { items, nextCursor } = said
      if (!isCsv) {
        return answer(200, { items: items.map((order) => ({ ...viewOrder(order), buyer: order.buyer })), nextCursor })
      }

      const next = `/v1/drops/${drop.drop}/orders?cursor=${nextCursor}${state === undefined ? '' : `&state=${state}`}`
      return answer(200, csvOf(items), {
        'content-type': 'text/csv; charset=utf-8',
        'content-disposition': `attachment; filename="orders-${drop.drop}.csv"`,
        ...(nextCursor === null ? {} : { link: `<${next}>; rel="next"` }),
      })
    }),
  ]
}

/** Whoever prefers JSON names it first; most ask for anything, and get JSON. */
function wantsCsv(accept: string | undefined): boolean {
  return accept?.split(',')[0]?.split(';')[0]?.trim().toLowerCase() === 'text/csv'
}

const COLUMNS = 'orderId,buyer,state,placedAt,confirmedAt,sku,qty,priceMinor,currency'

function csvOf(orders: readonly OrderRecord[]): string {
  const rows = orders.flatMap(({ orderId, buyer, state, acceptedAtMs, confirmedAtMs, lines }) => {
    const confirmedAt = confirmedAtMs === null ? '' : isoTime(confirmedAtMs)
    const head = [orderId, buyer, state, isoTime(acceptedAtMs), confirmedAt]
    return lines.map(({ sku, qty, priceMinor, currency }) => [...head, sku, qty, priceMinor, currency].join(','))
  })
  return [COLUMNS, ...rows, ''].join('\r\n')
}
