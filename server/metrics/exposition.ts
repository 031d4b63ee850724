/**
 * `/metrics` on a port of its own, for whoever scrapes: never on the public one, where it would tell strangers how a drop
 * goes.
 *
 * Plain HTTP and no secret: it belongs on loopback or into a private network. Few connections and short times, so that a
 * scraper that hangs costs nothing.
 */
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Fault } from '../../protocol/faults.ts'
import type { Log } from '../../rooms/ports.ts'
import type { Meter } from './meter.ts'

export interface Place {
  host: string
  /** 0: any free one. */
  port: number
}

const CONNECTIONS_MAX = 16
const PATIENCE_MS = 2_000

/** Throws `misconfigured` when the port cannot be had. */
export async function exposeMetrics(
  meter: Pick<Meter, 'text' | 'contentType'>,
  place: Place,
  log: Log,
): Promise<{ url: string; stop(): Promise<void> }> {
  const server = createServer({ requestTimeout: PATIENCE_MS, headersTimeout: PATIENCE_MS }, (request, response) => {
    const path = (request.url ?? '').split('?')[0]
    if (path !== '/metrics') return say(response, 404, 'only /metrics is here\n')
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return say(response, 405, 'GET or HEAD\n', { allow: 'GET, HEAD' })

    meter.text().then(
      (text) => say(response, 200, request.method === 'HEAD' ? '' : text, { 'content-type': meter.contentType }),
      (cause: unknown) => {
        log.error('metrics.failed', { cause })
        say(response, 500, 'failed\n')
      },
    )
  })
  server.maxConnections = CONNECTIONS_MAX
  server.setTimeout(PATIENCE_MS, (socket) => socket.destroy())
  server.listen(place.port, place.host)
  try {
    await once(server, 'listening')
  } catch (cause) {
    throw new Fault('misconfigured', {}, { message: `LIVEDROP_METRICS cannot be listened on: ${String(cause)}` })
  }
  // What an address answers when nobody is connected any more is no business of the node.
  server.on('error', (cause) => log.warn('metrics.not_served', { cause }))

  const { port } = server.address() as AddressInfo
  const url = `http://${place.host.includes(':') ? `[${place.host}]` : place.host}:${port}/metrics`
  log.info('metrics.listening', { url })
  return {
    url,
    stop: async () => {
      server.close()
      server.closeAllConnections()
    },
  }
}

function say(response: ServerResponse, status: number, body: string, headers: Record<string, string> = {}): void {
  response.writeHead(status, {
    ...{
      'content-type': 'text/plain; charset=utf-8',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    },
    ...headers,
  })
  response.end(body)
}
