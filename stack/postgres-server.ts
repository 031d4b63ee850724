/**
 * A private Postgres.
 *
 * The data folder is made under another name and moved into place when it is complete: an `initdb` that was killed leaves
 * nothing that looks like a database. It is ready when its own pid file says so, in the line that `pg_ctl` reads too.
 */
import { chownSync, existsSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { PostgresPrograms } from './binaries.ts'
import { lastLines, runCommand } from './command.ts'
import { secretOf } from './data-folder.ts'
import { ServerFailed, StackFault } from './faults.ts'
import type { ServerRecipe } from './local-server.ts'
import type { PostgresHome } from './postgres-folder.ts'

const USER = 'livedrop'
const DATABASE = 'livedrop'
const MADE_WITHIN_MS = 60_000

const ALWAYS = [
  '-c listen_addresses=127.0.0.1',
  '-c unix_socket_directories=', //  none: the usual place is missing on a bare machine, and one door is enough
  '-c max_connections=200', //       several nodes, each with its pool, and the tests beside them
  '-c max_wal_size=2GB', //          a storm writes much in little time; fewer checkpoints while it does
  '-c log_checkpoints=off',
]

// A test run's data is thrown away with its folder. Commits stay in order and survive a killed server all the same; what
// is given up is only what a power cut would need.
const FRESH = ['-c fsync=off']

export type PostgresOptions = { home: PostgresHome; programs: readonly PostgresPrograms[]; fresh: boolean }

export function postgresRecipe({ home, programs, fresh }: PostgresOptions): ServerRecipe {
  const { folder, user } = home
  const data = join(folder, 'data')
  const password = secretOf(folder)
  const chosen = choose(programs, data)
  const settings = [...ALWAYS, ...(fresh ? FRESH : [])].flatMap(splitOnce)

  return {
    name: 'postgres',
    command: chosen.postgres,
    folder,
    user,
    async prepare(port) {
      if (!existsSync(data)) await makeDatabase()
      forgetDeadPostmaster(data)
      return ['-D', data, '-p', String(port), ...settings]
    },
    isReady(_port, pid) {
      const lines = readPidFile(data)
      return lines[0] === String(pid) && (lines[7] ?? '').startsWith('ready')
    },
    url: (port) => `postgres://${USER}:${password}@127.0.0.1:${port}/${DATABASE}`,
  }

  async function makeDatabase(): Promise<void> {
    const unfinished = join(folder, 'data.unfinished')
    rmSync(unfinished, { recursive: true, force: true })
    const secret = join(folder, 'password')
    if (user !== undefined) chownSync(secret, user.uid, user.gid)

    const how = ['--auth=scram-sha-256', '--encoding=UTF8', '--no-locale', ...(fresh ? ['--no-sync'] : [])]
    await run(chosen.initdb, ['-D', unfinished, '-U', USER, `--pwfile=${secret}`, ...how])
    const alone = ['--single', '-D', unfinished, ...(fresh ? FRESH.flatMap(splitOnce) : []), 'postgres']
    await run(chosen.postgres, alone, `create database ${DATABASE}\n`)
    renameSync(unfinished, data)
  }

  async function run(command: string, args: readonly string[], input?: string): Promise<void> {
    const who = user === undefined ? {} : { user }
    const ran = await runCommand(command, args, {
      timeoutMs: MADE_WITHIN_MS,
      ...who,
      ...(input === undefined ? {} : { input }),
    })
    if (ran.code === 0 && !/^ERROR|FATAL:|ERROR:/m.test(ran.output)) return
    throw new ServerFailed('postgres', 'could not make its data folder', lastLines(ran.output))
  }
}

/** Data can only be read by the major version that made it. */
function choose(programs: readonly PostgresPrograms[], data: string): PostgresPrograms {
  const versionFile = join(data, 'PG_VERSION')
  const made = existsSync(versionFile) ? readFileSync(versionFile, 'utf8').trim() : undefined
  const fitting = made === undefined ? programs[0] : programs.find((each) => each.major === made)
  if (fitting !== undefined) return fitting
  const have = programs.map((each) => each.major).join(', ')
  throw new StackFault(
    `${data} was made by Postgres ${made}, this machine has ${have}: install ${made} or use another data folder`,
  )
}

/**
 * A pid file outlives a killed Postgres. If the system has given that number to some other program of the same user,
 * Postgres would refuse to start; it is only removed when the process with that number is no Postgres at all.
 */
function forgetDeadPostmaster(data: string): void {
  const pid = readPidFile(data)[0]
  if (pid === undefined || !existsSync('/proc/self/cmdline')) return
  const isPostgres = existsSync(`/proc/${pid}`) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('postgres')
  if (!isPostgres) rmSync(join(data, 'postmaster.pid'), { force: true })
}

function readPidFile(data: string): string[] {
  try {
    return readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')
  } catch {
    return [] // not started yet
  }
}

function splitOnce(setting: string): [string, string] {
  const at = setting.indexOf(' ')
  return [setting.slice(0, at), setting.slice(at + 1)]
}
