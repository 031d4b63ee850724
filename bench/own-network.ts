/**
 * A bench in a network of its own, whose packets are as small as those of the world.
 *
 * Loopback carries packets of 64 KB, and the kernel keeps some twenty of them for each link: two and a half megabytes that
 * a phone may leave unread before its node notices. With packets of 1,500 bytes it is as between a node and a phone. The
 * bench starts itself again in there, with everything that it starts. It takes Linux, root, util-linux and iproute2.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'

const THERE = 'LIVEDROP_BENCH_NETWORK'
const ENTER = ['--net', 'sh', '-c', 'ip link set lo mtu 1500 up && exec "$@"', 'sh']

/** False where none can be made: then this is the machine's loopback. */
export async function enterOwnNetwork(): Promise<boolean> {
  if (process.env[THERE] !== undefined) return true
  if (spawnSync('unshare', [...ENTER, 'true']).status !== 0) return false

  const again = [...ENTER, process.execPath, ...process.execArgv, ...process.argv.slice(1)]
  const child = spawn('unshare', again, { stdio: 'inherit', env: { ...process.env, [THERE]: 'own' } })
  const [code] = (await once(child, 'exit')) as [number | null]
  process.exit(code ?? 1)
}
