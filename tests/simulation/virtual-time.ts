/**
 * Time that moves from one event to the next. Everything in a simulated run that is not a plain computation (a message, a
 * store's answer, a timer) is an event here, so the moments at which they happen are the whole interleaving.
 *
 * After each event every promise that can go on has gone on before the next event begins.
 */
import type { Clock, Timer } from '../../rooms/ports.ts'
import { START_MS } from '../builders/hand-clock.ts'

interface Event {
  atMs: number
  order: number
  call: (() => void) | undefined
}

export class VirtualTime {
  #nowMs = 0
  #order = 0
  readonly #heap: Event[] = []

  get nowMs(): number {
    return this.#nowMs
  }

  at(atMs: number, call: () => void): Timer {
    const event: Event = { atMs: Math.max(atMs, this.#nowMs), order: this.#order++, call }
    this.#push(event)
    return {
      cancel: () => {
        event.call = undefined
      },
    }
  }

  after(ms: number, call: () => void): Timer {
    return this.at(this.#nowMs + Math.max(0, ms), call)
  }

  async runUntil(untilMs: number): Promise<void> {
    for (;;) {
      const next = this.#heap[0]
      if (next === undefined || next.atMs > untilMs) break

      this.#pop()
      if (next.call === undefined) continue
      this.#nowMs = next.atMs
      next.call()
      await new Promise<void>((resolve) => setImmediate(resolve))
    }
    this.#nowMs = untilMs
  }

  #push(event: Event): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(event)
    while (at > 0) {
      const up = (at - 1) >> 1
      const parent = heap[up]
      if (parent === undefined || !earlier(event, parent)) break
      heap[at] = parent
      at = up
    }
    heap[at] = event
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return

    let at = 0
    for (;;) {
      const left = heap[2 * at + 1]
      if (left === undefined) break
      const right = heap[2 * at + 2]
      const isRight = right !== undefined && earlier(right, left)
      const child = isRight ? right : left
      if (!earlier(child, last)) break
      heap[at] = child
      at = 2 * at + (isRight ? 2 : 1)
    }
    heap[at] = last
  }
}

const earlier = (a: Event, b: Event): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)

/**
 * Time as one process sees it: its own guess of the drop clock, and nothing at all while it is stopped. Whatever comes in
 * from outside comes in through `enter`, so a stopped process finds all of it when it goes on, and a dead one never does.
 */
export class ProcessTime implements Clock {
  readonly #time: VirtualTime
  readonly #skewMs: number
  #state: 'running' | 'stopped' | 'dead' = 'running'
  #missed: (() => void)[] = []

  constructor(time: VirtualTime, skewMs: number) {
    this.#time = time
    this.#skewMs = skewMs
  }

  get state(): 'running' | 'stopped' | 'dead' {
    return this.#state
  }

  nowMs = (): number => START_MS + this.#time.nowMs + this.#skewMs

  monotonicMs = (): number => this.#time.nowMs

  after = (ms: number, call: () => void): Timer => {
    let cancelled = false
    const timer = this.#time.after(ms, () => {
      this.enter(() => {
        if (!cancelled) call()
      })
    })
    return {
      cancel: () => {
        cancelled = true
        timer.cancel()
      },
    }
  }

  enter(call: () => void): void {
    if (this.#state === 'running') call()
    else if (this.#state === 'stopped') this.#missed.push(call)
  }

  /** What another process or a server answers, as this process comes to know it. */
  heard<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      promise.then(
        (value) => this.enter(() => resolve(value)),
        (cause: unknown) => this.enter(() => reject(cause)),
      )
    })
  }

  stop(): void {
    if (this.#state === 'running') this.#state = 'stopped'
  }

  goOn(): void {
    if (this.#state !== 'stopped') return

    this.#state = 'running'
    const missed = this.#missed
    this.#missed = []
    for (const [at, call] of missed.entries()) this.#time.after(at * 0.01, () => this.enter(call))
  }

  die(): void {
    this.#state = 'dead'
    this.#missed = []
  }
}
