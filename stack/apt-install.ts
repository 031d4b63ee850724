/**
 * Installing missing servers on Debian and Ubuntu, as root.
 *
 * Debian's Postgres package would make and start a cluster of its own; a settings file written first forbids that, and is
 * left alone where there is one. Another apt may be at work (a fresh cloud machine updates itself): the lock is waited
 * for, within bounds.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { lastLines, runCommand } from './command.ts'
import type { ServerName } from './server-name.ts'

export const APT_PACKAGE: Record<ServerName, string> = {
  redis: 'redis-server',
  nats: 'nats-server',
  postgres: 'postgresql',
}

export type Installed = { ok: true } | { ok: false; why: string }

const CREATE_CLUSTER = '/etc/postgresql-common/createcluster.conf'
const UPDATE_WITHIN_MS = 120_000
const INSTALL_WITHIN_MS = 300_000
const LOCK_WITHIN_S = 120
const LOCK_AGAIN_MS = 2_000

export async function aptInstall(aptGet: string, servers: readonly ServerName[]): Promise<Installed> {
  if (servers.includes('postgres') && !existsSync(CREATE_CLUSTER)) {
    mkdirSync('/etc/postgresql-common', { recursive: true })
    writeFileSync(CREATE_CLUSTER, 'create_main_cluster = false\n')
  }

  // Lists that could not be fetched may still be recent enough: the installation has the last word.
  await apt(['update'], UPDATE_WITHIN_MS)
  const packages = servers.map((server) => APT_PACKAGE[server])
  const installed = await apt(['install', '-y', '--no-install-recommends', ...packages], INSTALL_WITHIN_MS)
  if (installed.code === 0) return { ok: true }
  return { ok: false, why: lastLines(installed.output, 3) }

  /** `apt-get update` does not know how to wait for its lock, so the waiting is done here for both. */
  async function apt(args: readonly string[], timeoutMs: number) {
    const deadline = performance.now() + LOCK_WITHIN_S * 1_000
    for (;;) {
      const ran = await runCommand(aptGet, ['-o', `DPkg::Lock::Timeout=${LOCK_WITHIN_S}`, ...args], {
        timeoutMs,
        env: { DEBIAN_FRONTEND: 'noninteractive' },
      })
      const locked = ran.code !== 0 && /could not get lock|unable to (acquire|lock)/i.test(ran.output)
      if (!locked || performance.now() > deadline) return ran
      await pause(LOCK_AGAIN_MS)
    }
  }
}
