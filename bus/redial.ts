/**
 * Keeps one link up for ever: dials, waits until it is lost, and dials again, with full jitter so that the nodes that
 * lost one server do not come back to the other one together.
 */
import type { Log } from '../rooms/ports.ts'
import { within } from './within.ts'

export interface RedialWorld<Link> {
  /** Rejects after a bounded time. */
  dial(): Promise<Link>
  /** Uses the link; resolves with the reason when it is lost. */
  live(link: Link): Promise<string>
  name: string
  log: Log
  /** The longest pause; a link that lives longer than this counts as a good one. */
  maxMs: number
}

const MIN_MS = 50

export class Redial<Link> {
  readonly #world: RedialWorld<Link>
  readonly #ended: Promise<void>
  #stopped = false
  #wake: (() => void) | undefined

  /** Begins to dial. */
  constructor(world: RedialWorld<Link>) {
    this.#world = world
    this.#ended = this.#goOn()
  }

  get stopped(): boolean {
    return this.#stopped
  }

  /** Dials no more. The present link is for its user to end; resolves when that is seen, or after `waitMs`. */
  async stop(waitMs: number): Promise<void> {
    this.#stopped = true
    this.#wake?.()
    await within(waitMs, this.#ended)
  }

  async #goOn(): Promise<void> {
    const { log, name, maxMs } = this.#world
    let failures = 0
    let lastSaid = ''
    while (!this.#stopped) {
      const startMs = performance.now()
      try {
        const link = await this.#world.dial()
        const why = await this.#world.live(link)
        if (!this.#stopped) log.warn('bus.lost', { name, why })
        lastSaid = ''
      } catch (cause) {
        // For ever is long: the same reason is said once.
        if (String(cause) !== lastSaid) log.warn('bus.unreachable', { name, why: String(cause) })
        lastSaid = String(cause)
      }
      // Whoever refuses us, or lets us in and throws us out, at once is not asked again at once. Silence took its time.
      failures = performance.now() - startMs > maxMs ? 0 : failures + 1
      await this.#pause(failures)
    }
  }

  #pause(failures: number): Promise<void> {
    if (this.#stopped) return Promise.resolve()

    const mostMs = Math.min(this.#world.maxMs, MIN_MS * 2 ** Math.min(failures, 10))
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.random() * mostMs)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}
