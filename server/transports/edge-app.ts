/**
 * What everything at the edge is attached to: as much of an app as it uses, over one app after another.
 *
 * The library cannot change the certificate of an app that listens: its own context has no such verb, and a name added
 * by SNI may not be taken away while a connection stands under it (the library frees the routes that the connection's
 * next request will look for). So a new certificate is a new app: it gets every route that was ever attached, takes over
 * the port, and the one before serves those who are on it until they leave. What is broadcast goes to all of them.
 */
import type { HttpRequest, HttpResponse, RecognizedString, TemplatedApp, WebSocketBehavior } from 'uWebSockets.js'
import type { CertificateFiles } from './certificate.ts'
import { type Listener, listen, newApp } from './http-listener.ts'

export interface EdgeApp {
  any(pattern: string, hear: (res: HttpResponse, req: HttpRequest) => void): unknown
  ws<UserData>(pattern: string, behavior: WebSocketBehavior<UserData>): unknown
  publish(topic: RecognizedString, message: RecognizedString, isBinary?: boolean, compress?: boolean): unknown
}

/** One that serves and those that it followed. One more lets go of the oldest, whose clients come back to the newest. */
const APPS_MAX = 3

export class RenewableApp implements EdgeApp {
  readonly #tls: CertificateFiles | undefined
  readonly #attachments: ((app: TemplatedApp) => void)[] = []
  /** The newest is the last. */
  readonly #apps: TemplatedApp[]
  #listener: Listener | undefined
  #host = ''

  /** Without `tls` there is one app and nothing to renew. */
  constructor(tls?: CertificateFiles) {
    this.#tls = tls
    this.#apps = [newApp(tls)]
  }

  any(pattern: string, hear: (res: HttpResponse, req: HttpRequest) => void): void {
    this.#attach((app) => app.any(pattern, hear))
  }

  ws<UserData>(pattern: string, behavior: WebSocketBehavior<UserData>): void {
    this.#attach((app) => app.ws(pattern, behavior))
  }

  publish(topic: RecognizedString, message: RecognizedString, isBinary?: boolean, compress?: boolean): void {
    for (const app of this.#apps) app.publish(topic, message, isBinary, compress)
  }

  /** Throws `misconfigured` when somebody else has the port. */
  async listen(host: string, port: number): Promise<Listener> {
    const [app] = this.#apps
    if (app === undefined) throw new Error('closed')

    let listener = await listen(app, host, port)
    if (this.#tls !== undefined) {
      // The system gives a port to a second app only if the first has shared it from the beginning.
      listener.stop()
      listener = await listen(app, host, listener.port, 'shared')
    }
    this.#host = host
    this.#listener = listener
    return { port: listener.port, stop: () => this.#deafen() }
  }

  /**
   * From the next connection on, by a new app. Throws when there is none to be had, and nothing has changed. For a moment
   * both listen; only a connection that the system had taken and the old app had not yet seen is cut, and dials again.
   */
  async renew(): Promise<void> {
    const before = this.#listener
    if (before === undefined || this.#tls === undefined) return

    const next = newApp(this.#tls)
    for (const attach of this.#attachments) attach(next)
    this.#listener = await listen(next, this.#host, before.port, 'shared')
    before.stop()
    this.#apps.push(next)
    if (this.#apps.length > APPS_MAX) this.#apps.shift()?.close()
  }

  close(): void {
    this.#deafen()
    for (const app of this.#apps.splice(0)) app.close()
  }

  #attach(attach: (app: TemplatedApp) => void): void {
    this.#attachments.push(attach)
    for (const app of this.#apps) attach(app)
  }

  #deafen(): void {
    this.#listener?.stop()
    this.#listener = undefined
  }
}
