/** Tokens and passwords: every known way to forge one, and what it costs to check them. */
import { createHmac, createSign, generateKeyPairSync, randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { UserId } from '../protocol/ids.ts'
import { KeyRing } from '../server/inbound/key-ring.ts'
import { Passwords } from '../server/inbound/passwords.ts'
import type { TokenKey } from '../server/inbound/token-keys.ts'
import { Tokens } from '../server/inbound/tokens.ts'
import { heapAfterCollection } from './builders/heap-after-collection.ts'

const SECRET = 'a secret for tests, 32 bytes at least, known to nobody'
const NOW_MS = Date.UTC(2030, 0, 1)
const NOW_S = NOW_MS / 1000
const ANA = '01890a5d-ac96-774b-bcce-b302099a8057' as UserId
const HEADER = '{"alg":"HS256","typ":"JWT"}'
const CLAIMS = { iss: 'livedrop', aud: 'livedrop', sub: ANA, role: 'fan', iat: NOW_S, exp: NOW_S + 60 }

const segment = (text: string | Buffer) => Buffer.from(text).toString('base64url')
const sign = (input: string, secret = SECRET, hash = 'sha256') =>
  createHmac(hash, secret).update(input).digest('base64url')
/** Signed with the right secret, whatever it says. */
function forge(claims: unknown, header = HEADER, secret = SECRET): string {
  const payload = typeof claims === 'string' ? claims : JSON.stringify(claims)
  const input = `${segment(header)}.${segment(payload)}`
  return `${input}.${sign(input, secret)}`
}

let nowMs = NOW_MS
const tokens = () => {
  nowMs = NOW_MS
  return new Tokens(SECRET, { nowMs: () => nowMs })
}

describe('tokens', () => {
  it('[T1] a token that was issued is good until its end and not a moment longer', async () => {
    const issuer = tokens()
    const { token, expiresAtMs } = await issuer.issue({ user: ANA, role: 'creator' }, 60_000)

    expect(expiresAtMs).toBe(NOW_MS + 60_000)
    expect(await issuer.verify(token)).toEqual({ user: ANA, role: 'creator', expiresAtMs, issuedAtMs: NOW_MS })
    nowMs = expiresAtMs - 1
    expect(await tokens().verify(token)).toMatchObject({ user: ANA })
    nowMs = expiresAtMs
    expect(await issuer.verify(token)).toBe('expired')
    nowMs = expiresAtMs
    expect(await new Tokens(SECRET, { nowMs: () => nowMs }).verify(token)).toBe('expired')
  })

  it('[T1] one that any other library signs with the secret and the same claims is as good', async () => {
    expect(await tokens().verify(forge(CLAIMS))).toMatchObject({ user: ANA, role: 'fan' })
  })

  it('[T1] another secret makes another world', async () => {
    const { token } = await new Tokens('another secret that is also long enough', { nowMs: () => NOW_MS }).issue({
      user: ANA,
      role: 'admin',
    })

    expect(await tokens().verify(token)).toBe('invalid')
  })

  it.each([
    '{"alg":"none","typ":"JWT"}',
    '{"alg":"None","typ":"JWT"}',
    '{"alg":"NONE","typ":"JWT"}',
    '{"alg":"nOnE","typ":"JWT"}',
    '{"typ":"JWT"}',
    '{}',
    '{"alg":"HS512","typ":"JWT"}',
    '{"alg":"RS256","typ":"JWT"}',
    '{"alg":"EdDSA","typ":"JWT"}',
    '{"alg":["HS256"],"typ":"JWT"}',
    '{"alg":"HS256"}',
    '{"typ":"JWT","alg":"HS256"}',
    '{"alg":"HS256","typ":"JWT" }',
    '{"alg":"HS256","typ":"jwt"}',
    '{"alg":"HS256","typ":"JWT","kid":"other"}',
    '{"alg":"HS256","typ":"JWT","kid":"../../../../dev/null"}',
    `{"alg":"HS256","typ":"JWT","kid":"x' or '1'='1"}`,
    '{"alg":"HS256","typ":"JWT","jku":"https://evil.example.com/jwks.json"}',
    '{"alg":"HS256","typ":"JWT","x5u":"https://evil.example.com/cert.pem"}',
    '{"alg":"HS256","typ":"JWT","jwk":{"kty":"oct","k":"YQ"}}',
    '{"alg":"HS256","typ":"JWT","crit":["exp"]}',
    '{"alg":"HS256","typ":"JWT","crit":["b64"],"b64":false}',
    '{"alg":"HS256","typ":"JWT","zip":"DEF"}',
    '{"alg":"HS256","typ":"JWT","cty":"JWT"}',
    '{"alg":"HS256","alg":"none","typ":"JWT"}',
    'not json',
  ])('[T2] no other header is read, not even when the signature is right: %s', async (header) => {
    const payload = segment(JSON.stringify(CLAIMS))

    expect(await tokens().verify(forge(CLAIMS, header))).toBe('invalid')
    expect(await tokens().verify(`${segment(header)}.${payload}.`)).toBe('invalid')
    expect(await tokens().verify(`${segment(header)}.${payload}`)).toBe('invalid')
  })

  it('[T2] a signature is exactly one HMAC-SHA256 of exactly these bytes', async () => {
    const good = forge(CLAIMS)
    const [head = '', body = '', signature = ''] = good.split('.')
    const input = `${head}.${body}`
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString()
    const other = segment(JSON.stringify({ ...CLAIMS, role: 'admin' }))

    for (const forged of [
      `${input}.`,
      `${input}.${'A'.repeat(43)}`,
      `${input}.${signature.slice(0, 42)}`,
      `${input}.${signature}A`,
      `${input}.${signature}=`,
      `${input}.${signature}.`,
      `.${good}`,
      ` ${good}`,
      `${good}\n`,
      `${head}.${other}.${signature}`,
      `${head}..${signature}`,
      `${input}.${sign(input, '')}`,
      `${input}.${sign(input, pem)}`,
      `${input}.${sign(input, SECRET, 'sha512')}`,
      `${input}.${createSign('sha256').update(input).sign(privateKey, 'base64url')}`,
      `${segment(JSON.stringify({ protected: head, payload: body, signature }))}`,
      JSON.stringify({ payload: body, signatures: [{ protected: head, signature }] }),
      forge(good),
      '',
      '...',
      'null',
      '\0',
      'é.é.é',
    ]) {
      expect(await tokens().verify(forged)).toBe('invalid')
    }
    expect(await tokens().verify(good)).toMatchObject({ user: ANA })
  })

  it.each<[string, unknown]>([
    ['no issuer', { ...CLAIMS, iss: undefined }],
    ['another issuer', { ...CLAIMS, iss: 'https://evil.example.com' }],
    ['no audience', { ...CLAIMS, aud: undefined }],
    ['another audience', { ...CLAIMS, aud: 'another-shop' }],
    ['a list of audiences', { ...CLAIMS, aud: ['livedrop', 'another-shop'] }],
    ['no subject', { ...CLAIMS, sub: undefined }],
    ['an empty subject', { ...CLAIMS, sub: '' }],
    ['a subject that is no user id', { ...CLAIMS, sub: 'ana' }],
    ['a subject in look-alike letters', { ...CLAIMS, sub: ANA.replace('a', '\u0430') }],
    ['a subject with a NUL', { ...CLAIMS, sub: `${ANA}\0` }],
    ['a subject in a list', { ...CLAIMS, sub: [ANA] }],
    ['no role', { ...CLAIMS, role: undefined }],
    ['an unknown role', { ...CLAIMS, role: 'root' }],
    ['a role of an object', { ...CLAIMS, role: 'constructor' }],
    ['a list of roles', { ...CLAIMS, role: ['fan', 'admin'] }],
    ['no end', { ...CLAIMS, exp: undefined }],
    ['an end as text', { ...CLAIMS, exp: String(NOW_S + 60) }],
    ['an end that is a fraction', { ...CLAIMS, exp: NOW_S + 60.5 }],
    ['an end without end', JSON.stringify(CLAIMS).replace(/"exp":\d+/, '"exp":1e400')],
    ['an end as an object', { ...CLAIMS, exp: { valueOf: NOW_S + 60 } }],
    ['an end in milliseconds', { ...CLAIMS, exp: NOW_MS * 1000 }],
    ['a negative end', { ...CLAIMS, exp: -1 }],
    ['no beginning', { ...CLAIMS, iat: undefined }],
    ['a beginning in the future', { ...CLAIMS, iat: NOW_S + 6 }],
    ['a beginning as text', { ...CLAIMS, iat: String(NOW_S) }],
    ['a time before which it is not good', { ...CLAIMS, nbf: NOW_S + 6 }],
    ['such a time as text', { ...CLAIMS, nbf: '0' }],
    ['a claim that stands there twice', `${JSON.stringify(CLAIMS).slice(0, -1)},"role":"admin"}`],
    ['a subject that stands there twice', `{"sub":"x",${JSON.stringify(CLAIMS).slice(1)}`],
    ['claims in a list', [CLAIMS]],
    ['claims that are text', '"livedrop"'],
    ['claims that are null', 'null'],
    ['claims that are no JSON', '{'],
    ['claims that are not UTF-8', '\xff'],
    ['another token inside', forge(CLAIMS)],
  ])('[T3] a signed token with %s is invalid', async (_, claims) => {
    expect(await tokens().verify(forge(claims))).toBe('invalid')
  })

  it('[T3] clocks may differ by five seconds at the beginning of a token', async () => {
    expect(await tokens().verify(forge({ ...CLAIMS, iat: NOW_S + 5, nbf: NOW_S + 5 }))).toMatchObject({ user: ANA })
  })

  it('[T3] a token that has ended is expired only when it was ours', async () => {
    const old = { ...CLAIMS, iat: NOW_S - 100, exp: NOW_S }

    expect(await tokens().verify(forge(old))).toBe('expired')
    expect(await tokens().verify(forge(old, HEADER, 'another secret'))).toBe('invalid')
  })

  it('[T3] more than 4 KB are not looked at', async () => {
    const fits = forge({ ...CLAIMS, note: 'a'.repeat(2_700) })
    const long = forge({ ...CLAIMS, note: 'a'.repeat(2_900) })

    expect([fits.length < 4096, long.length > 4096]).toEqual([true, true])
    expect(await tokens().verify(fits)).toMatchObject({ user: ANA })
    expect(await tokens().verify(long)).toBe('invalid')
  })

  it('[T4] a token is verified once, however often its phone comes back, and only good ones are remembered', async () => {
    const keys = new CountedRing({ secret: SECRET }, () => NOW_MS)
    const known = new Tokens(keys, { nowMs: () => NOW_MS, rememberedMax: 3 })
    const issued = await Promise.all(Array.from({ length: 4 }, () => known.issue({ user: ANA, role: 'fan' })))
    const [first = '', second = '', third = '', fourth = ''] = issued.map(({ token }) => token)

    for (const token of [first, second, third, first]) expect(await known.verify(token)).toMatchObject({ user: ANA })
    expect([known.remembered, keys.used]).toEqual([3, 3])

    expect(await known.verify(forge(CLAIMS, HEADER, 'wrong'))).toBe('invalid')
    await known.verify(fourth)
    expect([known.remembered, keys.used]).toEqual([3, 5])
    await known.verify(first)
    expect(keys.used).toBe(5)
    await known.verify(second) // the one not seen for longest
    expect(keys.used).toBe(6)
  })

  it('[S19] of a token that is remembered 260 bytes are kept, however long it is', async () => {
    const known = new Tokens(SECRET, { nowMs: () => NOW_MS })
    const users = Array.from({ length: 10_000 }, () => randomUUID())
    // Cut out of a longer text, as it comes.
    const tokenOf = (sub: string) =>
      `Bearer ${forge({ ...CLAIMS, sub, standing: 7, note: 'n'.repeat(1_000) })}`.slice(7)
    await known.verify(tokenOf(ANA))

    const before = heapAfterCollection()
    for (const user of users) await known.verify(tokenOf(user))
    const bytesEach = (heapAfterCollection() - before) / users.length

    expect(known.remembered).toBe(users.length + 1)
    expect(bytesEach).toBeLessThan(260)
  })
})

/** Says how often a token was verified, and not only looked up. */
class CountedRing extends KeyRing {
  used = 0
  readonly #counted = new Map<TokenKey, TokenKey>()

  override find(header: string): TokenKey | undefined {
    const found = super.find(header)
    if (found === undefined) return undefined

    const counted = this.#counted.get(found) ?? this.#count(found)
    this.#counted.set(found, counted)
    return counted
  }

  #count({ key, alg, signatureChars }: TokenKey): TokenKey {
    const use = () => {
      this.used += 1
      return key
    }
    return {
      alg,
      signatureChars,
      get key() {
        return use()
      },
    }
  }
}

