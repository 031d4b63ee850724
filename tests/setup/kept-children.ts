/**
 * What the processes say that a test starts, kept in a folder, with the secrets that they were given.
 *
 * The nodes' own pipes are left to whoever reads them: only what comes out of them is copied on its way. The servers of a
 * stack write to files that are removed with their data, so those get a second name.
 */
import childProcess, { type ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { appendFileSync, existsSync, linkSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { nodePassword } from '../../stack/node-users.ts'
import { secretsOf } from './secrets.ts'

/** In the folder: one secret a line. Everything else in it is output. */
export const KNOWN_SECRETS = 'known-secrets'

type Start = (...args: never[]) => ChildProcess
type Options = { env?: Record<string, string | undefined>; stdio?: unknown }

export function keepChildren(folder: string): void {
  const watched = (child: ChildProcess, args: readonly unknown[]): ChildProcess => {
    const { env = {}, stdio } = args.find((one): one is Options => isOptions(one)) ?? {}
    if (env.LEAK !== undefined) return child // a run that leaks on purpose (tests/leaks) is searched by itself
    remember(folder, secretsOf(env))
    for (const stream of [child.stdout, child.stderr]) {
      if (stream === null) continue
      const file = join(folder, `${child.pid}-${randomUUID()}`)
      const push = stream.push.bind(stream)
      stream.push = (chunk: unknown, encoding?: BufferEncoding) => {
        if (chunk !== null) appendFileSync(file, chunk as Uint8Array)
        return push(chunk, encoding)
      }
    }
    if (Array.isArray(stdio) && typeof stdio[1] === 'number') keepFile(folder, stdio[1])
    return child
  }
  const wrap = (name: 'spawn' | 'fork' | 'execFile') => {
    const start = childProcess[name] as unknown as Start
    const wrapped = Object.assign((...args: never[]) => watched(start(...args), args), start)
    if (name === 'execFile') {
      const promised = promisify(childProcess.execFile) as unknown as (...args: never[]) => { child: ChildProcess }
      const custom = (...args: never[]) => {
        const asked = promised(...args)
        watched(asked.child, args)
        return asked
      }
      Object.defineProperty(wrapped, promisify.custom, { value: custom })
    }
    Object.assign(childProcess, { [name]: wrapped })
  }
  for (const name of ['spawn', 'fork', 'execFile'] as const) wrap(name)
  syncBuiltinESMExports()
}

/** A server's log, by the descriptor that the server was given, and the password that lies beside it. */
function keepFile(folder: string, descriptor: number): void {
  const self = `/proc/self/fd/${descriptor}`
  if (!existsSync(self)) return // no Linux, or closed already

  const log = readlinkSync(self)
  // A second name is of the same disk: what a test writes to a disk of its own goes with that.
  if (statSync(log).dev === statSync(folder).dev) linkSync(log, join(folder, randomUUID()))
  const password = join(dirname(log), 'password')
  if (!existsSync(password)) return

  const owner = readFileSync(password, 'utf8').trim()
  remember(folder, [owner, nodePassword(owner)])
}

function remember(folder: string, secrets: readonly string[]): void {
  if (secrets.length > 0) appendFileSync(join(folder, KNOWN_SECRETS), `${secrets.join('\n')}\n`, { mode: 0o600 })
}

function isOptions(one: unknown): one is Options {
  return typeof one === 'object' && one !== null && !Array.isArray(one)
}
