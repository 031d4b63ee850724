/** Users of real servers that may do more than a node needs, one right at a time, and what `livedrop doctor` says of them. */
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { examineNatsUser } from '../bus/nats-user.ts'
import { removeDataFolder, temporaryDataFolder } from '../stack/data-folder.ts'
import { type LocalServer, startServer } from '../stack/local-server.ts'
import { thisMachine } from '../stack/machine.ts'
import { findNats, natsRecipe } from '../stack/nats-server.ts'
import { natsNodePermissions, redisNodeRules } from '../stack/node-users.ts'
import { connectPostgres } from '../storage/postgres.ts'
import { excessOfPostgresUser } from '../storage/postgres-user.ts'
import { connectRedis, type RedisConnection } from '../storage/redis.ts'
import { excessOfRedisUser } from '../storage/redis-user.ts'
import { type MigratedDatabase, migratedDatabase } from './setup/migrated-database.ts'
import { uniquePrefix } from './setup/prefix.ts'

const prefix = uniquePrefix()
const password = randomBytes(12).toString('hex')
const stops: (() => unknown)[] = []
afterAll(async () => {
  for (const stop of stops.reverse()) await stop()
})

describe('a user of Redis', () => {
  let owner: RedisConnection
  beforeAll(async () => {
    owner = await connectRedis(inject('redisUrl'), { name: 'users-test' })
    stops.push(() => owner.close())
  })

  it.each([
    ['the one of the document', '', []],
    ['that reads all keys', '~*', ['reads keys beside its own']],
    ['that hears all channels', '&*', ['speaks on channels beside its own']],
    ['with @admin', '+@admin', ['administrates the server (@admin)', 'changes its users (ACL)']],
    [
      'with @dangerous',
      '+@dangerous',
      [
        'administrates the server (@admin)',
        'may use what empties and stops it (@dangerous)',
        'changes its users (ACL)',
      ],
    ],
    ['with one dangerous command', '+sort_ro', ['may use what empties and stops it (@dangerous)']],
    [
      'that may do everything',
      'allkeys allchannels +@all',
      [
        'reads keys beside its own',
        'speaks on channels beside its own',
        'administrates the server (@admin)',
        'may use what empties and stops it (@dangerous)',
        'changes its users (ACL)',
      ],
    ],
  ])('[KK12] %s', async (_, more, expected) => {
    const rules = `reset on >${password} ${redisNodeRules(prefix)} ${more.replace('&*', 'allchannels')}`
      .trim()
      .split(' ')
    await owner.call((client) => client.acl('SETUSER', prefix, ...rules))
    const url = Object.assign(new URL(inject('redisUrl')), { username: prefix, password })
    const redis = await connectRedis(url.href, { name: 'user' })
    try {
      expect(await excessOfRedisUser(redis, prefix)).toEqual(expected)
    } finally {
      await redis.close()
      await owner.call((client) => client.acl('DELUSER', prefix))
    }
  })
})

describe('a user of NATS', () => {
  const all = { publish: ['>'], subscribe: ['>'] }
  const users = {
    least: natsNodePermissions(prefix),
    listener: { ...natsNodePermissions(prefix), subscribe: ['>'] },
    speaker: { ...natsNodePermissions(prefix), publish: ['>'] },
    owner: all,
  }
  let nats: LocalServer
  beforeAll(async () => {
    const dataDir = temporaryDataFolder()
    const machine = thisMachine()
    const recipe = natsRecipe(dataDir, findNats(machine) ?? '')
    const settings = join(recipe.folder, 'users.conf')
    const accounts = Object.entries(users).map(([user, permissions]) => ({ user, password, permissions }))
    nats = await startServer(
      {
        ...recipe,
        async prepare(port) {
          const [, , ...rest] = await recipe.prepare(port)
          const lines = ['host: "127.0.0.1"', `port: ${port}`, `authorization { users: ${JSON.stringify(accounts)} }`]
          writeFileSync(settings, lines.join('\n'), { mode: 0o600 })
          return ['-c', settings, ...rest]
        },
      },
      machine,
    )
    stops.push(() => removeDataFolder(dataDir), nats.stop)
  }, 60_000)

  it.each([
    ['least', []],
    ['listener', ['listens to subjects beside its own']],
    ['speaker', ['speaks on subjects beside its own', 'reaches streams beside its own']],
    [
      'owner',
      ['listens to subjects beside its own', 'speaks on subjects beside its own', 'reaches streams beside its own'],
    ],
  ] as const)('[KK12] %s', async (user, excess) => {
    const url = `nats://${user}:${password}@127.0.0.1:${nats.port}`

    expect(await examineNatsUser(url, prefix, 3_000)).toEqual({ answers: true, excess })
  })
})

