/**
 * Settings of a node, read from an environment that is given.
 *
 * One schema, and everything that is wrong with the environment is said at once. A message names the variable and never
 * its value. Secrets may come from a file instead (`LIVEDROP_JWT_SECRET_FILE`), which is how orchestrators hand them
 * over. In production a setting that is convenient and unsafe is an error, not a warning.
 */
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { Fault } from '../protocol/faults.ts'
import { isNodeId, type NodeId } from '../protocol/ids.ts'
import { LOG_LEVELS } from './log.ts'
import { type Objection, productionObjections } from './production.ts'

export const ENVIRONMENTS = ['development', 'test', 'production'] as const

const urlOf = (what: string, ...schemes: string[]) =>
  z.string().refine((text) => schemes.includes(schemeOf(text)), `${what} (${schemes.join(', ')})`)

/** In the order of the documentation. `secret` ones may come from a file. */
const settings = {
  REDIS_URL: urlOf('a Redis URL', 'redis:', 'rediss:').meta({ secret: true, description: 'Where the ledger is.' }),
  NATS_URL: urlOf('a NATS URL', 'nats:', 'tls:').meta({ secret: true, description: 'Where nodes meet.' }),
  DATABASE_URL: urlOf('a Postgres URL', 'postgres:', 'postgresql:').meta({
    secret: true,
    description: 'Where everything durable is.',
  }),
  LIVEDROP_JWT_SECRET: z
    .string()
    .refine((secret) => Buffer.byteLength(secret) >= 32, 'at least 32 bytes')
    .meta({ secret: true, description: 'Signs access tokens (HS256); at least 32 bytes, the same on every node.' }),
  NODE_ENV: z.enum(ENVIRONMENTS).default('development').meta({
    description: 'In `production` unsafe settings are refused.',
  }),
  LIVEDROP_HOST: z
    .string()
    .regex(/^[A-Za-z0-9.:_-]{1,255}$/, 'an address or a host name')
    .optional()
    .meta({ description: 'Address to listen on.', otherwise: '127.0.0.1, in production 0.0.0.0' }),
  LIVEDROP_PORT: z
    .string()
    .regex(/^\d{1,5}$/, 'a port, 0 to 65535')
    .transform(Number)
    .refine((port) => port <= 65_535, 'a port, 0 to 65535')
    .prefault('8080')
    .meta({ description: 'REST and both kinds of socket; 0 for any free port.', otherwise: '8080' }),
  LIVEDROP_ORIGINS: z
    .string()
    .transform(splitList)
    .refine((origins) => origins.every(isOrigin), 'a comma-separated list of origins such as https://shop.example.com')
    .prefault('')
    .meta({
      description: 'Web pages that may connect, besides those this node serves itself: origins, comma-separated.',
      otherwise: 'none',
    }),
  LIVEDROP_NODE_ID: z
    .string()
    .refine(isNodeId, '1 to 64 of a-z 0-9 -')
    .optional()
    .meta({ description: 'Must be new at every start of a process.', otherwise: 'random' }),
  LIVEDROP_PREFIX: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,31}$/, 'a letter a-z, then up to 31 of a-z 0-9 -')
    .default('ld')
    .meta({ description: 'Begins every Redis key and NATS subject: keeps installations on shared servers apart.' }),
  LIVEDROP_LOG_LEVEL: z
    .enum(LOG_LEVELS)
    .default('info')
    .meta({ description: 'The least important line that is written.' }),
}
const environmentSchema = z.object(settings)
export type Setting = keyof typeof settings
const SETTINGS = Object.keys(settings) as Setting[]

export interface Config {
  environment: (typeof ENVIRONMENTS)[number]
  redisUrl: string
  natsUrl: string
  databaseUrl: string
  jwtSecret: string
  host: string
  port: number
  origins: readonly string[]
  nodeId: NodeId
  prefix: string
  logLevel: (typeof LOG_LEVELS)[number]
}

export type Environment = Readonly<Record<string, string | undefined>>

