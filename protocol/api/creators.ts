/** Creators and their followers: find one, follow, unfollow, and who follows whom. */
import { z } from 'zod'
import { creatorIdSchema, userIdSchema } from '../ids.ts'
import { endpoint } from './endpoint.ts'
import { searchText, timeSchema } from './fields.ts'
import { cursorSchema, limitSchema, pageOf } from './pages.ts'

const creatorSchema = z.object({ id: creatorIdSchema, displayName: z.string() })

/** `followers`: as of a moment ago; every follow moves it. */
export const profileSchema = creatorSchema.extend({ followers: z.number().int().min(0) })

const followSchema = z.object({ creator: creatorIdSchema, following: z.boolean() })
const followerSchema = z.object({ id: userIdSchema, displayName: z.string(), followedAt: timeSchema })
const followedSchema = creatorSchema.extend({ followedAt: timeSchema })

const CREATOR_ID = '01890a5d-ac96-774b-bcce-b302099a8001'
const params = z.object({ id: creatorIdSchema })
const page = { limit: limitSchema.optional(), cursor: cursorSchema.optional() }
const cleo = { id: CREATOR_ID, displayName: 'Cleo' }
const FOLLOWED_AT = '2030-04-01T10:00:00.000Z'

export const listCreators = endpoint({
  name: 'listCreators',
  method: 'get',
  path: '/v1/creators',
  tag: 'creators',
  summary: 'Creators by name; `q` is what the name begins with.',
  who: 'anyone',
  limit: 'read',
  key: 'none',
  cache: { ms: 1_000, shows: ['accounts/creator'], by: ['q', 'limit'] },
  query: z.object({ q: searchText.optional(), ...page }),
  answers: { 200: pageOf(creatorSchema) },
  refusals: [],
  example: { query: { q: 'cle', limit: '20' }, answers: { 200: { items: [cleo], nextCursor: null } } },
})

export const readCreator = endpoint({
  name: 'readCreator',
  method: 'get',
  path: '/v1/creators/:id',
  tag: 'creators',
  summary: 'One creator and how many follow them.',
  who: 'anyone',
  limit: 'read',
  key: 'none',
  cache: { ms: 1_000, shows: ['creator/:id'] },
  params,
  answers: { 200: profileSchema },
  refusals: [],
  example: { params: { id: CREATOR_ID }, answers: { 200: { ...cleo, followers: 1204 } } },
})

export const followCreator = endpoint({
  name: 'followCreator',
  method: 'put',
  path: '/v1/creators/:id/follow',
  tag: 'creators',
  summary: 'Follow a creator. Following again changes nothing.',
  who: 'signed_in',
  limit: 'write',
  key: 'none',
  cache: 'private',
  touches: ['creator/:id'],
  params,
  answers: { 200: followSchema },
  refusals: ['conflict'],
  example: { params: { id: CREATOR_ID }, answers: { 200: { creator: CREATOR_ID, following: true } } },
})

export const unfollowCreator = endpoint({
  name: 'unfollowCreator',
  method: 'delete',
  path: '/v1/creators/:id/follow',
  tag: 'creators',
  summary: 'Follow a creator no longer. Live notices end at once, on every connection.',
  who: 'signed_in',
  limit: 'write',
  key: 'none',
  cache: 'private',
  touches: ['creator/:id'],
  params,
  answers: { 200: followSchema },
  refusals: [],
  example: { params: { id: CREATOR_ID }, answers: { 200: { creator: CREATOR_ID, following: false } } },
})

export const listFollowers = endpoint({
  name: 'listFollowers',
  method: 'get',
  path: '/v1/creators/:id/followers',
  tag: 'creators',
  summary: 'Who follows a creator, the latest first.',
  who: 'signed_in',
  limit: 'read',
  key: 'none',
  cache: 'private',
  params,
  query: z.object(page),
  answers: { 200: pageOf(followerSchema) },
  refusals: [],
  example: {
    params: { id: CREATOR_ID },
    query: { limit: '20' },
    answers: {
      200: {
        items: [{ id: '01890a5d-ac96-774b-bcce-b302099a8057', displayName: 'Ana', followedAt: FOLLOWED_AT }],
        nextCursor: null,
      },
    },
  },
})

export const listFollows = endpoint({
  name: 'listFollows',
  method: 'get',
  path: '/v1/me/follows',
  tag: 'creators',
  summary: 'Whom I follow, the latest first.',
  who: 'signed_in',
  limit: 'read',
  key: 'none',
  cache: 'private',
  query: z.object(page),
  answers: { 200: pageOf(followedSchema) },
  refusals: [],
  example: {
    query: { limit: '20' },
    answers: { 200: { items: [{ ...cleo, followedAt: FOLLOWED_AT }], nextCursor: null } },
  },
})
