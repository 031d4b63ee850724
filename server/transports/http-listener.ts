/**
 * The port this node listens on, shared by everything that is attached to the app.
 *
 * Exclusively: by default uWebSockets.js lets two processes share a port without a word, and half of the requests would
 * go to the one that was forgotten in another terminal.
 */
import uWS, { type TemplatedApp, type us_listen_socket } from 'uWebSockets.js'
import { Fault } from '../../protocol/faults.ts'
import type { CertificateFiles } from './certificate.ts'

/** Missing from the library's types. */
const { LIBUS_LISTEN_EXCLUSIVE_PORT: EXCLUSIVE_PORT } = uWS as unknown as { LIBUS_LISTEN_EXCLUSIVE_PORT: number }

export interface Listener {
  /** The real one, also when any free port was asked for. */
  port: number
  /** No new connections; those that are there go on. */
  stop(): void
}

/**
 * An app to attach to; nothing is listened on yet. With a certificate it speaks TLS 1.2 and 1.3 only, which is the
 * library's own lower bound. Throws when it cannot read the files, or they do not belong together.
 */
export function newApp(tls?: CertificateFiles): TemplatedApp {
  return tls === undefined ? uWS.App() : uWS.SSLApp({ cert_file_name: tls.certificate, key_file_name: tls.key })
}

/** `port` 0: any free one. Throws `misconfigured` when it is taken; a shared one may be taken by ourselves. */
export function listen(
  app: TemplatedApp,
  host: string,
  port: number,
  how: 'exclusive' | 'shared' = 'exclusive',
): Promise<Listener> {
  return new Promise((resolve, reject) => {
    // The library takes host, port and options together, which its types do not say.
    const listenAt = app.listen.bind(app) as unknown as (
      host: string,
      port: number,
      options: number,
      call: (socket: us_listen_socket | false) => void,
    ) => void
    listenAt(host, port, how === 'exclusive' ? EXCLUSIVE_PORT : 0, (socket) => {
      if (socket === false) {
        const message = `cannot listen on ${host}:${port}: it is taken, or not an address of this machine`
        reject(new Fault('misconfigured', { host, port }, { message }))
        return
      }
      resolve({ port: uWS.us_socket_local_port(socket), stop: () => uWS.us_listen_socket_close(socket) })
    })
  })
}
