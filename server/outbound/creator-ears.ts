/** Hears over the bus what the notices of this node need: events of creators, and whose follows have changed. */
import type { Bus, Subscription } from '../../bus/bus.ts'
import { fieldsOf, isTime, isWhole, readBody } from '../../bus/reading.ts'
import type { Subjects } from '../../bus/subjects.ts'
import { packBody } from '../../protocol/codec.ts'
import { isCreatorId, isDropId, isUserId, type UserId } from '../../protocol/ids.ts'
import type { Notice } from '../../protocol/messages/notice.ts'
import type { Log } from '../../rooms/ports.ts'
import type { Notices } from './notices.ts'

export interface CreatorEarsWorld {
  bus: Bus
  subjects: Subjects
  log: Log
}

/** As written by tell_creator_event (storage/migrations/0011-inbox.sql). */
const CREATOR_EVENT = 'creator_event'

export function hearCreators(
  { bus, subjects, log }: CreatorEarsWorld,
  notices: Pick<Notices, 'heard' | 'changed' | 'changedAll'>,
): Subscription {
  const events = bus.subscribe(subjects.event(CREATOR_EVENT), ({ subject, body }) => {
    const notice = readBody(subject, body, readNotice, log)
    if (notice !== undefined) notices.heard(notice)
  })
  const follows = bus.subscribe(subjects.follows, ({ subject, body }) => {
    const user = readBody(subject, body, (value) => (isUserId(value) ? value : undefined), log)
    if (user !== undefined) notices.changed(user)
  })
  bus.onState((connected) => {
    if (connected) notices.changedAll()
  })
  return { stop: async () => void (await Promise.all([events.stop(), follows.stop()])) }
}

/** Tells every node, this one included, also while there is no bus. */
export function announceFollows(
  { bus, subjects }: CreatorEarsWorld,
  notices: Pick<Notices, 'changed'>,
): (user: UserId) => void {
  return (user) => {
    notices.changed(user)
    bus.publish(subjects.follows, packBody(user))
  }
}

/** Undefined for what no node of ours publishes. */
export function readNotice(value: unknown): Notice | undefined {
  const { drop, body } = fieldsOf(value) ?? {}
  const { id, creator, kind, title, atMs } = fieldsOf(body) ?? {}
  if (!isDropId(drop) || !isCreatorId(creator) || !isWhole(id) || !isTime(atMs)) return undefined
  if (typeof kind !== 'string' || typeof title !== 'string') return undefined

  return { type: 'notice', notificationId: `e${id}`, kind, drop, creator, title, atMs }
}
