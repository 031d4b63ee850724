/**
 * A network namespace for one node, with one cable to ours, in which packets can be lost.
 *
 * Packets are dropped by the node's own kernel (nft), in silence: both ends go on believing in their connections, send again
 * later and later, and only a heartbeat of their own finds out. That is what a partition is, and what no killed process
 * and no closed socket shows. The addresses are of 198.18.0.0/15, which RFC 2544 keeps for trying out networks.
 *
 * It takes Linux, root, iproute2 and nftables. Whether they are there is tried, not guessed: see `whyNoNetworks`.
 */
import { spawnSync } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** What gets lost on the way; `ours` are ports on our side. */
export type Loss =
  | { what: 'everything' }
  /** The node is not heard, but hears; or it hears nothing, and is heard. */
  | { what: 'sent' | 'received' }
  /** What goes to these ports and comes from them. */
  | { what: 'ports'; ours: readonly number[] }
  /** Nothing passes, and both ends are told: their connections are reset. */
  | { what: 'reset' }
  /** One packet of ten, each way. */
  | { what: 'one in ten' }

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
const COMMAND_MS = 20_000
const NAMES = 16 ** 6

export class NodeNetwork {
  /** Our end of the cable, where the node finds its stores. */
  readonly ourAddress: string
  /** The node's end, where its clients find it. */
  readonly nodeAddress: string
  /** Runs Node in there: its process is the node itself, and no parent of it. */
  readonly program: string
  readonly #name: string
  readonly #home: string
  #removed = false
  readonly #removeAtExit = () => this.remove()

  constructor() {
    const number = randomInt(NAMES)
    const name = `ld${number.toString(16).padStart(6, '0')}`
    const net = `198.${18 + (number & 1)}.${(number >> 1) & 0xff}`
    const first = ((number >> 9) & 0x3f) * 4
    this.#name = name
    this.ourAddress = `${net}.${first + 1}`
    this.nodeAddress = `${net}.${first + 2}`
    this.#home = mkdtempSync(join(tmpdir(), 'livedrop-network-'))
    this.program = join(this.#home, 'node')
    process.once('exit', this.#removeAtExit)
    try {
      run('ip', ['netns', 'add', name])
      run('ip', ['link', 'add', `${name}a`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name])
      run('ip', ['address', 'add', `${this.ourAddress}/30`, 'dev', `${name}a`])
      run('ip', ['link', 'set', `${name}a`, 'up'])
      run('ip', ['-n', name, 'address', 'add', `${this.nodeAddress}/30`, 'dev', 'eth0'])
      run('ip', ['-n', name, 'link', 'set', 'eth0', 'up'])
      run('ip', ['-n', name, 'link', 'set', 'lo', 'up'])
      writeFileSync(this.program, `#!/bin/sh\nPATH=${PATH} exec ip netns exec ${name} '${process.execPath}' "$@"\n`)
      chmodSync(this.program, 0o700)
      this.mend()
    } catch (error) {
      this.remove()
      throw error
    }
  }

  /** In the place of what got lost before. */
  lose(loss: Loss): void {
    const { received, sent } = rulesOf(loss)
    this.#filter(received, sent)
  }

  mend(): void {
    this.#filter('', '')
  }

  /** How many packets were lost since `lose`. */
  lost(): number {
    const listed = run('ip', ['netns', 'exec', this.#name, 'nft', 'list', 'table', 'inet', 'loss'])
    return [...listed.matchAll(/packets (\d+)/g)].reduce((sum, [, packets]) => sum + Number(packets), 0)
  }

  /** Leaves neither namespace nor cable nor file. Whoever runs in there must be gone. */
  remove(): void {
    if (this.#removed) return
    this.#removed = true
    process.off('exit', this.#removeAtExit)
    // The cable has two ends and goes with either.
    spawnSync('ip', ['link', 'del', `${this.#name}a`], { env: { PATH }, timeout: COMMAND_MS, stdio: 'ignore' })
    spawnSync('ip', ['netns', 'del', this.#name], { env: { PATH }, timeout: COMMAND_MS, stdio: 'ignore' })
    rmSync(this.#home, { recursive: true, force: true })
  }

  /** In one step: a table is replaced as a whole. */
  #filter(received: string, sent: string): void {
    const table = `table inet loss {
      chain received { type filter hook input priority 0; policy accept; ${received}
      }
      chain sent { type filter hook output priority 0; policy accept; ${sent}
      }
    }`
    const rules = `table inet loss\ndelete table inet loss\n${table}\n`
    run('ip', ['netns', 'exec', this.#name, 'nft', '-f', '-'], rules)
  }
}

function rulesOf(loss: Loss): { received: string; sent: string } {
  const drop = 'counter drop'
  if (loss.what === 'ports') {
    const ports = `{ ${loss.ours.join(', ')} }`
    return { received: `tcp sport ${ports} ${drop}`, sent: `tcp dport ${ports} ${drop}` }
  }
  if (loss.what === 'reset') {
    const reset = 'meta l4proto tcp counter reject with tcp reset'
    return { received: reset, sent: reset }
  }
  if (loss.what === 'one in ten') {
    const one = `numgen random mod 10 0 ${drop}`
    return { received: one, sent: one }
  }
  return { received: loss.what === 'sent' ? '' : drop, sent: loss.what === 'received' ? '' : drop }
}

/** Undefined when this machine can have nodes in networks of their own; else what is missing. */
export function whyNoNetworks(): string | undefined {
  if (process.platform !== 'linux') return `there are network namespaces on Linux only, this is ${process.platform}`
  if (process.getuid?.() !== 0) return 'only root may make a network namespace'
  let network: NodeNetwork | undefined
  try {
    network = new NodeNetwork()
    network.lose({ what: 'ports', ours: [1, 2] })
    network.lose({ what: 'reset' })
    network.lose({ what: 'one in ten' })
    run(network.program, ['-e', '0'])
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  } finally {
    network?.remove()
  }
}

function run(command: string, args: string[], input = ''): string {
  const ran = spawnSync(command, args, { env: { PATH }, timeout: COMMAND_MS, encoding: 'utf8', input })
  if (ran.status === 0) return ran.stdout
  const why = ran.error === undefined ? `failed: ${ran.stderr.trim()}` : `cannot be run: ${ran.error.message}`
  throw new Error(`${command} ${args.join(' ')} ${why}`)
}
