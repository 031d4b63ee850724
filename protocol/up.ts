/** Everything a client may say. */
import { z } from 'zod'
import { authSchema } from './messages/auth.ts'
import { cancelSchema } from './messages/cancel.ts'
import { clockSchema } from './messages/clock.ts'
import { helloSchema } from './messages/hello.ts'
import { orderSchema } from './messages/order.ts'
import { outcomesSchema } from './messages/outcomes.ts'
import { unwatchSchema, watchSchema } from './messages/watch.ts'

export const upSchema = z.discriminatedUnion('type', [
  helloSchema,
  watchSchema,
  unwatchSchema,
  orderSchema,
  cancelSchema,
  outcomesSchema,
  clockSchema,
  authSchema,
])
export type Up = z.infer<typeof upSchema>

export const UP_TYPES: ReadonlySet<string> = new Set(upSchema.options.map((option) => option.shape.type.value))
