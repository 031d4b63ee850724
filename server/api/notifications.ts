/** The inbox over REST. */
import { z } from 'zod'
import { listNotifications, readNotifications } from '../../protocol/api/notifications.ts'
import type { Inbox, InboxRow } from '../../storage/inbox/inbox.ts'
import { isoTime } from './iso-time.ts'
import { placeTimeSchema, readPage } from './page.ts'
import { isRefusal } from './refusal.ts'
import { answer, type Route, route } from './route.ts'

export interface NotificationsWorld {
  inbox: Pick<Inbox, 'page' | 'readUpTo' | 'read'>
}

const placeSchema = z.object({
  atMs: placeTimeSchema,
  source: z.enum(['event', 'own']),
  id: z.int().min(0),
})

export function notificationRoutes({ inbox }: NotificationsWorld): Route[] {
  return [
    route(listNotifications, async ({ caller, query: { unread, ...asked } }) => {
      const markMs = await inbox.readUpTo(caller.user)
      const only = unread === 'true' && markMs !== undefined ? { laterThanMs: markMs } : {}
      const said = await readPage(
        asked,
        placeSchema,
        (question) => inbox.page(caller.user, { ...question, ...only }),
        ({ atMs, source, id }) => ({ atMs, source, id }),
        (row) => viewNotification(row, markMs),
      )
      if (isRefusal(said)) return said

      return answer(200, { ...said, readUpTo: markMs === undefined ? null : isoTime(markMs) })
    }),

    route(readNotifications, async ({ caller, body }) => {
      return answer(200, { readUpTo: isoTime(await inbox.read(caller.user, body.upTo)) })
    }),
  ]
}

function viewNotification({ source, id, kind, drop, creator, title, orderId, atMs }: InboxRow, markMs = -1) {
  return {
    id: source === 'event' ? `e${id}` : `o${id}`,
    ...{ kind, drop, creator, title },
    ...(orderId === null ? {} : { orderId }),
    at: isoTime(atMs),
    read: atMs <= markMs,
  }
}
