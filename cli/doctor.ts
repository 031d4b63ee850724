/**
 * `livedrop doctor`: checks every dependency and setting, and explains what is wrong with each. Exit code 1 if any is; what
 * works and should not be left so is a warning.
 */
import { defineCommand } from 'citty'
import pc from 'picocolors'
import { NatsBus } from '../bus/nats-bus.ts'
import { Fault } from '../protocol/faults.ts'
import { type Config, readConfig } from '../server/config.ts'
import { readCertificate } from '../server/transports/certificate.ts'
import { findPostgres } from '../stack/binaries.ts'
import { thisMachine } from '../stack/machine.ts'
import { findNats } from '../stack/nats-server.ts'
import { findRedis } from '../stack/redis-server.ts'
import { readState } from '../stack/state.ts'
import { checkPostgresSettings, connectPostgres } from '../storage/postgres.ts'
import { checkRedisSettings, connectRedis } from '../storage/redis.ts'
import { orFail } from './outcome.ts'
import { dataArg, environment, jsonArg } from './settings.ts'
import { examineUsers } from './store-users.ts'

interface Check {
  what: string
  ok: boolean
  warns?: true
  says: string
}

const NODE_MIN = [20, 20] as const
const NATS_WITHIN_MS = 3_000

export const doctorCommand = defineCommand({
  meta: { name: 'doctor', description: 'Check and explain every dependency and setting' },
  args: { data: dataArg, json: jsonArg },
  run: ({ args }) =>
    orFail(async () => {
      const checks = await examine(args.data)
      for (const { what, ok, warns, says } of args.json ? [] : checks) {
        const word = ok ? (warns ? pc.yellow('WARN') : pc.green('ok  ')) : pc.red('BAD ')
        console.log(`${word} ${what.padEnd(20)} ${says}`)
      }
      if (args.json) console.log(JSON.stringify(checks, null, 2))
      if (checks.some((check) => !check.ok)) process.exitCode = 1
    }),
})

async function examine(dataDir: string): Promise<Check[]> {
  const state = readState(dataDir)
  const running =
    state === undefined ? `none in ${dataDir}` : `process ${state.pid} in ${dataDir} since ${state.startedAt}`
  const checks = [nodeVersion(), ...(await programs()), { what: 'local stack', ok: true, says: running }]

  const env = environment(dataDir)
  if (!env.REDIS_URL && !env.NATS_URL && !env.DATABASE_URL) {
    return [
      ...checks,
      { what: 'settings', ok: true, says: 'no addresses are set: `livedrop up` starts private servers' },
    ]
  }
  try {
    const config = readConfig(env)
    checks.push(
      { what: 'settings', ok: true, says: `complete, for ${config.environment}` },
      limits(config),
      tls(config),
    )
    checks.push(...(await Promise.all([redis(config), nats(config), postgres(config)])))
    // The addresses of the local stack are its owner's; its nodes have users of their own.
    const isOwners = state !== undefined && config.redisUrl === state.urls.redisUrl
    return isOwners ? checks : [...checks, ...(await users(config))]
  } catch (cause) {
    return [...checks, { what: 'settings', ok: false, says: cause instanceof Error ? cause.message : String(cause) }]
  }
}

function limits({ limits: held, trustedProxies }: Config): Check {
  const perAddress = held.handshakes !== undefined || held.socketsPerAddress !== undefined
  const users = held.messages === undefined && held.orders === undefined ? 'none of users' : 'of users and sockets'
  const proxies = trustedProxies.length === 0 ? 'behind a proxy set LIVEDROP_TRUSTED_PROXIES' : 'behind known proxies'
  const says = perAddress ? `${users}, and of each address: ${proxies}` : `${users}, none of addresses`
  return { what: 'limits', ok: true, says }
}

function tls({ tls: files, httpsOnly }: Config): Check {
  const what = 'TLS'
  if (files === undefined) return { what, ok: true, says: httpsOnly ? 'spoken by a proxy in front' : 'not spoken' }
  try {
    const { names, endsAtMs } = readCertificate(files)
    return { what, ok: endsAtMs > Date.now(), says: `${names}, until ${new Date(endsAtMs).toISOString()}` }
  } catch (cause) {
    return { what, ok: false, says: cause instanceof Error ? cause.message : String(cause) }
  }
}

function nodeVersion(): Check {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const ok = major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1])
  return { what: 'Node.js', ok, says: `${process.versions.node}, needs ${NODE_MIN.join('.')} or newer` }
}

/** Only a note when one is missing: it is needed for `livedrop up` alone, which can install it as root on Debian. */
async function programs(): Promise<Check[]> {
  const machine = thisMachine()
  const [postgres] = await findPostgres(machine)
  const found = [
    ['redis-server', findRedis(machine)],
    ['nats-server', findNats(machine)],
    ['postgres', postgres?.postgres],
  ] as const
  return found.map(([what, path]) => ({ what, ok: true, says: path ?? 'not found; `livedrop up` says how to get it' }))
}

async function redis({ redisUrl }: Config): Promise<Check> {
  return check('Redis', async () => {
    const connection = await connectRedis(redisUrl, { name: 'doctor' })
    try {
      const answer = await checkRedisSettings(connection)
      if (answer.answer === 'forbidden') return `answers; its settings cannot be read: ${answer.reason}`
      if (answer.unsafe.length === 0) return 'answers; appendfsync always, noeviction'

      throw new Error(answer.unsafe.map((one) => `${one.setting} is ${one.found}, needs ${one.needed}`).join('; '))
    } finally {
      await connection.close()
    }
  })
}

async function nats({ natsUrl }: Config): Promise<Check> {
  return check('NATS', async () => {
    const silent = { info: () => undefined, warn: () => undefined, error: () => undefined }
    const bus = NatsBus.open({ url: natsUrl, name: 'doctor', log: silent })
    try {
      if (!(await bus.ready(NATS_WITHIN_MS))) throw new Error(`does not answer within ${NATS_WITHIN_MS} ms`)
      return 'answers'
    } finally {
      await bus.close()
    }
  })
}

async function postgres({ databaseUrl }: Config): Promise<Check> {
  return check('Postgres', async () => {
    const { sql, close } = connectPostgres(databaseUrl, { max: 1, name: 'livedrop-doctor' })
    try {
      const unsafe = await checkPostgresSettings(sql)
      if (unsafe.length === 0) return 'answers; commits are durable'

      throw new Error(unsafe.map(({ name, is, why }) => `${name} is ${is}: ${why}`).join('; '))
    } finally {
      await close()
    }
  })
}

async function users(config: Config): Promise<Check[]> {
  const found = await examineUsers(config, NATS_WITHIN_MS)
  return found.map(({ what, isLeast, says }) => ({ what, ok: true, ...(isLeast ? {} : { warns: true }), says }))
}

async function check(what: string, look: () => Promise<string>): Promise<Check> {
  try {
    return { what, ok: true, says: await look() }
  } catch (cause) {
    const facts = cause instanceof Fault ? ` ${JSON.stringify(cause.facts)}` : ''
    return { what, ok: false, says: (cause instanceof Error ? cause.message : String(cause)) + facts }
  }
}
