/** Everything the server may say. */
import { z } from 'zod'
import { authExpiringSchema, authReplySchema } from './messages/auth.ts'
import { cancelledSchema } from './messages/cancel.ts'
import { clockReplySchema } from './messages/clock.ts'
import { errorSchema } from './messages/error.ts'
import { goawaySchema } from './messages/goaway.ts'
import { welcomeSchema } from './messages/hello.ts'
import { newsSchema } from './messages/news.ts'
import { noticeSchema } from './messages/notice.ts'
import { confirmedSchema, receiptSchema, revokedSchema } from './messages/order.ts'
import { outcomeSchema } from './messages/outcomes.ts'
import { snapshotSchema } from './messages/snapshot.ts'
import { okSchema } from './messages/watch.ts'

export const downSchema = z.discriminatedUnion('type', [
  welcomeSchema,
  snapshotSchema,
  newsSchema,
  receiptSchema,
  confirmedSchema,
  revokedSchema,
  cancelledSchema,
  outcomeSchema,
  noticeSchema,
  okSchema,
  clockReplySchema,
  authReplySchema,
  authExpiringSchema,
  goawaySchema,
  errorSchema,
])
export type Down = z.infer<typeof downSchema>
