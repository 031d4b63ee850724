/** Staying signed in: refresh tokens over REST on real Postgres. */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { apiRoutes } from '../server/api/routes.ts'
import { Accounts } from '../storage/accounts/accounts.ts'
import { REFRESH_TTL_MS, SignIns } from '../storage/accounts/sign-ins.ts'
import { httpNode } from './builders/http-node.ts'
import { restWorld } from './builders/rest-world.ts'
import { type MigratedDatabase, migratedDatabase } from './setup/migrated-database.ts'

const START_MS = Date.UTC(2026, 0, 1)
const fake = restWorld()
let nowMs = START_MS
let database: MigratedDatabase
let node: Awaited<ReturnType<typeof httpNode>>

beforeAll(async () => {
  database = await migratedDatabase(inject('databaseUrl'))
  const world = {
    ...fake.world,
    accounts: new Accounts(database.sql),
    signIns: new SignIns(database.sql, () => nowMs),
  }
  node = await httpNode({ routes: apiRoutes(world), tokens: fake.tokens })
})
afterAll(async () => {
  node.close()
  await database.close()
})

let people = 0
async function register() {
  people += 1
  const body = { email: `p${people}@example.com`, password: 'correct horse', displayName: 'Ana', role: 'fan' }
  const made = await node.call('POST', '/v1/auth/register', { body })
  return { ...made.body, login: { email: body.email, password: body.password } }
}
const renew = (refreshToken: string) => node.call('POST', '/v1/auth/refresh', { body: { refreshToken } })
const signInsOf = async (user: string) =>
  (await database.sql`select id from sign_ins where user_id = ${user}`).map((row) => row.id)

describe('a refresh token', () => {
  it('[U1] gives a new pair, once, for 30 days from then, and the role that the account has now', async () => {
    const { user, refreshToken, refreshExpiresAt } = await register()
    expect(Date.parse(refreshExpiresAt)).toBe(START_MS + REFRESH_TTL_MS)
    await database.sql`update users set role = 'creator' where id = ${user.id}`
    nowMs = START_MS + REFRESH_TTL_MS - 1

    const next = await renew(refreshToken)

    nowMs = START_MS
    expect(next).toMatchObject({ status: 200, body: { user: { ...user, role: 'creator' } } })
    expect(next.body.refreshToken).not.toBe(refreshToken)
    expect(Date.parse(next.body.refreshExpiresAt)).toBe(START_MS + 2 * REFRESH_TTL_MS - 1)
    const me = await node.call('GET', '/v1/me', { token: next.body.token })
    expect(me.body.role).toBe('creator')
    expect(next.headers.get('cache-control')).toBe('no-store')
  })

  it('[U2] sent a second time ends the sign-in, also for the newer token, and no other sign-in', async () => {
    const { user, refreshToken, login } = await register()
    const phone = await node.call('POST', '/v1/auth/login', { body: login })
    const second = await renew(refreshToken)
    const third = await renew(second.body.refreshToken)

    const reused = await renew(refreshToken)

    expect(reused).toMatchObject({ status: 401, body: { code: 'unauthorized' } })
    expect((await renew(third.body.refreshToken)).status).toBe(401)
    expect(await signInsOf(user.id)).toHaveLength(1)
    expect((await renew(phone.body.refreshToken)).status).toBe(200)
  })

  it('[U2] sent twice at once is renewed at most once', async () => {
    const { refreshToken } = await register()

    const answers = await Promise.all([renew(refreshToken), renew(refreshToken), renew(refreshToken)])

    expect(answers.filter((heard) => heard.status === 200)).toHaveLength(1)
  })

  it('[U1] is no longer good after 30 days, and what is over is swept by the next sign-in', async () => {
    const { user, refreshToken, login } = await register()
    nowMs = START_MS + REFRESH_TTL_MS

    expect((await renew(refreshToken)).status).toBe(401)
    nowMs = START_MS
    await node.call('POST', '/v1/auth/login', { body: login })
    nowMs = START_MS + REFRESH_TTL_MS
    await node.call('POST', '/v1/auth/login', { body: login })
    nowMs = START_MS

    expect(await signInsOf(user.id)).toHaveLength(1)
  })

  it('[U3] is ended by logging out, as often as one likes, and with it every renewal', async () => {
    const { user, refreshToken } = await register()
    const { refreshToken: newer } = (await renew(refreshToken)).body
    const logout = () => node.call('POST', '/v1/auth/logout', { body: { refreshToken: newer } })

    expect((await logout()).body).toEqual({ signedIn: false })
    expect((await logout()).status).toBe(200)

    expect((await renew(newer)).status).toBe(401)
    expect(await signInsOf(user.id)).toEqual([])
  })

  it('[U4] is kept as a hash only, and every no sounds alike', async () => {
    const { user, refreshToken } = await register()
    const [, secret = ''] = refreshToken.split('.')
    const [row] =
      await database.sql`select *, encode(refresh_hash, 'escape') as text from sign_ins where user_id = ${user.id}`
    expect(JSON.stringify(row)).not.toContain(secret)
    expect(row?.refresh_hash).toHaveLength(32)
    await renew(refreshToken)
    const id = '7c9e6679-7425-40de-944b-e07fc1f90ae7'
    const ask = async (token: string) => {
      const body = { refreshToken: token }
      return (await node.call('POST', '/v1/auth/refresh', { body, headers: { 'x-request-id': 'same' } })).text
    }

    expect(await ask(refreshToken)).toBe(await ask(`${id}.${secret}`))
  })
})
