/**
 * The local stack: real Redis, NATS and Postgres, private to one data folder, for as long as this process lives.
 *
 * What the caller already has an address for is not started and comes back as it was given, so the caller always gets
 * three addresses and never has to ask which of them are ours. The servers start side by side; if one fails, the others
 * are stopped and the folder is free again before the error is thrown.
 */
import { openDataFolder } from './data-folder.ts'
import { lockFolder } from './folder-lock.ts'
import { type LocalServer, type Lost, type ServerRecipe, startServer } from './local-server.ts'
import { type Machine, thisMachine } from './machine.ts'
import { natsRecipe } from './nats-server.ts'
import { asNode } from './node-users.ts'
import { postgresHome } from './postgres-folder.ts'
import { postgresRecipe } from './postgres-server.ts'
import { type Programs, providePrograms } from './programs.ts'
import { redisRecipe } from './redis-server.ts'
import type { ServerName } from './server-name.ts'
import { removeState, writeState } from './state.ts'
import { type OnStep, step } from './steps.ts'

export type StackOptions = {
  dataDir: string
  /** Addresses of servers that exist already (from REDIS_URL, NATS_URL, DATABASE_URL). */
  given?: { redisUrl?: string | undefined; natsUrl?: string | undefined; databaseUrl?: string | undefined }
  /** The data is thrown away soon: do not wait for the disk where only a power cut could tell the difference. */
  fresh?: boolean
  onStep?: OnStep
  /** A server ended although nobody asked it to. */
  onLost?: (lost: Lost) => void
  machine?: Machine
}

export type LocalStack = {
  redisUrl: string
  natsUrl: string
  databaseUrl: string
  /** The first two by users that may do what a node needs; of servers that were given, as they were given. */
  nodeUrls: { redisUrl: string; natsUrl: string }
  dataDir: string
  /** Only those that were started here. */
  servers: Partial<Record<ServerName, LocalServer>>
  pids: number[]
  stop(): Promise<void>
}

export async function startStack(options: StackOptions): Promise<LocalStack> {
  const { given = {}, fresh = false, onStep = () => undefined, onLost, machine = thisMachine() } = options
  const needed: ServerName[] = []
  if (!given.redisUrl) needed.push('redis')
  if (!given.natsUrl) needed.push('nats')
  if (!given.databaseUrl) needed.push('postgres')

  const dataDir = openDataFolder(options.dataDir)
  const lock = lockFolder(dataDir)
  const servers: Partial<Record<ServerName, LocalServer>> = {}
  let stopped = false
  const stop = async () => {
    if (stopped) return
    stopped = true
    removeState(dataDir)
    try {
      await Promise.all(Object.values(servers).map((server) => server.stop()))
    } finally {
      lock.release()
    }
  }

  try {
    const programs = await providePrograms(needed, machine, onStep)
    const starts = await Promise.allSettled(needed.map(bringUp(programs)))
    const failed = starts.find((start) => start.status === 'rejected')
    if (failed !== undefined) throw failed.reason

    const urls = {
      redisUrl: given.redisUrl || (servers.redis?.url ?? ''),
      natsUrl: given.natsUrl || (servers.nats?.url ?? ''),
      databaseUrl: given.databaseUrl || (servers.postgres?.url ?? ''),
    }
    writeState(dataDir, urls)
    return {
      ...urls,
      nodeUrls: {
        redisUrl: servers.redis === undefined ? urls.redisUrl : asNode(urls.redisUrl),
        natsUrl: servers.nats === undefined ? urls.natsUrl : asNode(urls.natsUrl),
      },
      dataDir,
      servers,
      get pids() {
        return Object.values(servers).map((server) => server.pid)
      },
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }

  function bringUp(programs: Programs) {
    return async (name: ServerName): Promise<void> => {
      await step(
        onStep,
        `start ${name}`,
        async () => {
          const { recipe, note } = await recipeOf(name, programs)
          const server = await startServer(recipe, machine, onLost)
          servers[name] = server
          return { server, note }
        },
        ({ server, note }) => `127.0.0.1:${server.port}, pid ${server.pid}${note}`,
      )
    }
  }

  async function recipeOf(name: ServerName, programs: Programs): Promise<{ recipe: ServerRecipe; note: string }> {
    if (name === 'redis') return { recipe: redisRecipe(dataDir, programs.redis ?? ''), note: '' }
    if (name === 'nats') return { recipe: natsRecipe(dataDir, programs.nats ?? ''), note: '' }
    const home = await postgresHome(dataDir, machine)
    const note = home.moved ? `, data in ${home.folder} (its user cannot reach ${dataDir})` : ''
    return { recipe: postgresRecipe({ home, programs: programs.postgres, fresh }), note }
  }
}
