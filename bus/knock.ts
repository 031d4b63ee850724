/**
 * Finds a server that answers, before the client library dials it.
 *
 * A kernel whose first packet was lost asks again after one second, then after two more, so whoever waits for one
 * attempt finds a healed network late. Here another attempt begins every 400 ms while the older ones wait on (a slow
 * one is not cut short), and all of them end with the first that is answered. The library itself could not be hurried
 * so: the socket of a dial that it gave up stays with the kernel for two minutes.
 */
import { connect, type Socket } from 'node:net'

const AGAIN_MS = 400

/** Answers which of the servers (`host:port`) it was. Rejects when each has refused, or after `waitMs`. */
export function knock(servers: readonly string[], waitMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const knocking = new Set<Socket>()
    const end = (settle: () => void) => {
      clearInterval(again)
      clearTimeout(enough)
      for (const socket of knocking) socket.destroy()
      settle()
    }
    const knockOnce = () => {
      for (const server of servers) {
        const { hostname, port } = new URL(`nats://${server}`)
        const socket = connect({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) })
        knocking.add(socket)
        socket.once('connect', () => end(() => resolve(server)))
        socket.once('error', (cause) => {
          knocking.delete(socket)
          if (knocking.size === 0) end(() => reject(cause))
        })
      }
    }
    const again = setInterval(knockOnce, AGAIN_MS)
    const enough = setTimeout(() => end(() => reject(new Error(`no answer in ${waitMs} ms`))), waitMs)
    knockOnce()
  })
}
