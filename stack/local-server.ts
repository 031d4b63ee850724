/**
 * One server of the stack while it runs: started on a free port, ready before anybody hears of it, and able to be hurt.
 *
 * What differs between Redis, NATS and Postgres is a recipe; starting, watching, killing and starting again is the same
 * for all and is here. `restart` keeps the port and the data, because a test of a lost dependency wants it to come back as
 * the same one. The state of a server that nobody meant to end is told through `onLost`.
 */
import { readFileSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { type Child, endLeftover, pidFileIn, spawnTied } from './child.ts'
import { lastLines } from './command.ts'
import { until } from './deadline.ts'
import { ServerFailed } from './faults.ts'
import { freePort } from './free-port.ts'
import type { Machine } from './machine.ts'
import { type ServerName, STOP_SIGNAL } from './server-name.ts'

export type ServerRecipe = {
  name: ServerName
  command: string
  folder: string
  user?: { uid: number; gid: number } | undefined
  /** Writes what the server reads at its start; gives its arguments. */
  prepare(port: number): Promise<readonly string[]> | readonly string[]
  /** Whether the process `pid` answers on this port, in its own protocol. */
  isReady(port: number, pid: number): Promise<boolean> | boolean
  url(port: number): string
}

export type Lost = { server: ServerName; lastLines: string }

export interface LocalServer {
  readonly name: ServerName
  readonly url: string
  readonly port: number
  readonly pid: number
  readonly folder: string
  readonly logFile: string
  /** SIGKILL by default. Resolves when the process is gone; for SIGSTOP and SIGCONT at once. */
  kill(signal?: NodeJS.Signals): Promise<void>
  /** Stops it if it still runs, then starts it on the same port with the same data. */
  restart(): Promise<void>
  stop(): Promise<void>
}

// A big append-only file is read before the first answer, so readiness may take a while; a dead child is seen at once.
const READY_WITHIN_MS = 60_000
const PORT_ATTEMPTS = 5
const SAME_PORT_ATTEMPTS = 40
const ATTEMPT_AGAIN_MS = 50
const PORT_TAKEN = /address already in use|could not bind|failed listening on port/i
// A killed Postgres leaves backends that let go of their shared memory a moment later.
const NOT_YET_GONE = /pre-existing shared memory block|lock file .* already exists/i

export async function startServer(
  recipe: ServerRecipe,
  machine: Machine,
  onLost?: (lost: Lost) => void,
): Promise<LocalServer> {
  const logFile = join(recipe.folder, 'server.log')
  const pidFile = pidFileIn(recipe.folder)
  await endLeftover(pidFile, STOP_SIGNAL[recipe.name])
  emptyLog(logFile)

  let port = await freePort()
  let child = await bringUp(PORT_ATTEMPTS, true)
  let meantToEnd = false
  watch(child)

  return {
    name: recipe.name,
    folder: recipe.folder,
    logFile,
    get url() {
      return recipe.url(port)
    },
    get port() {
      return port
    },
    get pid() {
      return child.pid
    },
    async kill(signal = 'SIGKILL') {
      const ends = signal !== 'SIGSTOP' && signal !== 'SIGCONT'
      meantToEnd ||= ends
      child.signal(signal)
      if (ends) await child.exited
    },
    async restart() {
      meantToEnd = true
      await child.stop()
      child = await bringUp(SAME_PORT_ATTEMPTS, false)
      meantToEnd = false
      watch(child)
    },
    async stop() {
      meantToEnd = true
      await child.stop()
    },
  }

  function watch(watched: Child): void {
    void watched.exited.then(() => {
      if (watched === child && !meantToEnd) onLost?.({ server: recipe.name, lastLines: readLog(logFile) })
    })
  }

  /** Tries again only for the two reasons that pass by themselves: the port was taken, or the former server lingers. */
  async function bringUp(attempts: number, mayMove: boolean): Promise<Child> {
    for (let attempt = 1; ; attempt += 1) {
      const logBefore = logSize(logFile)
      const started = await spawnTied(
        {
          command: recipe.command,
          args: await recipe.prepare(port),
          stopSignal: STOP_SIGNAL[recipe.name],
          user: recipe.user,
          logFile,
          pidFile,
        },
        machine,
      )
      const inTime = await until(
        async () => started.hasExited || (await recipe.isReady(port, started.pid)),
        READY_WITHIN_MS,
      )
      if (inTime && !started.hasExited) return started

      await started.stop()
      const said = readLog(logFile, logBefore)
      if (!inTime) throw new ServerFailed(recipe.name, `was not ready within ${READY_WITHIN_MS / 1_000} s`, said)
      const passes = PORT_TAKEN.test(said) || NOT_YET_GONE.test(said)
      if (!passes || attempt >= attempts) throw new ServerFailed(recipe.name, 'ended while starting', said)
      if (mayMove && PORT_TAKEN.test(said)) port = await freePort()
      else await until(() => false, ATTEMPT_AGAIN_MS)
    }
  }
}

function emptyLog(logFile: string): void {
  try {
    truncateSync(logFile)
  } catch {
    return // the first start in this folder: there is none yet
  }
}

function logSize(logFile: string): number {
  return readWhole(logFile).length
}

function readLog(logFile: string, from = 0): string {
  return lastLines(readWhole(logFile).slice(from))
}

function readWhole(logFile: string): string {
  try {
    return readFileSync(logFile, 'utf8')
  } catch {
    return '' // nothing was logged
  }
}
