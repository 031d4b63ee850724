/**
 * CPU time that processes have used, from /proc (Linux; elsewhere nothing is known).
 *
 * On a machine where the load generator, the servers and strangers share two cores, CPU per order says more than orders
 * per second. A server that forks (Postgres) is counted with its children.
 */
import { readdirSync, readFileSync } from 'node:fs'

/** Linux reports in clock ticks; 100 a second on every platform that Node runs on. */
const TICK_MS = 10

export function cpuMs(pid: number): number {
  return processes()
    .filter((one) => one.pid === pid || one.parent === pid)
    .reduce((total, one) => total + one.cpuMs, 0)
}

/** Of a process' first thread, which in Node is the one that runs the loop. */
export interface OnProcessor {
  ranMs: number
  /** It could have gone on, and others had the processors: what the machine, not the process, makes late. */
  waitedMs: number
}

export function onProcessor(pid: number): OnProcessor {
  try {
    const [ran = 0, waited = 0] = readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ').map(Number)
    return { ranMs: ran / 1e6, waitedMs: waited / 1e6 }
  } catch {
    return { ranMs: Number.NaN, waitedMs: Number.NaN } // not Linux
  }
}

function processes(): { pid: number; parent: number; cpuMs: number }[] {
  try {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .flatMap(readProcess)
  } catch {
    return [] // not Linux
  }
}

function readProcess(name: string): { pid: number; parent: number; cpuMs: number }[] {
  try {
    const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
    // The command's name may hold spaces; what follows its closing bracket does not.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const ticks = Number(fields[11]) + Number(fields[12])
    return [{ pid: Number(name), parent: Number(fields[1]), cpuMs: ticks * TICK_MS }]
  } catch {
    return [] // it ended while we looked
  }
}
