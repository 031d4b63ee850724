/**
 * The ground a bench stands on: a running LiveDrop, its stores, and people who may use it.
 *
 * With LIVEDROP_URLS set (comma-separated, `http://host:port`) that is an installation that runs already, and REDIS_URL,
 * NATS_URL, DATABASE_URL and LIVEDROP_JWT_SECRET must be its own. Else it is a cluster started for this bench alone, on
 * real servers with the settings of production but no limits on how often, and thrown away afterwards.
 */
import { randomUUID } from 'node:crypto'
import { call } from '../cli/rest.ts'
import type { UserId } from '../protocol/ids.ts'
import { readConfig } from '../server/config.ts'
import { KeyRing } from '../server/inbound/key-ring.ts'
import { Tokens } from '../server/inbound/tokens.ts'
import { removeDataFolder, temporaryDataFolder } from '../stack/data-folder.ts'
import { type LocalCluster, startCluster } from '../stack/local-cluster.ts'
import { Creator } from './creator.ts'
import { Stores } from './stores.ts'

export interface Ground {
  /** `http://…`, one a node. */
  urls: readonly string[]
  socketUrls: readonly string[]
  /** The nodes, where they were started for this bench. */
  cluster: LocalCluster | undefined
  creator: Creator
  creatorToken: string
  fanTokens(count: number): Promise<string[]>
  stores: Stores
  close(): Promise<void>
}

const TOKEN_TTL_MS = 2 * 60 * 60_000

export interface GroundOptions {
  nodes: number
  onStep?: (line: string) => void
  /** Further settings for every node. */
  env?: Readonly<Record<string, string>>
  /** What the nodes log; warnings and worse unless `env` says otherwise. */
  onLog?: (line: string) => void
}

export async function openGround(options: GroundOptions): Promise<Ground> {
  const given = process.env.LIVEDROP_URLS?.split(',').filter((url) => url !== '')
  if (given !== undefined && given.length > 0) return standOn(given, process.env, undefined, async () => undefined)

  const dataDir = temporaryDataFolder()
  const cluster = await startCluster({
    dataDir,
    nodes: options.nodes,
    env: { LIVEDROP_LOG_LEVEL: 'warn', LIVEDROP_LIMITS: 'none', ...options.env },
    onStep: (step) => step.state === 'done' && options.onStep?.(`${step.name}  ${step.ms} ms  ${step.detail}`),
    onLog: (node, line) => options.onLog?.(`[${node}] ${line}`),
  })
  const urls = cluster.nodes.map((node) => node.url)
  return standOn(urls, cluster.env, cluster, async () => {
    await cluster.stop()
    removeDataFolder(dataDir)
  })
}

export async function standOn(
  urls: string[],
  env: Readonly<Record<string, string | undefined>>,
  cluster: LocalCluster | undefined,
  close: () => Promise<void>,
): Promise<Ground> {
  const config = readConfig(env)
  const tokens = new Tokens(new KeyRing(config.keys))
  const creatorToken = await registerCreator(urls[0] ?? '')
  const stores = await Stores.open(config)

  return {
    urls,
    socketUrls: urls.map((url) => `${url.replace(/^http/, 'ws')}/ws`),
    cluster,
    creator: new Creator({ url: urls[0] ?? '', token: creatorToken }),
    creatorToken,
    async fanTokens(count) {
      const issued = Array.from({ length: count }, () =>
        tokens.issue({ user: randomUUID() as UserId, role: 'fan' }, TOKEN_TTL_MS),
      )
      return (await Promise.all(issued)).map(({ token }) => token)
    },
    stores,
    async close() {
      await stores.close()
      await close()
    },
  }
}

async function registerCreator(url: string): Promise<string> {
  const account = { email: `creator-${randomUUID()}@example.com`, password: randomUUID(), displayName: 'Storm creator' }
  const signedIn = await call({ url, token: '' }, 'POST', '/v1/auth/register', { ...account, role: 'creator' })
  return (signedIn as { token: string }).token
}