describe('a role of Postgres', () => {
  let database: MigratedDatabase
  beforeAll(async () => {
    database = await migratedDatabase(inject('databaseUrl'))
    stops.push(database.close)
  })

  it.each([
    ['the one of the document', '', []],
    ['that makes roles', 'alter role ROLE createrole', ['makes roles']],
    ['that makes databases', 'alter role ROLE createdb', ['makes databases and schemas']],
    ['that makes tables', 'grant create on schema public to ROLE', ['makes, changes and drops tables']],
    [
      'that has a table',
      'grant create on schema public to ROLE; alter table drops owner to ROLE; revoke create on schema public from ROLE',
      ['makes, changes and drops tables', 'empties tables'],
    ],
    ['that empties tables', 'grant truncate on orders to ROLE', ['empties tables']],
    ['that writes notes of migrations', 'grant insert on migrations to ROLE', ['writes which migrations were run']],
    [
      'that may become one that runs programs',
      'grant pg_execute_server_program to ROLE',
      ['reads files or runs programs of the server'],
    ],
    ['that is a superuser', 'alter role ROLE superuser', ['is a superuser']],
  ])('[KK12] %s', async (_, more, expected) => {
    const role = uniquePrefix()
    await database.sql.unsafe(`
      create role ${role} login password '${password}';
      grant usage on schema public to ${role};
      grant select, insert, update, delete on all tables in schema public to ${role};
      grant usage on all sequences in schema public to ${role};
      revoke insert, update, delete on migrations from ${role};
      ${more.replaceAll('ROLE', role)}`)
    const url = Object.assign(new URL(database.url), { username: role, password })
    const { sql, close } = connectPostgres(url.href, { max: 1, name: 'user' })
    try {
      expect(await excessOfPostgresUser(sql)).toEqual(expected)
    } finally {
      await close()
      await database.sql.unsafe(`reassign owned by ${role} to current_user; drop owned by ${role}; drop role ${role}`)
    }
  })
})

describe('livedrop doctor', () => {
  it('[KK12] warns of each with what to do, and still ends with 0', async () => {
    const CLI = join(import.meta.dirname, '../cli/livedrop.mjs')
    const env = {
      ...{ PATH: process.env.PATH, REDIS_URL: inject('redisUrl'), NATS_URL: inject('natsUrl') },
      ...{ LIVEDROP_JWT_SECRET: randomBytes(32).toString('hex'), DATABASE_URL: inject('databaseUrl') },
    }

    const { stdout } = await promisify(execFile)(process.execPath, [CLI, 'doctor', '--json'], { env }).catch(
      (failed: { stdout: string }) => failed,
    )

    const checks = JSON.parse(stdout) as { what: string; ok: boolean; warns?: true; says: string }[]
    const users = checks.filter(({ what }) => what.endsWith(' user'))
    expect(users.map(({ what, ok, warns }) => [what, ok, warns])).toEqual([
      ['Redis user', true, true],
      ['NATS user', true, true],
      ['Postgres user', true, true],
    ])
    const [redis, nats, postgres] = users.map(({ says }) => says)
    expect(redis).toMatch(
      /^reads keys beside its own; .* give it a user with: ACL SETUSER node on >PASSWORD resetkeys ~ld:\* /,
    )
    expect(nats).toMatch(/^listens to .* give it a user with: permissions: \{"publish":\["ld\.>",/)
    expect(postgres).toMatch(/^is a superuser\. .* the grants of docs\/security\.md/)
    expect(stdout).not.toContain(new URL(inject('redisUrl')).password)
  })
})
