/**
 * Every setting of a node: its name, its form, its default and what it is for. The reader (server/config.ts) and the
 * documentation are made from this one list.
 */
import { z } from 'zod'
import { isNatsUrl } from '../bus/nats-address.ts'
import { isNodeId } from '../protocol/ids.ts'
import { isAddressOrNetwork } from './inbound/addresses.ts'
import { isSigningKey } from './inbound/key-ring.ts'
import { isPace, LIMIT_SCOPES, paceOf } from './limits.ts'
import { LOG_LEVELS } from './log.ts'
import type { Place } from './metrics/exposition.ts'

const PLACE = /^(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9._-]{1,255})):(\d{1,5})$/

export const ENVIRONMENTS = ['development', 'test', 'production'] as const

const urlOf = (what: string, ...schemes: string[]) =>
  z.string().refine((text) => schemes.includes(schemeOf(text)), `${what} (${schemes.join(', ')})`)

/** Shown as it is written; read as a pace. */
const paceSetting = (otherwise: string, description: string) =>
  z
    .string()
    .refine(isPace, '`off`, or how often and how many at once, such as 20/s:40 (s, min, h)')
    .transform(paceOf)
    .prefault(otherwise)
    .meta({ otherwise, description })

const countSetting = (otherwise: number, description: string) =>
  z
    .string()
    .regex(/^[1-9]\d{0,8}$/, 'a whole number, 1 or more')
    .transform(Number)
    .prefault(String(otherwise))
    .meta({ description })

