/**
 * The bus as plain objects: the measure of the NATS one, and the bus of a node that runs alone or of a simulated fleet.
 *
 * `cut` is a partition that this node notices. For one that it does not notice, let the network's `fate` drop messages.
 */
import { Fault } from '../protocol/faults.ts'
import type { Log } from '../rooms/ports.ts'
import type { Asked, Bus, Delivery, Subscription } from './bus.ts'
import type { MemoryNetwork } from './memory-network.ts'
import { isPattern, isSubject } from './subject-pattern.ts'

export class MemoryBus implements Bus {
  readonly #network: MemoryNetwork
  readonly #log: Log
  readonly #stateCalls: ((connected: boolean) => void)[] = []
  /** Ends of the questions that wait; a cut ends them all. */
  readonly #asking = new Set<() => void>()
  #state: 'connected' | 'cut' | 'closed' = 'connected'

  constructor(network: MemoryNetwork, log: Log) {
    this.#network = network
    this.#log = log
  }

  get connected(): boolean {
    return this.#state === 'connected'
  }

  publish(subject: string, body: Uint8Array): boolean {
    if (!this.sendable(subject, body)) return false

    this.#network.send(this, subject, body)
    return true
  }

  async ask(subject: string, body: Uint8Array, waitMs: number): Promise<Asked> {
    const { listeners, answers } = await this.#question(subject, body, waitMs, () => true)
    if (listeners === 0) return { heard: 'nobody' }

    const [first] = answers
    return first === undefined ? { heard: 'silence' } : { heard: 'answer', body: first }
  }

  async askMany(
    subject: string,
    body: Uint8Array,
    waitMs: number,
    enough: (answers: readonly Uint8Array[]) => boolean,
  ): Promise<Uint8Array[]> {
    return (await this.#question(subject, body, waitMs, enough)).answers
  }

  subscribe(subject: string, hear: (delivery: Delivery) => void): Subscription {
    if (!isPattern(subject)) throw new Fault('internal', { subject })
    const listening = this.#network.listen(this, subject, (delivery) => {
      try {
        hear(delivery)
      } catch (cause) {
        this.#log.warn('bus.listener_failed', { subject: delivery.subject, cause: String(cause) })
      }
    })
    return { stop: async () => listening.stop() }
  }

  onState(call: (connected: boolean) => void): void {
    this.#stateCalls.push(call)
  }

  async close(): Promise<void> {
    if (this.#state !== 'closed') this.#become('closed')
  }

  /** The link is gone, as far as this node can tell. */
  cut(): void {
    if (this.#state === 'connected') this.#become('cut')
  }

  mend(): void {
    if (this.#state === 'cut') this.#become('connected')
  }

  /** Whether this bus could send it now; for the network, which sends the answers. */
  sendable(subject: string, body: Uint8Array): boolean {
    if (!this.connected) return false
    if (isSubject(subject) && body.length <= this.#network.bodyMaxBytes) return true

    this.#log.warn('bus.refused', { subject, bytes: body.length })
    return false
  }

  #question(
    subject: string,
    body: Uint8Array,
    waitMs: number,
    enough: (answers: readonly Uint8Array[]) => boolean,
  ): Promise<{ listeners: number | undefined; answers: Uint8Array[] }> {
    const answers: Uint8Array[] = []
    if (!this.sendable(subject, body)) return Promise.resolve({ listeners: undefined, answers })

    return new Promise((resolve) => {
      const end = () => {
        if (!this.#asking.delete(end)) return
        timer.cancel()
        resolve({ listeners, answers })
      }
      const timer = this.#network.after(waitMs, end)
      this.#asking.add(end)
      const listeners = this.#network.send(this, subject, body, (answer) => {
        if (!this.#asking.has(end)) return
        answers.push(answer)
        if (enough(answers)) end()
      })
      if (listeners === 0) this.#network.schedule(end)
    })
  }

  #become(state: 'connected' | 'cut' | 'closed'): void {
    const before = this.connected
    this.#state = state
    if (state !== 'connected') for (const end of [...this.#asking]) end()
    if (before !== this.connected) for (const call of this.#stateCalls) call(this.connected)
  }
}
