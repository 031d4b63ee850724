/**
 * A process that holds a stack, for tests that kill it: `node --import tsx tests/setup/stack-parent.ts <data folder>`.
 *
 * It says in one line of JSON what it started, and stops it well on SIGTERM, as the command line does.
 */
import { startStack } from '../../stack/local-stack.ts'

const [, , dataDir = ''] = process.argv
const stack = await startStack({ dataDir, fresh: true })
const { redisUrl, natsUrl, databaseUrl, pids } = stack
process.once('SIGTERM', async () => {
  await stack.stop()
  process.exit(0)
})
console.log(JSON.stringify({ redisUrl, natsUrl, databaseUrl, pids }))
