/**
 * Settings of a node, read from an environment that is given.
 *
 * One schema, and everything that is wrong with the environment is said at once. A message names the variable and never
 * its value. Secrets may come from a file instead (`LIVEDROP_JWT_SECRET_FILE`), which is how orchestrators hand them
 * over. In production a setting that is convenient and unsafe is an error, not a warning.
 */
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { z } from 'zod'
import { Fault } from '../protocol/faults.ts'
import type { NodeId } from '../protocol/ids.ts'
import type { Issuer } from './inbound/issuer-keys.ts'
import type { KeyMaterial } from './inbound/key-ring.ts'
import { type Limits, limitsOf } from './limits.ts'
import type { LogLevel } from './log.ts'
import type { Place } from './metrics/exposition.ts'
import { type Objection, productionObjections } from './production.ts'
import { defaultOf, type ENVIRONMENTS, environmentSchema, notesOn, SETTINGS, type Setting } from './settings.ts'
import { tlsObjections } from './tls-objections.ts'
import { tokenObjections } from './token-objections.ts'
import type { CertificateFiles } from './transports/certificate.ts'

export interface Config {
  environment: (typeof ENVIRONMENTS)[number]
  redisUrl: string
  natsUrl: string
  databaseUrl: string
  jwtSecret: string
  /** What signs tokens and tickets here, the secret included. */
  keys: KeyMaterial
  /** Who signs access tokens instead; undefined: nobody. */
  issuer: Issuer | undefined
  host: string
  port: number
  /** Undefined: nobody scrapes this node. */
  metrics: Place | undefined
  tls: CertificateFiles | undefined
  /** Browsers are told to come by https only: in production, where every way in speaks TLS. */
  httpsOnly: boolean
  origins: readonly string[]
  socketIo: boolean
  docs: boolean
  /** A folder. */
  pictures: string | undefined
  nodeId: NodeId
  prefix: string
  graceMs: number
  logLevel: LogLevel
  limits: Limits
  trustedProxies: readonly string[]
}

export type Environment = Readonly<Record<string, string | undefined>>

/** Throws `misconfigured` with one line for each thing that is wrong. */
export function readConfig(environment: Environment, readFile: (path: string) => string = readText): Config {
  const { values, objections } = gather(environment, readFile)
  const read = environmentSchema.safeParse(values)
  if (!read.success) {
    for (const issue of read.error.issues) objections.push(objectionOf(issue, values))
  }
  objections.push(...tokenObjections(values), ...tlsObjections(values))
  if (values.NODE_ENV === 'production') objections.push(...productionObjections(values))
  if (!read.success || objections.length > 0) throw misconfigured(objections)

  const found = read.data
  return {
    environment: found.NODE_ENV,
    redisUrl: found.REDIS_URL,
    natsUrl: found.NATS_URL,
    databaseUrl: found.DATABASE_URL,
    jwtSecret: found.LIVEDROP_JWT_SECRET,
    keys: keysOf(found),
    issuer: issuerOf(found),
    host: found.LIVEDROP_HOST ?? (found.NODE_ENV === 'production' ? '0.0.0.0' : '127.0.0.1'),
    port: found.LIVEDROP_PORT,
    metrics: found.LIVEDROP_METRICS,
    tls: tlsOf(found),
    httpsOnly: found.NODE_ENV === 'production',
    origins: found.LIVEDROP_ORIGINS,
    socketIo: found.LIVEDROP_SOCKETIO === 'on',
    docs: found.LIVEDROP_DOCS === 'on',
    pictures: found.LIVEDROP_PICTURES,
    nodeId: found.LIVEDROP_NODE_ID ?? (`node-${randomBytes(5).toString('hex')}` as NodeId),
    prefix: found.LIVEDROP_PREFIX,
    graceMs: found.LIVEDROP_GRACE_MS,
    logLevel: found.LIVEDROP_LOG_LEVEL,
    limits: limitsOf(found.LIVEDROP_LIMITS ?? (found.NODE_ENV === 'production' ? 'all' : 'users'), {
      messages: found.LIVEDROP_LIMIT_MESSAGES,
      orders: found.LIVEDROP_LIMIT_ORDERS,
      reads: found.LIVEDROP_LIMIT_READS,
      writes: found.LIVEDROP_LIMIT_WRITES,
      admin: found.LIVEDROP_LIMIT_ADMIN,
      passwords: found.LIVEDROP_LIMIT_PASSWORDS,
      signIns: found.LIVEDROP_LIMIT_SIGN_INS,
      handshakes: found.LIVEDROP_LIMIT_HANDSHAKES,
      socketsPerUser: found.LIVEDROP_SOCKETS_PER_USER,
      socketsPerAddress: found.LIVEDROP_SOCKETS_PER_ADDRESS,
      socketsMax: found.LIVEDROP_SOCKETS_MAX,
      loopDelayMaxMs: found.LIVEDROP_LOOP_DELAY_MAX_MS,
    }),
    trustedProxies: found.LIVEDROP_TRUSTED_PROXIES,
  }
}

