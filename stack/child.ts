/**
 * A server's process, tied to the life of this one.
 *
 * On Linux `setpriv --pdeathsig` asks the kernel to signal the child when its parent is gone, which holds even for a
 * parent killed by SIGKILL. Elsewhere the best there is: the child is signalled when this process exits in any way that
 * lets it speak, and a leftover is found by its pid file and ended at the next start.
 *
 * The child gets a session of its own, because a Ctrl-C in the terminal reaches the whole group: the servers must outlive
 * the nodes that still have orders to write. It logs to a file and not to a pipe, because a pipe without a reader would
 * kill or block it in just the moment it has to shut down well.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { until } from './deadline.ts'
import type { Machine } from './machine.ts'
import { identityOf, isAlive, readIdentity, signalTo } from './process-identity.ts'

export type ChildPlan = {
  command: string
  args: readonly string[]
  stopSignal: NodeJS.Signals
  user?: { uid: number; gid: number } | undefined
  logFile: string
  pidFile: string
}

export function pidFileIn(folder: string): string {
  return join(folder, 'server.pid')
}

export type Exit = { code: number | null; signal: NodeJS.Signals | null }

// The parent may have died in the instant before the kernel was asked to watch it: then nobody ever would signal the child.
const IF_STILL_THERE = '[ "$PPID" = "$0" ] && exec "$@"'
// After a storm Postgres still writes what only its log has: killed then, it would have to do it all again at the next start.
const STOP_WITHIN_MS = 30_000
const GONE_WITHIN_MS = 5_000

export class Child {
  readonly pid: number
  readonly exited: Promise<Exit>
  #exit: Exit | undefined
  readonly #process: ChildProcess
  readonly #plan: ChildPlan

  constructor(plan: ChildPlan, started: ChildProcess, pid: number, exited: Promise<Exit>) {
    this.#plan = plan
    this.#process = started
    this.pid = pid
    this.exited = exited
    exited.then((exit) => {
      this.#exit = exit
    })
  }

  get hasExited(): boolean {
    return this.#exit !== undefined
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal)
  }

  /** Asks, and insists after half a minute. A stopped (SIGSTOP) child is woken first, for it could not hear. */
  async stop(): Promise<void> {
    if (this.hasExited) return
    this.signal(this.#plan.stopSignal)
    this.signal('SIGCONT')
    if (await until(() => this.hasExited, STOP_WITHIN_MS)) return
    this.signal('SIGKILL')
    await this.exited
  }
}

export async function spawnTied(plan: ChildPlan, machine: Machine): Promise<Child> {
  const tied = machine.setpriv !== undefined
  const command = machine.setpriv ?? plan.command
  const tie = ['--pdeathsig', plan.stopSignal.replace('SIG', ''), '--', 'sh', '-c', IF_STILL_THERE, String(process.pid)]
  const args = tied ? [...tie, plan.command, ...plan.args] : plan.args

  const log = openSync(plan.logFile, 'a', 0o600)
  const started = spawn(command, args, {
    cwd: '/',
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' },
    stdio: ['ignore', log, log],
    detached: true,
    ...(plan.user === undefined ? {} : plan.user),
  })
  closeSync(log)

  const exited = new Promise<Exit>((resolve) => {
    started.once('exit', (code, signal) => resolve({ code, signal }))
  })
  await new Promise<void>((resolve, reject) => {
    started.once('spawn', resolve)
    started.once('error', reject)
  })
  const pid = started.pid
  if (pid === undefined) throw new Error(`no process id for ${command}`)

  const last = () => void started.kill(plan.stopSignal)
  process.once('exit', last)
  void exited.then(() => process.off('exit', last))
  const child = new Child(plan, started, pid, exited)
  try {
    writeFileSync(plan.pidFile, JSON.stringify(identityOf(pid) ?? null), { mode: 0o600 })
  } catch (cause) {
    await child.stop() // on a full disk, say: a server that nobody could find again is not left running
    throw cause
  }
  return child
}

/** Ends the process a former run left behind in this folder, if it is still that one, and waits until it is gone. */
export async function endLeftover(pidFile: string, stopSignal: NodeJS.Signals): Promise<'none' | 'ended'> {
  if (!existsSync(pidFile)) return 'none'
  const recorded = readRecord(pidFile)
  rmSync(pidFile, { force: true })
  if (recorded === undefined || !isAlive(recorded)) return 'none'

  signalTo(recorded, stopSignal)
  signalTo(recorded, 'SIGCONT')
  if (await until(() => !isAlive(recorded), STOP_WITHIN_MS)) return 'ended'
  signalTo(recorded, 'SIGKILL')
  await until(() => !isAlive(recorded), GONE_WITHIN_MS)
  return 'ended'
}

function readRecord(pidFile: string) {
  try {
    return readIdentity(JSON.parse(readFileSync(pidFile, 'utf8')))
  } catch {
    return undefined // written only halfway when its parent was killed: then nothing can be proved, so nothing is ended
  }
}
