/**
 * A bench in a network of its own, in which a node soon notices that a phone does not read.
 *
 * Loopback carries packets of 64 KB, and the kernel keeps some twenty of them for each link: two and a half megabytes that
 * a phone may leave unread before its node notices, which takes longer than a bench. In here packets have 1,500 bytes, as
 * between a node and a phone, and the kernel keeps 64 KB for each end of a link. The bench starts itself again in there,
 * with everything that it starts. It takes Linux, root, util-linux and iproute2.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'

const THERE = 'LIVEDROP_BENCH_NETWORK'
const SETTINGS = [
  'ip link set lo mtu 1500 up',
  'echo 4096 16384 65536 > /proc/sys/net/ipv4/tcp_wmem',
  'echo 4096 65536 65536 > /proc/sys/net/ipv4/tcp_rmem',
]
const ENTER = ['--net', 'sh', '-c', [...SETTINGS, 'exec "$@"'].join(' && '), 'sh']

/** False where none can be made: then this is the machine's loopback. */
export async function enterOwnNetwork(): Promise<boolean> {
  if (process.env[THERE] !== undefined) return true
  if (spawnSync('unshare', [...ENTER, 'true']).status !== 0) return false

  const again = [...ENTER, process.execPath, ...process.execArgv, ...process.argv.slice(1)]
  const child = spawn('unshare', again, { stdio: 'inherit', env: { ...process.env, [THERE]: 'own' } })
  const [code] = (await once(child, 'exit')) as [number | null]
  process.exit(code ?? 1)
}
