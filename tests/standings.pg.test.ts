/** Revoking, banning and the book of actions on real Postgres, over REST; two nodes know it without any bus. */
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest'
import { deviceWorld as clock } from '../client/world.ts'
import type { UserId } from '../protocol/ids.ts'
import { apiRoutes } from '../server/api/routes.ts'
import { Standings } from '../server/inbound/standings.ts'
import { Tokens } from '../server/inbound/tokens.ts'
import { Accounts } from '../storage/accounts/accounts.ts'
import { AdminActions } from '../storage/accounts/admin-actions.ts'
import { SignIns } from '../storage/accounts/sign-ins.ts'
import { FOR_GOOD_MS, type Standing, StandingBook } from '../storage/accounts/standings.ts'
import { httpNode } from './builders/http-node.ts'
import { silent } from './builders/logs.ts'
import { buyer } from './builders/people.ts'
import { restWorld, SECRET } from './builders/rest-world.ts'
import { type MigratedDatabase, migratedDatabase } from './setup/migrated-database.ts'

const noBus = { publish: () => false, subscribe: () => ({ stop: async () => undefined }) }

let database: MigratedDatabase
let book: StandingBook
let here: Awaited<ReturnType<typeof start>>
let there: Awaited<ReturnType<typeof start>>
const stops: (() => Promise<void>)[] = []

async function start() {
  const { sql } = database
  const hub = { sessionsOf: () => [] }
  const standings = new Standings({ clock, hub, book, bus: noBus, log: silent, subjects: { standings: 't.standings' } })
  const running = await standings.start()
  const tokens = new Tokens(SECRET, { judge: standings })
  const accounts = new Accounts(sql)
  const world = {
    ...restWorld().world,
    ...{
      accounts,
      signIns: new SignIns(sql, Date.now),
      standingBook: book,
      standings,
      tokens,
      actions: new AdminActions(sql),
    },
    nowMs: Date.now,
  }
  const node = await httpNode({ routes: apiRoutes(world), tokens })
  stops.push(async () => {
    node.close()
    await running.stop()
  })
  return { ...node, tokens, standings, accounts, signIns: world.signIns }
}

beforeAll(async () => {
  database = await migratedDatabase(inject('databaseUrl'))
  book = new StandingBook(database.sql)
  here = await start()
  there = await start()
})
afterAll(async () => {
  for (const stop of stops) await stop()
  await database.close()
})

let people = 0
async function register(role: 'fan' | 'admin' = 'fan') {
  people += 1
  const login = { email: `p${people}@example.com`, password: 'correct horse' }
  const made = await here.call('POST', '/v1/auth/register', { body: { ...login, displayName: 'Ana', role: 'fan' } })
  const { user, token, refreshToken } = made.body as { user: { id: UserId }; token: string; refreshToken: string }
  if (role === 'admin') await book.changeRole(null, user.id, 'admin', 'the first one')
  return { id: user.id, token, refreshToken, login }
}
const statusOf = async (node: typeof here, token: string) => (await node.call('GET', '/v1/me', { token })).status
const login = (body: { email: string; password: string }) => there.call('POST', '/v1/auth/login', { body })
const refresh = (refreshToken: string) => there.call('POST', '/v1/auth/refresh', { body: { refreshToken } })
const untilRefused = (node: typeof here, token: string) =>
  vi.waitFor(async () => expect(await statusOf(node, token)).toBe(401), { timeout: 10_000, interval: 50 })

