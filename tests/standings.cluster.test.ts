/** Two whole nodes: what is revoked on one ends the sockets of the other, by NATS and without it. */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { LightSocket } from '../bench/light-socket.ts'
import type { UserId } from '../protocol/ids.ts'
import { removeDataFolder, temporaryDataFolder } from '../stack/data-folder.ts'
import { type LocalCluster, startCluster } from '../stack/local-cluster.ts'
import { StandingBook } from '../storage/accounts/standings.ts'
import { connectPostgres, type Postgres } from '../storage/postgres.ts'

const dataDir = temporaryDataFolder()
const logged: string[] = []
const secrets: string[] = []
let cluster: LocalCluster
let postgres: Postgres
beforeAll(async () => {
  cluster = await startCluster({
    ...{ dataDir, nodes: 2, fresh: true, env: { LIVEDROP_LOG_LEVEL: 'debug' } },
    onLog: (_, line) => void logged.push(line),
  })
  postgres = connectPostgres(cluster.env.DATABASE_URL ?? '', { max: 2, name: 'livedrop-test' })
}, 60_000)
afterAll(async () => {
  await postgres.close()
  await cluster.stop()
  removeDataFolder(dataDir)
})

async function ask(node: number, path: string, body: object | undefined, token = '') {
  const answer = await fetch(`${cluster.nodes[node]?.url}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
}

async function register() {
  const account = { email: `${randomUUID()}@example.com`, password: randomUUID(), displayName: 'Ana', role: 'fan' }
  const { body } = await ask(0, '/v1/auth/register', account)
  const { token, refreshToken, user } = body as { token: string; refreshToken: string; user: { id: UserId } }
  secrets.push(account.password, token, refreshToken)
  return { token, refreshToken, id: user.id }
}

/** A socket on a node. `closed`: with which code, and when. */
function connect(node: number, hello: object) {
  const heard: Record<string, unknown>[] = []
  const socket = { heard, closed: undefined as { code: number; atMs: number } | undefined }
  const light = new LightSocket(cluster.nodes[node]?.socketUrl ?? '', 'livedrop.v1.json', {
    open: () => light.send(JSON.stringify({ type: 'hello', ...hello })),
    text: (bytes) => {
      const said = JSON.parse(bytes.toString())
      heard.push(...(Array.isArray(said) ? said : [said]))
    },
    close: (code) => {
      socket.closed = { code, atMs: performance.now() }
    },
  })
  return socket
}
type Connected = ReturnType<typeof connect>
const welcomed = (socket: Connected) => vi.waitFor(() => expect(socket.heard[0]?.type).toBe('welcome'), 10_000)
const closedWith = (socket: Connected, code: number) =>
  vi.waitFor(() => expect(socket.closed?.code).toBe(code), { timeout: 20_000, interval: 5 })
/** Bad log: what must never be in it. */
const leaks = () => secrets.filter((secret) => logged.some((line) => line.includes(secret)))
const say = (what: string, socket: Connected, fromMs: number) =>
  console.log(`${what}: ${((socket.closed?.atMs ?? Number.NaN) - fromMs).toFixed(1)} ms`)

describe('a cut-off on two nodes', () => {
  it('[AA9, AA11, AA17] closes 3500 and 3503 on the other node, by NATS and without it, and no secret is logged', {
    timeout: 90_000,
  }, async () => {
    const [ana, ben, admin] = [await register(), await register(), await register()]
    await new StandingBook(postgres.sql).changeRole(null, admin.id, 'admin', null)

    // Logged out everywhere on the first node.
    const [here, there] = [connect(0, { token: ana.token }), connect(1, { token: ana.token })]
    await Promise.all([here, there].map(welcomed))
    const ticket = String(there.heard[0]?.ticket)
    secrets.push(ticket)
    const revokedAtMs = performance.now()
    expect(await ask(0, '/v1/auth/logout', { refreshToken: ana.refreshToken, everywhere: true })).toMatchObject({
      status: 200,
    })
    await Promise.all([here, there].map((socket) => closedWith(socket, 3500)))
    say('logged out everywhere, closed on the other node by NATS', there, revokedAtMs)
    const resumed = connect(1, { resume: { ticket, drops: [], open: [] } })
    await closedWith(resumed, 3500)
    expect((await ask(1, '/v1/me', undefined, ana.token)).status).toBe(401)

    // Banned by the first node, while NATS is away.
    const live = connect(1, { token: ben.token })
    await welcomed(live)
    await cluster.stack.servers.nats?.kill()
    const ban = () => ask(0, `/v1/admin/users/${ben.id}/ban`, { reason: 'sold twice' }, admin.token)
    await vi.waitFor(
      async () => expect((await ask(0, '/v1/admin/actions', undefined, admin.token)).status).toBe(200),
      10_000,
    )
    const bannedAtMs = performance.now()
    expect(await ban()).toMatchObject({ status: 200, body: { banned: true, until: null } })
    await closedWith(live, 3503)
    say('banned, closed on the other node without NATS', live, bannedAtMs)
    const again = connect(1, { token: ben.token })
    await closedWith(again, 3503)
    expect(await ask(1, '/v1/auth/refresh', { refreshToken: ben.refreshToken })).toMatchObject({ status: 401 })

    expect(logged.length).toBeGreaterThan(10)
    expect(leaks()).toEqual([])
  })
})
