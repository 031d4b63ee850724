/** Says a secret in every way there is, or in none. Run by tests/secrets.test.ts alone. */
import { execFile, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { promisify } from 'node:util'
import { it } from 'vitest'
import { Tickets } from '../../server/inbound/tickets.ts'
import { makeLog } from '../../server/log.ts'
import { buyer } from '../builders/people.ts'

const SECRET = '5d1f9a3b7c2e48600f6e8d1a4b9c7e23'
const env = { PATH: process.env.PATH, LIVEDROP_JWT_SECRET: SECRET, REDIS_URL: `redis://ld:${SECRET}0@127.0.0.1:1` }
const leaks = process.env.LEAK === 'everything'
const say = (how: string) => `process.stderr.write('by ${how} ' + ${leaks ? 'process.env.LIVEDROP_JWT_SECRET' : '1'})`
const ticket = leaks
  ? new Tickets(SECRET, Date.now).issue({ user: buyer('ana'), role: 'fan', expiresAtMs: Date.now() + 9_999 })
  : 'none'

it.each<[string, () => Promise<unknown>]>([
  ['spawn', () => once(spawn(process.execPath, ['-e', say('spawn')], { env }), 'close')],
  ['fork', () => once(fork('', { execArgv: ['-e', say('fork')], env, silent: true }), 'close')],
  ['execFile', () => promisify(execFile)(process.execPath, ['-e', say('execFile')], { env })],
  ['log', async () => makeLog({ level: 'info' }).info('by log', { answer: [ticket] })],
  ['console', async () => console.log(`by console ${ticket}`)],
])('says it by %s', async (_, way) => {
  await way()
})
