/**
 * A process that holds a stack, for tests that kill it: forked with the data folder for its argument.
 *
 * It tells its parent what it started, over IPC and not on stdout, for there are passwords in it. It stops it well on
 * SIGTERM, as the command line does.
 */
import { startStack } from '../../stack/local-stack.ts'

const [, , dataDir = ''] = process.argv
const stack = await startStack({ dataDir, fresh: true })
const { redisUrl, natsUrl, databaseUrl, pids } = stack
process.once('SIGTERM', async () => {
  await stack.stop()
  process.exit(0)
})
process.send?.({ redisUrl, natsUrl, databaseUrl, pids })
