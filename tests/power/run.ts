/** Commands of the system that make and break disks: each to its end, within bounds. */
import { spawnSync } from 'node:child_process'

const COMMAND_MS = 20_000
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

export function run(command: string, args: string[]): void {
  const { status, error, stderr } = spawnSync(command, args, { env: { PATH }, timeout: COMMAND_MS, encoding: 'utf8' })
  if (status === 0) return
  throw new Error(`${command} ${error === undefined ? `failed: ${stderr.trim()}` : `cannot be run: ${error.message}`}`)
}

/** Lazily, if somebody still has a file open: the disk, or its loop device, goes when the last of them does. */
export function unmount(folder: string): void {
  if (!succeeds('umount', [folder])) succeeds('umount', ['-l', folder])
}

function succeeds(command: string, args: string[]): boolean {
  return spawnSync(command, args, { env: { PATH }, timeout: COMMAND_MS, stdio: 'ignore' }).status === 0
}
