/** Settings, and that nothing secret is ever said about them. */
import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { nodeSettings } from '../cli/settings.ts'
import { Fault } from '../protocol/faults.ts'
import { describeConfig, type Environment, readConfig, readDatabaseUrl } from '../server/config.ts'
import { makeLog } from '../server/log.ts'
import { SETTINGS } from '../server/settings.ts'

const SECRET = '9f1c0b7e5a3d42688d6e01f7a2b4c39e'
const base = {
  REDIS_URL: 'redis://127.0.0.1:6379/0',
  NATS_URL: 'nats://127.0.0.1:4222',
  DATABASE_URL: 'postgres://livedrop@127.0.0.1:5432/livedrop',
  LIVEDROP_JWT_SECRET: SECRET,
}
const production = {
  NODE_ENV: 'production',
  REDIS_URL: 'redis://ld:Xk29fmQ0@redis:6379',
  NATS_URL: 'nats://ld:Xk29fmQ0@nats:4222',
  DATABASE_URL: 'postgres://ld:Xk29fmQ0@db:5432/livedrop',
  LIVEDROP_JWT_SECRET: SECRET,
  LIVEDROP_TRUST_PROXY_TLS: 'on',
}

const issuer = {
  LIVEDROP_JWKS_URL: 'https://id.example.com/jwks',
  LIVEDROP_JWT_ISSUER: 'https://id.example.com',
  LIVEDROP_JWT_AUDIENCE: 'livedrop',
}
const pemOf = (type: 'ed25519' | 'ed448') =>
  generateKeyPairSync(type as 'ed25519')
    .privateKey.export({ format: 'pem', type: 'pkcs8' })
    .toString()

function problems(environment: Environment, readFile?: (path: string) => string): string[] {
  try {
    readConfig(environment, readFile)
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'misconfigured') throw error
    for (const line of error.facts.problems as string[]) expect(error.message).toContain(line)
    return error.facts.problems as string[]
  }
  return []
}

