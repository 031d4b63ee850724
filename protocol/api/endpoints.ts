/** The REST table: every endpoint of LiveDrop, in the order in which a creator and then a fan meets them. */
import * as admin from './admin.ts'
import * as auth from './auth.ts'
import { readContract, readSocketContract } from './contract.ts'
import * as creators from './creators.ts'
import * as drops from './drops.ts'
import type { Endpoint } from './endpoint.ts'
import { livez, readyz } from './health.ts'
import * as notifications from './notifications.ts'
import * as orders from './orders.ts'
import * as products from './products.ts'

export const ENDPOINTS: readonly Endpoint[] = [
  auth.register,
  auth.login,
  auth.refresh,
  auth.logout,
  auth.me,
  auth.changePassword,
  auth.readKeys,
  creators.listCreators,
  creators.readCreator,
  creators.followCreator,
  creators.unfollowCreator,
  creators.listFollowers,
  creators.listFollows,
  products.createProduct,
  products.listProducts,
  products.readProduct,
  products.changeProduct,
  products.removeProduct,
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
  notifications.listNotifications,
  notifications.readNotifications,
  admin.banUser,
  admin.unbanUser,
  admin.changeRole,
  admin.listActions,
  livez,
  readyz,
  readContract,
  readSocketContract,
]