/** In the order of the documentation. `secret` ones may come from a file. */
const settings = {
  REDIS_URL: urlOf('a Redis URL', 'redis:', 'rediss:').meta({ secret: true, description: 'Where the ledger is.' }),
  NATS_URL: z
    .string()
    .refine(isNatsUrl, 'a NATS URL (nats:, tls:), or several of one cluster, comma-separated')
    .meta({ secret: true, description: 'Where nodes meet; several servers of one cluster, comma-separated.' }),
  DATABASE_URL: urlOf('a Postgres URL', 'postgres:', 'postgresql:').meta({
    secret: true,
    description: 'Where everything durable is.',
  }),
  LIVEDROP_JWT_SECRET: z
    .string()
    .refine((secret) => Buffer.byteLength(secret) >= 32, 'at least 32 bytes')
    .meta({
      secret: true,
      description:
        'Keys resume tickets and, without LIVEDROP_JWT_KEY, signs access tokens (HS256); at least 32 bytes, the same on every node.',
    }),
  LIVEDROP_JWT_SECRET_PREVIOUS: z
    .string()
    .refine((secret) => Buffer.byteLength(secret) >= 32, 'at least 32 bytes')
    .optional()
    .meta({
      ...{ secret: true, mayBeAway: true, otherwise: 'none' },
      description: 'While secrets are being changed: the one before, whose tokens and tickets are still good.',
    }),
  LIVEDROP_JWT_KEY: z
    .string()
    .refine(isSigningKey, 'an Ed25519 private key in PEM')
    .optional()
    .meta({
      ...{ secret: true, otherwise: 'none' },
      description:
        'Signs access tokens (EdDSA) that others can check by `/.well-known/jwks.json`; the same on every node.',
    }),
  LIVEDROP_JWT_KEY_PREVIOUS: z
    .string()
    .refine(isSigningKey, 'an Ed25519 private key in PEM')
    .optional()
    .meta({
      ...{ secret: true, mayBeAway: true, otherwise: 'none' },
      description: 'While keys are being changed: the one before.',
    }),
  LIVEDROP_JWKS_URL: urlOf('a URL', 'https:', 'http:').optional().meta({
    otherwise: 'none',
    description: 'Keys of an issuer elsewhere, whose access tokens are taken instead of our own; https in production.',
  }),
  LIVEDROP_JWT_ISSUER: z
    .string()
    .max(256)
    .optional()
    .meta({ otherwise: 'none', description: 'With LIVEDROP_JWKS_URL: what `iss` must be.' }),
  LIVEDROP_JWT_AUDIENCE: z
    .string()
    .max(256)
    .optional()
    .meta({ otherwise: 'none', description: 'With LIVEDROP_JWKS_URL: what `aud` must be.' }),
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
  LIVEDROP_METRICS: z
    .string()
    .refine(isPlace, '`off`, or an address and a port such as 127.0.0.1:9464')
    .transform(placeOf)
    .prefault('off')
    .meta({
      description:
        'Where `/metrics` is served to a scraper, in plain HTTP and to anybody: loopback or a private network.',
      otherwise: 'off',
    }),
  LIVEDROP_TLS_CERT: z
    .string()
    .min(1)
    .optional()
    .meta({
      ...{
        otherwise: 'none',
        description: 'A PEM file, the chain: the port speaks TLS. Read again every ten seconds.',
      },
    }),
  LIVEDROP_TLS_KEY: z
    .string()
    .min(1)
    .optional()
    .meta({
      ...{ otherwise: 'none', description: 'With LIVEDROP_TLS_CERT: the PEM file of its private key.' },
    }),
  LIVEDROP_TRUST_PROXY_TLS: z.enum(['on', 'off']).default('off').meta({
    description: 'In production, without LIVEDROP_TLS_CERT: `on` says that a proxy in front speaks TLS.',
  }),
  LIVEDROP_ORIGINS: z
    .string()
    .transform(splitList)
    .refine((origins) => origins.every(isOrigin), 'a comma-separated list of origins such as https://shop.example.com')
    .prefault('')
    .meta({
      description: 'Web pages that may connect, besides those this node serves itself: origins, comma-separated.',
      otherwise: 'none',
    }),
  LIVEDROP_SOCKETIO: z.enum(['on', 'off']).default('on').meta({
    description:
      'Socket.IO at `/socket.io/`, with two more Redis connections. Polling needs a balancer that keeps a client on its node.',
  }),
  LIVEDROP_DOCS: z.enum(['on', 'off']).default('on').meta({
    description: 'Whether `/docs` and `/docs/ws` show the contract in a browser; the documents are there either way.',
  }),
  LIVEDROP_PICTURES: z.string().min(1).optional().meta({
    description: 'A folder whose pictures (svg, png, jpg, webp) are served under `/pictures/`.',
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
  LIVEDROP_GRACE_MS: z
    .string()
    .regex(/^\d{4,6}$/, 'milliseconds, 1000 to 600000')
    .transform(Number)
    .refine((ms) => ms >= 1_000 && ms <= 600_000, 'milliseconds, 1000 to 600000')
    .prefault('20000')
    .meta({
      description: 'Time for leaving in order after SIGTERM; when it is over the node ends anyway.',
      otherwise: '20000',
    }),
  LIVEDROP_LOG_LEVEL: z
    .enum(LOG_LEVELS)
    .default('info')
    .meta({ description: 'The least important line that is written.' }),
  LIVEDROP_LIMITS: z.enum(LIMIT_SCOPES).optional().meta({
    description: 'Which limits hold: `all`; `users`: none per address or for the whole node; `none`: for measuring.',
    otherwise: 'users, in production all',
  }),
  LIVEDROP_LIMIT_MESSAGES: paceSetting('20/s:40', 'Of a socket: 20 a second, and 40 at once. `off` for no limit.'),
  LIVEDROP_LIMIT_ORDERS: paceSetting('5/s:10', 'Of a user over all sockets, per node that owns the drops.'),
  LIVEDROP_LIMIT_READS: paceSetting('50/s:100', 'REST: of a user, and of an address for what anybody may ask.'),
  LIVEDROP_LIMIT_WRITES: paceSetting('10/s:20', 'REST: of a user.'),
  LIVEDROP_LIMIT_ADMIN: paceSetting('2/s:20', 'REST: what an administrator does and reads as one.'),
  LIVEDROP_LIMIT_PASSWORDS: paceSetting('2/min:10', 'Attempts on one account from one address, over all nodes.'),
  LIVEDROP_LIMIT_SIGN_INS: paceSetting('1/s:60', 'Of an address: log in (over all nodes), register, refresh.'),
  LIVEDROP_LIMIT_HANDSHAKES: paceSetting('20/s:40', 'New sockets of an address.'),
  LIVEDROP_SOCKETS_PER_USER: countSetting(8, 'On one node; one more closes the oldest with 3504.'),
  LIVEDROP_SOCKETS_PER_ADDRESS: countSetting(100, 'On one node.'),
  LIVEDROP_SOCKETS_MAX: countSetting(50_000, 'On one node; the process needs as many file descriptors.'),
  LIVEDROP_LOOP_DELAY_MAX_MS: countSetting(200, 'A node whose loop is later (p99) takes no new sockets.'),
  LIVEDROP_TRUSTED_PROXIES: z
    .string()
    .transform(splitList)
    .refine((entries) => entries.every(isAddressOrNetwork), 'a comma-separated list of addresses or networks')
    .prefault('')
    .meta({
      description: 'Whose `X-Forwarded-For` is believed: addresses or networks such as 10.0.0.0/8, comma-separated.',
      otherwise: 'none',
    }),
}
export const environmentSchema = z.object(settings)
export type Setting = keyof typeof settings
export const SETTINGS = Object.keys(settings) as Setting[]

export interface SettingNotes {
  description?: string
  secret?: boolean
  /** The file of this secret may be missing or empty: then it is not set. */
  mayBeAway?: boolean
  /** The default, where the schema cannot say it. */
  otherwise?: string
}

export function notesOn(name: Setting): SettingNotes {
  return settings[name].meta() ?? {}
}

/** The default in words; undefined for what must be given. */
export function defaultOf(name: Setting): string | undefined {
  const { otherwise } = notesOn(name)
  if (otherwise !== undefined) return otherwise

  const read = settings[name].safeParse(undefined)
  return read.success ? String(read.data) : undefined
}

function schemeOf(text: string): string {
  return URL.canParse(text) ? new URL(text).protocol : ''
}

/** Of `address:port`, `[address]:port` with IPv6; undefined for `off`. */
function placeOf(text: string): Place | undefined {
  const [, inBrackets, plain, port] = PLACE.exec(text) ?? []
  const host = inBrackets ?? plain
  return host === undefined ? undefined : { host, port: Number(port) }
}

function isPlace(text: string): boolean {
  return text === 'off' || (placeOf(text)?.port ?? Number.POSITIVE_INFINITY) <= 65_535
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
