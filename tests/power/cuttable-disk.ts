/**
 * A disk whose power can be cut: an ext4 in a file, mounted through a loop device.
 *
 * `cut` tells ext4 to shut down without flushing its log (EXT4_IOC_SHUTDOWN, NOLOGFLUSH): from that moment nothing is
 * written any more, and what was never synced is gone when it is mounted again, as after a power cut. A killed process
 * proves nothing of the kind, since the kernel still writes what the process had given it.
 *
 * It takes Linux, root and loop devices. Whether they are there is tried, not guessed: see `whyNoDisk`.
 */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run, unmount } from './run.ts'

const SIZE_BYTES = 4 * 1024 * 1024 * 1024
/** Perl is in every Debian; Node has no ioctl. */
const SHUT_DOWN = `
open(my $root, "<", $ARGV[0]) or die "open: $!\\n";
my $no_log_flush = pack("I", 2);
ioctl($root, 0x8004587D, $no_log_flush) or die "ioctl: $!\\n";
`

export class CuttableDisk {
  /** Where it is mounted. */
  readonly folder: string
  readonly #home: string
  readonly #image: string
  #removed = false
  readonly #removeAtExit = () => this.remove()

  /** Mounted on this folder, or on one of its own. */
  constructor(folder?: string) {
    this.#home = mkdtempSync(join(tmpdir(), 'livedrop-disk-'))
    chmodSync(this.#home, 0o711)
    this.#image = join(this.#home, 'image')
    this.folder = folder ?? join(this.#home, 'mounted')
    process.once('exit', this.#removeAtExit)
    try {
      writeFileSync(this.#image, '')
      // Full of holes: it takes only what is written.
      truncateSync(this.#image, SIZE_BYTES)
      mkdirSync(this.folder, { recursive: true })
      // Below the disk, so that it is unmounted everywhere: a process in a network namespace has mounts of its own, and
      // as long as the disk is mounted in one of them the next mount would be of the disk that was cut.
      run('mount', ['--bind', this.folder, this.folder])
      run('mount', ['--make-shared', this.folder])
      run('mkfs.ext4', ['-q', '-F', this.#image])
      this.#mount()
      chmodSync(this.folder, 0o755)
    } catch (error) {
      this.remove()
      throw error
    }
  }

  /** What is there now is there for good: it was installed long before the power went. */
  settle(): void {
    run('sync', ['-f', this.folder])
  }

  cut(): void {
    run('perl', ['-e', SHUT_DOWN, this.folder])
  }

  /** Power is back. Whoever had a file open must be gone. */
  comeBack(): void {
    run('umount', [this.folder])
    this.#mount()
  }

  /** Leaves neither mount nor loop device nor file, whatever state it is in. */
  remove(): void {
    if (this.#removed) return
    this.#removed = true
    process.off('exit', this.#removeAtExit)
    unmount(this.folder)
    unmount(this.folder)
    rmSync(this.#home, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
  }

  #mount(): void {
    run('mount', ['-o', 'loop', this.#image, this.folder])
  }
}

/** Undefined when this machine has disks whose power can be cut; else what is missing. */
export function whyNoDisk(): string | undefined {
  if (process.platform !== 'linux') return `power can be cut on Linux only, this is ${process.platform}`
  if (process.getuid?.() !== 0) return 'only root may mount a disk'
  let disk: CuttableDisk | undefined
  try {
    disk = new CuttableDisk()
    disk.cut()
    disk.comeBack()
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  } finally {
    disk?.remove()
  }
}
