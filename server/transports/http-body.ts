/**
 * A request's body, up to a bound.
 *
 * uWebSockets.js lends each chunk for the length of the call, so it is copied. Past the bound nothing more is kept and
 * the answer is known at once; whoever asked closes the connection, so that the rest is not read either.
 */
import type { HttpResponse } from 'uWebSockets.js'

export const BODY_MAX = 64 * 1024

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
