/**
 * What a running stack tells the other commands: `stack.json` in its data folder.
 *
 * It holds passwords inside addresses, so only its owner may read it. It is written when everything is ready and moved
 * into place whole. Whoever wants to end a recorded process proves first that it is still that process.
 */
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { endLeftover, pidFileIn } from './child.ts'
import { until } from './deadline.ts'
import { holderOf, lockFolder } from './folder-lock.ts'
import { isAlive, ownIdentity, type ProcessIdentity, readIdentity, signalTo } from './process-identity.ts'
import { SERVER_NAMES, STOP_SIGNAL } from './server-name.ts'

export type StackState = {
  pid: number
  process: ProcessIdentity
  startedAt: string
  urls: { redisUrl: string; natsUrl: string; databaseUrl: string }
}

export type Stopped =
  | { outcome: 'stopped'; pid: number }
  | { outcome: 'not_running' }
  | { outcome: 'would_not_stop'; pid: number }

const STOP_WITHIN_MS = 60_000

export function writeState(dataDir: string, urls: StackState['urls']): void {
  const state: StackState = { pid: process.pid, process: ownIdentity(), startedAt: new Date().toISOString(), urls }
  const file = stateFile(dataDir)
  writeFileSync(`${file}.new`, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 })
  renameSync(`${file}.new`, file)
}

export function removeState(dataDir: string): void {
  rmSync(stateFile(dataDir), { force: true })
}

/** The stack that runs in this folder now; a record of a process that is gone is no stack. */
export function readState(dataDir: string): StackState | undefined {
  const state = parse(dataDir)
  return state !== undefined && isAlive(state.process) ? state : undefined
}

/**
 * Asks the process that holds the folder to stop (it ends its servers itself) and waits until it is gone; it is asked by
 * the lock and not by `stack.json`, which a stack that is only starting has not written yet. Never insists by SIGKILL:
 * there may be orders on their way into Postgres.
 */
export async function stopRunning(dataDir: string, withinMs = STOP_WITHIN_MS): Promise<Stopped> {
  const holder = holderOf(dataDir)
  if (holder === undefined || !signalTo(holder, 'SIGTERM')) {
    return (await endLeftovers(dataDir)) ? { outcome: 'stopped', pid: holder?.pid ?? 0 } : { outcome: 'not_running' }
  }
  if (!(await until(() => !isAlive(holder), withinMs))) return { outcome: 'would_not_stop', pid: holder.pid }
  await endLeftovers(dataDir)
  return { outcome: 'stopped', pid: holder.pid }
}

/** Where the kernel does not tie servers to their parent (child.ts), they outlive a killed one. */
async function endLeftovers(dataDir: string): Promise<boolean> {
  if (!existsSync(dataDir)) return false
  const lock = lockFolder(dataDir)
  try {
    const ends = SERVER_NAMES.map((name) => endLeftover(pidFileIn(join(dataDir, name)), STOP_SIGNAL[name]))
    return (await Promise.all(ends)).includes('ended')
  } finally {
    lock.release()
  }
}

function parse(dataDir: string): StackState | undefined {
  try {
    const state = JSON.parse(readFileSync(stateFile(dataDir), 'utf8')) as Partial<StackState> | null
    const identity = readIdentity(state?.process)
    if (identity === undefined || state?.urls === undefined || state.startedAt === undefined) return undefined
    return { pid: identity.pid, process: identity, startedAt: state.startedAt, urls: state.urls }
  } catch {
    return undefined // no file, or not one that this version wrote: nothing is known to run
  }
}

function stateFile(dataDir: string): string {
  return join(dataDir, 'stack.json')
}
