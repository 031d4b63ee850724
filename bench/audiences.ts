/** Audiences as child processes: a load generator may have as many sockets as it has processes for. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { AudienceOrder, AudienceReport } from './audience.ts'

const ANSWER_MS = 90_000

export class Audiences {
  readonly #children: readonly ChildProcess[]

  /** `niceness`: how far they stand back for the node. A phone has a processor of its own, these have the node's. */
  constructor(count: number, niceness = 0) {
    const here = import.meta.url
    const file = fileURLToPath(new URL(here.endsWith('.ts') ? './audience.ts' : './audience.js', here))
    const execArgv = here.endsWith('.ts') ? ['--import', import.meta.resolve('tsx')] : []
    this.#children = Array.from({ length: count }, () => fork(file, [String(niceness)], { execArgv }))
  }

  /** Everybody at the same moment; the slowest one says how long it took. */
  async all(orderOf: (at: number) => AudienceOrder): Promise<AudienceReport> {
    const reports = await Promise.all(
      this.#children.map(async (child, at) => {
        const answer = once(child, 'message', { signal: AbortSignal.timeout(ANSWER_MS) })
        child.send(orderOf(at))
        const [report] = (await answer) as [AudienceReport]
        return report
      }),
    )
    return {
      here: reports.reduce((sum, report) => sum + report.here, 0),
      tookMs: Math.max(...reports.map((report) => report.tookMs)),
      backMs: reports.flatMap((report) => report.backMs),
      recovered: reports.reduce((sum, report) => sum + report.recovered, 0),
      openedAtMs: reports.flatMap((report) => report.openedAtMs),
    }
  }

  join(url: string, drop: string, tokens: readonly string[]): Promise<AudienceReport> {
    const share = Math.ceil(tokens.length / this.#children.length)
    return this.all((at) => ({
      ...{ do: 'join', url, drop, atOnce: AT_ONCE },
      tokens: tokens.slice(at * share, (at + 1) * share),
    }))
  }

  close(): void {
    for (const child of this.#children) child.disconnect()
  }
}

/** On their way in one process: enough to keep the node busy, and less than its line of waiting connections. */
const AT_ONCE = 128
