/** Every kind of key a token can be signed by: the same forgeries against each, and keys that change while it runs. */
import { createHmac, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { changePassword, login, refresh, register } from '../protocol/api/auth.ts'
import type { UserId } from '../protocol/ids.ts'
import { apiRoutes } from '../server/api/routes.ts'
import { ASK_AGAIN_MS, IssuerKeys } from '../server/inbound/issuer-keys.ts'
import { ISSUER, KeyRing, SIGN_AFTER_MS } from '../server/inbound/key-ring.ts'
import { READ_EVERY_MS, watchKeys } from '../server/inbound/key-watch.ts'
import { Tickets } from '../server/inbound/tickets.ts'
import type { KeySource } from '../server/inbound/token-keys.ts'
import { Tokens } from '../server/inbound/tokens.ts'
import { HandClock, START_MS, settled } from './builders/hand-clock.ts'
import { httpNode } from './builders/http-node.ts'
import { silent } from './builders/logs.ts'
import { restWorld } from './builders/rest-world.ts'

const SECRET = 'a secret for tests, 32 bytes at least, known to nobody'
const OTHER = 'another secret for tests, 32 bytes at least, and new'
const NOW_S = START_MS / 1000
const ANA = '01890a5d-ac96-774b-bcce-b302099a8057' as UserId

const segment = (text: string | Buffer) => Buffer.from(text).toString('base64url')
const pem = (key: KeyObject) =>
  key.export({ format: 'pem', type: key.type === 'private' ? 'pkcs8' : 'spki' }).toString()
const hmac = (input: string, secret: string | Buffer) => createHmac('sha256', secret).update(input).digest('base64url')
const ed = () => generateKeyPairSync('ed25519').privateKey

type Alg = 'HS256' | 'EdDSA' | 'ES256' | 'RS256'
interface Kind {
  alg: Alg
  keys: KeySource
  header: Record<string, string>
  claims: Record<string, unknown>
  sign(input: string, other?: boolean): string
  /** What an attacker may read of the key, in every form. */
  known: (string | Buffer)[]
}

function signature(alg: Alg, key: KeyObject, input: string): string {
  const hash = alg === 'EdDSA' ? null : 'sha256'
  return sign(hash, Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')
}

function formsOf(key: KeyObject): (string | Buffer)[] {
  const open = createPublicKey(key)
  const der = open.export({ format: 'der', type: 'spki' })
  const jwk = open.export({ format: 'jwk' })
  return [pem(open), pem(open).trim(), der, JSON.stringify(jwk), String(jwk.x), Buffer.from(String(jwk.x), 'base64url')]
}

const ours = { iss: ISSUER, aud: ISSUER, sub: ANA, role: 'fan', iat: NOW_S, exp: NOW_S + 60 }
const theirs = { ...ours, iss: 'https://id.example.com', aud: 'shop' }

function ringKind(alg: 'HS256' | 'EdDSA'): Kind {
  const privateKey = ed()
  const material = alg === 'HS256' ? { secret: SECRET } : { secret: SECRET, privateKey: pem(privateKey) }
  const keys = new KeyRing(material, () => START_MS)
  return {
    ...{ alg, keys, header: { ...keys.signing.header }, claims: ours },
    sign: (input, other) =>
      alg === 'HS256' ? hmac(input, other ? OTHER : SECRET) : signature(alg, other ? ed() : privateKey, input),
    known: alg === 'HS256' ? ['', keys.signing.header.kid] : [...formsOf(privateKey), SECRET],
  }
}

const PAIRS = {
  EdDSA: () => ed(),
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
}
const jwkOf = (key: KeyObject, kid: string) => ({ ...createPublicKey(key).export({ format: 'jwk' }), kid })

async function issuerKind(alg: 'EdDSA' | 'ES256' | 'RS256'): Promise<Kind> {
  const key = PAIRS[alg]()
  const other = PAIRS[alg]()
  const { keys } = issuer(() => ({ keys: [jwkOf(key, 'k1')] }))
  await keys.lookAgain()
  return {
    ...{ alg, keys, header: { alg, typ: 'JWT', kid: 'k1' }, claims: theirs },
    sign: (input, isOther) => signature(alg, isOther ? other : key, input),
    known: [...formsOf(key), SECRET],
  }
}

/** An issuer whose set is what `said` answers; a text is sent as it is, a throw is a line that is cut. */
function issuer(said: () => object | string | Promise<never>) {
  const clock = new HandClock()
  const asked: string[] = []
  const logged: string[] = []
  const log = { info: (event: string) => void logged.push(event), warn: (event: string) => void logged.push(event) }
  const fetch = async (url: string | URL | Request) => {
    asked.push(String(url))
    const body = await said()
    return new Response(typeof body === 'string' ? body : JSON.stringify(body))
  }
  const keys = new IssuerKeys({
    issuer: { url: 'https://id.example.com/jwks', issuer: theirs.iss, audience: theirs.aud },
    ...{ clock, log, fetch },
  })
  return { keys, clock, asked, logged }
}

const kinds = [
  ringKind('HS256'),
  ringKind('EdDSA'),
  ...(await Promise.all((['EdDSA', 'ES256', 'RS256'] as const).map(issuerKind))),
].map((kind) => [`${kind.keys.isOurs ? 'our' : 'an issuer’s'} ${kind.alg}`, kind] as const)

function forge(kind: Kind, claims: unknown = kind.claims, header: unknown = kind.header): string {
  const text = (part: unknown) => (typeof part === 'string' ? part : JSON.stringify(part))
  const input = `${segment(text(header))}.${segment(text(claims))}`
  return `${input}.${kind.sign(input)}`
}
const verify = ({ keys }: Kind, token: string) => new Tokens(keys, { nowMs: () => START_MS }).verify(token)

describe.each(kinds)('a token under %s', (_, kind) => {
  const good = forge(kind)
  const [head = '', body = '', signed = ''] = good.split('.')

  it('[AA1, AA5] is good when it is rightly signed', async () => {
    expect(await verify(kind, good)).toMatchObject({ user: ANA, role: 'fan' })
  })

  it('[AA6] has its header to the letter; nothing of another one is read, whoever signed it', async () => {
    const { kid = '' } = kind.header
    for (const header of [
      ...['none', 'None', 'NONE', 'nOnE', '', 'HS384', 'HS512', 'PS256', 'ES256K', 'EdDSA ', 'hs256'].map((alg) => ({
        ...kind.header,
        alg,
      })),
      ...['x', '', '../../../../dev/null', "x' or '1'='1", `${kid}\0`, ` ${kid}`, kid.toUpperCase(), [kid]].map(
        (one) => ({
          ...kind.header,
          kid: one,
        }),
      ),
      { ...kind.header, jku: 'https://evil.example.com/jwks.json' },
      { ...kind.header, x5u: 'https://evil.example.com/cert.pem' },
      { ...kind.header, x5c: ['AAAA'] },
      { ...kind.header, jwk: { kty: 'oct', k: 'YQ' } },
      { ...kind.header, crit: ['exp'] },
      { ...kind.header, crit: ['b64'], b64: false },
      { ...kind.header, zip: 'DEF' },
      { ...kind.header, cty: 'JWT' },
      { ...kind.header, typ: 'secevent+jwt' },
      { ...kind.header, alg: [kind.alg] },
      `${JSON.stringify(kind.header).slice(0, -1)},"alg":"none"}`,
      `{"alg":"none",${JSON.stringify(kind.header).slice(1)}`,
      ` ${JSON.stringify(kind.header)}`,
      ...['{}', 'null', '[]', 'not json', '\xff'],
    ]) {
      const forged = forge(kind, kind.claims, header)
      expect([header, await verify(kind, forged)]).toEqual([header, 'invalid'])
      expect(await verify(kind, `${forged.slice(0, forged.lastIndexOf('.'))}.`)).toBe('invalid')
    }
  })

  it('[AA6] has its own signature: no other key’s, no algorithm’s that takes the public key for a secret, none', async () => {
    const admin = segment(JSON.stringify({ ...kind.claims, role: 'admin' }))
    const confused = ['HS256', kind.alg].flatMap((alg) =>
      kind.known.map((key) => {
        const input = `${segment(JSON.stringify({ ...kind.header, alg }))}.${body}`
        return `${input}.${hmac(input, key)}`
      }),
    )
    for (const forged of [
      ...confused,
      ...kinds.filter(([, other]) => other !== kind).map(([, other]) => forge(other)),
      ...kinds
        .filter(([, other]) => other !== kind)
        .map(([, other]) => forge({ ...other, header: kind.header }, kind.claims)),
      `${head}.${body}.`,
      `${head}.${body}`,
      `${head}.${body}.${'A'.repeat(signed.length)}`,
      `${head}.${body}.${signed.slice(0, -1)}`,
      `${head}.${body}.${signed}AAAA`,
      `${head}.${body}.${signed}=`,
      `${head}.${body}.${signed}.${signed}`,
      `${head}.${admin}.${signed}`,
      `${head}.${body}.${kind.sign(`${head}.${body}`, true)}`,
      `${head}.${body}.${kind.sign(body)}`,
      forge(kind, good),
      JSON.stringify({ protected: head, payload: body, signature: signed }),
    ]) {
      expect([forged.slice(0, 80), await verify(kind, forged)]).toEqual([forged.slice(0, 80), 'invalid'])
    }
  })

  it('[AA6] says everything once, in its one form', async () => {
    const text = JSON.stringify(kind.claims)
    for (const claims of [
      ...['iss', 'aud', 'sub', 'iat', 'exp'].map((name) => ({ ...kind.claims, [name]: undefined })),
      ...['iss', 'aud', 'sub', 'iat', 'exp'].map((name) => ({ ...kind.claims, [name]: null })),
      { ...kind.claims, iss: 'https://evil.example.com' },
      { ...kind.claims, aud: [kind.claims.aud, 'another'] },
      { ...kind.claims, sub: 'ana' },
      { ...kind.claims, sub: ANA.replace('a', '\u0430') },
      { ...kind.claims, sub: `${ANA}\0` },
      { ...kind.claims, sub: [ANA] },
      { ...kind.claims, role: 'root' },
      { ...kind.claims, role: '__proto__' },
      { ...kind.claims, role: ['fan', 'admin'] },
      { ...kind.claims, exp: String(NOW_S + 60) },
      { ...kind.claims, exp: NOW_S + 60.5 },
      { ...kind.claims, exp: START_MS * 1000 },
      text.replace(/"exp":\d+/, '"exp":1e400'),
      { ...kind.claims, iat: NOW_S + 6 },
      { ...kind.claims, nbf: NOW_S + 6 },
      { ...kind.claims, nbf: '0' },
      `${text.slice(0, -1)},"role":"admin"}`,
      `${text.slice(0, -1)},"r\\u006fle":"admin"}`,
      `{"sub":"x",${text.slice(1)}`,
      [kind.claims],
      ...['"text"', 'null', '{', '', '1'],
    ]) {
      expect([claims, await verify(kind, forge(kind, claims))]).toEqual([claims, 'invalid'])
    }
    expect(
      await verify(kind, forge(kind, { ...kind.claims, more: { role: 'admin', at: [{ 'a:{b': '":' }] } })),
    ).toMatchObject({
      role: 'fan',
    })
  })

  it('[AA7] ends a day after its beginning at the latest, and over 4 KB it is not looked at', async () => {
    const day = 24 * 3600
    const long = forge(kind, { ...kind.claims, exp: NOW_S + 365 * day })
    expect(await verify(kind, long)).toMatchObject({ expiresAtMs: START_MS + day * 1000 })
    expect(await verify(kind, forge(kind, { ...kind.claims, iat: NOW_S - day, exp: NOW_S + day }))).toBe('expired')
    expect(await verify(kind, forge(kind, { ...kind.claims, note: 'a'.repeat(3_000) }))).toBe('invalid')
  })
})

describe('the installation’s own keys', () => {
  const users = { user: ANA, role: 'fan' } as const

  it.each([
    ['secrets', { secret: SECRET }, { secret: OTHER, previousSecret: SECRET }, { secret: OTHER }],
    ...[[pem(ed()), pem(ed())] as const].map(
      ([before, after]) =>
        [
          'private keys',
          { secret: SECRET, privateKey: before },
          { secret: OTHER, previousSecret: SECRET, privateKey: after, previousPrivateKey: before },
          { secret: OTHER, privateKey: after },
        ] as const,
    ),
  ] as const)(
    '[AA2] %s change: the new is good at once and signs later, the old is refused when it is gone',
    async (_, first, both, last) => {
      let nowMs = START_MS
      const clock = () => nowMs
      const ring = new KeyRing(first, clock)
      const tokens = new Tokens(ring, { nowMs: clock })
      const tickets = new Tickets(ring, clock)
      const ahead = new KeyRing(last, clock)
      const old = await tokens.issue(users, 3_600_000)
      const oldTicket = tickets.issue({ ...users, expiresAtMs: START_MS + 3_600_000 })
      expect(await tokens.verify(old.token)).toMatchObject({ user: ANA })

      ring.change(both)
      const settling = await tokens.issue(users, 3_600_000)
      expect(await new Tokens(new KeyRing(first, clock), { nowMs: clock }).verify(settling.token)).toMatchObject({
        user: ANA,
      })
      expect(await tokens.verify((await new Tokens(ahead, { nowMs: clock }).issue(users)).token)).toMatchObject({
        user: ANA,
      })
      expect(tickets.verify(new Tickets(ahead, clock).issue({ ...users, expiresAtMs: nowMs + 9_000 }))).toMatchObject(
        users,
      )
      expect(tickets.verify(oldTicket)).toMatchObject(users)

      nowMs += SIGN_AFTER_MS
      const young = await tokens.issue(users, 3_600_000)
      expect(await new Tokens(ahead, { nowMs: clock }).verify(young.token)).toMatchObject({ user: ANA })
      expect(await tokens.verify(old.token)).toMatchObject({ user: ANA })

      ring.change(last)
      expect([await tokens.verify(old.token), tickets.verify(oldTicket)]).toEqual(['invalid', 'invalid'])
      expect(await tokens.verify(young.token)).toMatchObject({ user: ANA })
    },
  )

  it('[AA2] a key that is replaced without the old one beside it signs at once', async () => {
    const ring = new KeyRing({ secret: SECRET }, () => START_MS)
    const tokens = new Tokens(ring, { nowMs: () => START_MS })
    const input = `${segment('{"alg":"HS256","typ":"JWT"}')}.${segment(JSON.stringify(ours))}`
    const bare = `${input}.${hmac(input, SECRET)}`
    expect(await tokens.verify(bare)).toMatchObject({ user: ANA })

    ring.change({ secret: OTHER })
    const next = await tokens.issue(users)

    expect(
      await new Tokens(new KeyRing({ secret: OTHER }), { nowMs: () => START_MS }).verify(next.token),
    ).toMatchObject({
      user: ANA,
    })
    expect(await tokens.verify(bare)).toBe('invalid') // it was remembered
  })

  it('[AA3] are read again every ten seconds; what cannot be read changes nothing, and is said once without a value', async () => {
    const clock = new HandClock()
    const ring = new KeyRing({ secret: SECRET }, clock.nowMs)
    const said: string[] = []
    const keep = (event: string, facts?: object) => void said.push(`${event} ${JSON.stringify(facts)}`)
    let material: () => { secret: string } = () => ({ secret: SECRET })
    const watch = watchKeys(
      { read: () => material(), ring, clock, log: { info: keep, warn: keep, error: keep } },
      { secret: SECRET },
    )
    const { kid } = ring.signing.header

    await clock.advance(READ_EVERY_MS)
    material = () => {
      throw new Error('cannot be read')
    }
    await clock.advance(3 * READ_EVERY_MS)
    expect(ring.signing.header.kid).toBe(kid)
    material = () => ({ secret: OTHER })
    await clock.advance(READ_EVERY_MS - 1)
    expect(ring.signing.header.kid).toBe(kid)
    await clock.advance(1)
    expect(ring.signing.header.kid).not.toBe(kid)
    await watch.stop()
    material = () => ({ secret: SECRET })
    await clock.advance(READ_EVERY_MS)

    expect(ring.signing.header.kid).not.toBe(kid)
    expect(said.map((line) => line.split(' ')[0])).toEqual(['keys.not_read', 'keys.changed'])
    expect(said.join()).not.toContain(OTHER)
  })

  it('[AA4] are public by half where they have halves, current and previous; a secret has none', async () => {
    const [current, previous] = [ed(), ed()]
    const ring = new KeyRing({ secret: SECRET, privateKey: pem(current), previousPrivateKey: pem(previous) })
    const { token } = await new Tokens(ring).issue(users)

    expect(new KeyRing({ secret: SECRET, previousSecret: OTHER }).publicKeys).toEqual([])
    expect(ring.publicKeys.map((jwk) => Object.keys(jwk).sort())).toEqual(
      Array.from({ length: 2 }, () => ['alg', 'crv', 'kid', 'kty', 'use', 'x']),
    )
    expect(ring.publicKeys.map(({ x }) => x)).toEqual([current, previous].map((key) => jwkOf(key, '').x))
    const others = issuer(() => ({ keys: ring.publicKeys }))
    const reader = new IssuerKeys({
      ...{
        clock: others.clock,
        log: silent,
        fetch: async () => new Response(JSON.stringify({ keys: ring.publicKeys })),
      },
      issuer: { url: 'https://us.example.com', issuer: ISSUER, audience: ISSUER },
    })
    expect(await new Tokens(reader).verify(token)).toMatchObject({ user: ANA })
    for (const bad of [SECRET, pem(createPublicKey(current)), pem(PAIRS.RS256())]) {
      expect(() => new KeyRing({ secret: SECRET, privateKey: bad })).toThrow(/^LIVEDROP_JWT_KEY must be an Ed25519/)
    }
  })
})

describe('an issuer’s keys', () => {
  const token = (key: KeyObject, kid: string) => {
    const input = `${segment(JSON.stringify({ kid, alg: 'EdDSA' }))}.${segment(JSON.stringify(theirs))}`
    return `${input}.${signature('EdDSA', key, input)}`
  }

  it('[AA5] are asked for again when a header is unknown, but not often, and one at a time', async () => {
    const [first, second] = [ed(), ed()]
    let set = [jwkOf(first, 'k1')]
    const { keys, clock, asked } = issuer(() => ({ keys: set }))
    const tokens = new Tokens(keys, { nowMs: () => START_MS })

    const both = await Promise.all([tokens.verify(token(first, 'k1')), tokens.verify(token(first, 'k1'))])
    expect([both[0], asked.length]).toEqual([expect.objectContaining({ user: ANA, role: 'fan' }), 1])
    set = [jwkOf(first, 'k1'), jwkOf(second, 'k2')]
    for (let flood = 0; flood < 100; flood += 1) expect(await tokens.verify(token(second, 'k2'))).toBe('invalid')
    expect(asked).toHaveLength(1)
    await clock.advance(ASK_AGAIN_MS)
    expect(await tokens.verify(token(second, 'k2'))).toMatchObject({ user: ANA })
    expect(asked).toHaveLength(2)
    expect(tokens.remembered).toBe(2)

    set = [jwkOf(second, 'k2')]
    await clock.advance(ASK_AGAIN_MS)
    await tokens.verify(token(first, 'k3'))
    expect(await tokens.verify(token(first, 'k1'))).toBe('invalid') // taken back, though it was remembered
    expect(await tokens.verify(token(second, 'k2'))).toMatchObject({ user: ANA })
  })

  it('[AA5] stay while it is away or says nonsense; before the first ones nobody can be checked, and that is said', async () => {
    const key = ed()
    let said: () => object | string | Promise<never> = () => Promise.reject(new Error('ECONNREFUSED'))
    const { keys, clock, logged } = issuer(() => said())
    const tokens = new Tokens(keys, { nowMs: () => START_MS })

    await expect(tokens.verify(token(key, 'k1'))).rejects.toMatchObject({ code: 'unavailable' })
    expect(await tokens.verify('not a token')).toBe('invalid')
    said = () => ({ keys: [jwkOf(key, 'k1')] })
    keys.start()
    await clock.advance(ASK_AGAIN_MS)
    expect(await tokens.verify(token(key, 'k1'))).toMatchObject({ user: ANA })
    for (const bad of ['', '{', 'null', '{"keys":{}}', '{"keys":[{"kty":"OKP"}]}', ' '.repeat(70_000)]) {
      said = () => bad
      await clock.advance(ASK_AGAIN_MS)
      await keys.lookAgain()
      expect(await tokens.verify(token(key, 'k1'))).toMatchObject({ user: ANA })
    }
    expect(logged.filter((event) => event === 'issuer.not_asked')).toHaveLength(7)
    await keys.stop()
  })

  it('[AA5] are left out when they are weak, secret, for encryption or of another kind', async () => {
    const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey
    const curve = generateKeyPairSync('ec', { namedCurve: 'secp384r1' }).privateKey
    const good = PAIRS.ES256()
    const { keys } = issuer(() => ({
      keys: [
        jwkOf(weak, 'weak'),
        jwkOf(curve, 'curve'),
        { kty: 'oct', k: segment(SECRET), kid: 'oct', alg: 'HS256' },
        { ...jwkOf(good, 'enc'), use: 'enc' },
        { ...jwkOf(good, 'lie'), alg: 'HS256' },
        { kty: 'nonsense', kid: 'x' },
        { ...jwkOf(good, 'good'), use: 'sig', alg: 'ES256' },
      ],
    }))
    await keys.lookAgain()
    const found = (alg: string, kid: string) => keys.find(segment(JSON.stringify({ alg, kid })))?.alg

    for (const kid of ['weak', 'curve', 'oct', 'enc', 'lie', 'x']) {
      for (const alg of ['HS256', 'RS256', 'ES256', 'ES384']) expect(found(alg, kid)).toBeUndefined()
    }
    expect(found('ES256', 'good')).toBe('ES256')
    await expect(new Tokens(keys).issue({ user: ANA, role: 'fan' })).rejects.toMatchObject({ code: 'conflict' })
  })

  it('[AA16] are the only ones: nobody registers, signs in, renews or changes a password here', async () => {
    const fake = restWorld()
    const { keys } = issuer(() => ({ keys: [] }))
    const { token } = await fake.person()
    const node = await httpNode({ routes: apiRoutes({ ...fake.world, tokens: new Tokens(keys) }), tokens: fake.tokens })
    const before = JSON.stringify([...fake.accounts.values()])

    for (const { method, path, example } of [register, login, refresh, changePassword]) {
      const heard = await node.call(method.toUpperCase(), path, { token, body: example.body })
      expect(heard).toMatchObject({
        status: 409,
        body: { code: 'conflict', detail: expect.stringContaining('at the issuer') },
      })
    }
    expect((await node.call('GET', '/.well-known/jwks.json')).body).toEqual({ keys: [] })
    expect(JSON.stringify([...fake.accounts.values()])).toBe(before)
    node.close()
  })

  it('[AA5] are asked for by https, without following anybody elsewhere, and given up in time', async () => {
    const asked: RequestInit[] = []
    const keys = new IssuerKeys({
      issuer: { url: 'https://id.example.com/jwks', issuer: 'i', audience: 'a' },
      ...{ clock: new HandClock(), log: silent },
      fetch: async (_, init = {}) => {
        asked.push(init)
        return new Response('{"keys":[]}', { status: asked.length === 1 ? 500 : 200 })
      },
    })
    keys.start()
    await settled()

    expect(asked[0]).toMatchObject({ redirect: 'error', signal: expect.any(AbortSignal) })
    await keys.stop()
  })
})
