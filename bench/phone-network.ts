/**
 * The network between phones and a node, as bad as it is asked to be: a TCP relay that drips, stalls, and cuts links at
 * any byte.
 *
 * What a phone says passes at once; what it hears passes at the rate of its link. The relay itself holds one chunk of a
 * slow link at most and then stops reading, so that the rest piles up where it does in the world: in the kernel's
 * buffers first, then in the node's. A link that is cut in the middle of a frame delivers the part before the cut.
 */
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'

/** What one link is like. */
export interface Link {
  /** On its way to the phone; 0: nothing passes. */
  bytesPerSecond: number
  /** Both ways together; then both ends are gone. */
  cutAfterBytes: number
}

export const GOOD: Link = { bytesPerSecond: Number.POSITIVE_INFINITY, cutAfterBytes: Number.POSITIVE_INFINITY }

const DRIP_MS = 100

interface Wire {
  near: Socket
  far: Socket
  link: Link
  passed: number
  /** Read from the node, and not yet passed on. */
  held: Buffer
}

export class PhoneNetwork {
  /** Ends of links that came from this network and not from an end of it. */
  cuts = 0
  readonly #server: Server
  readonly #wires = new Set<Wire>()
  readonly #drip: NodeJS.Timeout

  /** `linkOf`: asked for every connection. `host` and `port`: of the node. */
  static async before(url: string, linkOf: () => Link): Promise<PhoneNetwork> {
    const { hostname, port } = new URL(url)
    const network = new PhoneNetwork(hostname, Number(port), linkOf)
    network.#server.listen(0, '127.0.0.1')
    await once(network.#server, 'listening')
    return network
  }

  private constructor(host: string, port: number, linkOf: () => Link) {
    this.#server = createServer({ noDelay: true }, (near) => {
      const far = connect({ host, port, noDelay: true })
      this.#join({ near, far, link: linkOf(), passed: 0, held: Buffer.alloc(0) })
    })
    this.#drip = setInterval(() => {
      for (const wire of this.#wires) this.#dripOn(wire)
    }, DRIP_MS)
  }

  /** Where phones find the node now. */
  get url(): string {
    const address = this.#server.address()
    return `ws://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}/ws`
  }

  get links(): number {
    return this.#wires.size
  }

  /** What links that are there already are like from now on. */
  turn(link: Link): void {
    for (const wire of this.#wires) {
      wire.link = link
      this.#dripOn(wire)
    }
  }

  /** All links at once. */
  cutAll(): void {
    for (const wire of this.#wires) this.#cut(wire)
  }

  async close(): Promise<void> {
    clearInterval(this.#drip)
    this.cutAll()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #join(wire: Wire): void {
    const { near, far } = wire
    this.#wires.add(wire)
    near.on('data', (bytes) => this.#pass(wire, bytes, far, near))
    far.on('data', (bytes) => {
      if (wire.link.bytesPerSecond === Number.POSITIVE_INFINITY) return this.#pass(wire, bytes, near, far)

      far.pause()
      wire.held = Buffer.concat([wire.held, bytes])
    })
    far.on('end', () => this.#goodbye(wire))
    near.on('end', () => far.end())
    for (const end of [near, far]) {
      end.on('error', () => end.destroy())
      end.on('close', () => {
        if (end === far) return this.#goodbye(wire)

        this.#wires.delete(wire)
        far.destroy()
      })
    }
  }

  /** The node has said all it had to say; the phone hears it when the rest has passed. */
  #goodbye(wire: Wire): void {
    if (wire.held.length === 0) wire.near.end()
  }

  #dripOn(wire: Wire): void {
    const { near, far, link } = wire
    const share = Math.min(wire.held.length, (link.bytesPerSecond * DRIP_MS) / 1000)
    const bytes = wire.held.subarray(0, share)
    wire.held = wire.held.subarray(bytes.length)
    if (bytes.length > 0) this.#pass(wire, bytes, near, far)
    if (wire.held.length > 0 || link.bytesPerSecond === 0) return

    if (far.readableEnded || far.destroyed) this.#goodbye(wire)
    else far.resume()
  }

  #pass(wire: Wire, bytes: Buffer, to: Socket, from: Socket): void {
    const left = wire.link.cutAfterBytes - wire.passed
    wire.passed += bytes.length
    if (bytes.length >= left) {
      this.cuts += 1
      to.write(bytes.subarray(0, Math.max(0, left)), () => this.#cut(wire))
      from.pause()
    } else if (!to.write(bytes)) {
      from.pause()
      to.once('drain', () => from.resume())
    }
  }

  #cut(wire: Wire): void {
    wire.held = Buffer.alloc(0)
    wire.near.resetAndDestroy()
    wire.far.resetAndDestroy()
  }
}
