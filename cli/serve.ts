/** `livedrop serve`: one node in this process, against the stores that the environment names. */
import { defineCommand } from 'citty'

export const serveCommand = defineCommand({
  meta: { name: 'serve', description: 'Run a node against given Redis, NATS and Postgres' },
  // main.ts is an entry point: importing it is running it.
  run: async () => {
    await import('../server/main.ts')
  },
})