/** For who works on Postgres alone: undefined where it is not set, and nothing else is looked at. */
export function readDatabaseUrl(
  environment: Environment,
  readFile: (path: string) => string = readText,
): string | undefined {
  const { DATABASE_URL, DATABASE_URL_FILE } = environment
  const { values, objections } = gather({ DATABASE_URL, DATABASE_URL_FILE }, readFile)
  if (values.DATABASE_URL === undefined && objections.length === 0) return undefined

  const read = environmentSchema.pick({ DATABASE_URL: true }).safeParse(values)
  if (!read.success) objections.push(...read.error.issues.map((issue) => objectionOf(issue, values)))
  if (!read.success || objections.length > 0) throw misconfigured(objections)

  return read.data.DATABASE_URL
}

/** A markdown table of every setting, for people: what `livedrop config docs` prints. */
export function describeConfig(): string {
  const rows = SETTINGS.map((name) => {
    const { description = '', secret } = notesOn(name)
    const names = secret === true ? `\`${name}\` or \`${name}_FILE\`` : `\`${name}\``
    return `| ${names} | ${defaultOf(name) ?? 'required'} | ${description} |`
  })
  return ['| variable | default | meaning |', '|---|---|---|', ...rows].join('\n')
}

/** An empty variable is one that is not set: that is what `VAR= command` and a blank line in a compose file mean. */
function gather(environment: Environment, readFile: (path: string) => string) {
  const values: Partial<Record<Setting, string>> = {}
  const objections: Objection[] = []
  for (const name of SETTINGS) {
    const value = environment[name] || undefined
    const { secret, mayBeAway } = notesOn(name)
    const path = secret === true ? environment[`${name}_FILE`] || undefined : undefined
    if (value !== undefined && path !== undefined) {
      objections.push({ variable: name, message: `is set twice, once by ${name}_FILE` })
    }
    try {
      const read = value ?? (path === undefined ? undefined : readFile(path).replace(/\r?\n$/, ''))
      if (read !== undefined && !(read === '' && mayBeAway === true)) values[name] = read
    } catch (error) {
      if (mayBeAway === true && isMissing(error)) continue
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

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}

function keysOf(found: z.output<typeof environmentSchema>): KeyMaterial {
  const keys: KeyMaterial = { secret: found.LIVEDROP_JWT_SECRET }
  if (found.LIVEDROP_JWT_SECRET_PREVIOUS !== undefined) keys.previousSecret = found.LIVEDROP_JWT_SECRET_PREVIOUS
  if (found.LIVEDROP_JWT_KEY !== undefined) keys.privateKey = found.LIVEDROP_JWT_KEY
  if (found.LIVEDROP_JWT_KEY_PREVIOUS !== undefined) keys.previousPrivateKey = found.LIVEDROP_JWT_KEY_PREVIOUS
  return keys
}

function tlsOf(found: z.output<typeof environmentSchema>): CertificateFiles | undefined {
  const { LIVEDROP_TLS_CERT: certificate, LIVEDROP_TLS_KEY: key } = found
  return certificate === undefined || key === undefined ? undefined : { certificate, key }
}

function issuerOf(found: z.output<typeof environmentSchema>): Issuer | undefined {
  const { LIVEDROP_JWKS_URL: url, LIVEDROP_JWT_ISSUER: issuer, LIVEDROP_JWT_AUDIENCE: audience } = found
  return url === undefined || issuer === undefined || audience === undefined ? undefined : { url, issuer, audience }
}

function readText(path: string): string {
  return readFileSync(path, 'utf8')
}
