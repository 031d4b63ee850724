/** Ban, unban, change a role, and read what was done. What is committed is told to every node before it is answered. */
import { z } from 'zod'
import { banUser, changeRole, listActions, unbanUser } from '../../protocol/api/admin.ts'
import type { AccountState, AdminActions } from '../../storage/accounts/admin-actions.ts'
import { FOR_GOOD_MS, type Standing, type StandingBook } from '../../storage/accounts/standings.ts'
import type { Standings } from '../inbound/standings.ts'
import { isoTime } from './iso-time.ts'
import { readPage } from './page.ts'
import { isRefusal, type Refusal, refuse } from './refusal.ts'
import { answer, type Route, route } from './route.ts'

export interface AdminWorld {
  standingBook: Pick<StandingBook, 'ban' | 'unban' | 'changeRole'>
  standings: Pick<Standings, 'tell'>
  actions: Pick<AdminActions, 'list'>
  nowMs: () => number
}

export function adminRoutes({ standingBook, standings, actions, nowMs }: AdminWorld): Route[] {
  const told = (standing: Standing | undefined) => {
    if (standing === undefined) return refuse('not_found', { detail: 'no such user' })

    standings.tell(standing)
    const { user, role, bannedUntilMs } = standing
    const banned = bannedUntilMs > nowMs()
    const until = banned && bannedUntilMs < FOR_GOOD_MS ? isoTime(bannedUntilMs) : null
    return answer(200, { id: user, role, banned, until })
  }
  const ownself = (): Refusal => refuse('conflict', { detail: 'nobody does this to themselves' })

  return [
    route(banUser, async ({ params: { id }, body: { reason, until = new Date(FOR_GOOD_MS) }, caller }) => {
      if (id === caller.user) return ownself()
      if (until.getTime() <= nowMs()) {
        return refuse('bad_request', { errors: [{ at: 'body.until', message: 'a time to come' }] })
      }
      return told(await standingBook.ban(caller.user, id, { reason, until }))
    }),

    route(unbanUser, async ({ params: { id }, body: { reason = null }, caller }) =>
      told(await standingBook.unban(caller.user, id, reason)),
    ),

    route(changeRole, async ({ params: { id }, body: { role, reason = null }, caller }) =>
      id === caller.user ? ownself() : told(await standingBook.changeRole(caller.user, id, role, reason)),
    ),

    route(listActions, async ({ query: { user, ...asked } }) => {
      const said = await readPage(
        asked,
        z.number().int().min(1).max(Number.MAX_SAFE_INTEGER),
        (question) => actions.list({ ...question, ...(user === undefined ? {} : { user }) }),
        (row) => row.id,
        ({ atMs, actor, before, after, ...rest }) => ({
          ...rest,
          ...{ at: isoTime(atMs), by: actor, before: stateOf(before), after: stateOf(after) },
        }),
      )
      return isRefusal(said) ? said : answer(200, said)
    }),
  ]
}

function stateOf({ role, bannedUntil, banReason }: AccountState) {
  return { role, bannedUntil: bannedUntil === null ? null : isoTime(Date.parse(bannedUntil)), banReason }
}
