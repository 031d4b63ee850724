/**
 * The folder in which a stack keeps everything: one folder a server, and in each the password of that server.
 *
 * A password lives beside the data it opens, because Postgres keeps its own for as long as its data lives: deleted
 * together, kept together. The data folder itself may be entered by others (Postgres runs as another user when we are
 * root) but nothing secret in it may be read by them.
 */
import { randomBytes } from 'node:crypto'
import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { StackFault } from './faults.ts'
import type { ServerName } from './server-name.ts'

export function openDataFolder(dataDir: string): string {
  try {
    mkdirSync(resolve(dataDir), { recursive: true, mode: 0o755 })
    accessSync(dataDir, constants.W_OK)
    return realpathSync(dataDir)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new StackFault(`cannot keep data in ${resolve(dataDir)}: ${why}`, { cause })
  }
}

/** A new, empty data folder for one test run. */
export function temporaryDataFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'livedrop-test-'))
  chmodSync(folder, 0o711)
  return realpathSync(folder)
}

export function removeDataFolder(dataDir: string): void {
  const postgres = join(dataDir, 'postgres')
  // The Postgres folder may be a link to where its user can reach it (postgres-folder.ts). A server that was killed a
  // moment ago may still be writing its last file, so removing is tried a few times.
  const wholly = { recursive: true, force: true, maxRetries: 10, retryDelay: 50 }
  if (existsSync(postgres)) rmSync(realpathSync(postgres), wholly)
  rmSync(dataDir, wholly)
}

export function ownFolder(dataDir: string, server: ServerName | 'node'): string {
  const folder = join(dataDir, server)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  return folder
}

export function secretOf(folder: string): string {
  const file = join(folder, 'password')
  if (existsSync(file)) return readFileSync(file, 'utf8').trim()

  // Letters and digits only: it goes into addresses and settings of three kinds, none of which must need quoting.
  const secret = randomBytes(18).toString('hex')
  writeFileSync(file, `${secret}\n`, { mode: 0o600, flush: true })
  return secret
}
