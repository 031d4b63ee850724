/** Whether a run of the tests that says a secret is found out, whichever way it says it. */
import { execFile } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { UserId } from '../protocol/ids.ts'
import { Passwords } from '../server/inbound/passwords.ts'
import { Tickets } from '../server/inbound/tickets.ts'
import { Tokens } from '../server/inbound/tokens.ts'
import { findSecrets, secretsOf } from './setup/secrets.ts'

const ROOT = join(import.meta.dirname, '..')
const SECRET = '5d1f9a3b7c2e48600f6e8d1a4b9c7e23'
const ANA = '01890a5d-ac96-774b-bcce-b302099a8057' as UserId

describe('what a run says', () => {
  it('[KK13] is searched for everything that has the form of a secret of ours, and for what is known', async () => {
    const key = generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
    const { token } = await new Tokens(SECRET).issue({ user: ANA, role: 'fan' })
    const ticket = new Tickets(SECRET, Date.now).issue({ user: ANA, role: 'admin', expiresAtMs: Date.now() + 9_999 })
    const cheap = { memoryKiB: 1_024, passes: 1, lanes: 1 }
    const hash = await new Passwords(cheap).hash('correct horse')
    const said = (text: string, known: string[] = []) => findSecrets(`… ${text} …`, known).map(({ what }) => what)

    expect(said(`{"token":"${token}"}`)).toEqual(['access token'])
    expect(said(`ticket=${ticket}`)).toEqual(['resume ticket'])
    expect(said(`"7c9e6679-7425-40de-944b-e07fc1f90ae7.${'Zm9yIHRo'.repeat(6).slice(0, 43)}"`)).toEqual([
      'refresh token',
    ])
    expect(said(key)).toEqual(['private key'])
    expect(said(hash)).toEqual(['password hash'])
    expect(said(`connect to redis://ld:${SECRET}@127.0.0.1`)).toEqual(['address with a password'])
    expect(said(`the secret ${SECRET}`, [SECRET])).toEqual(['a secret of this run'])
    expect(findSecrets(`the secret ${SECRET} of ana`, [SECRET])[0]?.near).toBe('the secret [cut] of ana')
    // A word is a word, and a number of an order is nothing.
    expect(said('a password of postgres at redis://127.0.0.1:6379, order 01890a5d-ac96-774b', ['postgres'])).toEqual([])
  })

  it('[KK13] is searched for the secrets in the settings of every process', () => {
    const env = {
      ...{ REDIS_URL: 'redis://ld:one%2Bone@127.0.0.1', LIVEDROP_JWT_KEY: '-----BEGIN\nabc\n-----END' },
      ...{ LIVEDROP_JWT_SECRET: SECRET, LIVEDROP_JWKS_URL: 'https://issuer.example/keys', LIVEDROP_PORT: '8080' },
    }

    expect(secretsOf(env).filter((secret) => secret !== '')).toEqual(['one+one', 'abc', SECRET])
  })

  it('[KK13] that says none ends as it would have', async () => {
    const { code, said } = await run('nothing')

    expect(said).toContain('5 passed')
    expect(said).not.toContain('secrets in what')
    expect(code).toBe(0)
  })

  it('[KK13] that says one in any way fails, and says where without saying it again', async () => {
    const { code, said } = await run('everything')

    expect(said).toContain('5 passed')
    expect(code).toBe(1)
    const told = said.slice(said.indexOf('Duration'))
    for (const way of ['spawn', 'fork', 'execFile']) expect(told).toMatch(`a secret of this run: by ${way} [cut]`)
    expect(told).toMatch(/resume ticket: [^\n]*"answer":\["\[cut\]"\],"event":"by log"/)
    expect(told).toMatch(/resume ticket: [^\n]*by console \[cut\]/)
    expect(told).not.toContain(SECRET)
  })
})

function run(LEAK: string): Promise<{ code: number; said: string }> {
  const config = join(ROOT, 'tests/leaks/vitest.config.ts')
  const args = [join(ROOT, 'node_modules/vitest/vitest.mjs'), 'run', '--config', config]
  return new Promise((resolve) => {
    execFile(process.execPath, args, { env: { PATH: process.env.PATH, LEAK }, cwd: ROOT }, (fault, stdout, stderr) =>
      resolve({ code: fault === null ? 0 : Number(fault.code), said: stdout + stderr }),
    )
  })
}
