/**
 * A gate between a node and a store: a TCP proxy that passes everything on, until it is told to be late, to hold
 * everything back, or to lose replies.
 *
 * It never changes a byte and never reorders: whatever a node sees through it, a network could have done.
 */
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

interface Link {
  node: Socket
  store: Socket
  /** Replies that come at once still wait for those before them. */
  lastAtMs: number
  /** In their order: a timer may be late, and then a reply that need not wait would pass one that had to. */
  late: Buffer[]
}

export class Gate {
  readonly #server: Server
  readonly #links = new Set<Link>()
  #storePort: number
  #delayMs = 0
  #isHeld = false
  #loses: { how: 'cut' | 'half-closed'; afterBytes: number } | undefined

  private constructor(storePort: number) {
    this.#storePort = storePort
    this.#server = createServer({ noDelay: true }, (node) => this.#open(node))
  }

  /** `host`: where the node finds it. */
  static async open(storePort: number, host = '127.0.0.1'): Promise<Gate> {
    const gate = new Gate(storePort)
    await new Promise<void>((resolve, reject) => {
      gate.#server.once('error', reject)
      gate.#server.listen(0, host, resolve)
    })
    return gate
  }

  get host(): string {
    return (this.#server.address() as AddressInfo).address
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Every reply comes this much later. */
  delay(ms: number): void {
    this.#delayMs = ms
  }

  /** Nothing passes in either direction; it waits here and in the buffers of both sides, and comes when it is mended. */
  hold(): void {
    this.#isHeld = true
    for (const { node, store } of this.#links) {
      node.pause()
      store.pause()
    }
  }

  /** Requests pass; of the next reply on each link the first bytes come, and then the link is cut, or closed in that direction. */
  loseReplies(how: 'cut' | 'half-closed', afterBytes = 0): void {
    this.#loses = { how, afterBytes }
  }

  /** Under the same address there is another store now. */
  leadTo(storePort: number): void {
    this.#storePort = storePort
    this.cutAll()
  }

  /** Every link that is open now. */
  cutAll(): void {
    for (const link of this.#links) this.#cut(link)
  }

  mend(): void {
    this.#delayMs = 0
    this.#loses = undefined
    this.#isHeld = false
    for (const { node, store } of this.#links) {
      node.resume()
      store.resume()
    }
  }

  async close(): Promise<void> {
    this.cutAll()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #open(node: Socket): void {
    const store = connect({ host: '127.0.0.1', port: this.#storePort, noDelay: true })
    const link: Link = { node, store, lastAtMs: 0, late: [] }
    this.#links.add(link)
    for (const socket of [node, store]) {
      socket.on('error', () => socket.destroy())
      socket.on('close', () => this.#cut(link))
      if (this.#isHeld) socket.pause()
    }
    node.on('data', (bytes) => this.#pass(node, store, bytes))
    node.on('end', () => store.end())
    store.on('data', (bytes) => this.#reply(link, bytes))
    store.on('end', () => node.end())
  }

  #reply(link: Link, bytes: Buffer): void {
    if (this.#loses !== undefined) {
      const { how, afterBytes } = this.#loses
      link.node.end(bytes.subarray(0, afterBytes), () => how === 'cut' && this.#cut(link))
      return
    }

    const nowMs = performance.now()
    const atMs = Math.max(link.lastAtMs, nowMs + this.#delayMs)
    link.lastAtMs = atMs
    if (atMs <= nowMs && link.late.length === 0) this.#pass(link.store, link.node, bytes)
    else {
      link.late.push(bytes)
      setTimeout(() => {
        const next = link.late.shift()
        if (next !== undefined && link.node.writable) link.node.write(next)
      }, atMs - nowMs)
    }
  }

  /** No more is taken in than the other side reads: whoever does not read is felt by whoever writes. */
  #pass(from: Socket, to: Socket, bytes: Buffer): void {
    if (to.write(bytes)) return

    from.pause()
    to.once('drain', () => this.#isHeld || from.resume())
  }

  #cut(link: Link): void {
    this.#links.delete(link)
    link.node.destroy()
    link.store.destroy()
  }
}
