/** Who may open another socket, asked at the handshake of every transport: its network, and what it is told when not. */
import type { HttpRequest, HttpResponse } from 'uWebSockets.js'
import type { Addresses } from '../inbound/addresses.ts'
import type { Doorkeeper } from '../inbound/doorkeeper.ts'
import type { Gateway } from '../inbound/gateway.ts'

export interface Door {
  keeper: Pick<Doorkeeper, 'knock' | 'entered' | 'left'>
  addresses: Pick<Addresses, 'networkOf' | 'readsForwarded'>
}

export const STATUS_LINES = { 429: '429 Too Many Requests', 503: '503 Service Unavailable' } as const

/** A balancer has noticed by then. */
const LEAVING_MS = 1_000

/** Said to who is turned away because this node leaves. */
export function turnedByLeaving({ isOpen }: Pick<Gateway, 'isOpen'>) {
  if (isOpen) return undefined

  return { status: 503, why: 'this node is leaving, another one answers', retryAfterMs: LEAVING_MS } as const
}

/** The library answers the first line of a header that comes in several, which is not the one our own proxy wrote. */
export function networkOf(res: HttpResponse, req: HttpRequest, { addresses }: Door): string {
  const lines: string[] = []
  if (addresses.readsForwarded) {
    req.forEach((name, value) => {
      if (name === 'x-forwarded-for') lines.push(value)
    })
  }
  const peer = Buffer.from(res.getRemoteAddressAsText()).toString()
  return addresses.networkOf(peer, lines.length === 0 ? undefined : lines.join(','))
}

export const retryAfter = (ms: number): string => String(Math.max(1, Math.ceil(ms / 1000)))
