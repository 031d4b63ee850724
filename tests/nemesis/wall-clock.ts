/**
 * A wall clock that one process alone believes in: what `Date` says there is ahead of, or behind, what it says everywhere
 * else. The monotonic clock and timers are the machine's.
 *
 * It takes Debian's faketime, which no user of LiveDrop needs: see `whyNoWallClock`.
 */
import { spawnSync } from 'node:child_process'
import { renameSync, writeFileSync } from 'node:fs'

const COMMAND_MS = 5_000

export class WallClock {
  readonly #file: string
  #aheadS = 0

  constructor(file: string) {
    this.#file = file
    this.set(0)
  }

  get aheadS(): number {
    return this.#aheadS
  }

  /** What the process finds in its environment. */
  get env(): Record<string, string> {
    return {
      ...{ LD_PRELOAD: libraryOf(), FAKETIME_TIMESTAMP_FILE: this.#file },
      ...{ FAKETIME_DONT_FAKE_MONOTONIC: '1', FAKETIME_NO_CACHE: '1' },
    }
  }

  /** From now on, in one step. */
  set(aheadS: number): void {
    this.#aheadS = aheadS
    writeFileSync(`${this.#file}.new`, `${aheadS < 0 ? '' : '+'}${aheadS}\n`)
    renameSync(`${this.#file}.new`, this.#file)
  }
}

/** Undefined when this machine can give a process a clock of its own; else what is missing. */
export function whyNoWallClock(): string | undefined {
  try {
    const year = spawnSync(process.execPath, ['-p', 'new Date().getUTCFullYear()'], {
      ...{ timeout: COMMAND_MS, encoding: 'utf8' },
      env: { LD_PRELOAD: libraryOf(), FAKETIME: '@1999-01-01 00:00:00', TZ: 'UTC' },
    }).stdout
    return year.startsWith('19') ? undefined : `faketime does not reach Node: it says ${year.trim()}`
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** Where the linker finds faketime for a program of many threads. */
function libraryOf(): string {
  const { status, stdout } = spawnSync('faketime', ['-m', '-f', '+0', 'printenv', 'LD_PRELOAD'], {
    ...{ timeout: COMMAND_MS, encoding: 'utf8' },
  })
  if (status !== 0) throw new Error('there is no faketime (Debian: apt-get install faketime)')
  return stdout.trim()
}
