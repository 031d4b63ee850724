/**
 * Where a command finds what it works on: in the environment, and for what is not set there in the stack that
 * `livedrop up` runs in the data folder.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Config, readConfig, readDatabaseUrl } from '../server/config.ts'
import { SETTINGS } from '../server/settings.ts'
import { readState } from '../stack/state.ts'
import { BadCall } from './outcome.ts'

export const DATA_FOLDER = '.livedrop'

export const dataArg = {
  type: 'string',
  description: 'Data folder of the local stack',
  default: DATA_FOLDER,
} as const

export const jsonArg = { type: 'boolean', description: 'Answer as JSON, for scripts', default: false } as const

/** The environment, completed from a running local stack. */
export function environment(dataDir: string): Record<string, string | undefined> {
  const state = readState(dataDir)
  if (state === undefined) return process.env

  const { redisUrl, natsUrl, databaseUrl } = state.urls
  return {
    REDIS_URL: redisUrl,
    NATS_URL: natsUrl,
    DATABASE_URL: databaseUrl,
    LIVEDROP_JWT_SECRET: readFileSync(join(dataDir, 'node', 'password'), 'utf8').trim(),
    ...process.env,
  }
}

/** What `up` decides for its nodes: where each is, and with which keys, for they must fit the tokens that it hands out. */
const UPS_OWN = /^LIVEDROP_(HOST|PORT|NODE_ID|JWT_.*|JWKS_URL)$/

/** Whatever else is set here, the nodes of `up` have too: `LIVEDROP_ORIGINS=http://localhost:5173 livedrop up`. */
export function nodeSettings(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const named = SETTINGS.filter((name) => name.startsWith('LIVEDROP_') && !UPS_OWN.test(name))
  return Object.fromEntries(named.map((name) => [name, env[name] ?? '']).filter(([, value]) => value !== ''))
}

/** For what works on Postgres alone: nothing else need be set. */
export function databaseUrlOf(dataDir: string): string {
  const url = readDatabaseUrl(environment(dataDir))
  if (url !== undefined) return url

  throw new BadCall(`no database to work on: no stack runs in ${dataDir}, and DATABASE_URL is not set`)
}

/** Throws `BadCall` when neither says where the stores are. */
export function configOf(dataDir: string): Config {
  const env = environment(dataDir)
  if (env.REDIS_URL || env.NATS_URL || env.DATABASE_URL) return readConfig(env)

  throw new BadCall(
    `nothing to work on: no stack runs in ${dataDir} (start one with \`livedrop up\`), and REDIS_URL, NATS_URL, ` +
      'DATABASE_URL and LIVEDROP_JWT_SECRET are not set',
  )
}
