/**
 * A request's body, up to a bound.
 *
 * uWebSockets.js lends each chunk for the length of the call, so it is copied. Past the bound nothing more is kept and
 * the answer is known at once; whoever asked closes the connection, so that the rest is not read either.
 */
import type { HttpResponse } from 'uWebSockets.js'

export const BODY_MAX = 64 * 1024

/**
 * Places of bodies that are on their way. Nobody is known yet by who they are, and a body that never comes is waited for
 * for ten seconds, so one network may hold only some of the places, and all of them are none of those in which requests are
 * answered.
 */
export class AwaitedBodies {
  readonly #placesMax: number
  readonly #perNetworkMax: number
  readonly #held = new Map<string, number>()
  #size = 0

  constructor(placesMax: number, perNetworkMax: number) {
    this.#placesMax = placesMax
    this.#perNetworkMax = perNetworkMax
  }

  get size(): number {
    return this.#size
  }

  /** What to call when it is there or never will be, as often as one likes. */
  await(network: string): (() => void) | 'crowded' | 'full' {
    const held = this.#held.get(network) ?? 0
    if (held >= this.#perNetworkMax) return 'crowded'
    if (this.#size >= this.#placesMax) return 'full'

    this.#held.set(network, held + 1)
    this.#size += 1
    let isOver = false
    return () => {
      if (isOver) return
      isOver = true
      this.#size -= 1
      const others = (this.#held.get(network) ?? 0) - 1
      if (others > 0) this.#held.set(network, others)
      else this.#held.delete(network)
    }
  }
}

/** Must be called before anything waits. `heard` is called once, unless the client goes away before. */
export function readBody(res: HttpResponse, bytesMax: number, heard: (body: Buffer | 'too_large') => void): void {
  let chunks: Buffer[] = []
  let bytes = 0
  let answered = false

  res.onData((chunk, isLast) => {
    if (answered) return

    bytes += chunk.byteLength
    if (bytes > bytesMax) {
      answered = true
      chunks = []
      heard('too_large')
      return
    }
    if (chunk.byteLength > 0) chunks.push(Buffer.from(new Uint8Array(chunk)))
    if (!isLast) return

    answered = true
    heard(Buffer.concat(chunks, bytes))
  })
}
