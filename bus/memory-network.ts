/**
 * The wire between the memory buses of one process, with switches for everything a real one does wrong.
 *
 * Delivery is never inside the call that sends, because NATS never does that either and code that relies on it would
 * only work in tests. The order is the order of sending unless `fate` says otherwise, so that a seed replays a run.
 */
import type { Clock } from '../rooms/ports.ts'
import type { Delivery } from './bus.ts'
import type { MemoryBus } from './memory-bus.ts'
import { type Pattern, subjectPattern } from './subject-pattern.ts'

/** What happens to one message on its way to one bus. */
export type Fate = 'deliver' | 'drop' | 'twice' | { lateMs: number }

export interface Passing {
  /** Of an answer: the subject of the question. */
  subject: string
  kind: 'message' | 'answer'
  body: Uint8Array
  from: MemoryBus
  to: MemoryBus
}

export interface MemoryNetworkOptions {
  /** Runs a delivery soon; `queueMicrotask` unless the simulator has its own order. */
  schedule?: (call: () => void) => void
  /** For time-outs and late messages. */
  after?: Clock['after']
  fate?: (passing: Passing) => Fate
  bodyMaxBytes?: number
}

interface Listening {
  bus: MemoryBus
  matches: Pattern
  hear: (delivery: Delivery) => void
}

export class MemoryNetwork {
  readonly after: Clock['after']
  readonly schedule: (call: () => void) => void
  readonly bodyMaxBytes: number
  /** May be changed while running. */
  fate: (passing: Passing) => Fate
  readonly #listening = new Set<Listening>()

  constructor(options: MemoryNetworkOptions = {}) {
    this.schedule = options.schedule ?? queueMicrotask
    this.after = options.after ?? realTimer
    this.fate = options.fate ?? (() => 'deliver')
    this.bodyMaxBytes = options.bodyMaxBytes ?? 1024 * 1024
  }

  listen(bus: MemoryBus, subject: string, hear: (delivery: Delivery) => void): { stop(): void } {
    const listening = { bus, matches: subjectPattern(subject), hear }
    this.#listening.add(listening)
    return { stop: () => void this.#listening.delete(listening) }
  }

  /** Answers how many will be told; `answered` hears what they respond. */
  send(from: MemoryBus, subject: string, body: Uint8Array, answered?: (body: Uint8Array) => void): number {
    const told = [...this.#listening].filter((one) => one.bus.connected && one.matches(subject))
    for (const listening of told) {
      const to = listening.bus
      // Whoever keeps the body must not see what the sender writes into it later, as over a real wire.
      const passing: Passing = { subject, kind: 'message', body: body.slice(), from, to }
      const respond = (answer: Uint8Array) => {
        if (answered === undefined || !to.sendable(subject, answer)) return
        const back: Passing = { subject, kind: 'answer', body: answer.slice(), from: to, to: from }
        this.#pass(back, () => answered(back.body))
      }
      this.#pass(passing, () => {
        if (this.#listening.has(listening)) listening.hear({ subject, body: passing.body, respond })
      })
    }
    return told.length
  }

  #pass(passing: Passing, arrive: () => void): void {
    const land = () => {
      if (passing.to.connected) arrive()
    }
    const fate = this.fate(passing)
    if (fate === 'drop') return
    if (typeof fate === 'object') {
      this.after(fate.lateMs, land)
      return
    }
    this.schedule(land)
    if (fate === 'twice') this.schedule(land)
  }
}

function realTimer(ms: number, call: () => void): { cancel(): void } {
  const timer = setTimeout(call, ms)
  return { cancel: () => clearTimeout(timer) }
}
