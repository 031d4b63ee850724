/** The process of a node ends at once, and says why, when it may not start or when something nobody thought of happens. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { expect, it } from 'vitest'

const ROOT = join(import.meta.dirname, '..')
const SECRET = '9f1c0b7e5a3d42688d6e01f7a2b4c39e'
const PASSWORD = 'Xk29fmQ0'
/** Nobody is there: a node that is not stopped by something else waits for Redis for seconds. */
const NOWHERE = {
  REDIS_URL: `redis://ld:${PASSWORD}@127.0.0.1:1`,
  NATS_URL: `nats://ld:${PASSWORD}@127.0.0.1:1`,
  DATABASE_URL: `postgres://ld:${PASSWORD}@127.0.0.1:1/livedrop`,
  LIVEDROP_JWT_SECRET: SECRET,
  LIVEDROP_HOST: '127.0.0.1',
}

function run(env: Record<string, string>, preload?: string): Promise<{ code: number | null; said: string }> {
  const imports = ['tsx', ...(preload === undefined ? [] : [`data:text/javascript,${encodeURIComponent(preload)}`])]
  const args = [...imports.flatMap((one) => ['--import', one]), 'server/main.ts']
  const child = spawn(process.execPath, args, { cwd: ROOT, env: { PATH: process.env.PATH, ...env } })
  const said: string[] = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes) => said.push(String(bytes)))
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, said: said.join('') })))
}

it.each([
  ['uncaughtException', "throw new Error('nobody thought of this')"],
  ['unhandledRejection', "Promise.reject(new Error('nobody thought of this'))"],
])('[KK9] %s is logged and ends the process', async (surprise, harm) => {
  const preload = `const look = setInterval(() => {
    if (process.listenerCount('${surprise}') === 0) return
    clearInterval(look)
    ${harm}
  }, 5)`

  const { code, said } = await run(NOWHERE, preload)

  expect(code).toBe(1)
  const line = said.split('\n').find((one) => one.includes('node.surprised')) ?? '{}'
  expect(JSON.parse(line)).toMatchObject({ level: 'error', surprise, cause: { message: 'nobody thought of this' } })
  expect(said).not.toMatch(new RegExp(`${SECRET}|${PASSWORD}`))
})

it('[KK9] settings that production refuses are said together, by name and never by value', async () => {
  const unsafe = { NODE_ENV: 'production', LIVEDROP_JWT_SECRET: 'changeme'.repeat(5), LIVEDROP_ORIGINS: '*' }
  const defaults = { REDIS_URL: 'redis://cache.internal:6379', DATABASE_URL: 'postgres://ld:postgres@db.internal/ld' }

  const { code, said } = await run({ ...NOWHERE, ...unsafe, ...defaults })

  expect(code).toBe(1)
  const names = ['LIVEDROP_JWT_SECRET', 'LIVEDROP_ORIGINS', 'LIVEDROP_TLS_CERT', 'REDIS_URL', 'DATABASE_URL']
  for (const name of names) expect(said).toMatch(new RegExp(`^ *${name} `, 'm'))
  expect(said).not.toMatch(/changeme|postgres@|internal| {4}at /)
})
