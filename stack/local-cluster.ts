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
  const { nodes: count, port = 0, onLog, onStep = () => undefined } = options
  const stack = await startStack(options)
  const env = {
    ...nodeUrls(stack, options.env?.LIVEDROP_PREFIX),
    DATABASE_URL: stack.databaseUrl,
    LIVEDROP_HOST: '127.0.0.1',
    // With the data: a token of yesterday is good today, and no two installations share a secret.
    LIVEDROP_JWT_SECRET: options.fresh ? randomBytes(32).toString('hex') : secretOf(ownFolder(stack.dataDir, 'node')),
    ...options.env,
  }
  const nodes: LocalNode[] = []
  let started = 0

  async function addNode(): Promise<LocalNode> {
    const name = `node-${started + 1}`
    const ownPort = port === 0 ? 0 : port + started
    started += 1
    const node = await step(
      onStep,
      `start ${name}`,
      () =>
        startNode({
          name,
          nodeId: `${name}-${randomBytes(4).toString('hex')}`,
          env: { ...env, LIVEDROP_PORT: String(ownPort) },
          ...(onLog === undefined ? {} : { onLog: (line: string) => onLog(name, line) }),
        }),
      (up) => `${up.url}, pid ${up.pid}`,
    )
    nodes.push(node)
    return node
  }

  async function stop(): Promise<void> {
    await Promise.all(nodes.map((node) => node.stop()))
    await stack.stop()
  }

  try {
    // One after the other: the first one migrates the database.
    for (let n = 0; n < count; n += 1) await addNode()
  } catch (error) {
    await stop()
    throw error
  }
  return { stack, nodes, env, addNode, stop }
}

/** Users of their own for nodes under the usual prefix, which is the one that these users are made for. */
function nodeUrls({ redisUrl, natsUrl, nodeUrls: own }: LocalStack, prefix = PREFIX) {
  const urls = prefix === PREFIX ? own : { redisUrl, natsUrl }
  return { REDIS_URL: urls.redisUrl, NATS_URL: urls.natsUrl }
}
