/** The edge that is attacked, as its parent sees it: where it is, what it weighs, and whether it still lives. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Weighed } from './edge-child.ts'

export class AttackedEdge {
  readonly #child: ChildProcess
  readonly port: number

  private constructor(child: ChildProcess, port: number) {
    this.#child = child
    this.port = port
  }

  static async start(): Promise<AttackedEdge> {
    const child = fork(fileURLToPath(new URL('edge-child.ts', import.meta.url)), {
      execArgv: ['--expose-gc', '--import', import.meta.resolve('tsx')],
    })
    const [said] = (await once(child, 'message', { signal: AbortSignal.timeout(30_000) })) as [{ port: number }]
    return new AttackedEdge(child, said.port)
  }

  get isAlive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  async weigh(): Promise<Weighed> {
    const heard = once(this.#child, 'message', { signal: AbortSignal.timeout(10_000) })
    this.#child.send('weigh')
    const [weighed] = (await heard) as [Weighed]
    return weighed
  }

  stop(): void {
    this.#child.kill('SIGKILL')
  }
}
