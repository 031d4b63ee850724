/**
 * The process of one node: reads the environment, starts, and leaves when it is told to.
 *
 * What nobody caught ends the process at once, with exit code 1: a node that goes on after a surprise may hold a room in
 * a state that nobody thought of, while its supervisor and the other nodes know exactly what to do with a dead one.
 */
import { Fault } from '../protocol/faults.ts'
import { readConfig } from './config.ts'
import { makeLog } from './log.ts'
import { checkUwsBinary } from './transports/uws-binary.ts'

const LEAVE_WITHIN_MS = 20_000

async function main(): Promise<void> {
  const config = readConfig(process.env)
  const log = makeLog({ level: config.logLevel, node: config.nodeId })
  for (const surprise of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(surprise, (cause: unknown) => {
      log.error('node.surprised', { surprise, cause })
      process.exit(1)
    })
  }

  if (checkUwsBinary() === 'unknown') log.info('uws.binary_unknown', { platform: process.platform, arch: process.arch })
  // Imported only now: whatever imports the edge loads the binary.
  const { startNode } = await import('./start.ts')
  const node = await startNode(config, log, () => readConfig(process.env).keys)
  let leaving = false
  const leave = async (why: string) => {
    if (leaving) return
    leaving = true
    log.info('node.asked_to_leave', { why })
    setTimeout(() => process.exit(1), LEAVE_WITHIN_MS).unref()
    await node.stop()
    process.exit(0)
  }
  process.on('SIGTERM', () => void leave('SIGTERM'))
  process.on('SIGINT', () => void leave('SIGINT'))
  // Started by `livedrop up`, a bench or a test: says where it listens, and leaves when nobody is there any more.
  if (process.send !== undefined) {
    process.on('disconnect', () => void leave('parent gone'))
    process.send({ listening: node.url })
  }
}

main().catch((cause: unknown) => {
  // The person who started it reads one line, or a few; what they cannot mend needs the whole story.
  const said = cause instanceof Fault && cause.code === 'misconfigured' ? cause.message : cause
  console.error('livedrop: cannot start:', said)
  process.exit(1)
})
