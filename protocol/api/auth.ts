/**
 * Accounts at the door: register, login, and who am I.
 *
 * `token` goes into `Authorization: Bearer` and lasts a quarter of an hour. `refreshToken` is good once, within 30 days,
 * for the next pair; whoever sends it a second time ends the sign-in, for then two have it.
 *
 * Where an issuer elsewhere signs the tokens (LIVEDROP_JWKS_URL), everything here that would issue one is `conflict`.
 */
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

const refreshTokenSchema = z
  .string()
  .regex(
    /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.[A-Za-z0-9_-]{43}$/,
    'a refresh token is what signing in gave out',
  )

/** Both tokens are secrets of the user's, each until its end. */
const signedInSchema = z.object({
  token: z.string(),
  expiresAt: timeSchema,
  refreshToken: refreshTokenSchema,
  refreshExpiresAt: timeSchema,
  user: accountSchema,
})

const ana = {
  id: '01890a5d-ac96-774b-bcce-b302099a8057',
  email: 'ana@example.com',
  displayName: 'Ana',
  role: 'fan',
}
const REFRESH_TOKEN = '7c9e6679-7425-40de-944b-e07fc1f90ae7.Zm9yIHRoZSBleGFtcGxlIG9ubHksIG5vdCBhIHNlY3J'
const anaSignedIn = {
  token: 'eyJhbGciOi…',
  expiresAt: '2030-05-01T18:15:00.000Z',
  refreshToken: REFRESH_TOKEN,
  refreshExpiresAt: '2030-05-31T18:00:00.000Z',
  user: ana,
}

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
  touches: ['accounts/:role'],
  body: z.strictObject({
    email: emailSchema,
    password: passwordSchema,
    displayName: titleText(80),
    role: z.enum(['fan', 'creator']),
  }),
  answers: { 201: signedInSchema },
  refusals: ['conflict', 'unauthorized'],
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
  summary:
    'Sign in. An unknown e-mail and a wrong password are answered alike; who is banned is told after the password.',
  who: 'anyone',
  limit: 'sign_in',
  key: 'none',
  cache: 'private',
  body: z.strictObject({ email: emailSchema, password: z.string().min(1).max(128) }),
  answers: { 200: signedInSchema },
  refusals: ['invalid_credentials', 'forbidden', 'conflict', 'unauthorized'],
  example: {
    body: { email: 'ana@example.com', password: 'correct horse battery' },
    answers: { 200: anaSignedIn },
  },
})

export const refresh = endpoint({
  name: 'refresh',
  method: 'post',
  path: '/v1/auth/refresh',
  tag: 'auth',
  summary: 'A new pair of tokens for a refresh token, which is good once. Sent again, it ends the sign-in.',
  who: 'anyone',
  limit: 'sign_in',
  key: 'none',
  cache: 'private',
  body: z.strictObject({ refreshToken: refreshTokenSchema }),
  answers: { 200: signedInSchema },
  refusals: ['unauthorized', 'conflict'],
  example: { body: { refreshToken: REFRESH_TOKEN }, answers: { 200: anaSignedIn } },
})

export const logout = endpoint({
  name: 'logout',
  method: 'post',
  path: '/v1/auth/logout',
  tag: 'auth',
  summary:
    'End the sign-in of a refresh token; its access token lasts until its own end. `everywhere`: end every sign-in, ' +
    'token and connection of the user, on all nodes within a second.',
  who: 'anyone',
  limit: 'sign_in',
  key: 'none',
  cache: 'private',
  body: z.strictObject({ refreshToken: refreshTokenSchema, everywhere: z.boolean().optional() }),
  answers: { 200: z.object({ signedIn: z.literal(false) }) },
  refusals: [],
  example: { body: { refreshToken: REFRESH_TOKEN, everywhere: true }, answers: { 200: { signedIn: false } } },
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

export const changePassword = endpoint({
  name: 'changePassword',
  method: 'post',
  path: '/v1/me/password',
  tag: 'auth',
  summary: 'Change the password. Every sign-in, token and connection ends, and the answer is a new pair.',
  who: 'signed_in',
  limit: 'sign_in',
  key: 'none',
  cache: 'private',
  body: z.strictObject({ password: z.string().min(1).max(128), newPassword: passwordSchema }),
  answers: { 200: signedInSchema },
  refusals: ['invalid_credentials', 'conflict'],
  example: {
    body: { password: 'correct horse battery', newPassword: 'staple of a better horse' },
    answers: { 200: anaSignedIn },
  },
})

export const readKeys = endpoint({
  name: 'readKeys',
  method: 'get',
  path: '/.well-known/jwks.json',
  tag: 'auth',
  summary: 'The public keys that access tokens can be checked by (RFC 7517); none where they are signed with a secret.',
  who: 'anyone',
  limit: 'read',
  key: 'none',
  cache: 'public',
  answers: {
    200: z.object({
      keys: z.array(
        z.object({
          ...{ kty: z.literal('OKP'), crv: z.literal('Ed25519'), x: z.string() },
          ...{ kid: z.string(), alg: z.literal('EdDSA'), use: z.literal('sig') },
        }),
      ),
    }),
  },
  refusals: [],
  example: {
    answers: {
      200: {
        keys: [
          {
            ...{ kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' },
            ...{ kid: 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k', alg: 'EdDSA', use: 'sig' },
          },
        ],
      },
    },
  },
})