describe('logging out everywhere', () => {
  it('[AA12] ends every sign-in and token of the user, here at once and on other nodes soon, and nobody else’s', async () => {
    const [ana, ben] = [await register(), await register()]
    const phone = (await login(ana.login)).body
    expect([await statusOf(here, phone.token), await statusOf(there, ana.token)]).toEqual([200, 200])

    const said = await here.call('POST', '/v1/auth/logout', {
      body: { refreshToken: ana.refreshToken, everywhere: true },
    })

    expect(said.body).toEqual({ signedIn: false })
    expect([await statusOf(here, ana.token), await statusOf(here, phone.token)]).toEqual([401, 401])
    await untilRefused(there, phone.token)
    expect([(await refresh(phone.refreshToken)).status, (await refresh(ben.refreshToken)).status]).toEqual([401, 200])
    expect(await statusOf(here, ben.token)).toBe(200)
    const again = await login(ana.login)
    expect([await statusOf(there, again.body.token), await statusOf(here, again.body.token)]).toEqual([200, 200])
    const over = await here.call('POST', '/v1/auth/logout', {
      body: { refreshToken: ana.refreshToken, everywhere: true },
    })
    expect(over.status).toBe(200)
    expect(await statusOf(here, again.body.token)).toBe(200)
  })

  it('[AA12] so does another password, which answers a new pair', async () => {
    const ana = await register()
    const change = (password: string) =>
      here.call('POST', '/v1/me/password', { token: ana.token, body: { password, newPassword: 'a better horse' } })

    expect(await change('wrong')).toMatchObject({ status: 401, body: { code: 'invalid_credentials' } })
    expect(await statusOf(here, ana.token)).toBe(200)
    const changed = await change(ana.login.password)

    expect([changed.status, await statusOf(here, changed.body.token)]).toEqual([200, 200])
    await untilRefused(there, ana.token)
    expect((await refresh(ana.refreshToken)).status).toBe(401)
    expect((await login(ana.login)).status).toBe(401)
    expect((await login({ ...ana.login, password: 'a better horse' })).status).toBe(200)
  })

  it('[AA12] a refresh token that comes a second time revokes every token; other sign-ins renew theirs', async () => {
    const ana = await register()
    const phone = (await login(ana.login)).body
    const next = (await refresh(ana.refreshToken)).body
    expect(await statusOf(there, next.token)).toBe(200)

    expect((await refresh(ana.refreshToken)).status).toBe(401)

    expect([await statusOf(there, next.token), await statusOf(there, phone.token)]).toEqual([401, 401])
    await untilRefused(here, next.token)
    const renewed = await refresh(phone.refreshToken)
    expect([renewed.status, await statusOf(here, renewed.body.token)]).toEqual([200, 200])
  })

  it('[AA12] a sign-in with the old password that is on its way while it changes does not come about', async () => {
    const { id, login: asked } = await register()
    const account = await here.accounts.byEmail(asked.email)
    const oldHash = account?.passwordHash ?? ''
    await book.changePassword(id, oldHash, '$new')

    expect(await here.signIns.begin(id, oldHash)).toBeUndefined()
    expect(await here.signIns.begin(id, '$new')).toMatchObject({ role: 'fan' })
    expect(await book.changePassword(id, oldHash, '$newer')).toBeUndefined()
  })
})

describe('numbers of standings', () => {
  it('[AA10] become visible in their order: one that is not committed yet holds up the next', async () => {
    const [first, second] = await new Accounts(database.sql).createMany(2)
    if (first === undefined || second === undefined) throw new Error('nobody')
    const from = await book.latest()
    let alsoBanned: Promise<unknown> = Promise.resolve()

    await database.sql.begin(async (sql) => {
      await sql`select 1 from ban_user(null, ${first}, 'x', ${new Date(FOR_GOOD_MS)})`
      alsoBanned = book.ban(null, second, ban())
      await vi.waitFor(async () => {
        const waiting = await database.sql`
          select 1 from pg_locks where locktype = 'advisory' and not granted
            and database = (select oid from pg_database where datname = current_database())`
        expect(waiting).toHaveLength(1)
      })
      expect(await book.after(from, 10)).toEqual([])
    })
    await alsoBanned

    expect((await book.after(from, 10)).map(({ user }) => user)).toEqual([first, second])
    expect((await book.bannedBefore((await book.latest()) + 1, 1)).map(({ user }) => user)).toEqual([second])
  })
})

const ban = (until = new Date(FOR_GOOD_MS)) => ({ reason: 'sold twice', until })

