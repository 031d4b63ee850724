/**
 * Who runs Postgres, and where.
 *
 * Postgres refuses to run as root, so root hands it to the user `postgres` (or `nobody`). That user must be able to walk
 * to the data, which a project under a private home (mode 0700) does not allow; then the data lives in a new folder under
 * /var/tmp, and a link in the data folder says where. Whether the walk works is tried, not computed from modes.
 */
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { join } from 'node:path'
import type { PostgresPrograms } from './binaries.ts'
import { runCommand } from './command.ts'
import { StackFault } from './faults.ts'
import type { Machine } from './machine.ts'

export type PostgresUser = { uid: number; gid: number }
export type PostgresHome = { folder: string; user: PostgresUser | undefined; moved: boolean }

const REACHABLE_BY_ALL = '/var/tmp'

export async function postgresHome(dataDir: string, machine: Machine): Promise<PostgresHome> {
  const wanted = join(dataDir, 'postgres')
  removeBrokenLink(wanted)
  mkdirSync(wanted, { recursive: true, mode: 0o700 })
  if (!machine.root) return { folder: realpathSync(wanted), user: undefined, moved: isLink(wanted) }

  const user = await postgresUser()
  const here = realpathSync(wanted)
  give(here, user)
  if (await can(user, '-w', here)) return { folder: here, user, moved: isLink(wanted) }

  if (existsSync(join(here, 'data'))) {
    throw new StackFault(
      `${here} holds data, but user ${user.uid}, who has to run Postgres, cannot walk there any more`,
    )
  }
  const elsewhere = mkdtempSync(join(REACHABLE_BY_ALL, 'livedrop-'))
  give(elsewhere, user)
  if (!(await can(user, '-w', elsewhere))) {
    throw new StackFault(`user ${user.uid}, who has to run Postgres, can write neither ${here} nor ${elsewhere}`)
  }
  rmSync(wanted, { recursive: true })
  symlinkSync(elsewhere, wanted)
  return { folder: elsewhere, user, moved: true }
}

/** Root cannot use what npm installed under a private home: the user who would have to run it does not get there. */
export async function runnable(programs: readonly PostgresPrograms[], machine: Machine): Promise<PostgresPrograms[]> {
  if (!machine.root || programs.length === 0) return [...programs]
  const user = await postgresUser()
  const answers = await Promise.all(programs.map((each) => can(user, '-x', each.postgres)))
  return programs.filter((_, at) => answers[at])
}

async function postgresUser(): Promise<PostgresUser> {
  for (const name of ['postgres', 'nobody']) {
    const uid = await runCommand('id', ['-u', name], { timeoutMs: 5_000 })
    const gid = await runCommand('id', ['-g', name], { timeoutMs: 5_000 })
    if (uid.code === 0 && gid.code === 0) return { uid: Number(uid.output), gid: Number(gid.output) }
  }
  throw new StackFault(
    'Postgres refuses to run as root, and there is neither a user "postgres" nor "nobody" to run it as',
  )
}

function give(folder: string, user: PostgresUser): void {
  chownSync(folder, user.uid, user.gid)
  chmodSync(folder, 0o700)
}

async function can(user: PostgresUser, what: '-w' | '-x', path: string): Promise<boolean> {
  const tried = await runCommand('test', [what, path], { timeoutMs: 5_000, user })
  return tried.code === 0
}

function isLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false
}

/** /var/tmp is swept by some systems: then the link leads nowhere, and there is no data to be lost any more. */
function removeBrokenLink(path: string): void {
  if (isLink(path) && !existsSync(path)) rmSync(path)
}
