/**
 * A disk that can be full: a tmpfs that is made as small as what is on it, and large again.
 *
 * A write that the disk has no room for fails as on any other (ENOSPC); what was written before stays. It takes Linux and
 * root. Whether they are there is tried, not guessed: see `whyNoTightDisk`.
 */
import { mkdirSync, mkdtempSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run, unmount } from './run.ts'

const ROOMY = '1g'
/** What may still be written while the size is being changed: less than that, and the change itself may fail. */
const REST_BYTES = 16 * 1024

export class TightDisk {
  readonly #folder: string
  readonly #removeAtExit = () => this.remove()

  /** Mounted on this folder, which is made for it. */
  constructor(folder: string) {
    this.#folder = folder
    mkdirSync(folder, { recursive: true })
    run('mount', ['-t', 'tmpfs', '-o', `size=${ROOMY},mode=0700`, 'livedrop-tight', folder])
    process.once('exit', this.#removeAtExit)
  }

  fill(): void {
    const { bsize, blocks, bfree } = statfsSync(this.#folder)
    run('mount', ['-o', `remount,size=${(blocks - bfree) * bsize + REST_BYTES}`, this.#folder])
  }

  makeRoom(): void {
    run('mount', ['-o', `remount,size=${ROOMY}`, this.#folder])
  }

  remove(): void {
    process.off('exit', this.#removeAtExit)
    unmount(this.#folder)
  }
}

/** Undefined when this machine has disks that can be full; else what is missing. */
export function whyNoTightDisk(): string | undefined {
  if (process.platform !== 'linux') return `a disk of one's own can be made on Linux only, this is ${process.platform}`
  if (process.getuid?.() !== 0) return 'only root may mount a disk'
  const home = mkdtempSync(join(tmpdir(), 'livedrop-tight-'))
  let disk: TightDisk | undefined
  try {
    disk = new TightDisk(join(home, 'mounted'))
    disk.fill()
    disk.makeRoom()
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  } finally {
    disk?.remove()
    rmSync(home, { recursive: true, force: true })
  }
}