describe('a ban', () => {
  it('[AA13] ends everything of the user on every node, and they cannot sign in or renew until it is over', async () => {
    const [admin, ana] = [await register('admin'), await register()]
    await vi.waitFor(async () => expect((await banned(admin.token, ana.id)).status).toBe(200), 10_000)

    expect(await statusOf(here, ana.token)).toBe(401)
    await untilRefused(there, ana.token)
    expect(await login(ana.login)).toMatchObject({ status: 403, body: { code: 'forbidden' } })
    expect((await login({ ...ana.login, password: 'wrong' })).body.code).toBe('invalid_credentials')
    expect((await refresh(ana.refreshToken)).status).toBe(401)
    const account = await here.accounts.byEmail(ana.login.email)
    expect(await here.signIns.begin(ana.id, account?.passwordHash ?? '')).toBeUndefined()
    const hers = await there.tokens.issue({ user: ana.id, role: 'fan' })
    expect(await there.tokens.verify(hers.token)).toBe('banned')

    const free = await here.call('POST', `/v1/admin/users/${ana.id}/unban`, { token: admin.token, body: {} })
    expect(free.body).toEqual({ id: ana.id, role: 'fan', banned: false, until: null })
    const back = await login(ana.login)
    expect([back.status, await statusOf(here, back.body.token)]).toEqual([200, 200])
    expect(await statusOf(here, ana.token)).toBe(401)
  })

  it('[AA13] reaches users without an account here, where the accounts are an issuer’s', async () => {
    const elsewhere = new StandingBook(database.sql, { accountsAreElsewhere: true })

    expect(await book.ban(null, buyer('stranger'), ban())).toBeUndefined()
    expect(await elsewhere.ban(null, buyer('stranger'), ban())).toMatchObject({ bannedUntilMs: FOR_GOOD_MS })
    expect(await elsewhere.ban(null, buyer('stranger'), ban())).toMatchObject({ bannedUntilMs: FOR_GOOD_MS })
  })

  it('[AA13] for a time ends by itself', async () => {
    const ana = await register()
    const soon = new Date(Date.now() + 60_000)
    expect(await book.ban(null, ana.id, ban(soon))).toMatchObject({ bannedUntilMs: soon.getTime() })
    expect((await login(ana.login)).status).toBe(403)

    await database.sql`update users set banned_until = now() - interval '1 second' where id = ${ana.id}`

    expect((await login(ana.login)).status).toBe(200)
  })

  it('[AA13] and every other action is written with who, why, before and after, once, or not at all', async () => {
    const [admin, ana] = [await register('admin'), await register()]
    await vi.waitFor(async () => expect((await banned(admin.token, ana.id)).status).toBe(200), 10_000)
    const act = (path: string, body: object) =>
      here.call('POST', `/v1/admin/users/${ana.id}/${path}`, { token: admin.token, body })

    expect((await banned(admin.token, ana.id)).status).toBe(200) // again: nothing new
    await act('unban', { reason: 'it was not her' })
    await act('unban', {})
    expect((await act('role', { role: 'creator' })).body).toMatchObject({ role: 'creator', banned: false })
    expect(await database.sql`select 1 from creators where id = ${ana.id}`).toHaveLength(1)

    const list = (query: string) => here.call('GET', `/v1/admin/actions?user=${ana.id}${query}`, { token: admin.token })
    const [first, all] = [await list('&limit=2'), await list('')]
    const rest = await list(`&limit=2&cursor=${first.body.nextCursor}`)
    expect([...first.body.items, ...rest.body.items]).toEqual(all.body.items)
    expect(rest.body.nextCursor).toBeNull()
    const free = { role: 'fan', bannedUntil: null, banReason: null }
    const isBanned = { role: 'fan', bannedUntil: '2100-01-01T00:00:00.000Z', banReason: 'sold twice' }
    const common = { by: admin.id, user: ana.id, id: expect.any(Number), at: expect.any(String) }
    expect(all.body.items).toEqual([
      { ...common, action: 'change_role', reason: null, before: free, after: { ...free, role: 'creator' } },
      { ...common, action: 'unban', reason: 'it was not her', before: isBanned, after: free },
      { ...common, action: 'ban', reason: 'sold twice', before: free, after: isBanned },
    ])
  })

  it('[AA13] is written in the transaction that makes it: without its row there is no ban', async () => {
    const ana = await register()
    await database.sql`alter table admin_actions add constraint refuse check (reason <> 'not to be written')`

    await expect(book.ban(null, ana.id, { ...ban(), reason: 'not to be written' })).rejects.toThrow()

    await database.sql`alter table admin_actions drop constraint refuse`
    expect(await statusOf(here, ana.token)).toBe(200)
    expect((await login(ana.login)).status).toBe(200)
  })

  it('[AA13] is for administrators, of others, who exist, until a time to come', async () => {
    const [admin, ana] = [await register('admin'), await register()]
    await vi.waitFor(async () => expect((await banned(admin.token, ana.id)).status).toBe(200), 10_000)
    const fan = await register()
    const path = (user: string) => `/v1/admin/users/${user}/ban`
    const ask = async (token: string, user: string, body: object = { reason: 'x' }) =>
      (await here.call('POST', path(user), { token, body })).status

    expect(await ask(fan.token, ana.id)).toBe(403)
    expect((await here.call('GET', '/v1/admin/actions', { token: fan.token })).status).toBe(403)
    expect(await ask(admin.token, admin.id)).toBe(409)
    expect(await ask(admin.token, buyer('nobody'))).toBe(404)
    expect(await ask(admin.token, fan.id, { reason: 'x', until: '2020-01-01T00:00:00Z' })).toBe(400)
    expect(await ask(admin.token, fan.id, {})).toBe(400)
    expect(await statusOf(here, fan.token)).toBe(200)
  })

  function banned(token: string, user: UserId) {
    return here.call('POST', `/v1/admin/users/${user}/ban`, { token, body: { reason: 'sold twice' } })
  }
})

describe('another role', () => {
  it('[AA14] is the token’s at once where it was given, and everywhere soon, without signing in again', async () => {
    const ana = await register()
    const standing = (await book.changeRole(null, ana.id, 'admin', null)) as Standing
    here.standings.tell(standing)

    const list = (node: typeof here) => node.call('GET', '/v1/admin/actions', { token: ana.token })
    expect((await list(here)).status).toBe(200)
    await vi.waitFor(async () => expect((await list(there)).status).toBe(200), 10_000)
    here.standings.tell((await book.changeRole(null, ana.id, 'fan', null)) as Standing)
    expect((await list(here)).status).toBe(403)
  })
})
