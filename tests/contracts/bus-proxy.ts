/**
 * A cable that can be cut: a TCP relay between a bus and its server.
 *
 * `cut` closes both ends and answers nobody until `mend`. `freeze` is the worse fault: the connection stays open and
 * nothing passes, as with a pulled cable or a stopped machine.
 */
import { connect, createServer, type Server, type Socket } from 'node:net'

export class BusProxy {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #open = true
  #frozen = false

  static async before(target: { host: string; port: number }): Promise<BusProxy> {
    const proxy = new BusProxy(target)
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve))
    return proxy
  }

  private constructor(target: { host: string; port: number }) {
    this.#server = createServer((near) => {
      if (!this.#open) {
        near.destroy()
        return
      }
      const far = connect(target.port, target.host)
      this.#join(near, far)
      this.#join(far, near)
    })
  }

  get port(): number {
    const address = this.#server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  }

  cut(): void {
    this.#open = false
    for (const socket of this.#sockets) socket.destroy()
  }

  mend(): void {
    this.#open = true
    this.#frozen = false
  }

  freeze(): void {
    this.#frozen = true
    for (const socket of this.#sockets) socket.pause()
  }

  async close(): Promise<void> {
    this.cut()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #join(from: Socket, to: Socket): void {
    this.#sockets.add(from)
    from.on('data', (bytes) => to.write(bytes))
    from.on('error', () => to.destroy())
    from.on('close', () => {
      this.#sockets.delete(from)
      to.destroy()
    })
    if (this.#frozen) from.pause()
  }
}
