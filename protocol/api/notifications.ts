/**
 * The inbox: what the creators I follow did since I followed them, and what became of my orders.
 *
 * Being read is a mark in time and not a flag on every row: everything up to it has been seen, on whatever device.
 */
import { z } from 'zod'
import { creatorIdSchema, dropIdSchema, orderIdSchema } from '../ids.ts'
import { NOTICE_KINDS } from '../messages/notice.ts'
import { endpoint } from './endpoint.ts'
import { timeInputSchema, timeSchema } from './fields.ts'
import { cursorSchema, limitSchema, pageOf } from './pages.ts'

const notificationSchema = z.object({
  id: z.string(),
  kind: z.string().describe(`${NOTICE_KINDS.join(', ')}; more may come`),
  drop: dropIdSchema,
  creator: creatorIdSchema,
  title: z.string().describe('of the drop'),
  orderId: orderIdSchema.optional().describe('of the order kinds'),
  at: timeSchema,
  read: z.boolean(),
})

const DROP_ID = '01890a5d-ac96-774b-bcce-b302099a8059'
const CREATOR_ID = '01890a5d-ac96-774b-bcce-b302099a8001'
const started = {
  ...{ id: 'e17', kind: 'drop_started', drop: DROP_ID, creator: CREATOR_ID, title: 'Tour shirt' },
  ...{ at: '2030-05-01T18:00:00.000Z', read: false },
}
const confirmed = {
  ...{ id: 'o4', kind: 'order_confirmed', drop: DROP_ID, creator: CREATOR_ID, title: 'Tour shirt' },
  ...{ orderId: 'k5dmq2v7tz3xw6b4nfy2jrhc7a', at: '2030-05-01T18:00:00.251Z', read: false },
}

export const listNotifications = endpoint({
  name: 'listNotifications',
  method: 'get',
  path: '/v1/notifications',
  tag: 'notifications',
  summary: 'My inbox, the latest first; with `unread=true` only what came after the read mark.',
  who: 'signed_in',
  limit: 'read',
  key: 'none',
  cache: 'private',
  query: z.object({
    unread: z.enum(['true', 'false']).optional(),
    limit: limitSchema.optional(),
    cursor: cursorSchema.optional(),
  }),
  answers: { 200: pageOf(notificationSchema).extend({ readUpTo: timeSchema.nullable() }) },
  refusals: [],
  example: {
    query: { unread: 'true', limit: '20' },
    answers: { 200: { items: [confirmed, started], nextCursor: null, readUpTo: '2030-05-01T17:00:00.000Z' } },
  },
})

export const readNotifications = endpoint({
  name: 'readNotifications',
  method: 'post',
  path: '/v1/notifications/read',
  tag: 'notifications',
  summary: 'I have seen everything up to this time. The mark only moves forward, and never into the future.',
  who: 'signed_in',
  limit: 'write',
  key: 'none',
  cache: 'private',
  body: z.strictObject({ upTo: timeInputSchema.describe('the `at` of the latest notification seen') }),
  answers: { 200: z.object({ readUpTo: timeSchema }) },
  refusals: [],
  example: {
    body: { upTo: '2030-05-01T18:00:00.251Z' },
    answers: { 200: { readUpTo: '2030-05-01T18:00:00.251Z' } },
  },
})
