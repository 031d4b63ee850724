/**
 * A whole LiveDrop on this machine: the three servers and one node or more, all children of this process.
 */
import { randomBytes } from 'node:crypto'
import { ownFolder, secretOf } from './data-folder.ts'
import { type LocalNode, startNode } from './local-node.ts'
import { type LocalStack, type StackOptions, startStack } from './local-stack.ts'
import { PREFIX } from './node-users.ts'
import { step } from './steps.ts'

export interface ClusterOptions extends StackOptions {
  nodes: number
  /** The first node's port, the next ones follow; 0 for any free ports. */
  port?: number
  /** Further settings for every node. */
  env?: Readonly<Record<string, string>>
  onLog?: (node: string, line: string) => void
}

export interface LocalCluster {
  readonly stack: LocalStack
  readonly nodes: LocalNode[]
  /** What a node, or a command that looks into the same stores, reads as its environment. */
  readonly env: Readonly<Record<string, string>>
  /** One more node, or one again after it was killed. */
  addNode(): Promise<LocalNode>
  stop(): Promise<void>
}

export async function startCluster(options: ClusterOptions): Promise<LocalCluster> {
  const stack = await startStack(options)
  const nodes: LocalNode[] = []
  const stop = async () => {
    await Promise.all(nodes.map((node) => node.stop()))
    await stack.stop()
  }

  try {
    const env = nodeEnv(stack, options)
    let started = 0
    const addNode = async () => {
      started += 1
      const node = await bringUp(started, env, options)
      nodes.push(node)
      return node
    }
    // One after the other: the first one migrates the database.
    for (let n = 0; n < options.nodes; n += 1) await addNode()
    return { stack, nodes, env, addNode, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

function nodeEnv(stack: LocalStack, { fresh, env }: ClusterOptions): Record<string, string> {
  return {
    ...nodeUrls(stack, env?.LIVEDROP_PREFIX),
    DATABASE_URL: stack.databaseUrl,
    LIVEDROP_HOST: '127.0.0.1',
    // With the data: a token of yesterday is good today, and no two installations share a secret.
    LIVEDROP_JWT_SECRET: fresh ? randomBytes(32).toString('hex') : secretOf(ownFolder(stack.dataDir, 'node')),
    ...env,
  }
}

/** `which`: from 1. */
function bringUp(
  which: number,
  env: Readonly<Record<string, string>>,
  { port = 0, onLog, onStep = () => undefined }: ClusterOptions,
): Promise<LocalNode> {
  const name = `node-${which}`
  const start = () =>
    startNode({
      name,
      nodeId: `${name}-${randomBytes(4).toString('hex')}`,
      env: { ...env, LIVEDROP_PORT: String(port === 0 ? 0 : port + which - 1) },
      ...(onLog === undefined ? {} : { onLog: (line: string) => onLog(name, line) }),
    })
  return step(onStep, `start ${name}`, start, (up) => `${up.url}, pid ${up.pid}`)
}

/** Users of their own for nodes under the usual prefix, which is the one that these users are made for. */
function nodeUrls({ redisUrl, natsUrl, nodeUrls: own }: LocalStack, prefix = PREFIX) {
  const urls = prefix === PREFIX ? own : { redisUrl, natsUrl }
  return { REDIS_URL: urls.redisUrl, NATS_URL: urls.natsUrl }
}