describe('settings', () => {
  it('[CC9] serve Socket.IO unless it is switched off', () => {
    expect(readConfig(base).socketIo).toBe(true)
    expect(readConfig({ ...base, LIVEDROP_SOCKETIO: 'off' }).socketIo).toBe(false)
    expect(problems({ ...base, LIVEDROP_SOCKETIO: 'no' })).toEqual(['LIVEDROP_SOCKETIO must be one of on, off'])
  })

  it('[G1] four must be given, and the others have defaults', () => {
    const config = readConfig(base)

    expect(config).toMatchObject({ host: '127.0.0.1', port: 8080, prefix: 'ld', origins: [], logLevel: 'info' })
    expect(config.nodeId).toMatch(/^node-[0-9a-f]{10}$/)
    expect(readConfig(base).nodeId).not.toBe(config.nodeId)
    expect(readConfig(production).host).toBe('0.0.0.0')
  })

  it('[G1] everything that is wrong is said at once', () => {
    expect(problems({ LIVEDROP_PORT: '80800', NODE_ENV: 'prod', LIVEDROP_PREFIX: 'LD*' })).toEqual([
      'REDIS_URL is not set',
      'NATS_URL is not set',
      'DATABASE_URL is not set',
      'LIVEDROP_JWT_SECRET is not set',
      'NODE_ENV must be one of development, test, production',
      'LIVEDROP_PORT must be a port, 0 to 65535',
      'LIVEDROP_PREFIX must be a letter a-z, then up to 31 of a-z 0-9 -',
    ])
  })

  it('[G1] an empty variable is one that is not set', () => {
    expect(problems({ ...base, REDIS_URL: '' })).toEqual(['REDIS_URL is not set'])
    expect(readConfig({ ...base, LIVEDROP_PORT: '' }).port).toBe(8080)
  })

  it.each([
    ['REDIS_URL', 'http://127.0.0.1'],
    ['REDIS_URL', 'hunter2'],
    ['NATS_URL', 'redis://hunter2@x'],
    ['DATABASE_URL', 'mysql://u:hunter2@x/y'],
    ['LIVEDROP_JWT_SECRET', 'hunter2'],
    ['LIVEDROP_JWT_SECRET', 'hunter2'.padEnd(31, 'x')],
    ['LIVEDROP_JWT_KEY', '-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----'],
    ['LIVEDROP_PORT', '-1'],
    ['LIVEDROP_PORT', '1e3'],
    ['LIVEDROP_PORT', 'hunter2'],
    ['LIVEDROP_HOST', 'hunter2 x'],
    ['LIVEDROP_ORIGINS', 'https://a.example/hunter2'],
    ['LIVEDROP_ORIGINS', 'hunter2'],
    ['LIVEDROP_NODE_ID', 'Hunter2.'],
    ['LIVEDROP_LOG_LEVEL', 'hunter2'],
    ['LIVEDROP_LIMITS', 'hunter2'],
    ['LIVEDROP_LIMIT_ORDERS', 'hunter2/s:1'],
    ['LIVEDROP_SOCKETS_MAX', '0hunter2'],
    ['LIVEDROP_TRUSTED_PROXIES', '10.0.0.1, hunter2'],
    ['NODE_ENV', 'hunter2'],
  ])('[G2] names %s and never the value it has (%s)', (variable, value) => {
    const said = problems({ ...base, [variable]: value })

    expect(said).toHaveLength(1)
    expect(said[0]).toMatch(new RegExp(`^${variable} `))
    expect(said[0]?.toLowerCase()).not.toContain('hunter2')
  })

  it('[OO4] NATS may be several servers, in production too', () => {
    const cluster = 'nats://ld:Xk29fmQ0@a:4222, nats://b:4222'

    expect(readConfig({ ...base, NATS_URL: cluster }).natsUrl).toBe(cluster)
    expect(problems({ ...production, NATS_URL: cluster })).toEqual([])
    expect(problems({ ...base, NATS_URL: 'nats://a:4222,redis://b' })).toHaveLength(1)
  })

  it('[OO6] what is set where `livedrop up` is called is set for its nodes, but for what it decides itself', () => {
    const given = { LIVEDROP_ORIGINS: 'http://localhost:5173', LIVEDROP_DOCS: '', LIVEDROP_LIMIT_ORDERS: 'off' }
    const own = { LIVEDROP_PORT: '8085', LIVEDROP_NODE_ID: 'mine', LIVEDROP_JWT_SECRET: SECRET }

    expect(nodeSettings({ ...given, ...own, PATH: '/bin', REDIS_URL: 'redis://a', NODE_ENV: 'production' })).toEqual({
      LIVEDROP_ORIGINS: 'http://localhost:5173',
      LIVEDROP_LIMIT_ORDERS: 'off',
    })
  })

  it('[G7] who works on Postgres alone is asked for nothing else, and for that as strictly', () => {
    const url = 'postgres://livedrop@127.0.0.1/livedrop'
    const file = () => `${url}\n`

    expect(readDatabaseUrl({ NODE_ENV: 'production', REDIS_URL: 'nonsense', DATABASE_URL: url })).toBe(url)
    expect(readDatabaseUrl({ DATABASE_URL_FILE: '/run/secrets/database' }, file)).toBe(url)
    expect(readDatabaseUrl({ DATABASE_URL: '' })).toBeUndefined()
    expect(() => readDatabaseUrl({ DATABASE_URL: 'mysql://a' })).toThrow('must be a Postgres URL')
    expect(() => readDatabaseUrl({ DATABASE_URL: url, DATABASE_URL_FILE: '/run/secrets/database' }, file)).toThrow(
      'is set twice',
    )
  })

  it('[G3] a secret may come from a file, from one place only', () => {
    const { LIVEDROP_JWT_SECRET: _, ...rest } = base
    const file = { ...rest, LIVEDROP_JWT_SECRET_FILE: '/run/secrets/jwt' }

    expect(readConfig(file, () => `${SECRET}\n`).jwtSecret).toBe(SECRET)
    expect(problems({ ...base, ...file }, () => SECRET)).toEqual([
      'LIVEDROP_JWT_SECRET is set twice, once by LIVEDROP_JWT_SECRET_FILE',
    ])
    const missing = problems({ ...rest, LIVEDROP_JWT_SECRET_FILE: `/no/${SECRET}` })
    expect(missing).toContain('LIVEDROP_JWT_SECRET_FILE cannot be read')
    expect(missing.join()).not.toContain(SECRET)
  })

  it.each<[string, Environment, string]>([
    ['a repeated byte', { LIVEDROP_JWT_SECRET: 'a'.repeat(64) }, 'LIVEDROP_JWT_SECRET'],
    ['few different bytes', { LIVEDROP_JWT_SECRET: `${'a'.repeat(40)}b` }, 'LIVEDROP_JWT_SECRET'],
    ['a repeated word', { LIVEDROP_JWT_SECRET: 'kq7Zb2mX'.repeat(4) }, 'LIVEDROP_JWT_SECRET'],
    ['a known default', { LIVEDROP_JWT_SECRET: 'changeme-9f1c0b7e5a3d42688d6e01f7' }, 'LIVEDROP_JWT_SECRET'],
    ['Redis without a password', { REDIS_URL: 'redis://redis:6379' }, 'REDIS_URL'],
    ['NATS without credentials', { NATS_URL: 'nats://nats:4222' }, 'NATS_URL'],
    ['a cluster without credentials', { NATS_URL: 'nats://a:4222,nats://b:4222' }, 'NATS_URL'],
    ['a default password of one', { NATS_URL: 'nats://ld:Xk29fmQ0@a:4222,nats://ld:nats@b:4222' }, 'NATS_URL'],
    ['a default password', { DATABASE_URL: 'postgres://ld:postgres@db/livedrop' }, 'DATABASE_URL'],
    ['a default password in escapes', { DATABASE_URL: 'postgres://ld:%70ostgres@db/livedrop' }, 'DATABASE_URL'],
    ['a broken escape', { DATABASE_URL: 'postgres://ld:%zz@db/livedrop' }, ''],
    [
      'a default as the previous secret',
      { LIVEDROP_JWT_SECRET_PREVIOUS: 'changeme'.repeat(5) },
      'LIVEDROP_JWT_SECRET_PREVIOUS',
    ],
    ['keys that come by http', { ...issuer, LIVEDROP_JWKS_URL: 'http://id.example.com/jwks' }, 'LIVEDROP_JWKS_URL'],
    ['a plain port to the world', { LIVEDROP_TRUST_PROXY_TLS: 'off' }, 'LIVEDROP_TLS_CERT'],
    ['no limits at all', { LIVEDROP_LIMITS: 'none' }, 'LIVEDROP_LIMITS'],
    ['any origin', { LIVEDROP_ORIGINS: 'https://shop.example.com, *' }, 'LIVEDROP_ORIGINS'],
  ])('[G4] production refuses %s', (_, change, variable) => {
    const said = problems({ ...production, ...change })

    expect(said.map((line) => line.split(' ')[0])).toEqual(variable === '' ? [] : [variable])
    expect(problems({ ...base, ...change, NODE_ENV: 'development' })).toEqual([])
  })

  it('[AA18] what signs tokens and what checks them is given once, and whole', () => {
    const LIVEDROP_JWT_KEY = pemOf('ed25519')
    const LIVEDROP_JWT_KEY_PREVIOUS = pemOf('ed25519')

    expect(readConfig({ ...base, LIVEDROP_JWT_KEY, LIVEDROP_JWT_KEY_PREVIOUS }).keys).toEqual({
      ...{ secret: SECRET, privateKey: LIVEDROP_JWT_KEY, previousPrivateKey: LIVEDROP_JWT_KEY_PREVIOUS },
    })
    expect(readConfig({ ...base, ...issuer }).issuer).toMatchObject({ audience: 'livedrop' })
    expect(problems({ ...base, LIVEDROP_JWKS_URL: issuer.LIVEDROP_JWKS_URL })).toEqual([
      'LIVEDROP_JWT_ISSUER is not set, and LIVEDROP_JWKS_URL is',
      'LIVEDROP_JWT_AUDIENCE is not set, and LIVEDROP_JWKS_URL is',
    ])
    expect(problems({ ...base, LIVEDROP_JWT_ISSUER: 'x' })).toEqual([
      'LIVEDROP_JWT_ISSUER is set, and LIVEDROP_JWKS_URL is not',
    ])
    expect(problems({ ...base, ...issuer, LIVEDROP_JWT_KEY })).toEqual([
      'LIVEDROP_JWT_KEY signs tokens here, and LIVEDROP_JWKS_URL says that others do',
    ])
    expect(problems({ ...base, LIVEDROP_JWT_KEY_PREVIOUS })).toEqual([
      'LIVEDROP_JWT_KEY is not set, and LIVEDROP_JWT_KEY_PREVIOUS is',
    ])
    expect(problems({ ...base, LIVEDROP_JWT_KEY: pemOf('ed448') })).toEqual([
      'LIVEDROP_JWT_KEY must be an Ed25519 private key in PEM',
    ])
  })

  it('[AA3] the file of a previous key may be away or empty, no other file may', () => {
    const away = () => {
      throw Object.assign(new Error('no such file'), { code: 'ENOENT' })
    }
    const forbidden = () => {
      throw Object.assign(new Error('not yours'), { code: 'EACCES' })
    }
    const file = { ...base, LIVEDROP_JWT_SECRET_PREVIOUS_FILE: '/run/secrets/previous' }

    expect(readConfig(file, away).keys).toEqual({ secret: SECRET })
    expect(readConfig(file, () => '\n').keys).toEqual({ secret: SECRET })
    expect(readConfig(file, () => `${SECRET}x`).keys).toEqual({ secret: SECRET, previousSecret: `${SECRET}x` })
    expect(problems(file, forbidden)).toEqual(['LIVEDROP_JWT_SECRET_PREVIOUS_FILE cannot be read'])
    expect(problems({ ...base, LIVEDROP_JWT_KEY_FILE: '/run/secrets/key' }, away)).toEqual([
      'LIVEDROP_JWT_KEY_FILE cannot be read',
    ])
  })

  it('[KK1] a certificate and its key come together', () => {
    const tls = { LIVEDROP_TLS_CERT: '/tls/chain.pem', LIVEDROP_TLS_KEY: '/tls/key.pem' }

    expect(readConfig({ ...production, ...tls, LIVEDROP_TRUST_PROXY_TLS: 'off' })).toMatchObject({
      ...{ tls: { certificate: '/tls/chain.pem', key: '/tls/key.pem' }, httpsOnly: true },
    })
    expect(readConfig(base)).toMatchObject({ tls: undefined, httpsOnly: false })
    expect(problems({ ...base, LIVEDROP_TLS_CERT: '/tls/hunter2' })).toEqual([
      'LIVEDROP_TLS_KEY is not set, and LIVEDROP_TLS_CERT is',
    ])
    expect(problems({ ...base, LIVEDROP_TLS_KEY: '/tls/hunter2' })).toEqual([
      'LIVEDROP_TLS_CERT is not set, and LIVEDROP_TLS_KEY is',
    ])
  })

  it('[G5] the documentation is made from the schema', () => {
    const table = describeConfig()

    expect(table).toContain('| `REDIS_URL` or `REDIS_URL_FILE` | required | Where the ledger is. |')
    expect(table).toContain('| `LIVEDROP_PORT` | 8080 |')
    expect(table).toContain('| `LIVEDROP_PREFIX` | ld |')
    expect(table).toContain('| `LIVEDROP_HOST` | 127.0.0.1, in production 0.0.0.0 |')
    expect(table).toContain('| `LIVEDROP_NODE_ID` | random |')
    expect(table).toContain('| `LIVEDROP_LIMIT_ORDERS` | 5/s:10 |')
    expect(table.split('\n')).toHaveLength(2 + SETTINGS.length)
  })
})