describe('passwords', () => {
  const cheap = { memoryKiB: 8, passes: 1, lanes: 1 }

  it('[T5] are kept as argon2id with 19 MiB and 2 passes, each with its own salt', async () => {
    const passwords = new Passwords()

    const [one, two] = [await passwords.hash('correct horse'), await passwords.hash('correct horse')]

    expect(one).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
    expect(one).not.toBe(two)
    expect(await passwords.verify(one, 'correct horse')).toBe(true)
    expect(await passwords.verify(one, 'correct horses')).toBe(false)
  })

  it('[T6] nobody’s password is never right, and costs as much to check as somebody’s', async () => {
    const passwords = new Passwords({ memoryKiB: 4_096, passes: 3, lanes: 1 })
    const kept = await passwords.hash('correct horse')
    const timed = async (hash: string | undefined) => {
      const began = performance.now()
      expect(await passwords.verify(hash, 'wrong')).toBe(false)
      return performance.now() - began
    }
    const fastest = async (hash: string | undefined) =>
      Math.min(...[await timed(hash), await timed(hash), await timed(hash), await timed(hash), await timed(hash)])

    const [somebody, nobody] = [await fastest(kept), await fastest(undefined)]

    expect(nobody).toBeGreaterThan(somebody / 3)
    expect(nobody).toBeLessThan(somebody * 3)
    expect(await new Passwords(cheap).verify(null, '')).toBe(false)
  })

  it('[T7] a few are computed at a time, some wait, and the rest hear overloaded at once', async () => {
    const passwords = new Passwords(cheap, { runningMax: 1, waitingMax: 2 })

    const answers = await Promise.allSettled(Array.from({ length: 5 }, () => passwords.hash('correct horse')))

    expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled', 'rejected', 'rejected'])
    expect(answers[4]).toMatchObject({ reason: { code: 'overloaded' } })
    expect(await passwords.hash('correct horse')).toContain('argon2id')
  })

  it('[T7] a hash that cannot be read fails that check and frees its place', async () => {
    const passwords = new Passwords(cheap, { runningMax: 1, waitingMax: 1 })

    await expect(passwords.verify('not a hash', 'x')).rejects.toThrow()
    expect(await passwords.hash('correct horse')).toContain('argon2id')
  })
})
