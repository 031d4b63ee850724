/**
 * One stack per data folder at a time.
 *
 * The lock is a file with the identity of its holder, put in place by `link`, which fails when the name exists: two
 * processes that start together cannot both succeed. The lock of a dead holder is moved aside first, and whoever moved it
 * looks at what it got, since between looking and moving another process may have put its own there.
 */
import { randomUUID } from 'node:crypto'
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { AlreadyRunning, StackFault } from './faults.ts'
import { isAlive, ownIdentity, type ProcessIdentity, readIdentity } from './process-identity.ts'

export type FolderLock = { release(): void }

const ATTEMPTS = 10

export function lockFolder(dataDir: string): FolderLock {
  const lock = lockIn(dataDir)
  const mine = join(dataDir, `lock.${randomUUID()}`)
  writeFileSync(mine, JSON.stringify(ownIdentity()), { mode: 0o600 })

  try {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      if (place(mine, lock)) return releaseOnce(lock)
      const holder = readHolder(lock)
      if (holder !== undefined && isAlive(holder)) throw new AlreadyRunning(dataDir, holder.pid)
      moveAside(lock, `${mine}.stale`)
    }
  } finally {
    rmSync(mine, { force: true })
  }
  throw new StackFault(`could not lock ${dataDir}: the lock changed hands ${ATTEMPTS} times`)
}

/** A second release would remove the lock of whoever took the folder since. */
function releaseOnce(lock: string): FolderLock {
  let held = true
  return {
    release() {
      if (held) rmSync(lock, { force: true })
      held = false
    },
  }
}

/** Who holds the folder, dead or alive. */
export function holderOf(dataDir: string): ProcessIdentity | undefined {
  return readHolder(lockIn(dataDir))
}

function readHolder(lock: string): ProcessIdentity | undefined {
  try {
    return readIdentity(JSON.parse(readFileSync(lock, 'utf8')))
  } catch {
    return undefined // no lock, or one that cannot be read: nobody who could be asked
  }
}

function place(mine: string, lock: string): boolean {
  try {
    linkSync(mine, lock)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function moveAside(lock: string, aside: string): void {
  try {
    renameSync(lock, aside)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return // another process was quicker
    throw error
  }
  const moved = readHolder(aside)
  if (moved !== undefined && isAlive(moved)) place(aside, lock) // not the dead one's after all: put it back
  rmSync(aside, { force: true })
}

function lockIn(dataDir: string): string {
  return join(dataDir, 'lock')
}
