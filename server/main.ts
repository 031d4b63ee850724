/**
 * The process of one node: reads the environment, starts, and leaves when it is told to.
 *
 * What nobody caught ends the process at once, with exit code 1: a node that goes on after a surprise may hold a room in
 * a state that nobody thought of, while its supervisor and the other nodes know exactly what to do with a dead one.
 *
 * Exit codes: 0 left in order; 1 could not start, or was surprised; 3 was to leave and did not get to do it in order,
 * because its time was over or it was asked a second time. For the others that is a crash, and they take over.
 */
import { Fault } from '../protocol/faults.ts'
import { readConfig } from './config.ts'
import { makeLog } from './log.ts'
import { checkUwsBinary } from './transports/uws-binary.ts'

const LEFT = 0
const SURPRISED = 1
const CUT_SHORT = 3
/** npm, tsx and the like pass on a Ctrl-C that the terminal has sent to everybody already: that is one wish, not two. */
const SAME_WISH_MS = 500

async function main(): Promise<void> {
  const config = readConfig(process.env)
  const log = makeLog({ level: config.logLevel, node: config.nodeId })
  for (const surprise of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(surprise, (cause: unknown) => {
      log.error('node.surprised', { surprise, cause })
      process.exit(SURPRISED)
    })
  }

  if (checkUwsBinary() === 'unknown') log.info('uws.binary_unknown', { platform: process.platform, arch: process.arch })
  // Imported only now: whatever imports the edge loads the binary.
  const { startNode } = await import('./start.ts')
  const node = await startNode(config, log, () => readConfig(process.env).keys)
  let leaving: { why: string; sinceMs: number } | undefined
  const cutShort = (why: string) => {
    log.error('node.cut_short', { why })
    process.exit(CUT_SHORT)
  }
  const leave = async (why: string) => {
    if (leaving !== undefined) return
    leaving = { why, sinceMs: performance.now() }
    log.info('node.asked_to_leave', { why })
    setTimeout(() => cutShort('time is over'), config.graceMs).unref()
    await node.stop()
    process.exit(LEFT)
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (leaving === undefined) void leave(signal)
      else if (performance.now() - leaving.sinceMs > SAME_WISH_MS) cutShort(`${signal} after ${leaving.why}`)
    })
  }
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
  process.exit(SURPRISED)
})
