/**
 * A look into a running node from outside, through Node's own inspector: its memory after a forced collection, and how
 * late its loop is.
 *
 * Nothing of it is in the server. The process only has to be started with `--inspect` on a port of loopback, which
 * costs it nothing while nobody asks.
 */
import { once } from 'node:events'
import { createServer } from 'node:net'
import { WebSocket } from 'ws'

export interface Memory {
  rssBytes: number
  heapBytes: number
}

export interface LoopDelays {
  p99Ms: number
  maxMs: number
}

const ANSWER_MS = 30_000
const COLLECTIONS = 3
/** The histogram counts its own interval too. */
const RESOLUTION_MS = 10

export class NodeProbe {
  readonly #socket: WebSocket
  #asked = 0

  /** What the process must be started with, in NODE_OPTIONS. */
  static async option(): Promise<{ port: number; flag: string }> {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    server.close()
    await once(server, 'close')
    if (address === null || typeof address === 'string') throw new Error('no port')
    return { port: address.port, flag: `--inspect=127.0.0.1:${address.port}` }
  }

  static async into(port: number): Promise<NodeProbe> {
    const answer = await fetch(`http://127.0.0.1:${port}/json/list`, { signal: AbortSignal.timeout(ANSWER_MS) })
    const [target] = (await answer.json()) as { webSocketDebuggerUrl: string }[]
    if (target === undefined) throw new Error('nothing to look into')

    const socket = new WebSocket(target.webSocketDebuggerUrl, { perMessageDeflate: false })
    await once(socket, 'open', { signal: AbortSignal.timeout(ANSWER_MS) })
    return new NodeProbe(socket)
  }

  private constructor(socket: WebSocket) {
    this.#socket = socket
    socket.setMaxListeners(0)
  }

  async memory(): Promise<Memory> {
    for (let n = 0; n < COLLECTIONS; n += 1) await this.#ask('HeapProfiler.collectGarbage', {})
    const { rss, heapUsed, external } = await this.#run<NodeJS.MemoryUsage>('process.memoryUsage()')
    return { rssBytes: rss, heapBytes: heapUsed + external }
  }

  /** From now on. */
  async watchLoop(): Promise<void> {
    await this.#run(`
      globalThis.probedLoop ??= process.getBuiltinModule('node:perf_hooks')
        .monitorEventLoopDelay({ resolution: ${RESOLUTION_MS} })
      globalThis.probedLoop.enable()
      globalThis.probedLoop.reset()`)
  }

  /** Since watchLoop. */
  async loopDelays(): Promise<LoopDelays> {
    const { p99, max } = await this.#run<{ p99: number; max: number }>(
      '({ p99: globalThis.probedLoop.percentile(99), max: globalThis.probedLoop.max })',
    )
    const late = (nanoseconds: number) => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS)
    return { p99Ms: late(p99), maxMs: late(max) }
  }

  close(): void {
    this.#socket.terminate()
  }

  async #run<T>(expression: string): Promise<T> {
    const answer = await this.#ask('Runtime.evaluate', { expression, returnByValue: true })
    const { result, exceptionDetails } = answer as { result: { value: T }; exceptionDetails?: { text: string } }
    if (exceptionDetails !== undefined) throw new Error(`the probe failed: ${exceptionDetails.text}`)
    return result.value
  }

  #ask(method: string, params: object): Promise<unknown> {
    this.#asked += 1
    const id = this.#asked
    return new Promise((resolve, reject) => {
      const over = () => {
        clearTimeout(timer)
        this.#socket.off('message', hear)
      }
      const timer = setTimeout(() => {
        over()
        reject(new Error(`${method} was not answered`))
      }, ANSWER_MS)
      const hear = (bytes: Buffer) => {
        const answer = JSON.parse(bytes.toString()) as { id?: number; result: unknown }
        if (answer.id !== id) return
        over()
        resolve(answer.result)
      }
      this.#socket.on('message', hear)
      this.#socket.send(JSON.stringify({ id, method, params }))
    })
  }
}
