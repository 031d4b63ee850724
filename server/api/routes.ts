/** The REST table with its handlers: every endpoint of protocol/api/endpoints.ts is answered here, by one line. */
import { ENDPOINTS } from '../../protocol/api/endpoints.ts'
import { type AdminWorld, adminRoutes } from './admin.ts'
import { type AuthWorld, authRoutes } from './auth.ts'
import { contractRoutes } from './contract.ts'
import { type CreatorsWorld, creatorRoutes } from './creators.ts'
import { type DropOrdersWorld, dropOrderRoutes } from './drop-orders.ts'
import { type DropsWorld, dropRoutes } from './drops.ts'
import { type HealthWorld, healthRoutes } from './health.ts'
import { type NotificationsWorld, notificationRoutes } from './notifications.ts'
import { type OrdersWorld, orderRoutes } from './orders.ts'
import { type ProductsWorld, productRoutes } from './products.ts'
import type { Route } from './route.ts'

/** Everything that REST needs of the node. */
export type ApiWorld = AuthWorld &
  CreatorsWorld &
  ProductsWorld &
  DropsWorld &
  DropOrdersWorld &
  OrdersWorld &
  NotificationsWorld &
  AdminWorld &
  HealthWorld

export function apiRoutes(world: ApiWorld): Route[] {
  return [
    ...authRoutes(world),
    ...creatorRoutes(world),
    ...productRoutes(world),
    ...dropRoutes(world),
    ...orderRoutes(world),
    ...dropOrderRoutes(world),
    ...notificationRoutes(world),
    ...adminRoutes(world),
    ...healthRoutes(world),
    ...contractRoutes(ENDPOINTS),
  ]
}
