/** The REST table: every endpoint of LiveDrop, in the order in which a creator and then a fan meets them. */
import * as auth from './auth.ts'
import { readContract } from './contract.ts'
import * as drops from './drops.ts'
import type { Endpoint } from './endpoint.ts'
import { livez, readyz } from './health.ts'
import * as orders from './orders.ts'
import * as products from './products.ts'

export const ENDPOINTS: readonly Endpoint[] = [
  auth.register,
  auth.login,
  auth.me,
  products.createProduct,
  products.readProduct,
  drops.createDrop,
  drops.readDrop,
  drops.listDrops,
  drops.changeDrop,
  drops.openDrop,
  drops.pauseDrop,
  drops.resumeDrop,
  drops.closeDrop,
  drops.cancelDrop,
  drops.restockDrop,
  drops.announceDrop,
  orders.placeOrder,
  orders.listOrders,
  orders.listDropOrders,
  orders.readOrder,
  orders.cancelOrder,
  livez,
  readyz,
  readContract,
]
