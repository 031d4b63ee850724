/**
 * One real stack for the whole run, in a folder of its own that is removed afterwards.
 *
 * Test files share the servers and keep apart by name: a database each (databases.ts), a prefix each (prefix.ts). Where
 * REDIS_URL, NATS_URL or DATABASE_URL is set, that server is used instead of a private one.
 */
import type { TestProject } from 'vitest/node'
import { removeDataFolder, temporaryDataFolder } from '../../stack/data-folder.ts'
import { startStack } from '../../stack/local-stack.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    redisUrl: string
    natsUrl: string
    databaseUrl: string
  }
}

export default async function startServers(project: TestProject): Promise<() => Promise<void>> {
  const dataDir = temporaryDataFolder()
  const stack = await startStack({
    dataDir,
    fresh: true,
    given: {
      redisUrl: process.env.REDIS_URL,
      natsUrl: process.env.NATS_URL,
      databaseUrl: process.env.DATABASE_URL,
    },
    onStep: ({ name, state, detail }) => {
      if (name.startsWith('install') && state !== 'failed') console.log(`${name}: ${state} ${detail}`)
    },
    onLost: ({ server, lastLines }) => console.error(`the tests' ${server} ended by itself:\n${lastLines}`),
  })

  project.provide('redisUrl', stack.redisUrl)
  project.provide('natsUrl', stack.natsUrl)
  project.provide('databaseUrl', stack.databaseUrl)

  return async () => {
    await stack.stop()
    removeDataFolder(dataDir)
  }
}
