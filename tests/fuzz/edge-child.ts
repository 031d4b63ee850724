/**
 * A node's edge in a process of its own, to be attacked: if it dies, it dies alone, and what it keeps can be weighed.
 * Both kinds of socket on one port, in front of a room that counts what reaches it. Run with `--expose-gc`.
 */
import { edgeNode } from '../builders/edge-node.ts'

export interface Weighed {
  rssMb: number
  heapMb: number
  cpuMs: number
  sessions: number
  /** Orders and cancellations that got as far as the room. */
  orders: number
  cancels: number
  watched: number
  failures: string[]
  unhandled: string[]
}

declare const gc: () => void

const node = await edgeNode({ greetWithinMs: 3_600_000 })
const unhandled: string[] = []
for (const event of ['unhandledRejection', 'uncaughtExceptionMonitor'] as const) {
  process.on(event, (cause: unknown) => unhandled.push(`${event}: ${String(cause)}`))
}
let orders = 0
let cancels = 0
const { order, cancel } = node.world
node.world.order = (...asked) => {
  orders += 1
  return order(...asked)
}
node.world.cancel = (asked) => {
  cancels += 1
  return cancel(asked)
}

process.on('message', () => {
  gc()
  const { rss, heapUsed } = process.memoryUsage()
  const { user, system } = process.cpuUsage()
  const weighed: Weighed = {
    ...{ rssMb: rss / 2 ** 20, heapMb: heapUsed / 2 ** 20, cpuMs: (user + system) / 1_000 },
    ...{ sessions: node.roll.size, orders, cancels, watched: node.pollers.size, failures: node.failures, unhandled },
  }
  process.send?.(weighed)
})
process.once('disconnect', () => process.exit(0))
process.send?.({ port: node.port })