/** Throws `misconfigured` with one line for each thing that is wrong. */
export function readConfig(environment: Environment, readFile: (path: string) => string = readText): Config {
  const { values, objections } = gather(environment, readFile)
  const read = environmentSchema.safeParse(values)
  if (!read.success) {
    for (const issue of read.error.issues) objections.push(objectionOf(issue, values))
  }
  if (values.NODE_ENV === 'production') objections.push(...productionObjections(values))
  if (!read.success || objections.length > 0) throw misconfigured(objections)

  const found = read.data
  return {
    environment: found.NODE_ENV,
    redisUrl: found.REDIS_URL,
    natsUrl: found.NATS_URL,
    databaseUrl: found.DATABASE_URL,
    jwtSecret: found.LIVEDROP_JWT_SECRET,
    host: found.LIVEDROP_HOST ?? (found.NODE_ENV === 'production' ? '0.0.0.0' : '127.0.0.1'),
    port: found.LIVEDROP_PORT,
    origins: found.LIVEDROP_ORIGINS,
    nodeId: found.LIVEDROP_NODE_ID ?? (`node-${randomBytes(5).toString('hex')}` as NodeId),
    prefix: found.LIVEDROP_PREFIX,
    logLevel: found.LIVEDROP_LOG_LEVEL,
  }
}

/** A markdown table of every setting, for people: what `livedrop config docs` prints. */
export function describeConfig(): string {
  const rows = SETTINGS.map((name) => {
    const { description = '', secret, otherwise } = meta(name)
    const fallback = otherwise ?? defaultOf(name) ?? (settings[name].safeParse(undefined).success ? 'none' : 'required')
    return `| \`${name}\`${secret === true ? ` or \`${name}_FILE\`` : ''} | ${fallback} | ${description} |`
  })
  return ['| variable | default | meaning |', '|---|---|---|', ...rows].join('\n')
}

/** An empty variable is one that is not set: that is what `VAR= command` and a blank line in a compose file mean. */
function gather(environment: Environment, readFile: (path: string) => string) {
  const values: Partial<Record<Setting, string>> = {}
  const objections: Objection[] = []
  for (const name of SETTINGS) {
    const value = environment[name] || undefined
    const path = meta(name).secret === true ? environment[`${name}_FILE`] || undefined : undefined
    if (value !== undefined && path !== undefined) {
      objections.push({ variable: name, message: `is set twice, once by ${name}_FILE` })
    }
    try {
      const read = value ?? (path === undefined ? undefined : readFile(path).replace(/\r?\n$/, ''))
      if (read !== undefined) values[name] = read
    } catch {
      // The error would name the path, and with `VAR_FILE=the-secret-itself` the path is the secret.
      objections.push({ variable: `${name}_FILE`, message: 'cannot be read' })
    }
  }
  return { values, objections }
}

function objectionOf(issue: z.core.$ZodIssue, values: Partial<Record<Setting, string>>): Objection {
  const variable = String(issue.path[0])
  if (values[variable as Setting] === undefined) return { variable, message: 'is not set' }
  if (issue.code === 'invalid_value') return { variable, message: `must be one of ${issue.values.join(', ')}` }

  return { variable, message: `must be ${issue.message}` }
}

function misconfigured(objections: readonly Objection[]): Fault {
  const said = new Set<string>()
  const lines = objections
    .map(({ variable, message }) => `${variable} ${message}`)
    .filter((line) => !said.has(line) && said.add(line))
  return new Fault(
    'misconfigured',
    { problems: lines },
    { message: `the settings are not right:\n  ${lines.join('\n  ')}` },
  )
}

function meta(name: Setting): { description?: string; secret?: boolean; otherwise?: string } {
  return settings[name].meta() ?? {}
}

function defaultOf(name: Setting): string | undefined {
  const read = settings[name].safeParse(undefined)
  return read.success && typeof read.data === 'string' ? read.data : undefined
}

function readText(path: string): string {
  return readFileSync(path, 'utf8')
}

function schemeOf(text: string): string {
  return URL.canParse(text) ? new URL(text).protocol : ''
}

function splitList(text: string): string[] {
  return text
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '')
}

function isOrigin(text: string): boolean {
  return text === '*' || (URL.canParse(text) && new URL(text).origin === text)
}