describe('the limits', () => {
  const perUser = ['messages', 'orders', 'reads', 'writes', 'admin', 'passwords', 'socketsPerUser']
  const others = ['anonymous', 'signIns', 'handshakes', 'socketsPerAddress', 'socketsMax', 'loopDelayMaxMs']
  const holding = (environment: Environment) =>
    Object.entries(readConfig(environment).limits).flatMap(([name, limit]) => (limit === undefined ? [] : [name]))

  it('[Q17] all hold in production; elsewhere those of a user and a socket; none where it is asked for', () => {
    expect(holding(production).sort()).toEqual([...perUser, ...others].sort())
    expect(holding(base).sort()).toEqual([...perUser].sort())
    expect(holding({ ...base, LIVEDROP_LIMITS: 'all' }).sort()).toEqual([...perUser, ...others].sort())
    expect(holding({ ...production, LIVEDROP_LIMITS: 'users' }).sort()).toEqual([...perUser].sort())
    expect(holding({ ...base, LIVEDROP_LIMITS: 'none' })).toEqual([])
  })

  it('[Q17] are settings, each by itself', () => {
    const { limits, trustedProxies } = readConfig({
      ...production,
      ...{ LIVEDROP_LIMIT_MESSAGES: '100/s:200', LIVEDROP_LIMIT_ORDERS: 'off', LIVEDROP_SOCKETS_PER_ADDRESS: '5000' },
      LIVEDROP_TRUSTED_PROXIES: '10.0.0.0/8, ::1',
    })

    expect(limits).toMatchObject({ messages: { intervalMs: 10, burst: 200 }, orders: undefined, socketsPerUser: 8 })
    expect([limits.socketsPerAddress, limits.signIns]).toEqual([5_000, { intervalMs: 1_000, burst: 60 }])
    expect(trustedProxies).toEqual(['10.0.0.0/8', '::1'])
  })
})

