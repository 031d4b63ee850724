/**
 * Prints a drop as its watchers see it, one line of JSON for each snapshot and each change, until it is over.
 *
 * It is the client that apps use, so a node that leaves is only a line on stderr and nothing is missed. A node that was
 * never reached, and a drop that cannot be watched, are failures.
 */
import { WebSocket } from 'ws'
import { Client, type DropState, wsTransport } from '../client/client.ts'

const CHANGES = ['phase', 'left', 'low_stock', 'sold_out', 'restocked', 'viewers', 'announcement'] as const

export function watchDrop(url: string, drop: string, print: (line: string) => void): Promise<void> {
  const socketUrl = new URL('/ws', url.replace(/^http/, 'ws'))
  const client = new Client({ transport: wsTransport(socketUrl.href, { socketClass: WebSocket }) })
  const watch = client.watch(drop)
  const told = new Promise<void>((resolve, reject) => {
    const look = ({ phase }: DropState) => {
      if (phase === 'closed' || phase === 'cancelled') resolve()
    }
    watch.on('snapshot', (state) => print(JSON.stringify({ kind: 'snapshot', ...state })))
    for (const kind of CHANGES) {
      watch.on(kind, (change) => print(JSON.stringify({ ...change, position: watch.state?.position })))
    }
    watch.on('changed', look)
    watch.on('failed', ({ code, message }) => reject(new Error(`${drop}: ${message} (${code})`)))
    client.on('connection', (state) => {
      if (state.name === 'closed') reject(new Error(`sent away: ${state.reason} (${state.code})`))
      if (state.name !== 'waiting') return
      if (watch.state === undefined) return reject(new Error(`no answer from ${socketUrl.href} (${state.code})`))
      console.error(`connection lost (${state.code}), again in ${state.retryInMs} ms`)
    })
  })
  return told.finally(() => client.close())
}
