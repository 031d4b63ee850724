/** Accounts at the door: register, login, and who am I. The answer's token goes into `Authorization: Bearer`. */
import { z } from 'zod'
import { userIdSchema } from '../ids.ts'
import { endpoint, ROLES } from './endpoint.ts'
import { timeSchema, titleText } from './fields.ts'

const emailSchema = z.email('an e-mail address').max(254).toLowerCase()
/** At least 8 characters and no rule about which ones: length is what helps. */
const passwordSchema = z.string().min(8).max(128)

export const accountSchema = z.object({
  id: userIdSchema,
  email: z.string(),
  displayName: z.string(),
  role: z.enum(ROLES),
})

/** `token` is a secret of the user's until `expiresAt`. */
const signedInSchema = z.object({ token: z.string(), expiresAt: timeSchema, user: accountSchema })

const ana = {
  id: '01890a5d-ac96-774b-bcce-b302099a8057',
  email: 'ana@example.com',
  displayName: 'Ana',
  role: 'fan',
}
const anaSignedIn = { token: 'eyJhbGciOi…', expiresAt: '2030-05-01T18:15:00.000Z', user: ana }

export const register = endpoint({
  name: 'register',
  method: 'post',
  path: '/v1/auth/register',
  tag: 'auth',
  summary: 'Open an account and sign in to it.',
  who: 'anyone',
  limit: 'sign_in',
  key: 'none',
  cache: 'private',
  body: z.strictObject({
    email: emailSchema,
    password: passwordSchema,
    displayName: titleText(80),
    role: z.enum(['fan', 'creator']),
  }),
  answers: { 201: signedInSchema },
  refusals: ['conflict'],
  example: {
    body: { email: 'ana@example.com', password: 'correct horse battery', displayName: 'Ana', role: 'fan' },
    answers: { 201: anaSignedIn },
  },
})

export const login = endpoint({
  name: 'login',
  method: 'post',
  path: '/v1/auth/login',
  tag: 'auth',
  summary: 'Sign in. An unknown e-mail and a wrong password are answered alike.',
  who: 'anyone',
  limit: 'sign_in',
  key: 'none',
  cache: 'private',
  body: z.strictObject({ email: emailSchema, password: z.string().min(1).max(128) }),
  answers: { 200: signedInSchema },
  refusals: ['invalid_credentials'],
  example: {
    body: { email: 'ana@example.com', password: 'correct horse battery' },
    answers: { 200: anaSignedIn },
  },
})

export const me = endpoint({
  name: 'me',
  method: 'get',
  path: '/v1/me',
  tag: 'auth',
  summary: 'The account that the token belongs to.',
  who: 'signed_in',
  limit: 'read',
  key: 'none',
  cache: 'private',
  answers: { 200: accountSchema },
  refusals: [],
  example: { answers: { 200: ana } },
})
