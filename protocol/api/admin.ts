/**
 * What administrators do to accounts, and the book of it.
 *
 * A ban ends every connection, sign-in and token of a user on every node within a second, and lets nobody sign in as them
 * until it is over. Everything done here is written down with its reason; doing what is already so changes nothing and is
 * not written.
 */
import { z } from 'zod'
import { userIdSchema } from '../ids.ts'
import { endpoint, ROLES } from './endpoint.ts'
import { timeInputSchema, timeSchema, titleText } from './fields.ts'
import { cursorSchema, limitSchema, pageOf } from './pages.ts'

const reasonSchema = titleText(200)

/** `until` is null for good. `banned` is what is true at this moment. */
const standingSchema = z.object({
  id: userIdSchema,
  role: z.enum(ROLES),
  banned: z.boolean(),
  until: timeSchema.nullable(),
})

const stateSchema = z.object({
  role: z.enum(ROLES),
  bannedUntil: timeSchema.nullable(),
  banReason: z.string().nullable(),
})

/** `by` is null for the command line. A ban for good is `bannedUntil` 2100-01-01. */
const actionSchema = z.object({
  id: z.number().int(),
  at: timeSchema,
  by: userIdSchema.nullable(),
  action: z.enum(['ban', 'unban', 'change_role']),
  user: userIdSchema,
  reason: z.string().nullable(),
  before: stateSchema,
  after: stateSchema,
})

const ANA = '01890a5d-ac96-774b-bcce-b302099a8057'
const params = z.object({ id: userIdSchema })
const free = { role: 'fan', bannedUntil: null, banReason: null }

export const banUser = endpoint({
  name: 'banUser',
  method: 'post',
  path: '/v1/admin/users/:id/ban',
  tag: 'admin',
  summary: 'Ban a user, for good or until a time. Nobody bans themselves.',
  who: ['admin'],
  limit: 'admin',
  key: 'none',
  cache: 'private',
  params,
  body: z.strictObject({ reason: reasonSchema, until: timeInputSchema.optional() }),
  answers: { 200: standingSchema },
  refusals: ['conflict'],
  example: {
    params: { id: ANA },
    body: { reason: 'sold tickets that were not hers', until: '2030-06-01T00:00:00.000Z' },
    answers: { 200: { id: ANA, role: 'fan', banned: true, until: '2030-06-01T00:00:00.000Z' } },
  },
})

export const unbanUser = endpoint({
  name: 'unbanUser',
  method: 'post',
  path: '/v1/admin/users/:id/unban',
  tag: 'admin',
  summary: 'Let a user sign in again. Tokens of before the ban stay refused.',
  who: ['admin'],
  limit: 'admin',
  key: 'none',
  cache: 'private',
  params,
  body: z.strictObject({ reason: reasonSchema.optional() }),
  answers: { 200: standingSchema },
  refusals: [],
  example: {
    params: { id: ANA },
    body: { reason: 'it was somebody else' },
    answers: { 200: { id: ANA, role: 'fan', banned: false, until: null } },
  },
})

export const changeRole = endpoint({
  name: 'changeRole',
  method: 'post',
  path: '/v1/admin/users/:id/role',
  tag: 'admin',
  summary: 'Give a user another role. It counts from their next message on, also on open connections.',
  who: ['admin'],
  limit: 'admin',
  key: 'none',
  cache: 'private',
  params,
  body: z.strictObject({ role: z.enum(ROLES), reason: reasonSchema.optional() }),
  answers: { 200: standingSchema },
  refusals: ['conflict'],
  example: {
    params: { id: ANA },
    body: { role: 'creator', reason: 'opens a shop' },
    answers: { 200: { id: ANA, role: 'creator', banned: false, until: null } },
  },
})

export const listActions = endpoint({
  name: 'listActions',
  method: 'get',
  path: '/v1/admin/actions',
  tag: 'admin',
  summary: 'What administrators did, the latest first; `user` is to whom.',
  who: ['admin'],
  limit: 'admin',
  key: 'none',
  cache: 'private',
  query: z.object({
    user: userIdSchema.optional(),
    limit: limitSchema.optional(),
    cursor: cursorSchema.optional(),
  }),
  answers: { 200: pageOf(actionSchema) },
  refusals: [],
  example: {
    query: { user: ANA, limit: '20' },
    answers: {
      200: {
        items: [
          {
            ...{ id: 17, at: '2030-05-01T18:00:00.000Z', by: '01890a5d-ac96-774b-bcce-b302099a8001', action: 'ban' },
            ...{ user: ANA, reason: 'sold tickets that were not hers', before: free },
            after: { ...free, bannedUntil: '2100-01-01T00:00:00.000Z', banReason: 'sold tickets that were not hers' },
          },
        ],
        nextCursor: null,
      },
    },
  },
})