describe('the log', () => {
  const SECRET_NAMES = [
    ...['authorization', 'Authorization', 'proxy-authorization', 'cookie', 'Cookie', 'set-cookie', 'Set-Cookie'],
    ...['token', 'refreshToken', 'ticket', 'key', 'password', 'newPassword', 'passwordHash', 'secret', 'jwtSecret'],
    ...['previousSecret', 'privateKey', 'previousPrivateKey', 'redisUrl', 'natsUrl', 'databaseUrl'],
  ]

  it('[G6, AA17] cuts out what is secret, by its name', () => {
    const written: string[] = []
    const log = makeLog({ level: 'debug', node: 'node-1', to: { write: (line) => void written.push(line) } })
    const secret = 'hunter2'

    log.info('signed.in', { token: secret, headers: { authorization: secret, cookie: secret } })
    log.warn('order.sent', { order: { claim: { key: secret, password: secret } }, drop: 'd1' })
    log.error('broke', { cause: new Fault('unavailable', { password: secret, host: 'h' }) })
    log.debug('config', { config: { jwtSecret: secret, redisUrl: secret } })
    for (const name of SECRET_NAMES) {
      log.info('deep', { [name]: secret, one: { [name]: secret, two: { [name]: secret } } })
    }

    expect(written.join('')).not.toContain(secret)
    const lines = written.map((line) => JSON.parse(line))
    expect(lines[0]).toMatchObject({ level: 'info', node: 'node-1', event: 'signed.in', token: '[cut]' })
    expect(lines[1]).toMatchObject({ level: 'warn', drop: 'd1' })
    expect(lines[2]).toMatchObject({ level: 'error', cause: { code: 'unavailable', facts: { host: 'h' } } })
    expect(lines).toHaveLength(4 + SECRET_NAMES.length)
  })

  it('[G6] says nothing below its level', () => {
    const written: string[] = []
    const log = makeLog({ level: 'warn', to: { write: (line) => void written.push(line) } })

    log.info('nothing')
    log.warn('something')

    expect(written).toHaveLength(1)
  })
})
