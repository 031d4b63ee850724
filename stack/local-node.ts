/**
 * A LiveDrop node as a child of this process: what `livedrop up`, the cluster tests and the benches start.
 *
 * The node says over IPC where it listens, so it can take any free port. The same channel is its lifeline: a node that
 * was started this way and loses its parent drains and ends.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { until } from './deadline.ts'
import { StackFault } from './faults.ts'
import { NODE_FLAGS } from './node-flags.ts'

export interface NodePlan {
  name: string
  /** New at every start, as LIVEDROP_NODE_ID asks. */
  nodeId: string
  /** What the node reads as its environment, besides PATH. */
  env: Readonly<Record<string, string>>
  /** One line of the node's log, as it is written. */
  onLog?: (line: string) => void
  /** Another program than the node's own: for tests that take a part out of it. */
  entry?: string
  /** Another program than this process' own Node that runs it: for tests that put it into a network of its own. */
  program?: string
}

export interface LocalNode {
  readonly name: string
  readonly nodeId: string
  /** `http://127.0.0.1:port` */
  readonly url: string
  /** `ws://127.0.0.1:port/ws` */
  readonly socketUrl: string
  readonly pid: number
  readonly exited: Promise<number | null>
  /** SIGKILL by default. */
  kill(signal?: NodeJS.Signals): void
  /** SIGTERM, and SIGKILL after `graceMs`. Answers the exit code. */
  stop(graceMs?: number): Promise<number | null>
}

const READY_WITHIN_MS = 20_000
const STOP_WITHIN_MS = 15_000
const LAST_LINES = 12

export async function startNode(plan: NodePlan): Promise<LocalNode> {
  const main = plan.entry ?? entryPoint()
  const child = fork(main, {
    execPath: plan.program ?? process.execPath,
    env: { PATH: process.env.PATH, ...plan.env, LIVEDROP_NODE_ID: plan.nodeId },
    execArgv: [...NODE_FLAGS, ...(main.endsWith('.ts') ? ['--import', import.meta.resolve('tsx')] : [])],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    serialization: 'json',
    // A Ctrl-C in the terminal is for the parent: it stops its nodes in order, before their servers.
    detached: true,
  })
  const exited = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)))
  let hasExited = false
  void exited.then(() => {
    hasExited = true
  })
  const lines = readLines(child, plan.onLog)
  let url = ''
  child.on('message', (message: unknown) => {
    if (isListening(message)) url = message.listening
  })

  const inTime = await until(() => hasExited || url !== '', READY_WITHIN_MS)
  if (!inTime || hasExited) {
    child.kill('SIGKILL')
    throw new StackFault(`node ${plan.name} did not come up; its last words:\n${lines.slice(-LAST_LINES).join('\n')}`)
  }
  return {
    name: plan.name,
    nodeId: plan.nodeId,
    url,
    socketUrl: `${url.replace('http', 'ws')}/ws`,
    pid: child.pid ?? 0,
    exited,
    kill: (signal = 'SIGKILL') => void child.kill(signal),
    async stop(graceMs = STOP_WITHIN_MS) {
      child.kill('SIGTERM')
      if (!(await until(() => hasExited, graceMs))) child.kill('SIGKILL')
      return exited
    },
  }
}

/** Beside this file in both trees: the sources, and what `npm run build` makes of them. */
function entryPoint(): string {
  const here = import.meta.url
  return fileURLToPath(new URL(here.endsWith('.ts') ? '../server/main.ts' : '../server/main.js', here))
}

function isListening(message: unknown): message is { listening: string } {
  return typeof message === 'object' && message !== null && 'listening' in message
}

/** Keeps the last lines for the day when the node does not come up. */
function readLines(child: ChildProcess, onLog?: (line: string) => void): string[] {
  const kept: string[] = []
  for (const stream of [child.stdout, child.stderr]) {
    let rest = ''
    stream?.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) onLog?.(line)
      kept.push(...lines)
      kept.splice(0, Math.max(0, kept.length - 100))
    })
  }
  return kept
}
