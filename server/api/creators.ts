/**
 * Find creators, follow them, and see who follows whom.
 *
 * A follow is a row in Postgres. After it is committed the count is moved and every node is told, so that the user's open
 * sockets hear that creator from now on, or no longer.
 */
import { z } from 'zod'
import {
  followCreator,
  listCreators,
  listFollowers,
  listFollows,
  readCreator,
  unfollowCreator,
} from '../../protocol/api/creators.ts'
import { creatorIdSchema, type UserId, userIdSchema } from '../../protocol/ids.ts'
import type { Creators } from '../../storage/creators/creators.ts'
import type { FollowerCounts } from '../../storage/follows/follower-counts.ts'
import { FOLLOWS_MAX, type Follows } from '../../storage/follows/follows.ts'
import { isoTime } from './iso-time.ts'
import { placeTimeSchema, readPage } from './page.ts'
import { isRefusal, refuse } from './refusal.ts'
import { answer, type Route, route } from './route.ts'

export interface CreatorsWorld {
  creators: Pick<Creators, 'search' | 'byId'>
  follows: Pick<Follows, 'follow' | 'unfollow' | 'followers' | 'following'>
  followerCounts: Pick<FollowerCounts, 'of' | 'moved'>
  /** Tells every node that somebody follows others than before. Never throws. */
  announceFollows: (user: UserId) => void
}

const followerPlaceSchema = z.object({ atMs: placeTimeSchema, id: userIdSchema })
const followedPlaceSchema = z.object({ atMs: placeTimeSchema, id: creatorIdSchema })

export function creatorRoutes({ creators, follows, followerCounts, announceFollows }: CreatorsWorld): Route[] {
  const unknown = () => refuse('not_found', { detail: 'no such creator' })

  return [
    route(listCreators, async ({ query: { q = '', ...asked } }) => {
      const said = await readPage(
        asked,
        creatorIdSchema,
        (question) => creators.search({ ...question, beginning: q }),
        (row) => row.creator,
        ({ creator, displayName }) => ({ id: creator, displayName }),
      )
      return isRefusal(said) ? said : answer(200, said)
    }),

    route(readCreator, async ({ params }) => {
      const found = await creators.byId(params.id)
      if (found === undefined) return unknown()

      const { creator, displayName } = found
      return answer(200, { id: creator, displayName, followers: await followerCounts.of(creator) })
    }),

    route(followCreator, async ({ params: { id }, caller }) => {
      const outcome = await follows.follow(caller.user, id)
      if (outcome === 'unknown_creator') return unknown()
      if (outcome === 'unknown_user') return refuse('unauthorized', { detail: 'the account is gone' })
      if (outcome === 'too_many') return refuse('conflict', { detail: `one follows at most ${FOLLOWS_MAX} creators` })

      if (outcome === 'followed') {
        announceFollows(caller.user)
        await followerCounts.moved(id, 1)
      }
      return answer(200, { creator: id, following: true })
    }),

    route(unfollowCreator, async ({ params: { id }, caller }) => {
      const outcome = await follows.unfollow(caller.user, id)
      if (outcome === 'unknown_creator') return unknown()

      if (outcome === 'unfollowed') {
        announceFollows(caller.user)
        await followerCounts.moved(id, -1)
      }
      return answer(200, { creator: id, following: false })
    }),

    route(listFollowers, async ({ params, query }) => {
      if ((await creators.byId(params.id)) === undefined) return unknown()

      const said = await readPage(
        query,
        followerPlaceSchema,
        (question) => follows.followers(params.id, question),
        (row) => ({ atMs: row.followedAtMs, id: row.user }),
        ({ user, displayName, followedAtMs }) => ({ id: user, displayName, followedAt: isoTime(followedAtMs) }),
      )
      return isRefusal(said) ? said : answer(200, said)
    }),

    route(listFollows, async ({ caller, query }) => {
      const said = await readPage(
        query,
        followedPlaceSchema,
        (question) => follows.following(caller.user, question),
        (row) => ({ atMs: row.followedAtMs, id: row.creator }),
        ({ creator, displayName, followedAtMs }) => ({ id: creator, displayName, followedAt: isoTime(followedAtMs) }),
      )
      return isRefusal(said) ? said : answer(200, said)
    }),
  ]
}
